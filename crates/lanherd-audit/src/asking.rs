//! When what is asked: each question once, and again only where nobody has answered who should.
//!
//! A frame can be lost on its way. So silence is told of whoever was asked twice, at least, after it was known that he should answer,
//! and had his time after each.

use std::time::Duration;

/// How long a router may take to answer a solicitation: the delay of an answer to all nodes, the least time since the one before
/// (RFC 4861, 6.2.6 and 10), and a second for what lies between. A `DHCPv6` server has as long.
pub const ANSWER_LIMIT: Duration = Duration::from_millis(500 + 3_000 + 1_000);
/// How often one question is asked at most (RFC 4861, 10: `MAX_RTR_SOLICITATIONS`).
const MOST: u8 = 3;
/// How often somebody must have been asked before his silence is told.
pub(crate) const BEFORE_SILENCE: u8 = 2;

/// How often a question was asked, and when last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asking {
    times: u8,
    latest: Option<Duration>,
}

impl Asking {
    /// Whether it may be asked again `now`.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        self.times < MOST && self.is_over(now)
    }

    /// Whether the time for an answer to the latest is over; so it is where nothing was asked.
    pub(crate) fn is_over(&self, now: Duration) -> bool {
        self.latest
            .is_none_or(|latest| now >= latest + ANSWER_LIMIT)
    }

    /// It is asked `now`.
    pub(crate) fn ask(&mut self, now: Duration) {
        self.times += 1;
        self.latest = Some(now);
    }

    /// How often it was asked.
    pub(crate) const fn times(&self) -> u8 {
        self.times
    }

    /// Whether what came `at` this moment may answer the latest.
    pub(crate) fn may_be_answered(&self, at: Duration) -> bool {
        let asked = self.latest.filter(|latest| at >= *latest);
        asked.is_some_and(|latest| at < latest + ANSWER_LIMIT)
    }
}
