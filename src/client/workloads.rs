//! The pings of one client: standing ones whenever it is online, and runs that the pool asks for.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use tokio::task::JoinHandle;

use super::{ClientMsg, Fact, FactSink, RunId};
use crate::lan::{PingCause, PingOutcome, Port};
use crate::target::Target;
use crate::workload::ping::{self, PingSpec, Sequence};

/// Whether there is an address to ping from.
enum Reach<P> {
    /// No port yet.
    Unplugged,
    /// A port, but no lease.
    Offline(Arc<P>),
    /// A lease, with this router.
    Online(Arc<P>, Option<Ipv4Addr>),
}

/// What runs.
pub(super) struct Workloads<P> {
    myself: ActorRef<ClientMsg>,
    facts: FactSink,
    standing: Arc<[PingSpec]>,
    rng: fastrand::Rng,
    sequence: Sequence,
    reach: Reach<P>,
    standing_tasks: Vec<Task>,
    runs: BTreeMap<RunId, Task>,
}

impl<P: Port> Workloads<P> {
    pub(super) fn new(
        myself: ActorRef<ClientMsg>,
        facts: FactSink,
        standing: Arc<[PingSpec]>,
        rng: fastrand::Rng,
    ) -> Self {
        Self {
            myself,
            facts,
            standing,
            rng,
            sequence: Sequence::default(),
            reach: Reach::Unplugged,
            standing_tasks: Vec::new(),
            runs: BTreeMap::new(),
        }
    }

    pub(super) fn plug_in(&mut self, port: Arc<P>) {
        self.reach = Reach::Offline(port);
    }

    /// The lease is there, with this router: starts the standing pings, unless they run already with the same router.
    pub(super) fn go_online(&mut self, router: Option<Ipv4Addr>) {
        let port = match &self.reach {
            Reach::Unplugged => return,
            Reach::Online(_, current) if *current == router => return,
            Reach::Offline(port) | Reach::Online(port, _) => Arc::clone(port),
        };
        self.reach = Reach::Online(port, router);
        let standing = Arc::clone(&self.standing);
        self.standing_tasks = standing
            .iter()
            .filter_map(|spec| {
                // A share of the interval at random, so that the herd does not ping in one burst; none for counted ones.
                let delay = match spec.count {
                    Some(_) => Duration::ZERO,
                    None => spec.interval.mul_f64(self.rng.f64()),
                };
                self.spawn(None, spec.clone(), delay)
            })
            .collect();
    }

    /// The lease is gone: ends everything, and tells of each run that it cannot go on.
    pub(super) fn go_offline(&mut self) {
        self.standing_tasks.clear();
        if let Reach::Online(port, _) = &self.reach {
            self.reach = Reach::Offline(Arc::clone(port));
        }
        for (run, task) in std::mem::take(&mut self.runs) {
            self.refuse(run, task.target);
        }
    }

    pub(super) fn start_run(&mut self, run: RunId, spec: PingSpec) {
        let target = spec.target;
        match self.spawn(Some(run), spec, Duration::ZERO) {
            Some(task) => drop(self.runs.insert(run, task)),
            None => self.refuse(run, target),
        }
    }

    pub(super) fn run_ended(&mut self, run: RunId) {
        self.runs.remove(&run);
    }

    fn refuse(&self, run: RunId, target: Target) {
        let outcome = PingOutcome::Lost(PingCause::Offline);
        (self.facts)(Fact::Pinged(Some(run), target, None, outcome));
        (self.facts)(Fact::PingRunEnded(run));
    }

    /// `None` where the client is not online.
    fn spawn(&self, run: Option<RunId>, spec: PingSpec, delay: Duration) -> Option<Task> {
        let Reach::Online(port, router) = &self.reach else {
            return None;
        };
        let target = spec.target;
        let address = target.address().or(*router);
        let (port, sequence) = (Arc::clone(port), self.sequence.clone());
        let (facts, myself) = (Arc::clone(&self.facts), self.myself.clone());
        let handle = tokio::spawn(async move {
            let report = |outcome| facts(Fact::Pinged(run, target, address, outcome));
            ping::run(port, address, spec, delay, sequence, report).await;
            if let Some(run) = run {
                facts(Fact::PingRunEnded(run));
                // An actor that has ended has no runs to forget.
                drop(myself.cast(ClientMsg::PingRunEnded(run)));
            }
        });
        Some(Task { target, handle })
    }
}

/// A running ping; dropping it ends it.
struct Task {
    target: Target,
    handle: JoinHandle<()>,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.handle.abort();
    }
}
