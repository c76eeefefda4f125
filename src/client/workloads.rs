//! The pings of one client: standing ones whenever it is online, and runs that the pool asks for.

use std::collections::BTreeMap;
use std::future::pending;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use tokio::sync::watch;
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

/// What the standing pings need of a client that is online.
struct Online<P> {
    port: Arc<P>,
    router: Option<Ipv4Addr>,
}

/// What runs.
pub(super) struct Workloads<P> {
    myself: ActorRef<ClientMsg>,
    facts: FactSink,
    standing: Arc<[PingSpec]>,
    rng: fastrand::Rng,
    sequence: Sequence,
    reach: Reach<P>,
    /// What the standing pings are told: nothing while the client is offline.
    online: watch::Sender<Option<Online<P>>>,
    /// They live as long as the client, and wait while it is offline: a herd whose router fails would otherwise end and
    /// begin them all at once, and leave holes in the heap each time.
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
            online: watch::Sender::new(None),
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
        self.reach = Reach::Online(Arc::clone(&port), router);
        self.online.send_replace(Some(Online { port, router }));
        if self.standing_tasks.is_empty() {
            let standing = Arc::clone(&self.standing);
            self.standing_tasks = standing.iter().map(|spec| self.stand(spec)).collect();
        }
    }

    /// Begins a standing ping.
    fn stand(&mut self, spec: &PingSpec) -> Task {
        let target = spec.target;
        let (spec, sequence) = (spec.clone(), self.sequence.clone());
        let (facts, mut rng) = (Arc::clone(&self.facts), self.rng.fork());
        let mut online = self.online.subscribe();
        let handle = tokio::spawn(async move {
            loop {
                let now = online.borrow_and_update().as_ref().map(|online| {
                    let address = target.address().or(online.router);
                    (Arc::clone(&online.port), address)
                });
                let pinging = async {
                    if let Some((port, address)) = now {
                        // A share of the interval at random, so that the herd does not ping in one burst; none for
                        // counted ones.
                        let delay = match spec.count {
                            Some(_) => Duration::ZERO,
                            None => spec.interval.mul_f64(rng.f64()),
                        };
                        let report = |outcome| facts(Fact::Pinged(None, target, address, outcome));
                        ping::run(port, address, spec.clone(), delay, sequence.clone(), report)
                            .await;
                    }
                    pending::<()>().await;
                };
                tokio::select! {
                    biased;
                    changed = online.changed() => if changed.is_err() {
                        return;
                    },
                    () = pinging => {}
                }
            }
        });
        Task { target, handle }
    }

    /// The lease is gone: ends everything, and tells of each run that it cannot go on.
    pub(super) fn go_offline(&mut self) {
        self.online.send_replace(None);
        if let Reach::Online(port, _) = &self.reach {
            self.reach = Reach::Offline(Arc::clone(port));
        }
        for (run, task) in std::mem::take(&mut self.runs) {
            self.refuse(run, task.target);
        }
    }

    pub(super) fn start_run(&mut self, run: RunId, spec: PingSpec) {
        let target = spec.target;
        match self.spawn(run, spec) {
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
    fn spawn(&self, run: RunId, spec: PingSpec) -> Option<Task> {
        let Reach::Online(port, router) = &self.reach else {
            return None;
        };
        let target = spec.target;
        let address = target.address().or(*router);
        let (port, sequence) = (Arc::clone(port), self.sequence.clone());
        let (facts, myself) = (Arc::clone(&self.facts), self.myself.clone());
        let handle = tokio::spawn(async move {
            let report = |outcome| facts(Fact::Pinged(Some(run), target, address, outcome));
            ping::run(port, address, spec, Duration::ZERO, sequence, report).await;
            facts(Fact::PingRunEnded(run));
            // An actor that has ended has no runs to forget.
            drop(myself.cast(ClientMsg::PingRunEnded(run)));
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
