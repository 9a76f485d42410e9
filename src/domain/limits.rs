//! Every cap in one place (invariant I9). Units last in the names.

use std::time::Duration;

/// Bytes of one statement.
pub const STATEMENT_MAX_BYTES: usize = 256 * 1024;
/// Bytes of a statement that carries another one inside, for a newcomer to its thread: the largest one, its proof, and the
/// carrier's own header.
pub const CARRIER_MAX_BYTES: usize = STATEMENT_MAX_BYTES + 32 * 1024;
/// Statements of one thread that a newcomer is given.
pub const EXTEND_MAX_STATEMENTS: usize = 128;
/// Bytes of these.
pub const EXTEND_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Threads that we passed on, looked at in one tick for what follows in them.
pub const FOLLOW_LOOK_THREADS: usize = 64;

/// Until such a thread is looked at again in which something could not be sent on.
pub const FOLLOW_AGAIN_AFTER: Duration = Duration::from_secs(10);
/// Alerts that are for groups or for all, and that are looked at for how many are offered to be extended.
pub const OFFERS_LOOK_RECORDS: usize = 1000;
/// Statements in one frame.
pub const FRAME_MAX_STATEMENTS: usize = 256;
/// Bytes of the statements in one frame.
pub const FRAME_MAX_BYTES: usize = 1024 * 1024;
/// Bytes of one gRPC message on the exchange: a frame of one largest statement, with proofs.
pub const EXCHANGE_MESSAGE_MAX_BYTES: usize = 2 * 1024 * 1024;
/// Bytes of one gRPC message at the desk.
pub const DESK_MESSAGE_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Leaves under one signature.
pub const BATCH_MAX_LEAVES: usize = 1024;
/// Recipients of one statement.
pub const RECIPIENTS_MAX: usize = 256;
/// Statements under way without a result, per lane and partner.
pub const WINDOW_MAX_STATEMENTS: usize = 16 * 1024;
/// Bytes under way without a result, per lane and partner.
pub const WINDOW_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Drafts in one `Submit`, and in one message of `SubmitStream`.
pub const SUBMIT_MAX_DRAFTS: usize = 256;
/// Faults of a table that `import` lists; more are counted.
pub const IMPORT_FAULTS_SHOWN: usize = 200;
/// Items of one page.
pub const PAGE_MAX_ITEMS: usize = 200;
/// Items of a page when none is said.
pub const PAGE_DEFAULT_ITEMS: usize = 50;
/// Statements of one thread that are shown and exported.
pub const THREAD_MAX_STATEMENTS: usize = 4096;
/// Jobs of one lane that wait for a worker before callers are told `OVERLOADED`.
pub const WORK_QUEUE_MAX_JOBS: usize = 4096;
/// Statements that one worker takes at once.
pub const WORK_MAX_STATEMENTS: usize = 256;
/// Bytes of one journal group.
pub const GROUP_MAX_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of one journal segment file.
pub const SEGMENT_BYTES: u64 = 64 * 1024 * 1024;
/// Verified batch headers that are remembered.
pub const VERIFIED_HEADERS_MAX: usize = 4096;
/// Members of one federation.
pub const MEMBERS_MAX: usize = 1024;
/// CAs of one member, and of one desk: one, or two while one replaces the other.
pub const CAS_MAX: usize = 2;
/// Refusals of one peer that are journaled one by one each minute; more are counted.
pub const REFUSALS_PER_MINUTE: u32 = 100;
/// Connections that are in their TLS handshake.
pub const HANDSHAKES_PENDING_MAX: usize = 256;
/// A TLS handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Streams on one HTTP/2 connection of the desk.
pub const HTTP2_STREAMS_MAX: u32 = 64;
/// Streams on one HTTP/2 connection of the exchange: a partner has one call on each, and a few more while it changes.
pub const EXCHANGE_STREAMS_PER_CONNECTION_MAX: u32 = 8;
/// A connection at the exchange on which no call is begun or goes on for this long is ended: lanes beat far oftener.
pub const EXCHANGE_IDLE_MAX: Duration = Duration::from_secs(60);
/// From the handshake of an exchange connection to its first call.
pub const FIRST_CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// From the beginning to the end of an HTTP/2 preface, frame or header block.
pub const HTTP2_UNIT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a peer may leave unread what is written to it.
pub const WRITE_STALL_MAX: Duration = Duration::from_secs(30);
/// HTTP/2 frames of fewer bytes cost more than they carry, and are counted.
pub const HTTP2_SMALL_FRAME_BYTES: u32 = 1024;
/// Such frames that are read from one connection in a second; the rest waits in the pipe. A busy lane sends hundreds.
pub const HTTP2_SMALL_FRAMES_PER_SECOND: u64 = 10_000;
/// Streams of one HTTP/2 connection that its peer has reset and that we have not looked at yet (threats, row 52).
pub const HTTP2_RESETS_PENDING_MAX: usize = 20;
/// Streams of one HTTP/2 connection that we reset for its peer's errors, before it is given up.
pub const HTTP2_RESETS_LOCAL_MAX: usize = 1024;
/// Bytes of one HTTP/2 header list.
pub const HTTP2_HEADER_LIST_MAX_BYTES: u32 = 16 * 1024;
/// HTTP/2 keep-alive, both sides.
pub const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// Answer to a keep-alive.
pub const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Answer to a greeting.
pub const GREETING_TIMEOUT: Duration = Duration::from_secs(5);
/// Result of a frame.
pub const RESULT_TIMEOUT: Duration = Duration::from_secs(30);
/// Between heartbeats on an idle lane.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);
/// A link with neither receipt nor heartbeat for this long is not healthy (invariant I7).
pub const LINK_QUIET_AFTER: Duration = Duration::from_secs(60);
/// First wait before a retry; doubles, with full jitter.
pub const RETRY_BASE: Duration = Duration::from_millis(200);
/// Longest wait before a retry.
pub const RETRY_CAP: Duration = Duration::from_secs(60);
/// Clocks further apart than this are doubtful.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(120);
/// Longest carriage.
pub const CARRIAGE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long after its retirement a key still passes.
pub const KEY_RETIREMENT_GRACE: Duration = Duration::from_secs(24 * 3600);
/// Time between the last group and the seal that follows it.
pub const SEAL_AFTER: Duration = Duration::from_millis(50);
/// Time between attempts to prepare a journal segment on a full disk.
pub const SEGMENT_RETRY: Duration = Duration::from_millis(500);
/// Block headers of the journal that are kept for reading.
pub const JOURNAL_FRONTS_MAX: usize = 64;
/// Time between ticks of the view.
pub const VIEW_TICK: Duration = Duration::from_millis(200);
/// Records in one view row.
pub const VIEW_ROW_RECORDS: u64 = 32;
/// Entries that the view may lag behind before commits wait.
pub const VIEW_LAG_MAX_ENTRIES: u64 = 131_072;
/// View rows that are kept in memory, with what is not yet written.
pub const ROWS_IN_MEMORY_MAX: usize = 4096;
/// View rows that readers fetched and that are kept.
pub const ROWS_READ_BACK_MAX: usize = 256;
/// Bytes of one value in the view.
pub const VIEW_VALUE_MAX_BYTES: usize = 8 * 1024;
/// Longest wait of a decision while the view lags.
pub const VIEW_LAG_WAIT: Duration = Duration::from_millis(5);
/// Bytes of own statements that are kept for their dispatchers, with what it costs to keep them.
pub const STATEMENTS_CACHED_BYTES: usize = 64 * 1024 * 1024;
/// What one such statement costs beside its own bytes: its place in two tables, and its share in its batch.
pub const STATEMENT_CACHED_OVERHEAD_BYTES: usize = 256;
/// Incidents that are listed; the journal has all.
pub const INCIDENTS_MAX: usize = 256;
/// Decisions that a slow subscriber of the store may fall behind.
pub const STORE_DECISIONS_TOLD_MAX: usize = 4 * 1024;
/// Time for draining at a stop.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a pseudonym in a desk certificate.
pub const DESK_NAME_MAX_BYTES: usize = 32;
/// Connections from one address that are in their TLS handshake.
pub const HANDSHAKES_PENDING_PER_ADDRESS_MAX: u64 = 64;
/// Handshakes a second from one address: each costs half a millisecond of a processor, a partner needs two in a while.
pub const HANDSHAKES_PER_SECOND: u64 = 100;
/// Handshakes that a connection which broke the rules has used up beside its own: four of them a second, then no more.
pub const HANDSHAKES_OF_AN_ABUSE: u64 = 25;
/// Addresses whose handshakes are counted at once.
pub const CALLERS_MAX: usize = 4096;
/// Open connections of one listener.
pub const CONNECTIONS_MAX: usize = 4096;
/// Pause of an accept loop when descriptors run out.
pub const ACCEPT_BACK_OFF: Duration = Duration::from_millis(100);
/// How long a refused connection stays open for its alert to arrive.
pub const REFUSAL_LINGER: Duration = Duration::from_millis(250);
/// A TCP connection to a partner.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// HTTP/2 flow-control window of a stream and of a connection, both sides.
pub const HTTP2_WINDOW_BYTES: u32 = 16 * 1024 * 1024;
/// Verifiers built from the directory that are kept for the next handshake.
pub const VERIFIERS_KEPT_MAX: usize = MEMBERS_MAX * CAS_MAX;
/// Bytes of a batch header: a federation's name is at most 64 of them.
pub const BATCH_HEADER_MAX_BYTES: usize = 256;
/// Bytes of a signed note.
pub const NOTE_MAX_BYTES: usize = 16 * 1024;
/// Bytes of one directory bundle, as a file or as a message.
pub const DIRECTORY_MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Roots in a directory's chain, and signatures on one of its documents.
pub const DIRECTORY_MAX_ROOTS: usize = 1024;
/// Keys of one root list, signatures of one document, keys or endpoints of one entry, groups of one member.
pub const DIRECTORY_LIST_MAX: usize = 64;
/// Bytes of a name or contact line in the directory.
pub const DIRECTORY_TEXT_MAX_BYTES: usize = 256;
/// Bytes of a federation's name.
pub const FEDERATION_MAX_BYTES: usize = 64;
/// Longest life of a directory timestamp.
pub const DIRECTORY_TIMESTAMP_MAX: Duration = Duration::from_secs(24 * 3600);
/// Bytes of a federation's name.
pub const FEDERATION_NAME_MAX_BYTES: usize = 64;
/// Characters of why a derogation was used.
pub const GROUND_REASON_MAX_CHARS: usize = 512;
/// Characters of the text of H3.
pub const HANDLING_TEXT_MAX_CHARS: usize = 512;
/// Bytes of a pseudonym such as `XA-POL/officer-7`.
pub const PSEUDONYM_MAX_BYTES: usize = 64;
/// Characters of one line of an alert: a name, a number, a place.
pub const LINE_MAX_CHARS: usize = 256;
/// Characters of one text of an alert.
pub const TEXT_MAX_CHARS: usize = 8_000;
/// Bytes of a language tag; RFC 5646, 4.4.1, asks for 35 at least.
pub const LANGUAGE_MAX_BYTES: usize = 35;
/// Items of one list in an alert.
pub const LIST_MAX_ITEMS: usize = 64;
/// Faults of one draft that are listed; more are counted in a last one.
pub const FAULTS_MAX: usize = 200;
/// Characters of what is shown of a wrong field.
pub const FOUND_MAX_CHARS: usize = 64;
/// Bytes that a statement's header may take of the statement: 256 recipients with the longest reasons do not fit
/// with the largest payload, the usual ones do.
pub const STATEMENT_HEADER_MAX_BYTES: usize = 32 * 1024;
/// Statements of one lane that wait for their own retry; at that number nothing newer is fetched.
pub const RETRYING_MAX_STATEMENTS: usize = 4096;
/// Bytes of the bulk lane under way without a result: keeps a large backlog from filling the pipe.
pub const BULK_WINDOW_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Statements of the bulk lane under way without a result. Each costs half a KiB of proof and place beside its bytes:
/// small ones would take more memory than the bytes say, for each partner.
pub const BULK_WINDOW_MAX_STATEMENTS: usize = 4 * 1024;
/// Statements that the expiry sweep looks at, per lane and tick.
pub const EXPIRY_SWEEP_STATEMENTS: usize = 1024;
/// Between two ticks of the broker's housekeeping: expiry, counts, refusals.
pub const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(1);
/// Incidents about statements that are remembered so that each is told once; what is more is told as an alarm about
/// the partner, in its time.
pub const INCIDENTS_TOLD_MAX: usize = 4096;
/// HTTP/2 flow-control window of one stream on the exchange and the desk.
pub const HTTP2_STREAM_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// HTTP/2 flow-control window of one connection.
pub const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;
/// Between two looks whether an open stream's peer is still admitted.
pub const ADMISSION_INTERVAL: Duration = Duration::from_secs(1);
/// Until the connections of a member that was suspended are cut: its calls are told why before that.
pub const SUSPENDED_LINGER: Duration = Duration::from_secs(5);
/// Responses that wait for the transport on one stream.
pub const RESPONSE_QUEUE_MESSAGES: usize = 256;
/// Bytes of the field faults that one refused `Submit` lists: they travel in a header list.
pub const FAULTS_MAX_BYTES: usize = 6 * 1024;
/// Messages of one `SubmitStream` that are worked on at once.
pub const SUBMIT_WINDOW_MESSAGES: usize = 64;
/// Drafts of one `SubmitStream` whose receipts are waited for.
pub const SETTLE_WINDOW_DRAFTS: usize = 256 * 1024;
/// Bytes of one chunk of an export.
pub const EXPORT_CHUNK_BYTES: usize = 256 * 1024;
/// Certificate names whose pseudonym is remembered as journaled.
pub const ACTORS_REMEMBERED_MAX: usize = 4096;
/// Between two looks for newer files (directory, certificates, lists, keys, configuration) when none is configured.
pub const RELOAD_INTERVAL: Duration = Duration::from_secs(5);
/// The shortest that can be configured.
pub const RELOAD_INTERVAL_MIN: Duration = Duration::from_millis(100);
/// The longest that can be configured: a revocation must hold within a minute of its publication.
pub const RELOAD_INTERVAL_MAX: Duration = Duration::from_secs(30);
/// Other sides of a forked directory that are kept as evidence.
pub const DIRECTORY_FORKS_MAX: usize = 16;
/// Bytes of a directory in one message of `Exchange.Directory`.
pub const DIRECTORY_CHUNK_BYTES: usize = 256 * 1024;
/// Partners to whom a directory is passed on at once; more are told `OVERLOADED` and ask again.
pub const DIRECTORY_STREAMS_MAX: usize = 8;
/// Passing on one directory, from the question to its last byte.
pub const DIRECTORY_STREAM_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a refusal for a certificate's dates counts as a doubt about our own clock.
pub const CLOCK_DOUBT_WINDOW: Duration = Duration::from_secs(600);
/// How long a directory may take to be everywhere: a node that hears of nothing newer for so long says that it is stale.
pub const DIRECTORY_SPREAD_MAX: Duration = DIRECTORY_TIMESTAMP_MAX;
/// How long a new node certificate may take to be shown everywhere, streams that stand included.
pub const CERTIFICATE_SPREAD_MAX: Duration = Duration::from_secs(60);
/// Longest wait before a partner that gave no good directory is asked again.
pub const CATCH_UP_PUT_OFF_MAX: Duration = Duration::from_secs(3600);
/// Between two looks at links and clocks for `watch` and metrics.
pub const OBSERVE_INTERVAL: Duration = Duration::from_secs(5);
/// Directory versions by which a newer one may be ahead of ours: a century of publishing three times a day.
pub const DIRECTORY_STEP_MAX: u64 = 100_000;
/// Between two greetings of a partner that end a lane's wait to dial it again.
pub const HEARD_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Jobs of the fast lane that workers take in a row while bulk waits.
pub const WORK_FAST_IN_A_ROW_MAX: u32 = 16;
/// Frames of one peer that are worked on at once, all its streams together; more are refused with `QUOTA`. Half of
/// a lane's queue: no peer alone makes it full.
pub const PEER_FRAMES_MAX: u64 = 2048;
/// Bytes of one peer's frames that are worked on at once, all its streams together: both its windows.
pub const PEER_BYTES_MAX: u64 = 2 * WINDOW_MAX_BYTES as u64;
/// Statements that each partner may send in a second, where the configuration does not say: above all that was measured.
pub const QUOTA_STATEMENTS: u64 = 200_000;
/// Bytes of statements that each partner may send in a second, where the configuration does not say.
pub const QUOTA_BYTES: u64 = 256 * 1024 * 1024;
/// Connections that each partner may have open at our exchange, where the configuration does not say. It uses two for
/// each of its nodes.
pub const QUOTA_CONNECTIONS: usize = 16;
/// Calls that each partner may have open at our exchange, where the configuration does not say.
pub const QUOTA_STREAMS: u64 = 32;
/// Log lines of refused TLS handshakes, and of its own pauses, that one listener writes in a window; the rest are counted.
pub const HANDSHAKE_LINES_MAX: u32 = 10;
/// That window.
pub const HANDSHAKE_LINES_WINDOW: Duration = Duration::from_secs(60);
/// Until an alarm about a partner, or about the node itself, is journaled again for the same reason.
pub const ALARM_REPEAT_AFTER: Duration = Duration::from_secs(3600);
/// Ids of settled drafts in one message of `SubmitStream`.
pub const SETTLED_MAX_IDS: usize = 4096;
/// Statements that one `Reclaim` asks for by name.
pub const RECLAIM_MAX_STATEMENTS: usize = 256;
/// Names in one page of a `Reclaim` that looks.
pub const RECLAIM_MAX_NAMES: usize = 1024;
/// Records that one such page looks at.
pub const RECLAIM_LOOK_RECORDS: u64 = 16 * 1024;
/// Statements that one partner may ask for in a minute: each is an entry in the journal.
pub const RECLAIM_PER_MINUTE: u32 = 16 * 1024;
/// Until a partner that could not be asked is asked again.
pub const RECLAIM_RETRY: Duration = Duration::from_secs(5);
/// One page of an answer to `Reclaim`, connecting included.
pub const RECLAIM_TIMEOUT: Duration = Duration::from_secs(10);
/// So long, and not longer, nothing of our own is accepted while partners are asked for what was lost.
pub const RECLAIM_FIRST_ROUND: Duration = Duration::from_secs(60);
/// Drafts that wait for a second person, or went back to their creator, at once.
pub const DRAFTS_MAX: usize = 1024;
/// Characters of what a person writes to another of the same authority: why a draft goes back, a note of handover.
pub const NOTE_TO_STAFF_MAX_CHARS: usize = 2_000;
/// Threads that are kept to units at once.
pub const RESTRICTIONS_MAX: usize = 16 * 1024;
/// Calls that one way keeps while they wait; the oldest is given up for a newer one.
pub const CALLS_WAITING_MAX: usize = 256;
/// Calls that are kept over a restart, of all ways together; the oldest is forgotten for a newer one.
pub const CALLS_KEPT_MAX: usize = CALLS_WAITING_MAX * (WEBHOOKS_MAX + 1);
/// Calls that a slow watcher may fall behind.
pub const CALLS_TOLD_MAX: usize = 256;
/// Until people are called again about a flash that nobody has opened.
pub const FLASH_AGAIN_AFTER: Duration = Duration::from_secs(300);
/// How much later than the originator's own desk the others are called about its instruction.
pub const INSTRUCTION_OTHERS_AFTER: Duration = Duration::from_secs(300);
/// Records of each box that a look for overdue clocks begins with.
pub const CALL_LOOK_NEWEST: usize = 64;
/// Older records that each such look goes on with.
pub const CALL_LOOK_RECORDS: u64 = 256;
/// Alerts about one person that are looked at together.
pub const SAME_PERSON_MAX_ALERTS: usize = 64;
/// Statements of each such alert that are read for orders and journeys: its first, and the newest updates.
pub const STATED_MAX_STATEMENTS: usize = 32;
/// Touched clauses that are told at once.
pub const CLAUSES_TOUCHED_MAX: usize = 64;
/// Alerts of one drill that its report tells of.
pub const EXERCISE_ALERTS_MAX: usize = 1_000;
/// Newest statements of each box that are looked through for open work; what is older was called when it was due.
pub const WORK_LOOK_RECORDS: usize = 4096;
/// Records that are read at a time for it, so that nobody waits long for the state.
pub const WORK_PAGE_RECORDS: usize = 128;
/// Lines of open work; more are counted.
pub const WORK_ITEMS_MAX: usize = 500;
/// Handovers that are remembered beside the journal: who took an older one stands there alone.
pub const HANDOVERS_REMEMBERED_MAX: usize = 256;
/// Flashes that are watched until they are opened.
pub const CALL_FLASHES_MAX: usize = 4096;
/// Overdue clocks that are remembered as called.
pub const CALLS_REMEMBERED_MAX: usize = 65_536;
/// One try of a call: connecting, sending and the answer.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// Webhooks in a configuration.
pub const WEBHOOKS_MAX: usize = 16;
/// Mails a minute that can be configured.
pub const MAILS_PER_MINUTE_MAX: u32 = 600;
/// Longest wait that a webhook's `Retry-After` can ask for.
pub const CALL_RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);
/// Days ahead of an alert's end on which its originator is first called.
pub const END_WARNING_DAYS: u16 = 7;
/// Outcomes of which a count abroad would tell too much: fewer than these are suppressed, and a revised figure differs by
/// none or by at least so many.
pub const SMALL_CELL: u64 = 5;
/// Figures of one return: a quarter of what a statement holds.
pub const STATISTICS_MAX_FIGURES: usize = 4096;
/// Levels of figures below each other.
pub const STATISTICS_DEPTH_MAX: u32 = 8;
/// How far apart, in days, a country and others may report one event: midnight is not everywhere at once.
pub const REPORTED_APART_DAYS: u16 = 1;
/// Cases that are named in one answer at home.
pub const STATISTICS_MAX_CASES: usize = 1024;
/// Statements that one count at the desk looks at.
pub const STATISTICS_MAX_STATEMENTS: usize = 1_000_000;
