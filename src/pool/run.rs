//! One activity of many clients: told to each, collected into one answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ractor::RpcReplyPort;

use crate::activity::{Activity, SkipReason};
use crate::client::{ClientRun, ClientRunResults, RunId};
use crate::identity::ClientNumber;
use crate::stats::ActivityStats;

/// What a loaded tester may add to the time that the attempts themselves take.
const SLACK: Duration = Duration::from_secs(5);

/// When the run is over, whoever has not answered.
pub(super) fn deadline(activity: &Activity) -> Duration {
    activity
        .duration()
        .unwrap_or_default()
        .saturating_add(SLACK)
}

/// What each client did.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub(super) clients: BTreeMap<ClientNumber, ActivityStats>,
    /// How many of the attempts that did not succeed may be the tester's doing; who is not here has none.
    pub(super) testers: BTreeMap<ClientNumber, u64>,
}

/// All running fan-outs.
#[derive(Debug, Default)]
pub(super) struct FanOuts {
    running: BTreeMap<RunId, FanOut>,
    started: u64,
}

impl FanOuts {
    pub(super) fn next_id(&mut self) -> RunId {
        self.started += 1;
        RunId(self.started)
    }

    pub(super) fn insert(&mut self, id: RunId, run: FanOut) {
        self.running.insert(id, run);
    }

    /// The client's part has come to its end.
    pub(super) fn ended(&mut self, id: RunId, number: ClientNumber) {
        if let Some(run) = self.running.get_mut(&id) {
            run.pending.remove(&number);
        }
    }

    /// The client has ended: it will answer none of the runs that wait for it.
    pub(super) fn lose(&mut self, number: ClientNumber) {
        for run in self.running.values_mut() {
            run.lose(number);
        }
    }

    /// Answers those that are complete; returns how many parts they had.
    pub(super) fn answer_complete(&mut self) -> usize {
        let complete: Vec<RunId> = self
            .running
            .iter()
            .filter(|(_, run)| run.pending.is_empty())
            .map(|(id, _)| *id)
            .collect();
        complete.into_iter().map(|id| self.answer(id)).sum()
    }

    /// Answers one, complete or not; returns how many parts it had.
    pub(super) fn answer(&mut self, id: RunId) -> usize {
        let Some(run) = self.running.remove(&id) else {
            return 0;
        };
        let parts = run.parts.len();
        run.finish();
        parts
    }
}

/// A running fan-out.
#[derive(Debug)]
pub(super) struct FanOut {
    pending: BTreeSet<ClientNumber>,
    parts: BTreeMap<ClientNumber, Arc<ClientRun>>,
    reply: RpcReplyPort<Collected>,
}

impl FanOut {
    pub(super) fn new(reply: RpcReplyPort<Collected>) -> Self {
        Self {
            pending: BTreeSet::new(),
            parts: BTreeMap::new(),
            reply,
        }
    }

    /// The client was told.
    pub(super) fn expect(&mut self, number: ClientNumber, part: Arc<ClientRun>) {
        self.pending.insert(number);
        self.parts.insert(number, part);
    }

    /// The client could not be told, or has ended.
    pub(super) fn lose(&mut self, number: ClientNumber) {
        if self.pending.remove(&number)
            && let Some(part) = self.parts.get(&number)
        {
            part.end_with(SkipReason::Offline);
        }
    }

    /// Sends the answer. Whoever has not ended by then was kept waiting by the tester itself.
    fn finish(self) {
        let mut collected = Collected::default();
        for (number, part) in &self.parts {
            part.end_with(SkipReason::Tester);
            let ClientRunResults { stats, testers, .. } = part.results();
            collected.clients.insert(*number, stats);
            if testers > 0 {
                collected.testers.insert(*number, testers);
            }
        }
        // Whoever asked may have gone.
        let _ = self.reply.send(collected);
    }
}
