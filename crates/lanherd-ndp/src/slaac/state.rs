//! The states of a host, each with its own data. What it has learnt stands beside them: routers come and go in each.

use std::time::{Duration, Instant};

use super::config::Solicitations;

/// Where a host stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// Not started: it sends and hears nothing.
    #[default]
    Stopped,
    /// Waiting for a random time before it does anything.
    Delaying {
        /// When the wait is over.
        at: Instant,
    },
    /// Its link-local address is being verified.
    Tentative {
        /// The solicitation from `::`, where it asks early.
        sent: Option<Sent>,
    },
    /// It has asked for routers.
    Soliciting(Sent),
    /// Nobody is a default router; it asks no more, and listens.
    Listening,
    /// There is a default router.
    Configured,
    /// Somebody else has its link-local address.
    Disabled,
}

impl State {
    /// Its name: the label in metrics and logs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Delaying { .. } => "delaying",
            Self::Tentative { .. } => "tentative",
            Self::Soliciting(_) => "soliciting",
            Self::Listening => "listening",
            Self::Configured => "configured",
            Self::Disabled => "disabled",
        }
    }

    /// When it must act by itself, apart from what ends beside it.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Delaying { at } => Some(*at),
            Self::Tentative { sent: Some(sent) } if !sent.is_last => Some(sent.again_at),
            Self::Soliciting(sent) => Some(sent.again_at),
            Self::Stopped
            | Self::Tentative { .. }
            | Self::Listening
            | Self::Configured
            | Self::Disabled => None,
        }
    }
}

/// A solicitation that is sent again until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    pub(super) first_at: Instant,
    /// How often it has been sent.
    pub(super) count: u32,
    /// How long after the last the next is due.
    pub(super) wait: Duration,
    pub(super) again_at: Instant,
    /// Whether an advertisement has come since.
    pub(super) is_answered: bool,
    /// Whether it is sent no more, as a router was known before, or is now.
    pub(super) is_last: bool,
    /// Whether what is due next is to conclude that there is no router, before it is sent again.
    concludes: bool,
}

/// After so many solicitations a host concludes that there is no router (RFC 4861, 10: `MAX_RTR_SOLICITATIONS`).
const MAX_SOLICITATIONS: u32 = 3;

/// How long after the last solicitation a host concludes that there is no router (RFC 4861, 6.3.7:
/// `MAX_RTR_SOLICITATION_DELAY`).
const LAST_WAIT: Duration = Duration::from_secs(1);

impl Sent {
    pub(super) fn first(policy: Solicitations, now: Instant, rng: &mut fastrand::Rng) -> Self {
        let wait = match policy {
            Solicitations::Fixed { count, interval } => fixed_wait(1, count, interval),
            Solicitations::Backoff { initial, .. } => off_by_a_tenth(initial, rng),
        };
        Self {
            first_at: now,
            count: 1,
            wait,
            again_at: now + wait,
            is_answered: false,
            is_last: false,
            concludes: false,
        }
    }

    /// Whether it is to be sent once more.
    pub(super) const fn has_another(&self, policy: Solicitations) -> bool {
        if self.is_last {
            return false;
        }
        match policy {
            Solicitations::Fixed { count, .. } => self.count < count,
            Solicitations::Backoff { .. } => true,
        }
    }

    /// It is sent once more.
    // RFC 7559, 2: solicitations go on with an exponential backoff from 4 s up to an hour.
    pub(super) fn again(&mut self, policy: Solicitations, now: Instant, rng: &mut fastrand::Rng) {
        self.count = self.count.saturating_add(1);
        self.wait = match policy {
            Solicitations::Fixed { count, interval } => fixed_wait(self.count, count, interval),
            Solicitations::Backoff { longest, .. } => {
                // RT = 2 * RTprev + RAND * RTprev; above MRT: MRT + RAND * MRT (RFC 8415, 15).
                let doubled = self.wait + off_by_a_tenth(self.wait, rng);
                if doubled > longest {
                    off_by_a_tenth(longest, rng)
                } else {
                    doubled
                }
            }
        };
        self.concludes =
            matches!(policy, Solicitations::Backoff { .. }) && self.count == MAX_SOLICITATIONS;
        self.again_at = now + if self.concludes { LAST_WAIT } else { self.wait };
    }

    /// Whether it is only to be concluded now that there is no router; it is sent again in its time.
    // RFC 4861, 6.3.7: a host that is not answered concludes that there is no router, and goes on listening.
    pub(super) fn conclude(&mut self, now: Instant) -> bool {
        let concludes = std::mem::take(&mut self.concludes) && !self.is_last;
        if concludes {
            self.again_at = now + self.wait.saturating_sub(LAST_WAIT);
        }
        concludes
    }
}

/// After solicitation number `sent` of `count`.
fn fixed_wait(sent: u32, count: u32, interval: Duration) -> Duration {
    if sent < count { interval } else { LAST_WAIT }
}

/// `time`, off by up to a tenth to either side.
fn off_by_a_tenth(time: Duration, rng: &mut fastrand::Rng) -> Duration {
    time.mul_f64(0.9 + 0.2 * rng.f64())
}
