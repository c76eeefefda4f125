//! What one client does: standing activities whenever it is online, and runs that the pool asks for.

use std::future::pending;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Aggregator, ClientEvent, ClientRun, EventSink};
use crate::activity::{
    self, Activity, AttemptOutcome, ClientContext, LeasedConfig, Sequence, Siblings, SkipReason,
};
use crate::dhcp::Lease;
use crate::identity::Identity;
use crate::lan::Port;
use crate::stats::ClientStats;

/// Whether there is an address to work from.
enum Connectivity<P> {
    /// The client has no port yet.
    Unplugged,
    /// The client has a port, but no lease.
    Offline(Arc<P>),
    /// The client has a lease, and what it says.
    Online(Arc<ClientContext<P>>),
}

/// What activities need of the client that carries them out.
pub(super) struct RunnerContext {
    pub(super) events: EventSink,
    pub(super) counts: Counts,
    pub(super) standing: Arc<[Arc<Activity>]>,
    pub(super) rng: fastrand::Rng,
    pub(super) identity: Arc<Identity>,
    pub(super) siblings: Siblings,
}

/// Where a client counts what it does.
#[derive(Clone)]
pub(super) struct Counts {
    pub(super) aggregator: Arc<Aggregator>,
    pub(super) stats: Arc<ClientStats>,
}

impl Counts {
    fn record(&self, run: Option<&ClientRun>, activity: &Activity, outcome: &AttemptOutcome) {
        self.aggregator.record(&self.stats, run, activity, outcome);
    }
}

/// Carries out what one client does: standing activities, and its parts of runs.
pub(super) struct ActivityRunner<P> {
    with: RunnerContext,
    sequence: Sequence,
    reach: Connectivity<P>,
    /// What the tasks below are told: nothing while the client is offline. Those of runs end then, and all of them with the client.
    online: watch::Sender<Option<Arc<ClientContext<P>>>>,
    /// They live as long as the client, and wait while it is offline: a herd whose router fails would otherwise end and
    /// begin them all at once.
    standing_tasks: Vec<ActivityTask>,
    /// Those that may not have ended. The pool keeps what has come of them, and their tasks end by themselves.
    runs: Vec<Weak<ClientRun>>,
}

impl<P: Port> ActivityRunner<P> {
    pub(super) fn new(mut with: RunnerContext) -> Self {
        let sequence = Sequence::new(with.rng.u16(..));
        Self {
            with,
            sequence,
            reach: Connectivity::Unplugged,
            online: watch::Sender::new(None),
            standing_tasks: Vec::new(),
            runs: Vec::new(),
        }
    }

    pub(super) fn plug_in(&mut self, port: Arc<P>) {
        self.reach = Connectivity::Offline(port);
    }

    /// The lease is there: starts the standing activities, unless they run already with all that they need of it the same.
    pub(super) fn go_online(&mut self, lease: &Lease) {
        let leased = LeasedConfig::from(lease);
        let port = match &self.reach {
            Connectivity::Unplugged => return,
            Connectivity::Online(client) if client.leased == leased => return,
            Connectivity::Offline(port) => Arc::clone(port),
            Connectivity::Online(client) => Arc::clone(&client.port),
        };
        let client = Arc::new(ClientContext {
            port,
            identity: Arc::clone(&self.with.identity),
            leased,
            siblings: Arc::clone(&self.with.siblings),
            sequence: self.sequence.clone(),
            rng: Mutex::new(self.with.rng.fork()),
        });
        self.reach = Connectivity::Online(Arc::clone(&client));
        self.online.send_replace(Some(client));
        if self.standing_tasks.is_empty() {
            let standing = Arc::clone(&self.with.standing);
            self.standing_tasks = standing
                .iter()
                .map(|activity| self.stand(activity))
                .collect();
        }
    }

    /// Replaces the standing activities. Those that stay go on as they are.
    pub(super) fn set_standing(&mut self, standing: Arc<[Arc<Activity>]>) {
        let mut earlier = std::mem::take(&mut self.standing_tasks);
        self.with.standing = standing;
        // Of a client that has not been online yet they begin when it is.
        if earlier.is_empty() && !matches!(self.reach, Connectivity::Online(_)) {
            return;
        }
        let standing = Arc::clone(&self.with.standing);
        self.standing_tasks = standing
            .iter()
            .map(|activity| {
                let same = |task: &ActivityTask| Arc::ptr_eq(&task.activity, activity);
                match earlier.iter().position(same) {
                    Some(index) => earlier.swap_remove(index),
                    None => self.stand(activity),
                }
            })
            .collect();
    }

    /// Begins a standing activity.
    fn stand(&mut self, activity: &Arc<Activity>) -> ActivityTask {
        let (counts, mut rng) = (self.with.counts.clone(), self.with.rng.fork());
        let mut online = self.online.subscribe();
        let handle = tokio::spawn({
            let activity = Arc::clone(activity);
            async move {
                loop {
                    let here = online.borrow_and_update().clone();
                    let working = async {
                        if let Some(here) = here {
                            // A share of the interval at random, so that the herd does not act in one burst; none for
                            // counted ones.
                            let cadence = activity.pace();
                            let delay = match cadence.count {
                                Some(_) => Duration::ZERO,
                                None => cadence.interval.mul_f64(rng.f64()),
                            };
                            let report = |outcome| counts.record(None, &activity, &outcome);
                            activity::run(Arc::clone(&activity), here, delay, report).await;
                        }
                        pending::<()>().await;
                    };
                    tokio::select! {
                        biased;
                        changed = online.changed() => if changed.is_err() {
                            return;
                        },
                        () = working => {}
                    }
                }
            }
        });
        ActivityTask {
            activity: Arc::clone(activity),
            handle,
        }
    }

    /// The lease is gone: has the tasks stop, and tells of each run that it cannot go on.
    pub(super) fn go_offline(&mut self) {
        self.online.send_replace(None);
        if let Connectivity::Online(client) = &self.reach {
            self.reach = Connectivity::Offline(Arc::clone(&client.port));
        }
        for run in std::mem::take(&mut self.runs) {
            if let Some(run) = run.upgrade() {
                refuse(&self.with, &run);
            }
        }
    }

    /// Begins this client's part of a run, or refuses it where the client is not online.
    pub(super) fn start_run(&mut self, run: Arc<ClientRun>) {
        self.runs
            .retain(|run| run.upgrade().is_some_and(|run| !run.has_ended()));
        let Connectivity::Online(client) = &self.reach else {
            return refuse(&self.with, &run);
        };
        self.runs.push(Arc::downgrade(&run));
        let client = Arc::clone(client);
        let (events, counts) = (Arc::clone(&self.with.events), self.with.counts.clone());
        let mut online = self.online.subscribe();
        tokio::spawn(async move {
            let report = |outcome| counts.record(Some(&run), &run.activity, &outcome);
            let working = activity::run(Arc::clone(&run.activity), client, Duration::ZERO, report);
            tokio::select! {
                biased;
                // Offline, which ends it elsewhere; or the client is no more, which the pool sees.
                _ = online.wait_for(Option::is_none) => {}
                () = working => if run.end() {
                    events(ClientEvent::RunEnded(run.id));
                },
            }
        });
    }
}

/// Counts an attempt that could not be made, as the client is not online, and tells that nothing more comes of the run; does
/// nothing where that was told.
fn refuse(with: &RunnerContext, run: &ClientRun) {
    if run.end() {
        let outcome = run.activity.skipped(SkipReason::Offline);
        with.counts.record(Some(run), &run.activity, &outcome);
        (with.events)(ClientEvent::RunEnded(run.id));
    }
}

/// A running activity; dropping it ends it.
struct ActivityTask {
    activity: Arc<Activity>,
    handle: JoinHandle<()>,
}

impl Drop for ActivityTask {
    fn drop(&mut self) {
        self.handle.abort();
    }
}
