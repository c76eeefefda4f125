//! Moments at which something ends, or never does.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use crate::Lifetime;

/// When something ends; it may never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Until(Option<Instant>);

impl Until {
    /// It does not end.
    pub const NEVER: Self = Self(None);

    /// It ends then.
    pub const fn at(moment: Instant) -> Self {
        Self(Some(moment))
    }

    /// The end of a lifetime that begins now.
    // RFC 4861, 6.3.4: a lifetime counts from when the advertisement arrived.
    pub fn after(now: Instant, lifetime: Lifetime) -> Self {
        Self(lifetime.duration().and_then(|it| now.checked_add(it)))
    }

    /// The moment; `None`: never.
    pub const fn moment(self) -> Option<Instant> {
        self.0
    }

    /// Whether it has ended.
    pub fn has_come(self, now: Instant) -> bool {
        self.0.is_some_and(|moment| moment <= now)
    }

    /// How long it goes on; `None`: for ever.
    pub fn remaining(self, now: Instant) -> Option<Duration> {
        self.0.map(|moment| moment.saturating_duration_since(now))
    }

    /// Whether it goes on for longer than `time`.
    pub(super) fn is_beyond(self, now: Instant, time: Duration) -> bool {
        self.remaining(now).is_none_or(|remaining| remaining > time)
    }
}

impl PartialOrd for Until {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Until {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.0, other.0) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(one), Some(other)) => one.cmp(&other),
        }
    }
}
