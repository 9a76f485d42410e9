//! Named places at which a program that is built for tests ends itself, as SIGKILL would.
//!
//! The way in is the macro `failpoint!`, which is nothing at all without the feature `faults`: no shipped build has
//! it. With it, `ALLPOINTS_FAILPOINT=NAME:N` ends the process when it comes to that place for the Nth time, and
//! `ALLPOINTS_SEGMENT_BYTES` makes journal segments so small that one is left behind often.

/// Ends the process here when that was asked for.
macro_rules! failpoint {
    ($point:ident) => {
        #[cfg(feature = "faults")]
        crate::failpoint::pass(crate::failpoint::Point::$point);
    };
}

/// Bytes of a journal segment that a store is opened with.
#[cfg(not(feature = "faults"))]
pub(crate) const fn segment_bytes() -> u64 {
    crate::domain::limits::SEGMENT_BYTES
}

#[cfg(feature = "faults")]
pub(crate) use self::faults::segment_bytes;
#[cfg(feature = "faults")]
pub use self::faults::{POINTS, SEGMENT_VARIABLE, VARIABLE};
#[cfg(feature = "faults")]
pub(crate) use self::faults::{Point, pass};

#[cfg(feature = "faults")]
mod faults {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    };

    /// The environment variable that names the place and how often it is passed before.
    pub const VARIABLE: &str = "ALLPOINTS_FAILPOINT";

    /// The environment variable with another size of journal segments, in bytes.
    pub const SEGMENT_VARIABLE: &str = "ALLPOINTS_SEGMENT_BYTES";

    /// Bytes of a journal segment that a store is opened with.
    pub(crate) fn segment_bytes() -> u64 {
        let asked = std::env::var(SEGMENT_VARIABLE).ok();
        asked
            .and_then(|text| text.parse().ok())
            .unwrap_or(crate::domain::limits::SEGMENT_BYTES)
    }

    macro_rules! points {
        ($($point:ident $name:literal;)*) => {
            #[derive(Debug, Clone, Copy, PartialEq, Eq)]
            pub(crate) enum Point { $($point,)* }
            impl Point {
                const ALL: &[Self] = &[$(Self::$point),*];
                const fn name(self) -> &'static str {
                    match self { $(Self::$point => $name),* }
                }
            }
            /// Every place, by name.
            pub const POINTS: &[&str] = &[$($name),*];
        };
    }
    points! {
        WriteBefore "write-before";
        WriteAfter "write-after";
        SyncAfter "sync-after";
        SwitchBefore "switch-before";
        SwitchAfter "switch-after";
        PrepareBefore "prepare-before";
        PrepareAfter "prepare-after";
        KeyringBefore "keyring-before";
        KeyringWritten "keyring-written";
        KeyringAfter "keyring-after";
        ViewBefore "view-before";
        ViewAfter "view-after";
        AcknowledgeBefore "acknowledge-before";
        AcknowledgeAfter "acknowledge-after";
        SendBefore "send-before";
        SendAfter "send-after";
        ReceiveBefore "receive-before";
        ReceiptGivenBefore "receipt-given-before";
        ReceiptGivenAfter "receipt-given-after";
        ReceiptKeptBefore "receipt-kept-before";
        ReceiptKeptAfter "receipt-kept-after";
    }

    /// Where to end, and after how many passes.
    fn chosen() -> Option<&'static (Point, AtomicU64)> {
        static CHOSEN: OnceLock<Option<(Point, AtomicU64)>> = OnceLock::new();
        CHOSEN
            .get_or_init(|| parse(&std::env::var(VARIABLE).ok()?))
            .as_ref()
    }

    fn parse(text: &str) -> Option<(Point, AtomicU64)> {
        let (name, count) = text.split_once(':')?;
        let point = Point::ALL.iter().find(|point| point.name() == name)?;
        Some((*point, AtomicU64::new(count.parse().ok()?)))
    }

    /// Counts, and ends the process when it is time.
    pub(crate) fn pass(point: Point) {
        if let Some((at, left)) = chosen()
            && *at == point
            && left.fetch_sub(1, Ordering::SeqCst) == 1
        {
            // Nothing is unwound, flushed or closed.
            let own = rustix::process::getpid();
            let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
            std::process::abort();
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_place_is_named_with_its_count_or_there_is_none() {
            for name in POINTS {
                let (point, left) = parse(&format!("{name}:3")).unwrap();
                assert_eq!((point.name(), left.into_inner()), (*name, 3));
            }
            for wrong in ["", "write-before", "write-before:", "nowhere:1"] {
                assert!(parse(wrong).is_none(), "{wrong}");
            }
        }
    }
}
