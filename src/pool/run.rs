//! One activity of many clients: told to each, collected into one answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ractor::RpcReplyPort;

use crate::activity::{Activity, Excuse, Outcome};
use crate::client::RunId;
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
pub(super) struct Runs {
    running: BTreeMap<RunId, Run>,
    started: u64,
}

impl Runs {
    pub(super) fn next_id(&mut self) -> RunId {
        self.started += 1;
        RunId(self.started)
    }

    pub(super) fn insert(&mut self, id: RunId, run: Run) {
        self.running.insert(id, run);
    }

    pub(super) fn get_mut(&mut self, id: RunId) -> Option<&mut Run> {
        self.running.get_mut(&id)
    }

    /// The client died: it will answer none of the runs that wait for it.
    pub(super) fn lose(&mut self, number: ClientNumber) {
        for run in self
            .running
            .values_mut()
            .filter(|run| run.pending.contains(&number))
        {
            run.missing(number);
        }
    }

    /// Answers those that are complete.
    pub(super) fn answer_complete(&mut self) {
        let complete: Vec<RunId> = self
            .running
            .iter()
            .filter(|(_, run)| run.pending.is_empty())
            .map(|(id, _)| *id)
            .collect();
        for id in complete {
            self.answer(id);
        }
    }

    /// Answers one, complete or not.
    pub(super) fn answer(&mut self, id: RunId) {
        if let Some(run) = self.running.remove(&id) {
            run.finish();
        }
    }
}

/// A running fan-out.
#[derive(Debug)]
pub(super) struct Run {
    activity: Arc<Activity>,
    pending: BTreeSet<ClientNumber>,
    collected: Collected,
    reply: RpcReplyPort<Collected>,
}

impl Run {
    pub(super) fn new(activity: Arc<Activity>, reply: RpcReplyPort<Collected>) -> Self {
        Self {
            activity,
            pending: BTreeSet::new(),
            collected: Collected::default(),
            reply,
        }
    }

    /// The client was told.
    pub(super) fn expect(&mut self, number: ClientNumber) {
        self.pending.insert(number);
        self.stats(number);
    }

    /// The client could not be told, or died.
    pub(super) fn missing(&mut self, number: ClientNumber) {
        self.excuse(number, Excuse::Offline);
        self.pending.remove(&number);
    }

    /// Notes an attempt; `is_testers`: it did not succeed, and that may be the tester's doing.
    pub(super) fn record(&mut self, number: ClientNumber, outcome: &Outcome, is_testers: bool) {
        self.stats(number).record(outcome);
        if is_testers {
            *self.collected.testers.entry(number).or_default() += 1;
        }
    }

    pub(super) fn ended(&mut self, number: ClientNumber) {
        self.pending.remove(&number);
    }

    /// Sends the answer. Whoever has not ended by then was kept waiting by the tester itself.
    fn finish(mut self) {
        for number in std::mem::take(&mut self.pending) {
            self.excuse(number, Excuse::Tester);
        }
        // Whoever asked may have gone.
        let _ = self.reply.send(self.collected);
    }

    fn excuse(&mut self, number: ClientNumber, excuse: Excuse) {
        let outcome = self.activity.excused(excuse);
        self.record(number, &outcome, matches!(excuse, Excuse::Tester));
    }

    fn stats(&mut self, number: ClientNumber) -> &mut ActivityStats {
        let subject = &self.activity.subject;
        self.collected
            .clients
            .entry(number)
            .or_insert_with(|| ActivityStats::of_client(subject.clone()))
    }
}
