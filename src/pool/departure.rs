//! Letting clients go: a few at a time, so that their releases do not overrun the server's socket.

use std::collections::BTreeSet;

use ractor::RpcReplyPort;

use super::status::TearDownReport;
use crate::identity::ClientNumber;
use crate::lan::CleanupError;

/// All groups of clients that were asked to leave, and who waits for them.
#[derive(Debug, Default)]
pub(super) struct Departures(Vec<Departure>);

#[derive(Debug)]
struct Departure {
    pending: BTreeSet<ClientNumber>,
    report: TearDownReport,
    reply: RpcReplyPort<TearDownReport>,
}

impl Departures {
    pub(super) fn begin(
        &mut self,
        numbers: impl IntoIterator<Item = ClientNumber>,
        reply: RpcReplyPort<TearDownReport>,
    ) {
        let pending: BTreeSet<_> = numbers.into_iter().collect();
        let clients = u32::try_from(pending.len()).unwrap_or(u32::MAX);
        let report = TearDownReport {
            clients,
            ..TearDownReport::default()
        };
        self.0.push(Departure {
            pending,
            report,
            reply,
        });
    }

    /// A RELEASE of the client's lease was sent, or could not be.
    pub(super) fn released(&mut self, number: ClientNumber, was_sent: bool) {
        for departure in self.awaiting(number) {
            let report = &mut departure.report;
            let count = if was_sent {
                &mut report.releases_sent
            } else {
                &mut report.releases_unsent
            };
            *count += 1;
        }
    }

    /// The client has left; these steps of its removal failed.
    pub(super) fn left(&mut self, number: ClientNumber, errors: &[CleanupError]) {
        for departure in self.awaiting(number) {
            departure.pending.remove(&number);
            departure
                .report
                .errors
                .extend(errors.iter().map(|error| (number, error.clone())));
        }
    }

    /// Answers those whose last client has left.
    pub(super) fn answer_complete(&mut self) {
        for departure in self
            .0
            .extract_if(.., |departure| departure.pending.is_empty())
        {
            // Whoever asked may have gone.
            let _ = departure.reply.send(departure.report);
        }
    }

    fn awaiting(&mut self, number: ClientNumber) -> impl Iterator<Item = &mut Departure> {
        self.0
            .iter_mut()
            .filter(move |departure| departure.pending.contains(&number))
    }
}

/// The way out: who is told to leave next.
#[derive(Debug)]
pub(super) struct ExitQueue {
    width: usize,
    queue: BTreeSet<ClientNumber>,
    leaving: BTreeSet<ClientNumber>,
}

impl ExitQueue {
    pub(super) fn new(width: usize) -> Self {
        Self {
            width,
            queue: BTreeSet::new(),
            leaving: BTreeSet::new(),
        }
    }

    pub(super) fn enqueue(&mut self, number: ClientNumber) {
        if !self.leaving.contains(&number) {
            self.queue.insert(number);
        }
    }

    /// The next to be told, if there is room.
    pub(super) fn next(&mut self) -> Option<ClientNumber> {
        if self.leaving.len() >= self.width {
            return None;
        }
        let number = self.queue.pop_first()?;
        self.leaving.insert(number);
        Some(number)
    }

    /// Whether the client was asked to leave, and has not yet.
    pub(super) fn expects(&self, number: ClientNumber) -> bool {
        self.leaving.contains(&number) || self.queue.contains(&number)
    }

    pub(super) fn left(&mut self, number: ClientNumber) {
        self.queue.remove(&number);
        self.leaving.remove(&number);
    }
}
