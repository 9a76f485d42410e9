//! The one list of named reasons: for every refusal, wait, expiry and overdue answer (invariant I7).
//!
//! Names are stable, machine-readable and the same in receipts, journal, metrics and on screens.
//! `allpoints reasons` prints this table.

use std::{fmt, str::FromStr};

/// What a sender does about a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Tries again by itself; never becomes final by counting.
    Retry,
    /// Stops until a person acts.
    Hold,
    /// Never tries again: dead letter.
    Final,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Retry => "retry",
            Self::Hold => "hold",
            Self::Final => "final",
        })
    }
}

macro_rules! reasons {
    ($($number:literal $variant:ident $name:literal $class:ident $code:ident $meaning:literal $remedy:literal;)*) => {
        /// Why something was refused, waits, or ended. Numbers are stored: never reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u16)]
        pub enum Reason {
            $(#[doc = $meaning] $variant = $number,)*
        }

        impl Reason {
            /// Every reason, in the order of its number.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The stable name, such as `NOT_ADDRESSED`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// What the sender does about it.
            #[must_use]
            pub const fn class(self) -> Class {
                match self { $(Self::$variant => Class::$class),* }
            }

            /// The gRPC status it travels as.
            #[must_use]
            pub const fn code(self) -> Code {
                match self { $(Self::$variant => Code::$code),* }
            }

            /// What it means, for an operator.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning),* }
            }

            /// What to do about it, for an operator.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy),* }
            }

            /// The stored number.
            #[must_use]
            pub const fn number(self) -> u16 {
                self as u16
            }

            /// The reason of a stored number.
            #[must_use]
            pub const fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

/// google.rpc.Code, as numbers of gRPC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
#[allow(missing_docs, reason = "the names are gRPC's own")]
pub enum Code {
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    Unauthenticated = 16,
}

// Numbers that are gone and never used again: 61.
reasons! {
    1 BadSignature "BAD_SIGNATURE" Final Unauthenticated
        "the signature does not verify under a key of the origin" "the origin checks its signing key and its directory entry";
    2 BadBatch "BAD_BATCH" Final Unauthenticated
        "the batch header, index, size, path or purpose does not fit the document" "the origin sends it anew; if it recurs, report it";
    3 KeyUnknown "KEY_UNKNOWN" Retry Unauthenticated
        "the signing key is not in our directory" "wait for the directory to spread, or install the newer one";
    4 KeyRetired "KEY_RETIRED" Retry Unauthenticated
        "the signing key was retired more than 24 h ago" "the origin signs again with its present key, by itself";
    5 KeyRevoked "KEY_REVOKED" Hold Unauthenticated
        "the signing key is revoked" "the origin finds out why, and sends anew with a good key";
    6 Algorithm "ALG" Final Unauthenticated
        "an algorithm or key type that is not allowed" "use Ed25519 for messages, ECDSA P-256 for certificates";
    7 OriginMismatch "ORIGIN_MISMATCH" Final PermissionDenied
        "the signer is not the origin that the statement names" "an attack or a fault at the peer: look at the journal entry";
    8 NoRelay "NO_RELAY" Final PermissionDenied
        "a statement of another origin came on this peer's connection" "send only one's own statements";
    9 NotAddressed "NOT_ADDRESSED" Final PermissionDenied
        "we are not among the signed recipients" "the origin addresses us, if it means us";
    10 NotOwner "NOT_OWNER" Final PermissionDenied
        "only the origin may update, correct, recall, close or extend its statement" "ask the origin";
    11 NotInThread "NOT_IN_THREAD" Final PermissionDenied
        "the writer is neither the thread's first origin nor a recipient in it" "ask the first origin to extend the thread";
    12 ThreadNotYet "THREAD_NOT_YET" Retry FailedPrecondition
        "the thread's first statement is not here yet" "wait: it is tried again";
    13 IdConflict "ID_CONFLICT" Final AlreadyExists
        "this origin and id are known with other content" "use a new id; if nobody did this, look for a forged or restored node";
    14 ClockSkew "CLOCK_SKEW" Retry FailedPrecondition
        "issued more than two minutes in our future: the clocks differ" "check time synchronisation at both nodes";
    15 Expired "EXPIRED" Final FailedPrecondition
        "it arrived after the end of its carriage" "issue it anew if it still matters";
    16 TooLarge "TOO_LARGE" Final ResourceExhausted
        "the statement is over 256 KiB" "shorten it";
    17 Malformed "MALFORMED" Final InvalidArgument
        "the bytes are not a legal statement" "the origin repairs its software or its draft";
    18 TargetMismatch "TARGET_MISMATCH" Final InvalidArgument
        "the content changes another statement than the header names" "an attack or a fault at the peer: look at the journal entry";
    19 KindMismatch "KIND_MISMATCH" Final InvalidArgument
        "the content is of another kind than the header names" "an attack or a fault at the peer: look at the journal entry";
    20 UnsupportedVersion "UNSUPPORTED_VERSION" Hold FailedPrecondition
        "it needs a feature or kind that this node does not know" "bring the receiving node up to date, then resume";
    21 PeerSuspended "PEER_SUSPENDED" Hold PermissionDenied
        "the directory lists this authority as suspended" "ask the federation";
    22 Quota "QUOTA" Retry ResourceExhausted
        "this peer sends more than its quota" "it goes on by itself, more slowly";
    23 StoreFull "STORE_FULL" Retry ResourceExhausted
        "the disk is full; nothing was accepted" "free space on the receiving node";
    24 Overloaded "OVERLOADED" Retry ResourceExhausted
        "queues are full; nothing was accepted" "it goes on by itself; if it stays, look at the slowest partner";
    25 Stopping "STOPPING" Retry Unavailable
        "the node is stopping" "wait for its restart";
    26 NotReleased "NOT_RELEASED" Final FailedPrecondition
        "a second person's release is missing, out of order, or by the same person" "have another person release it";
    27 ExerciseMixed "EXERCISE_MIXED" Final InvalidArgument
        "an exercise statement in a live thread, or the reverse" "start a thread of its own for the exercise";
    28 WrongFederation "WRONG_FEDERATION" Final PermissionDenied
        "it was signed for another federation" "check the federation's name in the configuration";
    29 RecipientsNarrowed "RECIPIENTS_NARROWED" Final InvalidArgument
        "a correction, recall or closure does not go to all who hold its target" "address all recipients of the target";
    30 DirectoryClosed "DIRECTORY_CLOSED" Hold FailedPrecondition
        "the membership has expired beyond its grace" "install a newer membership";
    40 Unreachable "UNREACHABLE" Retry Unavailable
        "no connection to the partner's node" "check network and the partner's duty contact";
    41 TlsRefused "TLS_REFUSED" Retry Unavailable
        "the TLS handshake failed" "compare certificates, CRLs and directory versions on both sides";
    42 CertificateRevoked "CERTIFICATE_REVOKED" Hold Unavailable
        "a certificate in the handshake is revoked" "issue a new node certificate";
    43 CrlExpired "CRL_EXPIRED" Retry Unavailable
        "the partner's revocation list has run out" "the partner publishes a new CRL";
    44 WrongPeer "WRONG_PEER" Retry PermissionDenied
        "who answered is not the authority that was dialled" "check the endpoint in the directory";
    45 GreetingTimeout "GREETING_TIMEOUT" Retry DeadlineExceeded
        "the partner did not answer the greeting in time" "look at the partner's node";
    46 NoEndpoint "NO_ENDPOINT" Hold FailedPrecondition
        "the directory names no endpoint for this authority" "the authority publishes one";
    47 ResultTimeout "RESULT_TIMEOUT" Retry DeadlineExceeded
        "frames were sent and no result came in time" "it is sent again by itself";
    48 StreamEnded "STREAM_ENDED" Retry Unavailable
        "the stream broke off" "it is dialled again by itself";
    49 PeerUnknown "PEER_UNKNOWN" Hold NotFound
        "the authority is not in the directory" "install the directory that lists it";
    50 Quiet "QUIET" Retry Unavailable
        "connected, but neither receipt nor heartbeat within the last minute" "look at the partner's node";
    60 CarriageEnded "CARRIAGE_ENDED" Final FailedPrecondition
        "the end of carriage passed before it was delivered" "issue it anew if it still matters";
    62 ForgedReceipt "FORGED_RECEIPT" Final Unauthenticated
        "a receipt that does not verify or does not fit was ignored" "look at the partner's node: the statement stays pending";
    63 DirectoryFork "DIRECTORY_FORK" Hold FailedPrecondition
        "the partner names our directory version with another content" "compare fingerprints with the federation at once";
    64 TailCut "TAIL_CUT" Retry Internal
        "a torn last group was cut from the journal at start" "nothing: it had not been acknowledged; look for the cause of the crash";
    65 NotYours "NOT_YOURS" Final PermissionDenied
        "your role does not allow this" "ask somebody whose role does";
    66 NotFound "NOT_FOUND" Final NotFound
        "not found, or not yours to see" "check the id: any unique prefix of 8 or more, or a reference";
    67 FaultyDraft "FAULTY_DRAFT" Final InvalidArgument
        "the draft has wrong fields" "correct every field listed";
    68 DamagedBody "DAMAGED_BODY" Hold Internal
        "a kept body does not verify any more" "run `allpoints store check`";
    69 AmbiguousId "AMBIGUOUS_ID" Final InvalidArgument
        "more than one statement begins with this id" "give more of the id";
    70 FrameBroken "FRAME_BROKEN" Retry InvalidArgument
        "a frame could not be parsed or broke the limits" "its statements are sent one by one, by itself";
    71 ConnectionBroken "CONNECTION_BROKEN" Retry Unavailable
        "the connection broke the rules or limits of HTTP/2, stood still, or was not used" "it is dialled again by itself; if it recurs, look at the partner's node and what stands between";
    80 DirectoryForged "DIRECTORY_FORGED" Hold FailedPrecondition
        "a directory was offered that does not verify, or that a rule refuses" "ours stays: look at the log, and call who offered it";
    81 DirectoryRollback "DIRECTORY_ROLLBACK" Hold FailedPrecondition
        "a directory was offered that goes back behind ours" "ours stays: compare versions with the federation";
    82 DirectoryAhead "DIRECTORY_AHEAD" Hold FailedPrecondition
        "a directory was offered whose version leaps far ahead" "ours stays: the federation looks for a stolen timestamp key";
    83 DirectoryEndless "DIRECTORY_ENDLESS" Hold ResourceExhausted
        "a partner sent more than a directory can have" "it was cut off, ours stays: call who sent it";
    84 DirectoryFrozen "DIRECTORY_FROZEN" Retry FailedPrecondition
        "the directory has run out, or a newer one was named and not given" "install the newest bundle; ask the federation for it";
    85 CheckOwnClock "CHECK_OWN_CLOCK" Retry FailedPrecondition
        "the certificates of many partners look out of date here" "check this machine's time synchronisation before anything else";
    90 EntryMissing "ENTRY_MISSING" Hold Internal
        "an entry of the journal was damaged beyond reading" "partners are asked for what they hold; `allpoints status` says what is left";
    91 Reclaiming "RECLAIMING" Retry Unavailable
        "the node asks its partners for what it lost before it sends anything new" "wait some seconds: it ends by itself";
    92 NotReceipted "NOT_RECEIPTED" Final PermissionDenied
        "a statement was given back that we never receipted" "an attack or a fault at the peer: its origin sends it itself";
    100 NotOffered "NOT_OFFERED" Final Unimplemented
        "the exchange port offers no such service or method, or no compression" "call the methods of `allpoints.exchange.v1.Exchange`, uncompressed";
    101 NotARequest "NOT_A_REQUEST" Final InvalidArgument
        "a reply to something that asks no question" "reply to an information request; say where the work on an alert stands with `answer`";
    102 NotAsked "NOT_ASKED" Final PermissionDenied
        "the reply is by who was not asked, or goes to others than who asked" "only who is asked replies, and to who asked alone";
    110 ReleaseNeeded "RELEASE_NEEDED" Hold FailedPrecondition
        "a rule demands a second person's release, and it was not kept for one" "hand it in with `allpoints send`, which keeps it for a second person";
    111 SamePerson "SAME_PERSON" Final PermissionDenied
        "who would release it is who wrote it" "another supervisor or duty officer releases it";
    112 NotAwaiting "NOT_AWAITING" Final FailedPrecondition
        "the draft waits for nobody: it went back to its creator" "its creator hands it in again under the same id";
    113 RecipientsChanged "RECIPIENTS_CHANGED" Final FailedPrecondition
        "the directory has changed since the draft was handed in, and it would go to more than were seen" "return it: its creator hands it in again, with the new recipients";
    114 DraftsFull "DRAFTS_FULL" Retry ResourceExhausted
        "too many drafts wait for a second person" "release, return or discard some: `allpoints draft list`";
    115 OtherUnit "OTHER_UNIT" Final PermissionDenied
        "the alert is kept to other units of this authority" "ask one of them, or a supervisor who belongs to no unit";
    116 RestrictionsFull "RESTRICTIONS_FULL" Retry ResourceExhausted
        "too many alerts are kept to units" "open some to all units again: `allpoints restrict ID --everybody`";
    117 HandoverGone "HANDOVER_GONE" Final NotFound
        "this handover waits no longer: its giver has given another, or it is long ago" "read what waits now: `allpoints handover`";
    118 HandoverTaken "HANDOVER_TAKEN" Final FailedPrecondition
        "somebody else has taken this handover" "ask them: `allpoints handover show` names them";
    120 ValidityExceeded "VALIDITY_EXCEEDED" Final InvalidArgument
        "the update extends its alert past the longest validity of its kind" "extend it by less; for a longer need issue the alert anew and close this one";
    121 CallRefused "CALL_REFUSED" Retry Unavailable
        "who is to be called answered with an error" "look at the receiver's own log, then `allpoints call test`";
    122 CallUnreachable "CALL_UNREACHABLE" Retry Unavailable
        "who is to be called cannot be reached, or did not answer in time" "check address, certificate and network, then `allpoints call test`";
    123 CallGone "CALL_GONE" Hold FailedPrecondition
        "the receiver of calls says that it is gone for good" "take it out of the configuration, or put the right address there";
    124 CallDropped "CALL_DROPPED" Final ResourceExhausted
        "more calls waited for one way than are kept, and the oldest was given up" "look why that way is slow: `allpoints status` names it";
    130 PeriodOverlaps "PERIOD_OVERLAPS" Final FailedPrecondition
        "a return of other days was published that has some of these: one subtracted from the other would tell of a few" "return the same days again, or days that no return has";
    131 NothingToReturn "NOTHING_TO_RETURN" Final FailedPrecondition
        "the return would say what the one before it says" "wait: what comes late is told when a figure changes by five; at home `allpoints stats --cases` has it";
    132 NotCounted "NOT_COUNTED" Final InvalidArgument
        "the return is not what this node counts, or a newer one has left" "count it anew with `allpoints stats --prepare-return` and send that, alone and as it is";
    133 CallWayRemoved "CALL_WAY_REMOVED" Final FailedPrecondition
        "the way of calling on which it waited is in the configuration no more" "look at the matter itself; `allpoints status` names the ways that there are";
    140 CarriedFaulty "CARRIED_FAULTY" Final InvalidArgument
        "the statement inside does not verify, is not legal, or is not the one that the header names" "an attack or a fault at the peer: look at the journal entry";
    141 NotLive "NOT_LIVE" Final FailedPrecondition
        "the alert is closed, recalled or past its last day, and is given to nobody any more" "issue an alert anew if somebody must know";
    142 ThreadMoved "THREAD_MOVED" Retry FailedPrecondition
        "the thread goes on faster than it can be given to a newcomer; nothing was accepted" "do it again";
    150 KindNotReceived "KIND_NOT_RECEIVED" Final FailedPrecondition
        "the addressee does not receive this kind: its entry in the directory names others" "send it to the authority of that country which does, or ask there who is to have it";
    151 AddresseeAmbiguous "ADDRESSEE_AMBIGUOUS" Final InvalidArgument
        "several authorities of a country receive this kind" "name the one that you mean";
    152 NotByHand "NOT_BY_HAND" Final FailedPrecondition
        "the delivery does not go by hand: its recipient runs a node, or it is over" "look at it with `allpoints track`; nodes carry what goes to nodes";
    153 NothingCarried "NOTHING_CARRIED" Final FailedPrecondition
        "nothing was written that could have been carried, or all of it is acknowledged" "write a bundle with `allpoints carry`, and report it when it was carried";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text is the name of no reason known to this version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such reason")]
pub struct UnknownReason;

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|reason| reason.name() == name)
            .ok_or(UnknownReason)
    }
}
