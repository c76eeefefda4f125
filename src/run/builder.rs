//! Runs that are put together in code.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::observer::{NoObserver, Observer};
use super::{Outcome, Run, RunError, RunMode};
use crate::activity::ping::PingSpec;
use crate::activity::{OverFamily, Subject};
use crate::chaos::ChaosPlan;
use crate::family::Families;
use crate::identity::{PoolName, Seed};
use crate::objective::Objective;
use crate::scenario::{ClientCount, Draft, Mistake, SoakDraft, Timespan};
use crate::target::Target;
use crate::units::Rate;

/// A run that is being put together: begun by [`Run::on_lab`] or [`Run::on_parent`], with one client unless more are asked
/// for. What is not said has the default of `lanherd up`.
///
/// Nothing is checked before [`RunBuilder::build`].
#[must_use]
pub struct RunBuilder {
    draft: Draft,
    clients: u32,
    once: Vec<PingSpec>,
    observer: Box<dyn Observer>,
    has_control: bool,
    enters_sandbox: bool,
}

impl RunBuilder {
    pub(super) fn new(parent: Option<&str>) -> Self {
        let draft = Draft {
            lab: parent.is_none(),
            parent: parent.map(ToOwned::to_owned),
            ..Draft::in_lab(ClientCount::ONE)
        };
        Self {
            draft,
            clients: 1,
            once: Vec::new(),
            observer: Box::new(NoObserver),
            has_control: false,
            enters_sandbox: true,
        }
    }

    /// How many clients join.
    pub fn clients(self, clients: u32) -> Self {
        Self { clients, ..self }
    }

    /// The name of the pool, with which the clients' names begin: `ns` where nothing else is said.
    pub fn pool(self, name: PoolName) -> Self {
        self.with(|draft| draft.pool = Some(name))
    }

    /// From what MACs and all random choices are derived: this machine's own seed where nothing else is said.
    pub fn seed(self, seed: Seed) -> Self {
        self.with(|draft| draft.seed = Some(seed))
    }

    /// Which families clients are to have addresses of: IPv4 where nothing else is said.
    pub fn families(self, families: Families) -> Self {
        self.with(|draft| draft.families = Some(families))
    }

    /// Each client does something to this whenever it is online, whatever kind of activity that is; may be said again. Each kind
    /// has a word of its own for it, as [`RunBuilder::ping`].
    pub fn activity(self, subject: impl Into<Subject>) -> Self {
        self.with(|draft| draft.activities.push(subject.into()))
    }

    /// The time from one attempt to the next of the same: a second where nothing else is said.
    pub fn every(self, interval: Duration) -> Self {
        self.with(|draft| draft.every = Some(Timespan(interval)))
    }

    /// How long the run goes on once each client has come online or failed; until it is cancelled where nothing is said.
    pub fn hold_for(self, time: Duration) -> Self {
        self.with(|draft| draft.hold = Some(Timespan(time)))
    }

    /// Each client pings this once, every ping must be answered, and the run is over; may be said again. Behind a target may stand
    /// which family it goes over, as in `OverFamily::new(Target::Router, Family::Ipv6)`.
    pub fn ping_once(mut self, target: impl Into<OverFamily<Target>>) -> Self {
        self.once.push(PingSpec::once(target));
        self
    }

    /// Makes the run a soak: the report is renewed on the way, and the end is compared with the beginning.
    pub fn soak(self) -> Self {
        self.with_soak(|_| {})
    }

    /// A soak in which so many clients leave in a time, each with a new one that takes its place.
    pub fn churn(self, rate: Rate) -> Self {
        self.with_soak(|soak| soak.churn = Some(rate))
    }

    /// A soak in which so many clients leave at once, again and again, and as many new ones come when they have gone. 0
    /// clients are none.
    pub fn storm(self, clients: u32, every: Duration) -> Self {
        self.with_soak(|soak| {
            soak.storm = NonZeroU32::new(clients);
            soak.storm_every = soak.storm.map(|_| Timespan(every));
        })
    }

    /// A soak in which so many clients fall silent in a time without releasing their leases, each with a new one that takes
    /// its place.
    pub fn vanish(self, rate: Rate) -> Self {
        self.with_soak(|soak| soak.vanish = Some(rate))
    }

    /// A soak that is looked at this often: once a minute where nothing else is said.
    pub fn look_every(self, interval: Duration) -> Self {
        self.with_soak(|soak| soak.interval = Some(Timespan(interval)))
    }

    /// A soak that fails if a figure is worse at its end than at its beginning by more than chance.
    pub fn fail_on_drift(self) -> Self {
        self.with_soak(|soak| soak.fail_on_drift = true)
    }

    /// Makes faults on purpose by this plan, once the herd has joined.
    pub fn chaos(self, plan: ChaosPlan) -> Self {
        self.with(|draft| draft.chaos = Some(plan))
    }

    /// The run fails if this is so in the end; may be said again.
    pub fn fail_if(self, objective: Objective) -> Self {
        self.with(|draft| draft.fail_if.push(objective))
    }

    /// Writes the report in JSON to this file, at the end, and during a soak at each look.
    pub fn report(self, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        self.with(|draft| draft.report = Some(path))
    }

    /// Writes the report as a page that opens offline to this file.
    pub fn html(self, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        self.with(|draft| draft.html = Some(path))
    }

    /// Serves metrics and a live page here while the run goes on.
    pub fn metrics(self, address: SocketAddr) -> Self {
        self.with(|draft| draft.metrics = Some(address))
    }

    /// Changes anything else that `lanherd up` and scenario files can say.
    pub fn with(mut self, change: impl FnOnce(&mut Draft)) -> Self {
        change(&mut self.draft);
        self
    }

    /// Tells this observer what happens.
    pub fn observer(self, observer: impl Observer + 'static) -> Self {
        Self {
            observer: Box::new(observer),
            ..self
        }
    }

    /// Is controlled over a socket while it runs, as [`Run::with_control_socket`] says.
    pub fn control_socket(self) -> Self {
        Self {
            has_control: true,
            ..self
        }
    }

    /// Enters no sandbox on the lab, as [`Run::without_sandbox`] says.
    pub fn no_sandbox(self) -> Self {
        Self {
            enters_sandbox: false,
            ..self
        }
    }

    fn with_soak(self, change: impl FnOnce(&mut SoakDraft)) -> Self {
        self.with(|draft| change(draft.soak.get_or_insert_default()))
    }

    /// Checks that all of it makes sense together.
    pub fn build(self) -> Result<Run, RunError> {
        let mut draft = self.draft;
        draft.clients =
            Some(ClientCount::try_from(i64::from(self.clients)).map_err(Mistake::Clients)?);
        let scenario = draft.check()?;
        let mode = if self.once.is_empty() {
            RunMode::of(&scenario)
        } else {
            RunMode::PingOnce(self.once)
        };
        let mut run = Run::new(scenario).with_mode(mode);
        run.observer = self.observer;
        run.has_control = self.has_control;
        run.enters_sandbox = self.enters_sandbox;
        Ok(run)
    }

    /// Builds the run and runs it to its end: see [`Run::block`].
    pub fn block(self) -> Result<Outcome, RunError> {
        self.build()?.block()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::Kind;
    use crate::scenario::Scenario;

    #[test]
    fn what_is_put_together_in_code_is_what_a_scenario_file_says() {
        let connect: Subject = Kind::Connect.read("router:80").expect("a port");
        let run = Run::on_lab()
            .clients(20)
            .seed(Seed(7))
            .ping(Target::Router)
            .run_command("true")
            .activity(connect)
            .every(Duration::from_millis(500))
            .hold_for(Duration::from_secs(60))
            .churn("10/m".parse().expect("a rate"))
            .storm(5, Duration::from_secs(20))
            .vanish("2/m".parse().expect("a rate"))
            .look_every(Duration::from_secs(5))
            .fail_on_drift()
            .chaos("every 10s: crash".parse().expect("a plan"))
            .fail_if("packet loss > 1 %".parse().expect("an objective"))
            .report("soak.json")
            .html("soak.html")
            .build()
            .expect("a run");
        let same = Scenario::from_toml(
            "lab = true\nclients = 20\nseed = 7\nping = ['router']\nrun-command = ['true']\nconnect = ['router:80']\nevery = '500ms'\nfor = '60s'\n\
             fail-if = ['packet loss > 1 %']\nreport = 'soak.json'\nhtml = 'soak.html'\n\
             [soak]\nchurn = '10/m'\nstorm = 5\nstorm-every = '20s'\nvanish = '2/m'\ninterval = '5s'\nfail-on-drift = true\n\
             [chaos]\nevery = '10s'\nfaults = ['crash']\n",
        );
        assert_eq!(run.scenario, same.expect("a scenario"));
        assert!(matches!(run.mode, RunMode::Soak(_)), "{:?}", run.mode);
    }

    #[test]
    fn a_run_is_on_the_parent_that_is_named_and_pings_once_only_if_that_is_said() {
        let run = Run::on_parent("eth0").clients(3).build().expect("a run");
        assert_eq!(run.scenario.uplink.parent(), "eth0");
        assert!(matches!(run.mode, RunMode::Hold), "{:?}", run.mode);
        let run = Run::on_lab().ping_once(Target::Router).build();
        let mode = run.expect("a run").mode;
        assert!(matches!(mode, RunMode::PingOnce(_)), "{mode:?}");
    }

    #[test]
    fn what_makes_no_sense_together_is_refused_as_the_callers_mistake_with_the_remedy() {
        let minute = Duration::from_secs(60);
        for (run, says) in [
            (
                Run::on_lab().clients(0),
                "a herd cannot have 0 clients: ask for 1 to",
            ),
            (
                Run::on_lab().clients(3).storm(5, minute),
                "5 clients cannot leave a herd of 3",
            ),
            (
                Run::on_lab()
                    .ping(Target::Router)
                    .every(minute)
                    .hold_for(Duration::from_secs(1)),
                "1s",
            ),
        ] {
            let error = run.build().expect_err(says);
            assert!(error.is_usage(), "{error}");
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
