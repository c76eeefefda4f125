//! A run of feature files from its first scenario to its last.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cucumber::gherkin::Feature;
use cucumber::{Cucumber, Parser, cli, parser, runner};
use futures::stream;

use super::estate::{Estate, Ground, MOST_PLACES, Settings};
pub use super::recording::Watcher;
use super::recording::{Record, Recorder, lock};
use super::results::{FeatureResult, Results, ScenarioResult};
use super::suite::Suite;
use super::{World, vocabulary};

/// How a suite is run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where, and what is the same for all scenarios.
    pub settings: Settings,
    /// Whether the first failure ends the run.
    pub fail_fast: bool,
    /// How many scenarios run side by side, each on a lab of its own; on a real router it is always one.
    pub concurrency: usize,
    /// How often a scenario that failed is tried again; `None`: as its tags say.
    pub retry: Option<usize>,
    /// How long to wait before that.
    pub retry_after: Option<Duration>,
}

/// Something happened.
#[derive(Debug)]
pub enum News<'a> {
    /// A scenario has begun.
    Began {
        /// Its feature, as far as that has come.
        feature: &'a FeatureResult,
        /// It.
        scenario: &'a ScenarioResult,
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
    watcher: Watcher,
    interrupted: impl Future<Output = ()>,
) -> Results {
    let began = Instant::now();
    let broken = suite.broken.clone();
    let side_by_side = match options.settings.ground {
        Ground::Parent(_) => 1,
        Ground::Lab(_) => options.concurrency.clamp(1, MOST_PLACES),
    };
    let estate = Estate::new(options.settings);
    let record = Arc::new(Mutex::new(Record::new()));
    let recorder = Recorder::new(Arc::clone(&record), watcher);
    let settled = Arc::clone(&estate);
    let runner = runner::Basic::<World>::default()
        .max_concurrent_scenarios(side_by_side)
        .steps(vocabulary::collection())
        .before(move |_, _, _, world| {
            world.settle(Arc::clone(&settled));
            Box::pin(std::future::ready(()))
        })
        .after(|_, _, _, _, world| {
            Box::pin(async move {
                if let Some(world) = world {
                    close(world).await;
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
    tokio::select! {
        _ = cucumber.run(suite.features) => {}
        () = interrupted => {
            lock(&record).interrupt();
            // Cucumber silences panics while it runs, and cannot end that any more.
            drop(std::panic::take_hook());
        }
    }
    let farewell = estate.close_all().await;
    let mut results = lock(&record).results.clone();
    results.duration = began.elapsed();
    results.troubles = farewell.troubles;
    results.add_broken(&broken);
    results
}

/// Closes a scenario's place, and fails the scenario if something was left.
#[allow(clippy::panic, reason = "so cucumber wants to hear of what fails")]
async fn close(world: &mut World) {
    if let Some(farewell) = world.close().await
        && !farewell.troubles.is_empty()
    {
        panic!(
            "not everything was removed: {}",
            farewell.troubles.join("; ")
        );
    }
}
