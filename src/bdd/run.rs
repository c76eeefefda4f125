//! A run of feature files from its first scenario to its last.

use std::cell::RefCell;
use std::panic;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cucumber::{Runner as _, runner};
use futures::{StreamExt as _, stream};

use super::definition;
use super::event::SuiteObserver;
use super::expected::Expecting;
use super::recording::Recording;
use super::results::{LeftOutResult, Results, SuiteInfo};
use super::suite::Suite;
use super::testbeds::{MOST_TESTBEDS, SuiteSettings, SuiteUplink, Testbeds};
use super::{Complaint, World, vocabulary};
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

/// Runs a suite until it has ended, or until `interrupted` does; in both cases everything is closed when this returns.
pub async fn run(
    suite: Suite,
    options: Options,
    mut observer: SuiteObserver,
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
    let recording = Rc::new(RefCell::new(Recording::new()));
    let interval = options
        .interval
        .unwrap_or(INTERVAL)
        .max(Duration::from_millis(1));
    let (about, mut left_out) = (options.about, options.left_out);
    let all: Vec<_> = suite
        .scenarios()
        .map(|entry| LeftOutResult::new(&entry, "", true))
        .collect();
    let (opened_by, noted_by) = (Arc::clone(&testbeds), Rc::clone(&recording));
    let mut events = runner::Basic::<World>::default()
        .max_concurrent_scenarios(side_by_side)
        .steps(vocabulary::collection())
        .before(move |_, _, _, world| {
            world.open_testbeds_in(Arc::clone(&opened_by));
            Box::pin(std::future::ready(()))
        })
        .after(move |_, _, scenario, _, world| {
            let recording = Rc::clone(&noted_by);
            Box::pin(async move {
                if let Some(world) = world {
                    let closed = world.close().await;
                    recording.borrow_mut().note(scenario, world.notes());
                    definition::end(all_removed(closed));
                }
            })
        })
        .run(
            stream::iter(suite.features.into_iter().map(Ok)),
            runner::basic::Cli {
                fail_fast: options.fail_fast,
                retry: options.retry,
                retry_after: options.retry_after,
                ..runner::basic::Cli::default()
            },
        );
    let hook: Arc<PanicHook> = panic::take_hook().into();
    hear_panics(&hook);
    let mut interrupted = std::pin::pin!(interrupted);
    let mut goes = tokio::time::interval(interval);
    goes.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    goes.tick().await;
    let mut unbegun = "not come to: the run ended with the first failure (--fail-fast)";
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(event) => recording.borrow_mut().take_in(event, &mut observer),
                None => break,
            },
            () = &mut interrupted => {
                recording.borrow_mut().interrupt();
                unbegun = "not come to: the run was interrupted";
                // Cucumber silences panics while it runs, and cannot end that once it is given up.
                hear_panics(&hook);
                break;
            }
            _ = goes.tick() => {
                let clients = testbeds.clients().await;
                recording.borrow().tell_what_goes_on(clients.as_deref(), &mut observer);
            }
        }
    }
    let closed = testbeds.close_all().await;
    let mut results = recording.borrow().results.clone();
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

/// What is done when something panics.
type PanicHook = dyn Fn(&panic::PanicHookInfo<'_>) + Sync + Send;

/// Lets that be done from now on.
fn hear_panics(hook: &Arc<PanicHook>) {
    let hook = Arc::clone(hook);
    panic::set_hook(Box::new(move |panic| hook(panic)));
}

/// Whether nothing of a scenario was left.
fn all_removed(closed: Option<CloseReport>) -> Result<(), Complaint> {
    match closed {
        Some(closed) if !closed.troubles.is_empty() => Err(Complaint::new(format!(
            "not everything was removed: {}",
            closed.troubles.join("; ")
        ))),
        _ => Ok(()),
    }
}
