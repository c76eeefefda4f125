//! How long what a router says is good for.

use std::fmt;
use std::time::Duration;

/// A lifetime of 32 bits, in seconds, counted from when the message arrived; all bits set is for ever (RFC 4861, 4.6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lifetime(u32);

impl Lifetime {
    /// It has ended already: what it is about is withdrawn.
    pub const ZERO: Self = Self(0);
    /// It does not end.
    pub const INFINITE: Self = Self(u32::MAX);

    /// A lifetime of so many seconds; [`u32::MAX`] is for ever.
    pub const fn from_secs(seconds: u32) -> Self {
        Self(seconds)
    }

    /// The seconds as they stand on the wire.
    pub const fn as_secs(self) -> u32 {
        self.0
    }

    /// How long it lasts; `None`: for ever.
    // RFC 4861, 4.6.2: a lifetime of 0xffffffff does not end.
    pub const fn duration(self) -> Option<Duration> {
        match self.0 {
            u32::MAX => None,
            seconds => Some(Duration::from_secs(seconds as u64)),
        }
    }

    /// Whether it has ended already.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.duration() {
            Some(duration) => write!(f, "{} s", duration.as_secs()),
            None => f.write_str("for ever"),
        }
    }
}
