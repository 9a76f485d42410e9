//! Reads along with an HTTP/2 connection, and knows where its frames begin and end (RFC 9113, 4.1).
//!
//! The way in is [`Frames::read`]. Looks at frame headers alone and remembers no more than one: what frames mean, and
//! whether they are legal, is the HTTP/2 library's to say. Must never change or hold back a byte.

use crate::domain::limits::HTTP2_SMALL_FRAME_BYTES;

/// What a client says first (RFC 9113, 3.4).
const PREFACE_BYTES: usize = 24;
const HEADER_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

/// Where in the frames a direction of a connection stands.
#[derive(Debug)]
pub(super) struct Frames {
    at: At,
    /// A header block has begun and not ended: nothing else may be sent until it does.
    in_block: bool,
}

#[derive(Debug, Clone, Copy)]
enum At {
    Preface {
        left: usize,
    },
    Header {
        bytes: [u8; HEADER_BYTES],
        have: usize,
    },
    Payload {
        left: usize,
    },
    /// Of a GOAWAY: last stream, then error code.
    Farewell {
        bytes: [u8; 8],
        have: usize,
        left: usize,
    },
}

const NEXT: At = At::Header {
    bytes: [0; HEADER_BYTES],
    have: 0,
};

/// What a stretch of bytes held.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// Frames that cost more than they carry.
    pub(super) small: u32,
    /// A call was begun or went on.
    pub(super) of_a_call: bool,
    /// A frame, header block or preface ended.
    pub(super) ended: bool,
    /// The connection was given up, with this error code; 0 is a farewell in order.
    pub(super) given_up: Option<u32>,
}

impl Frames {
    /// What a client sends: the preface, then frames.
    pub(super) const fn of_a_client() -> Self {
        Self {
            at: At::Preface {
                left: PREFACE_BYTES,
            },
            in_block: false,
        }
    }

    /// What a server sends: frames.
    pub(super) const fn of_a_server() -> Self {
        Self {
            at: NEXT,
            in_block: false,
        }
    }

    /// Something has begun and not ended: a preface, a frame, a header block.
    pub(super) fn is_within(&self) -> bool {
        self.in_block || !matches!(self.at, At::Header { have: 0, .. })
    }

    /// Reads on.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Seen {
        let mut seen = Seen::default();
        while !bytes.is_empty() {
            let taken = self.step(bytes, &mut seen);
            bytes = bytes.get(taken..).unwrap_or_default();
            seen.ended |= !self.is_within();
        }
        seen
    }

    /// Takes at least one byte; gives how many.
    fn step(&mut self, bytes: &[u8], seen: &mut Seen) -> usize {
        match &mut self.at {
            At::Preface { left } | At::Payload { left } => {
                let taken = bytes.len().min(*left);
                *left -= taken;
                if *left == 0 {
                    self.at = NEXT;
                }
                taken
            }
            At::Header { bytes: own, have } => {
                let taken = fill(own, have, bytes);
                if *have == HEADER_BYTES {
                    let header = *own;
                    self.begin(header, seen);
                }
                taken
            }
            At::Farewell {
                bytes: own,
                have,
                left,
            } => {
                let taken = fill(own, have, bytes);
                if *have == own.len() {
                    let [_, _, _, _, code @ ..] = *own;
                    seen.given_up = Some(u32::from_be_bytes(code));
                    let left = *left;
                    self.at = payload(left);
                }
                taken
            }
        }
    }

    fn begin(&mut self, header: [u8; HEADER_BYTES], seen: &mut Seen) {
        let [high, middle, low, kind, flags, ..] = header;
        let length = u32::from_be_bytes([0, high, middle, low]);
        seen.small += u32::from(length < HTTP2_SMALL_FRAME_BYTES);
        seen.of_a_call |= matches!(kind, DATA | HEADERS | CONTINUATION);
        if matches!(kind, HEADERS | CONTINUATION) {
            self.in_block = flags & END_HEADERS == 0;
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.at = match (kind, length.checked_sub(8)) {
            (GOAWAY, Some(left)) => At::Farewell {
                bytes: [0; 8],
                have: 0,
                left,
            },
            _ => payload(length),
        };
    }
}

/// The rest of a frame; an empty one is over.
fn payload(left: usize) -> At {
    match left {
        0 => NEXT,
        left => At::Payload { left },
    }
}

/// Copies what is missing, as far as there is; gives how much.
fn fill(own: &mut [u8], have: &mut usize, bytes: &[u8]) -> usize {
    let mut taken = 0;
    for (to, from) in own.iter_mut().skip(*have).zip(bytes) {
        *to = *from;
        taken += 1;
    }
    *have += taken;
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: u8 = 4;
    const PING: u8 = 6;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        [&head[..], payload].concat()
    }

    #[test]
    fn frames_are_told_apart_however_they_are_cut() {
        let large = vec![7; HTTP2_SMALL_FRAME_BYTES as usize];
        let all = [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            frame(SETTINGS, 0, &[]),
            frame(PING, 0, &[1; 8]),
            frame(HEADERS, END_HEADERS, &[2; 40]),
            frame(DATA, 0, &large),
        ]
        .concat();
        for piece in 1..=all.len() {
            let mut frames = Frames::of_a_client();
            let (mut small, mut of_a_call) = (0, false);
            for part in all.chunks(piece) {
                let seen = frames.read(part);
                small += seen.small;
                of_a_call |= seen.of_a_call;
            }
            assert_eq!((small, of_a_call), (3, true), "in pieces of {piece}");
            assert!(!frames.is_within());
        }
    }

    #[test]
    fn what_has_begun_is_known_until_it_ends() {
        let mut frames = Frames::of_a_client();
        assert!(frames.is_within(), "the preface is owed");
        assert!(!frames.read(b"PRI * HTTP/2.0\r\n\r\nSM\r\n").ended);
        assert!(frames.read(b"\r\n").ended);
        assert!(!frames.is_within());
        // Half a frame.
        assert!(!frames.read(&frame(DATA, 0, &[0; 50])[..30]).ended);
        assert!(frames.is_within());
        assert!(frames.read(&[0; 29]).ended);
        // Half a header block: more of it ends nothing, its end does.
        assert!(!frames.read(&frame(HEADERS, 0, &[0; 5])).ended);
        assert!(!frames.read(&frame(CONTINUATION, 0, &[0; 5])).ended);
        assert!(frames.is_within());
        assert!(
            frames
                .read(&frame(CONTINUATION, END_HEADERS, &[0; 5]))
                .ended
        );
        assert!(!frames.is_within());
    }

    #[test]
    fn pings_and_settings_are_no_call() {
        let mut frames = Frames::of_a_server();
        for kind in [SETTINGS, PING] {
            assert!(!frames.read(&frame(kind, 0, &[0; 8])).of_a_call);
        }
        assert!(frames.read(&frame(DATA, 0, &[])).of_a_call);
    }

    #[test]
    fn a_farewell_tells_why() {
        let words = |code: u8| frame(GOAWAY, 0, &[0, 0, 0, 1, 0, 0, 0, code, b'c', b'a', b'l']);
        let mut frames = Frames::of_a_server();
        assert_eq!(frames.read(&words(0)).given_up, Some(0));
        let calm = words(11);
        let (first, second) = calm.split_at(14);
        assert_eq!(frames.read(first).given_up, None);
        assert_eq!(frames.read(second).given_up, Some(11));
        // Too short to name a code: not legal, and not ours to judge.
        assert_eq!(frames.read(&frame(GOAWAY, 0, &[0; 3])).given_up, None);
        assert!(!frames.is_within());
    }
}
