//! The families of the supervisor's mailbox.

use prometheus::{IntCounter, IntGauge, Registry};

use super::registering::alone;

/// How many messages wait for a pool, and how many it has taken.
///
/// Several pools may count here, one after the other or at one time, as those of the scenarios of a run.
#[derive(Debug, Clone)]
pub struct MailboxMetrics {
    waiting: IntGauge,
    taken: IntCounter,
}

impl MailboxMetrics {
    pub(super) fn new(r: &Registry) -> prometheus::Result<Self> {
        let waiting = "Messages that wait in the supervisor's mailbox.";
        let taken = "Messages that the supervisor has taken from its mailbox.";
        Ok(Self {
            waiting: alone(
                r,
                "supervisor_mailbox_messages",
                waiting,
                IntGauge::with_opts,
            )?,
            taken: alone(r, "supervisor_messages_total", taken, IntCounter::with_opts)?,
        })
    }

    /// A message has been put in.
    pub fn entered(&self) {
        self.waiting.inc();
    }

    /// A message is not there any more, whether it was taken or not.
    pub fn left(&self) {
        self.waiting.dec();
    }

    /// The pool has taken a message.
    pub fn taken(&self) {
        self.taken.inc();
    }

    /// How many messages the pool has taken.
    #[cfg(test)]
    pub(crate) fn all_taken(&self) -> u64 {
        self.taken.get()
    }
}
