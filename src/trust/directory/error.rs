//! Why a directory, or a name looked up in one, is refused.
//!
//! One variant per rule, naming what was found and expected. Never holds more of a document than
//! ids, versions and fingerprints.

use std::{io, path::PathBuf};

use super::Document;
use crate::{
    domain::{id::AuthorityId, limits, time::Timestamp},
    trust::keys::KeyId,
};

/// Why a directory is refused.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Not a fingerprint.
    #[error(
        "not an anchor: expected `sha256:` and 64 hexadecimal digits, as `federation init` printed it"
    )]
    Anchor,
    /// The bundle lacks a part.
    #[error("the bundle holds no {0}: it is incomplete")]
    Missing(Document),
    /// Signed for another purpose.
    #[error("the {document} is of type `{found}`, expected `{expected}`")]
    Type {
        /// Which document.
        document: Document,
        /// The type it names, escaped.
        found: String,
        /// The type of such a document.
        expected: &'static str,
    },
    /// Bytes that are no protobuf of that message.
    #[error("the {document} cannot be parsed: {source}")]
    Unparsable {
        /// Which document.
        document: Document,
        /// What the parser said.
        source: prost::DecodeError,
    },
    /// A list over its cap.
    #[error("the {document} has {found} {what}, expected at most {max}")]
    TooMany {
        /// Which document.
        document: Document,
        /// Of what.
        what: &'static str,
        /// How many.
        found: usize,
        /// The cap.
        max: usize,
    },
    /// The first root is not the one configured.
    #[error(
        "the first root is {found}, our configuration expects {expected}: this is another federation, or an attack"
    )]
    WrongAnchor {
        /// Fingerprint of the root in the bundle.
        found: super::Anchor,
        /// The configured one.
        expected: super::Anchor,
    },
    /// Root versions step by one (row 47).
    #[error("a root of version {found} stands where version {expected} must")]
    RootStep {
        /// Its version.
        found: u64,
        /// The version before it, plus one.
        expected: u64,
    },
    /// A document of another federation.
    #[error("the {document} belongs to federation `{found}`, expected `{expected}`")]
    OtherFederation {
        /// Which document.
        document: Document,
        /// The federation it names, escaped.
        found: String,
        /// That of the first root.
        expected: String,
    },
    /// Fewer distinct keys signed than must (row 48).
    #[error("the {document} has {found} of {needed} signatures by distinct keys of {by}")]
    TooFewSignatures {
        /// Which document.
        document: Document,
        /// Valid signatures of distinct keys.
        found: usize,
        /// The threshold.
        needed: usize,
        /// Whose keys count.
        by: String,
    },
    /// A threshold that can never, or always, be met.
    #[error("root {version} wants {threshold} signatures of {keys} keys: expected 1 to {keys}")]
    Threshold {
        /// Of which root.
        version: u64,
        /// What it wants.
        threshold: u32,
        /// What it has.
        keys: usize,
    },
    /// Not 32 bytes, or a point under which signatures prove nothing (row 14).
    #[error("the {document} holds a {what} that is no sound Ed25519 key")]
    UnsoundKey {
        /// Which document.
        document: Document,
        /// Which key.
        what: &'static str,
    },
    /// A key has one owner and one use.
    #[error(
        "key {key} is listed for {first} and again for {second}: a key belongs to one authority and one use"
    )]
    SharedKey {
        /// The key.
        key: KeyId,
        /// Who has it.
        first: String,
        /// Who claims it too.
        second: String,
    },
    /// A certificate authority has one owner.
    #[error("{first} and {second} name the same exchange CA key: each authority has its own")]
    SharedCa {
        /// Who has it.
        first: AuthorityId,
        /// Who claims it too.
        second: AuthorityId,
    },
    /// Validity or use that makes no sense.
    #[error("{authority} lists key {key} with {what}")]
    KeyTerms {
        /// Whose.
        authority: AuthorityId,
        /// Which.
        key: KeyId,
        /// What is wrong.
        what: &'static str,
    },
    /// Not an authority id.
    #[error("the {document} names an authority wrongly: {source}")]
    Id {
        /// Which document.
        document: Document,
        /// Why.
        source: crate::domain::id::AuthorityIdError,
    },
    /// One member twice.
    #[error("{0} stands twice in the {1}")]
    Twice(AuthorityId, Document),
    /// A field of a member that is not legal.
    #[error("{authority}: {what}")]
    Field {
        /// Whose.
        authority: AuthorityId,
        /// Which field, and what was expected.
        what: &'static str,
    },
    /// The exchange CA cannot be used.
    #[error("{authority}'s exchange CA is refused: {why}")]
    Ca {
        /// Whose.
        authority: AuthorityId,
        /// Why.
        why: String,
    },
    /// An entry without its member, or a member without its entry.
    #[error("{0} has an entry and no membership, or a membership and no entry")]
    Unpaired(AuthorityId),
    /// The timestamp names another document than the bundle holds.
    #[error("the timestamp names another {document} than version {found} in the bundle")]
    HeadMismatch {
        /// Which document.
        document: Document,
        /// Version in the bundle.
        found: u64,
    },
    /// Times in the wrong order, or a life that is too long.
    #[error("the {document} is valid from {from} until {until}: expected a later end{}",
        if matches!(document, Document::Timestamp) { ", at most 24 h later" } else { "" })]
    Life {
        /// Which document.
        document: Document,
        /// Beginning.
        from: Timestamp,
        /// End.
        until: Timestamp,
    },
    /// Issued after now.
    #[error("the timestamp was issued at {issued}, our clock says {now}: check both clocks")]
    FromTheFuture {
        /// When it says.
        issued: Timestamp,
        /// When we are.
        now: Timestamp,
    },
    /// A revocation list that cannot be used.
    #[error("a revocation list is refused: {why}")]
    Crl {
        /// Why.
        why: String,
    },
    /// A revocation list older than its authority allows.
    #[error(
        "{authority}'s revocation list has number {found}, its entry asks for {minimum} or later: get the newer one"
    )]
    CrlTooOld {
        /// Whose.
        authority: AuthorityId,
        /// Its number.
        found: u64,
        /// The least number believed.
        minimum: u64,
    },
    /// Something goes back (row 45).
    #[error("ROLLBACK: the {document} offered is version {offered}, we hold {held}: kept ours")]
    RolledBack {
        /// Which document.
        document: Document,
        /// What we hold.
        held: u64,
        /// What was offered; 0 when it is missing.
        offered: u64,
    },
    /// Same version, other content.
    #[error(
        "FORK: the {document} of version {version} offered differs from ours: kept ours, compare fingerprints with the federation"
    )]
    Forked {
        /// Which document.
        document: Document,
        /// Its version.
        version: u64,
    },
    /// A version that leaves none for those to come.
    #[error(
        "the timestamp offered is version {offered}, we hold {held}: expected at most {max} later",
        max = limits::DIRECTORY_STEP_MAX
    )]
    TooFarAhead {
        /// What we hold.
        held: u64,
        /// What was offered.
        offered: u64,
    },
    /// The same version with other signatures or revocation lists.
    #[error(
        "version {0} is held already, with other revocation lists or signatures: publish them under a new version"
    )]
    SameVersion(u64),
    /// While the membership is expired, nobody is added.
    #[error("{0} is new in a membership that has expired: nobody is added in its grace")]
    AddedInGrace(AuthorityId),
    /// Neither file nor folder can be used.
    #[error("directory {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No bundle there.
    #[error(
        "directory folder {} holds no bundle: install one with `allpoints federation install`",
        .0.display()
    )]
    Empty(PathBuf),
    /// A file that is no bundle, or over the cap.
    #[error("{} is no directory bundle of at most {max} bytes: {why}", path.display(), max = limits::DIRECTORY_MAX_BYTES)]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The file's name and content disagree.
    #[error("{} holds version {found}, its name says {expected}: it was renamed or replaced", path.display())]
    Misnamed {
        /// Which.
        path: PathBuf,
        /// Version inside.
        found: u64,
        /// Version in the name.
        expected: u64,
    },
    /// Not a member, group or word that can be addressed.
    #[error(
        "`{0}` is no member, and no country such as `XB`, no `@group` or `all`: see `allpoints federation show`"
    )]
    UnknownAddressee(String),
    /// No member is of such a country.
    #[error("no member is of country `{0}`: see `allpoints federation show`")]
    UnknownCountry(String),
    /// A country with several authorities that receive it.
    #[error(
        "{} of country `{country}` receive {kind}: name the one that you mean",
        listed(candidates)
    )]
    Ambiguous {
        /// As it was named, escaped.
        country: String,
        /// What would be sent.
        kind: String,
        /// Who receives it there, in byte order.
        candidates: Vec<AuthorityId>,
    },
    /// An authority or country that has not named this kind among those that it receives.
    #[error("{by} receives no {kind}: {}", instead(others))]
    NotReceived {
        /// The authority or country, escaped.
        by: String,
        /// What would be sent.
        kind: String,
        /// Who of the same country does, in byte order.
        others: Vec<AuthorityId>,
    },
    /// No member is in such a group.
    #[error("no member is in group `@{0}`: see `allpoints federation show`")]
    UnknownGroup(String),
    /// It leaves nobody to send to.
    #[error("`{0}` names nobody but ourselves or suspended members")]
    Nobody(String),
    /// Named alone, but suspended.
    #[error("{0} is suspended: nothing is sent there until the federation lifts it")]
    Suspended(AuthorityId),
    /// Named alone, but us.
    #[error("{0} is ourselves: nothing is sent to oneself")]
    Ourselves(AuthorityId),
}

fn listed(authorities: &[AuthorityId]) -> String {
    let names: Vec<&str> = authorities.iter().map(AuthorityId::as_str).collect();
    names.join(", ")
}

fn instead(others: &[AuthorityId]) -> String {
    match others {
        [] => "nobody of its country does; ask there who is to have it".to_owned(),
        others => format!("send it to {}", listed(others)),
    }
}
