//! What takes time, by the words of objectives.

use std::fmt;
use std::time::Duration;

use crate::activity::Kind;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    /// From a client's admission to its first time online.
    Join,
    /// From the first DHCP message of an acquisition to the acknowledgement.
    Dhcp,
    /// How long activities of a kind take.
    Activity(Kind),
}

impl Signal {
    /// A wake-up takes as long as this on a machine with nothing else to do: less is not late.
    pub const ON_TIME: Duration = Duration::from_millis(1);

    /// Every value, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        let kinds = Kind::ALL.iter().copied().map(Self::Activity);
        [Self::Join, Self::Dhcp].into_iter().chain(kinds)
    }

    /// The words themselves.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Join => "join time",
            Self::Dhcp => "DHCP time",
            Self::Activity(kind) => kind.about().time.signal,
        }
    }

    /// How often at most the tester, or a lab on the same machine, has to wake for one of these: each time may be late. For a
    /// lease that is four messages.
    pub const fn waits(self) -> u32 {
        match self {
            Self::Join => 12,
            Self::Dhcp => 6,
            Self::Activity(kind) => kind.about().time.waits,
        }
    }

    /// What is left of a time when all is taken away that the tester may have added, which woke so late at worst meanwhile.
    pub fn without_tester(self, took: Duration, worst: Duration) -> Duration {
        if worst < Self::ON_TIME {
            return took;
        }
        took.saturating_sub(worst.saturating_mul(self.waits()))
    }

    /// Whether the tester, which woke so late at worst meanwhile, may have slept through half of a time in which nothing came: then
    /// that is not the router's doing alone.
    pub fn may_be_slept_through(self, timeout: Duration, worst: Duration) -> bool {
        let rest = self.without_tester(timeout, worst);
        rest < timeout && rest <= timeout / 2
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
