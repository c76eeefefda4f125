//! A run of feature files from its first scenario to its last.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cucumber::gherkin::Feature;
use cucumber::{Cucumber, Parser, cli, parser, runner};
use futures::stream;

use super::expected::Expecting;
pub use super::recording::SuiteObserver;
use super::recording::{Recorder, Recording, lock};
use super::results::{FeatureResult, LeftOutResult, Results, ScenarioResult, SuiteInfo};
use super::suite::Suite;
use super::testbeds::{MOST_TESTBEDS, SuiteSettings, SuiteUplink, Testbeds};
use super::{World, vocabulary};
use crate::testbed::CloseReport;

/// How a suite is run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where, and what is the same for all scenarios.
    pub settings: SuiteSettings,
    /// Whether the first failure ends the run.
    pub fail_fast: bool,
    /// How many scenarios run side by side, each on a lab of its own; on a real router it is always one.
    pub concurrency: usize,
    /// How often a scenario that failed is tried again; `None`: as its tags say.
    pub retry: Option<usize>,
    /// How long to wait before that.
    pub retry_after: Option<Duration>,
    /// How often it is told what is being done, while it is; `None`: once a minute.
    pub interval: Option<Duration>,
    /// With what the run is made, for the results.
    pub about: SuiteInfo,
    /// What is not run, for the results.
    pub left_out: Vec<LeftOutResult>,
}

/// A reader of a log that stands still for longer takes the run for dead.
const INTERVAL: Duration = Duration::from_secs(60);

/// Something happened.
#[derive(Debug)]
pub enum SuiteEvent<'a> {
    /// A scenario has begun.
    Began {
        /// Its feature, as far as that has come.
        feature: &'a FeatureResult,
        /// It.
        scenario: &'a ScenarioResult,
    },
    /// A scenario is still under way.
    Goes {
        /// Its feature, as far as that has come.
        feature: &'a FeatureResult,
        /// It; the last of its steps is being done.
        scenario: &'a ScenarioResult,
        /// For how long.
        since: Duration,
        /// How its clients stand, if it has any: `30 of 40 clients online`.
        clients: Option<&'a str>,
    },
    /// A scenario has ended.
    Ended {
        /// Its feature, as far as that has come.
        feature: &'a FeatureResult,
        /// It.
        scenario: &'a ScenarioResult,
    },
}

/// The features, which were parsed before the run.
pub(super) struct Parsed;

impl Parser<Vec<Feature>> for Parsed {
    type Cli = cli::Empty;
    type Output = stream::Iter<std::vec::IntoIter<parser::Result<Feature>>>;

    fn parse(self, features: Vec<Feature>, _: cli::Empty) -> Self::Output {
        let parsed: Vec<_> = features.into_iter().map(Ok).collect();
        stream::iter(parsed)
    }
}

/// Runs a suite until it has ended, or until `interrupted` does; in both cases everything is closed when this returns.
pub async fn run(
    suite: Suite,
    options: Options,
    watcher: SuiteObserver,
    interrupted: impl Future<Output = ()>,
) -> Results {
    let began = Instant::now();
    let broken = suite.broken.clone();
    let side_by_side = match options.settings.uplink {
        SuiteUplink::Parent(_) => 1,
        SuiteUplink::Lab(_) => options.concurrency.clamp(1, MOST_TESTBEDS),
    };
    // In a lab that is bad on purpose clients fail on purpose.
    let is_bad = matches!(&options.settings.uplink, SuiteUplink::Lab(faults) if !faults.is_empty());
    let _expecting = is_bad.then(Expecting::begin);
    let testbeds = Testbeds::new(options.settings);
    let record = Arc::new(Mutex::new(Recording::new()));
    let watcher = Rc::new(RefCell::new(watcher));
    let recorder = Recorder::new(Arc::clone(&record), Rc::clone(&watcher));
    let (opened_by, noted) = (Arc::clone(&testbeds), Arc::clone(&record));
    let interval = options
        .interval
        .unwrap_or(INTERVAL)
        .max(Duration::from_millis(1));
    let (about, mut left_out) = (options.about, options.left_out);
    let all: Vec<_> = suite
        .scenarios()
        .map(|entry| LeftOutResult::new(&entry, "", true))
        .collect();
    let runner = runner::Basic::<World>::default()
        .max_concurrent_scenarios(side_by_side)
        .steps(vocabulary::collection())
        .before(move |_, _, _, world| {
            world.open_testbeds_in(Arc::clone(&opened_by));
            Box::pin(std::future::ready(()))
        })
        .after(move |_, _, scenario, _, world| {
            let noted = Arc::clone(&noted);
            Box::pin(async move {
                if let Some(world) = world {
                    let closed = world.close().await;
                    lock(&noted).note(scenario, world.notes());
                    complain_of(closed);
                }
            })
        });
    let options = cli::Opts {
        re_filter: None,
        tags_filter: None,
        parser: cli::Empty,
        runner: runner::basic::Cli {
            concurrency: None,
            fail_fast: options.fail_fast,
            retry: options.retry,
            retry_after: options.retry_after,
            retry_tag_filter: None,
        },
        writer: cli::Empty,
        custom: cli::Empty,
    };
    let cucumber =
        Cucumber::<World, _, _, _, _>::custom(Parsed, runner, recorder).with_cli(options);
    let mut cucumber = std::pin::pin!(cucumber.run(suite.features));
    let mut interrupted = std::pin::pin!(interrupted);
    let mut goes = tokio::time::interval(interval);
    goes.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    goes.tick().await;
    let mut unbegun = "not come to: the run ended with the first failure (--fail-fast)";
    loop {
        tokio::select! {
            _ = &mut cucumber => break,
            () = &mut interrupted => {
                lock(&record).interrupt();
                unbegun = "not come to: the run was interrupted";
                // Cucumber silences panics while it runs, and cannot end that any more.
                drop(std::panic::take_hook());
                break;
            }
            _ = goes.tick() => tell_what_goes_on(&record, &testbeds, &watcher).await,
        }
    }
    let closed = testbeds.close_all().await;
    let mut results = lock(&record).results.clone();
    results.duration = began.elapsed();
    results.troubles = closed.troubles;
    results.arrange();
    left_out.extend(
        all.into_iter()
            .filter(|one| !results.knows(&one.path, one.line))
            .map(|one| LeftOutResult {
                reason: unbegun.to_owned(),
                ..one
            }),
    );
    (results.about, results.left_out) = (about, left_out);
    results.add_broken(&broken);
    results
}

/// Tells of each scenario that is under way.
async fn tell_what_goes_on(
    record: &Mutex<Recording>,
    testbeds: &Testbeds,
    watcher: &RefCell<SuiteObserver>,
) {
    let clients = testbeds.clients().await;
    let record = lock(record);
    let running = record.running();
    // Which clients are whose is known where there is one scenario.
    let clients = clients.as_deref().filter(|_| running.len() == 1);
    for (feature, scenario, since) in running {
        (watcher.borrow_mut())(&SuiteEvent::Goes {
            feature,
            scenario,
            since,
            clients,
        });
    }
}

/// Fails a scenario of which something was left.
#[allow(clippy::panic, reason = "so cucumber wants to hear of what fails")]
fn complain_of(closed: Option<CloseReport>) {
    if let Some(closed) = closed
        && !closed.troubles.is_empty()
    {
        panic!("not everything was removed: {}", closed.troubles.join("; "));
    }
}
