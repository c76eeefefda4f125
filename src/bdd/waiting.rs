//! Waiting until clients tell what came of something, or are as they should be.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tokio::sync::broadcast::Receiver;
use tokio::time::timeout;

use crate::bdd::Complaint;
use crate::identity::ClientNumber;
use crate::objective::Verdict;
use crate::objective::wait::Wait;
use crate::pool::{EVENTS, Event, EventKind};
use crate::tester;

/// A wait that has begun, beside how late the tester is meanwhile.
#[derive(Debug, Clone)]
pub(in crate::bdd) struct Waiting {
    since: Instant,
    wait: Wait,
    tester: tester::TesterFigures,
}

impl Waiting {
    /// From one look to the next: often enough for a figure that is told in tenths of a second.
    pub const LOOK: Duration = Duration::from_millis(50);

    pub const fn new(since: Instant, wait: Wait, tester: tester::TesterFigures) -> Self {
        Self {
            since,
            wait,
            tester,
        }
    }

    /// How late the tester was at worst from the beginning until now.
    pub fn worst(&self) -> Duration {
        self.tester.worst_of(self.since.elapsed())
    }

    /// Whether the bound has gone by then.
    pub fn is_over(&self, at: Instant) -> bool {
        at.saturating_duration_since(self.since) >= self.wait.bound()
    }

    /// Whether to look on: the bound has not gone by, or the tester may be why it has.
    pub fn goes_on(&self) -> bool {
        self.wait.goes_on(self.since.elapsed(), self.worst())
    }

    /// How long it is until the next look, where these are so far apart; there is one at the bound.
    pub fn next_look(&self, apart: Duration) -> Duration {
        let left = self.wait.bound().saturating_sub(self.since.elapsed());
        if left.is_zero() {
            apart
        } else {
            apart.min(left)
        }
    }

    /// What is said of what came to be so, as a look at that moment showed first. `what` is in the past tense: `all clients
    /// recovered`.
    pub fn came(&self, at: Instant, what: &str) -> Result<(), Complaint> {
        let (bound, took) = (self.wait.bound(), at.saturating_duration_since(self.since));
        // The last look before the bound may begin when that has just gone by.
        let took = if took <= bound + Self::LOOK {
            took.min(bound)
        } else {
            took
        };
        let worst = self.worst();
        let words = || {
            let took = humantime::format_duration(Duration::from_millis(
                u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            ));
            let bound = humantime::format_duration(bound);
            Complaint::new(format!(
                "{what}, but after {took}: it should be within {bound}"
            ))
        };
        match self.wait.came(took, worst) {
            Verdict::Passed => Ok(()),
            Verdict::Inconclusive => Err(words().doubted(worst)),
            Verdict::Failed => Err(words()),
        }
    }

    /// How late the tester was at worst, where it may be the tester's doing that something did not come to be so.
    pub fn excuse(&self) -> Option<Duration> {
        let worst = self.worst();
        (self.wait.missed(worst) == Verdict::Inconclusive).then_some(worst)
    }

    /// What is said of what did not come to be so.
    pub fn missed(&self, complaint: Complaint) -> Complaint {
        match self.excuse() {
            Some(worst) => complaint.doubted(worst),
            None => complaint,
        }
    }
}

/// Waits until each of these clients has told something that `means` something, or the wait is over; returns what each told.
pub(super) async fn hear<T>(
    mut events: Receiver<Event>,
    clients: &[ClientNumber],
    waiting: &Waiting,
    means: impl Fn(&EventKind) -> Option<T>,
) -> BTreeMap<ClientNumber, T> {
    let mut outstanding: BTreeSet<_> = clients.iter().copied().collect();
    let mut heard = BTreeMap::new();
    // Once it is over, what has been told already is still heard.
    let mut rest = EVENTS;
    while !outstanding.is_empty() && rest > 0 {
        let goes_on = waiting.goes_on();
        let look = if goes_on {
            waiting.next_look(Waiting::LOOK)
        } else {
            rest -= 1;
            Duration::ZERO
        };
        let event = match timeout(look, events.recv()).await {
            Ok(Ok(event)) => event,
            Err(_) if goes_on => continue,
            // The time is over, too much was told at once, or the pool has ended: nothing more is heard.
            Ok(Err(_)) | Err(_) => break,
        };
        if let (Some(client), Some(meaning)) = (event.client, means(&event.what))
            && outstanding.remove(&client)
        {
            heard.insert(client, meaning);
        }
    }
    heard
}
