//! What takes time, by the words of objectives.

use std::time::Duration;

use crate::phase::words;

words! {
    /// What is measured.
    Signal {
        /// From a client's admission to its first time online.
        Join = "join time",
        /// From the first DHCP message of an acquisition to the acknowledgement.
        Dhcp = "DHCP time",
        /// Of answered echo requests.
        Ping = "ping round trip",
        /// From a query to its answer.
        Dns = "DNS lookup time",
        /// From the beginning of a fetch to its last byte.
        Http = "HTTP time",
        /// From the start of a command to its end.
        Command = "command time",
    }
}

impl Signal {
    /// A wake-up takes as long as this on a machine with nothing else to do: less is not late.
    pub const ON_TIME: Duration = Duration::from_millis(1);

    /// How often at most the tester, or a lab on the same machine, has to wake for one of these: each time may be late. A ping's
    /// reply is stamped by the kernel, and sent once; a lookup is sent, answered by the lab, and read; of a lease that is four
    /// messages. A fetch may begin with a lookup, and connects, asks, and reads twice. A command is a program, or several, that
    /// are started, run and waited for.
    pub const fn waits(self) -> u32 {
        match self {
            Self::Ping => 2,
            Self::Dns => 3,
            Self::Dhcp => 6,
            Self::Http => 8,
            Self::Join | Self::Command => 12,
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
