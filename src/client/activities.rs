//! What one client does: standing activities whenever it is online, and runs that the pool asks for.

use std::future::pending;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Aggregator, ClientEvent, ClientRun, EventSink};
use crate::activity::{
    self, Activity, AttemptOutcome, ClientContext, Connectivity, FamilyChoice, Ipv6Config,
    LeasedConfig, Sequence, Siblings, SkipReason,
};
use crate::family::Families;
use crate::identity::Identity;
use crate::lan::Port;
use crate::stats::ClientStats;

/// What a client has at its beginning, and whenever it has lost all.
const NOTHING: Connectivity = Connectivity {
    ipv4: None,
    ipv6: None,
    is_joining: true,
};

/// What activities need of the client that carries them out.
pub(super) struct RunnerContext {
    pub(super) events: EventSink,
    pub(super) counts: Counts,
    pub(super) standing: Arc<[Arc<Activity>]>,
    pub(super) rng: fastrand::Rng,
    pub(super) identity: Arc<Identity>,
    /// The families that the client is to have.
    pub(super) families: Families,
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
    /// What the client has of each family. The tasks below are told when it changes: those of runs end where it is not enough
    /// for them, and all of them with the client.
    connectivity: watch::Sender<Connectivity>,
    /// Where they work: once the client has a port.
    client: Option<Arc<ClientContext<P>>>,
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
            connectivity: watch::Sender::new(NOTHING),
            client: None,
            standing_tasks: Vec::new(),
            runs: Vec::new(),
        }
    }

    pub(super) fn plug_in(&mut self, port: Arc<P>) {
        self.client = Some(Arc::new(ClientContext {
            port,
            identity: Arc::clone(&self.with.identity),
            families: self.with.families,
            connectivity: self.connectivity.subscribe(),
            siblings: Arc::clone(&self.with.siblings),
            sequence: self.sequence.clone(),
            rng: Mutex::new(self.with.rng.fork()),
        }));
    }

    /// What the client has of IPv4 from now on; `None`: it cannot be used. What goes on over IPv6 is left alone.
    pub(super) fn set_ipv4(&mut self, leased: Option<LeasedConfig>) {
        let mut now = self.connectivity.borrow().clone();
        now.ipv4 = leased.map(Arc::new);
        self.set(now);
    }

    /// What the client has of IPv6 from now on; `None`: it cannot be used. What goes on over IPv4 is left alone.
    pub(super) fn set_ipv6(&mut self, config: Option<Ipv6Config>) {
        let mut now = self.connectivity.borrow().clone();
        now.ipv6 = config.map(Arc::new);
        self.set(now);
    }

    /// All that the client is to have is usable, or was not in its time: what goes over all of it may begin, if anything is there.
    pub(super) fn has_joined(&mut self) {
        let now = self.connectivity.borrow().clone();
        if now.is_joining {
            self.set(Connectivity {
                is_joining: false,
                ..now
            });
        }
    }

    /// The client has nothing that it could use.
    pub(super) fn go_offline(&mut self) {
        self.set(NOTHING);
    }

    /// Starts the standing activities when there is something to use for the first time, has those begin anew that work with what
    /// is new, and tells of each run that has not enough any more that it cannot go on.
    fn set(&mut self, mut now: Connectivity) {
        now.is_joining |= !now.is_online();
        let is_new = self.connectivity.send_if_modified(|before| {
            let is_new = *before != now;
            before.clone_from(&now);
            is_new
        });
        if !is_new {
            return;
        }
        let families = self.with.families;
        self.runs.retain(|run| {
            let Some(run) = run.upgrade() else {
                return false;
            };
            let is_served = choice_of(&run.activity, families).is_served(&now);
            if !is_served {
                refuse(&self.with, &run);
            }
            is_served
        });
        if now.is_online() && self.standing_tasks.is_empty() {
            self.standing_tasks = self.stand_all(Vec::new());
        }
    }

    /// Replaces the standing activities. Those that stay go on as they are.
    pub(super) fn set_standing(&mut self, standing: Arc<[Arc<Activity>]>) {
        let earlier = std::mem::take(&mut self.standing_tasks);
        self.with.standing = standing;
        // Of a client that has not been online yet they begin when it is.
        if earlier.is_empty() && !self.connectivity.borrow().is_online() {
            return;
        }
        self.standing_tasks = self.stand_all(earlier);
    }

    /// A task for each standing activity: the one that it has, or a new one.
    fn stand_all(&mut self, mut earlier: Vec<ActivityTask>) -> Vec<ActivityTask> {
        let Some(client) = self.client.clone() else {
            return earlier;
        };
        let standing = Arc::clone(&self.with.standing);
        standing
            .iter()
            .map(|activity| {
                let same = |task: &ActivityTask| Arc::ptr_eq(&task.activity, activity);
                match earlier.iter().position(same) {
                    Some(index) => earlier.swap_remove(index),
                    None => self.stand(activity, &client),
                }
            })
            .collect()
    }

    /// Begins a standing activity.
    fn stand(&mut self, activity: &Arc<Activity>, client: &Arc<ClientContext<P>>) -> ActivityTask {
        let (counts, mut rng) = (self.with.counts.clone(), self.with.rng.fork());
        let choice = choice_of(activity, self.with.families);
        let mut connectivity = self.connectivity.subscribe();
        let handle = tokio::spawn({
            let (activity, client) = (Arc::clone(activity), Arc::clone(client));
            async move {
                loop {
                    let now = connectivity.borrow_and_update().clone();
                    let working = async {
                        if choice.may_begin(&now) {
                            // A share of the interval at random, so that the herd does not act in one burst; none for
                            // counted ones.
                            let cadence = activity.pace();
                            let delay = match cadence.count {
                                Some(_) => Duration::ZERO,
                                None => cadence.interval.mul_f64(rng.f64()),
                            };
                            let report = |outcome| counts.record(None, &activity, &outcome);
                            let (activity, client) = (Arc::clone(&activity), Arc::clone(&client));
                            activity::run(activity, client, delay, report).await;
                        }
                        pending::<()>().await;
                    };
                    tokio::select! {
                        biased;
                        changed = connectivity.wait_for(|new| choice.begins_anew(&now, new)) => {
                            if changed.is_err() {
                                return;
                            }
                        }
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

    /// Begins this client's part of a run, or refuses it where the client has not enough for it.
    pub(super) fn start_run(&mut self, run: Arc<ClientRun>) {
        self.runs
            .retain(|run| run.upgrade().is_some_and(|run| !run.has_ended()));
        let choice = choice_of(&run.activity, self.with.families);
        let is_served = choice.is_served(&self.connectivity.borrow());
        let Some(client) = self.client.clone().filter(|_| is_served) else {
            return refuse(&self.with, &run);
        };
        self.runs.push(Arc::downgrade(&run));
        let (events, counts) = (Arc::clone(&self.with.events), self.with.counts.clone());
        let mut connectivity = self.connectivity.subscribe();
        tokio::spawn(async move {
            let report = |outcome| counts.record(Some(&run), &run.activity, &outcome);
            let mut joined = connectivity.clone();
            let working = async {
                // The client has ended, where that fails: its part of the run does so below.
                if joined.wait_for(|now| choice.may_begin(now)).await.is_err() {
                    pending::<()>().await;
                }
                let activity = Arc::clone(&run.activity);
                activity::run(activity, client, Duration::ZERO, report).await;
            };
            tokio::select! {
                biased;
                // It cannot go on, which ends it elsewhere; or the client is no more, which the pool sees.
                _ = connectivity.wait_for(|now| !choice.is_served(now)) => {}
                () = working => if run.end() {
                    events(ClientEvent::RunEnded(run.id));
                },
            }
        });
    }
}

/// Over which family a client that is to have these does it. What goes over none of them never waits: each attempt tells that.
fn choice_of(activity: &Activity, families: Families) -> FamilyChoice {
    match activity.subject.family_choice(families) {
        FamilyChoice::Only(family) if !families.include(family) => FamilyChoice::usual(families),
        choice => choice,
    }
}

/// Counts an attempt that could not be made, as the client has not what it goes over, and tells that nothing more comes of the run; does
/// nothing where that was told.
fn refuse(with: &RunnerContext, run: &ClientRun) {
    if run.end() {
        let mut outcome = run.activity.skipped(SkipReason::Offline);
        if let FamilyChoice::Only(family) = choice_of(&run.activity, with.families) {
            outcome.family = Some(family);
        }
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

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::activity::Kind;
    use crate::client::RunId;
    use crate::identity::{ClientNumber, PoolName, Seed};
    use crate::lab::LabConfig;
    use crate::lan::Lan;
    use crate::lan::fake::{FakeLan, FakePort, SILENT, SILENT6};
    use crate::metrics::Metrics;
    use crate::tester::TesterFigures;

    fn leased(last: u8) -> LeasedConfig {
        LeasedConfig {
            address: Ipv4Addr::new(10, 77, 0, last),
            router: Some(Ipv4Addr::new(10, 77, 0, 1)),
            resolvers: Vec::new(),
        }
    }

    fn ipv6(last: u16) -> Ipv6Config {
        Ipv6Config {
            addresses: vec![Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last)],
            ..Ipv6Config::default()
        }
    }

    fn ping(text: &str) -> Activity {
        let subject = Kind::Ping.read(text).expect("a target");
        Activity {
            timeout: Duration::from_secs(60),
            ..Activity::new(subject)
        }
    }

    /// A client of both families, which pings these whenever it can.
    async fn runner(standing: &[Activity]) -> (ActivityRunner<FakePort>, Arc<ClientStats>) {
        let lan = FakeLan::new(&LabConfig::default());
        let identity = Identity::derive(&PoolName::default(), ClientNumber(1), Seed(7));
        let port = lan.attach(&identity, Box::new(|_| {})).await;
        let metrics = Metrics::new(&PoolName::default(), Seed(7)).expect("families");
        let stats = Arc::<ClientStats>::default();
        let mut runner = ActivityRunner::new(RunnerContext {
            events: Arc::new(|_| {}),
            counts: Counts {
                aggregator: Arc::new(Aggregator::new(metrics, TesterFigures::default())),
                stats: Arc::clone(&stats),
            },
            standing: standing.iter().cloned().map(Arc::new).collect(),
            rng: fastrand::Rng::with_seed(7),
            identity: Arc::new(identity),
            families: Families::Dual,
            siblings: Arc::new(|_, _| None),
        });
        runner.plug_in(Arc::new(port.expect("attached")));
        (runner, stats)
    }

    fn start(runner: &mut ActivityRunner<FakePort>, activity: Activity) -> Arc<ClientRun> {
        let run = Arc::new(ClientRun::new(RunId(1), Arc::new(activity)));
        runner.start_run(Arc::clone(&run));
        run
    }

    async fn a_while() {
        tokio::time::sleep(Duration::from_secs(10)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_over_one_family_ends_with_that_and_not_with_the_other() {
        let (mut runner, _) = runner(&[]).await;
        runner.set_ipv4(Some(leased(7)));
        let over_ipv6 = start(&mut runner, ping(&SILENT6.to_string()));
        assert!(over_ipv6.has_ended(), "there is no IPv6 yet");
        runner.set_ipv6(Some(ipv6(7)));
        let over_ipv4 = start(&mut runner, ping(&SILENT.to_string()));
        let over_ipv6 = start(&mut runner, ping(&SILENT6.to_string()));
        a_while().await;
        runner.set_ipv6(None);
        a_while().await;
        assert!(over_ipv6.has_ended() && !over_ipv4.has_ended());
        runner.set_ipv6(Some(ipv6(8)));
        runner.set_ipv4(None);
        a_while().await;
        assert!(over_ipv4.has_ended());
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_waits_for_all_that_the_client_is_to_have_and_for_no_more_than_that() {
        let command = Activity {
            count: None,
            interval: Duration::from_secs(60),
            ..Activity::new(Kind::Command.read("true").expect("a command"))
        };
        let (mut runner, stats) = runner(std::slice::from_ref(&command)).await;
        let attempts = || {
            let figures = stats.activities();
            let mut of_all = figures.iter().map(|own| own.attempts());
            of_all.next().unwrap_or(0)
        };
        let a_minute = || tokio::time::sleep(Duration::from_secs(61));
        // One family is not all: neither what is done again and again begins, nor a run.
        runner.set_ipv4(Some(leased(7)));
        let once = Activity {
            count: Some(1),
            ..command.clone()
        };
        let run = start(&mut runner, once.clone());
        a_minute().await;
        assert_eq!((attempts(), run.has_ended()), (0, false));
        runner.set_ipv6(Some(ipv6(7)));
        runner.has_joined();
        a_minute().await;
        assert!(run.has_ended() && attempts() >= 2, "{}", attempts());
        // A family that goes away later stops nothing; and where all went, all is waited for again.
        runner.set_ipv6(None);
        let (before, run) = (attempts(), start(&mut runner, once.clone()));
        a_minute().await;
        assert!(run.has_ended(), "{before} {}", attempts());
        assert!(attempts() >= before + 2, "{before} {}", attempts());
        runner.go_offline();
        runner.has_joined();
        runner.set_ipv6(Some(ipv6(8)));
        let (before, run) = (attempts(), start(&mut runner, once));
        a_minute().await;
        assert_eq!((attempts(), run.has_ended()), (before, false));
        // It ends with the client's last family, and is told.
        runner.go_offline();
        assert!(run.has_ended());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_done_again_and_again_begins_anew_with_its_family_alone() {
        let activities = [SILENT.to_string(), SILENT6.to_string()].map(|text| ping(&text));
        let (mut runner, stats) = runner(&activities).await;
        runner.set_ipv4(Some(leased(7)));
        runner.set_ipv6(Some(ipv6(7)));
        // Of IPv6 all begins anew each time, so that no ping of a minute comes to its end.
        for last in 0..12 {
            a_while().await;
            runner.set_ipv6(Some(ipv6(100 + last)));
            // The same again changes nothing.
            runner.set_ipv6(Some(ipv6(100 + last)));
            runner.set_ipv4(Some(leased(7)));
        }
        let counted = |activity: &Activity| {
            let figures = stats.activities();
            let own = figures.iter().find(|own| own.subject == activity.subject);
            own.map_or(0, |own| own.attempts())
        };
        assert_eq!(activities.each_ref().map(counted), [1, 0]);
        // Another resolver or router is none of a ping's business.
        for last in 0..12 {
            a_while().await;
            runner.set_ipv6(Some(Ipv6Config {
                resolvers: vec![Ipv6Addr::from(last)],
                ..ipv6(111)
            }));
        }
        assert_eq!(counted(&activities[1]), 1);
    }
}
