//! Bugs that are planted on purpose, one at a time, to show that the simulation would find them.
//!
//! The way in: code asks [`is`] where a bug has its place; only the simulation plants one, for the thread on which it
//! runs. In a shipped build the answer is a constant `false`, and nothing can plant anything.

macro_rules! bugs {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)*) => {
        /// A bug.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(
            not(any(test, feature = "faults")),
            allow(
                dead_code,
                unreachable_pub,
                reason = "named where it would be, and never planted"
            )
        )]
        pub enum Bug {
            $($(#[$doc])* $variant,)*
        }

        impl Bug {
            /// All of them.
            #[cfg(any(test, feature = "faults"))]
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name on a command line.
            #[cfg(any(test, feature = "faults"))]
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}
bugs! {
    /// A group is told as durable without a sync.
    SkipSync "skip-sync",
    /// A group is told before its sync.
    TellBeforeSync "tell-before-sync",
    /// A start builds on a last group that may be in the page cache alone.
    TrustTail "trust-tail",
    /// A repeat is taken for new.
    ForgetIds "forget-ids",
    /// A repeat gets another receipt than the first time.
    NewReceipt "new-receipt",
    /// A statement is committed without the receipt that is given for it.
    UnkeptReceipt "unkept-receipt",
    /// What a partner calls a receipt is believed.
    BelieveReceipt "believe-receipt",
    /// What was queued before a start is not sent after it.
    DropQueued "drop-queued",
    /// What comes out of order takes effect at once.
    AnyOrder "any-order",
    /// A receiver whose clock differs refuses for good what its own clock calls late.
    ExpireByReceiver "expire-by-receiver",
}

#[cfg(not(any(test, feature = "faults")))]
pub(crate) const fn is(_: Bug) -> bool {
    false
}

#[cfg(any(test, feature = "faults"))]
pub(crate) use self::planting::is;
#[cfg(any(test, feature = "faults"))]
pub use self::planting::with;

#[cfg(any(test, feature = "faults"))]
mod planting {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Whether this bug is planted here.
    pub(crate) fn is(bug: Bug) -> bool {
        PLANTED.get() == Some(bug)
    }

    /// Runs something with this bug, or none, planted on this thread.
    pub fn with<T>(bug: Option<Bug>, run: impl FnOnce() -> T) -> T {
        let before = PLANTED.replace(bug);
        let ran = run();
        PLANTED.set(before);
        ran
    }
}
