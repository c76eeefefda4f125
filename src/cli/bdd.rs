//! `lanherd bdd`: feature files, against the lab or a real router.

mod checking;
mod init;
mod telling;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::Context as _;
use clap::ArgGroup;
use lanherd::bdd::results::Results;
use lanherd::bdd::suite::{Choice, Entry, LeftOut, Suite, TagExpression, rerun};
use lanherd::bdd::{self, Ground, Options, Settings, html, json, junit};
use lanherd::fault::{Aim, Fault};
use lanherd::identity::{PoolName, Seed};
use lanherd::lan::linux::{LanConfig, MacvlanMode};
use lanherd::pool::PoolConfig;
use lanherd::report::{check_writable, write_bytes};
use lanherd::sandbox;
use lanherd::scenario::Timespan;
use lanherd::stand::{Farewell, Stand};
use regex::Regex;

use self::telling::Telling;
use super::exit::{Exit, UsageError};
use super::interrupt::Interrupt;
use super::screen::Screen;
use super::session::machine_seed;
use super::{limits, runtime};

const AFTER_HELP: &str = "\
Examples:
  lanherd bdd --init features                       write a feature file to begin with, and a guide
  lanherd bdd features --lab                        run all that the lab can carry: no root, no router
  sudo lanherd bdd features --parent eth0 --junit results.xml
  lanherd bdd features --lab --tags '@leases and not @slow' --fail-fast
  lanherd bdd features --lab --lab-fault ping_loss  prove that a feature can fail
  lanherd bdd features --check                      is all of it Gherkin, and is every step known? runs nothing
  lanherd bdd features/joins.feature:12 --lab       the scenario on this line
  lanherd bdd @rerun.txt --lab                      what --rerun rerun.txt wrote: the scenarios that failed

`lanherd steps` lists what a feature file can say. Each scenario begins without clients and leaves nothing, whatever \
becomes of it. Left out are scenarios tagged @router or @internet on the lab, @lab on a real router, and @soak or \
@destructive unless --tags names that tag (other than with 'not'), or the scenario is named by its line.

Exit codes: 0 all passed, 1 some failed or have unknown steps, 2 usage, no scenario left to run, or a file that is no \
Gherkin (the others run all the same), 3 the environment cannot do it, 125 none failed but some are inconclusive (the \
tester itself was late), 130 interrupted.";

/// Run feature files (Gherkin) against the lab or a real router
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP, group(ArgGroup::new("ground")))]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct Args {
    /// Feature files, folders of them, lines of files as x.feature:10:20, and lists of these as @FILE [default: features]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Give each scenario an embedded virtual router: needs no root, and nothing leaves the machine
    #[arg(long, group = "ground")]
    lab: bool,
    /// The wired interface that the clients stand on, such as eth0
    #[arg(long, value_name = "NAME", group = "ground")]
    parent: Option<String>,
    /// Only scenarios with these tags, as '@leases and not (@slow or @soak)'
    #[arg(long, short = 't', value_name = "EXPRESSION")]
    tags: Option<TagExpression>,
    /// Only scenarios, or features, whose names match this regular expression
    #[arg(long, short = 'n', value_name = "REGEX")]
    name: Option<Regex>,
    /// List the scenarios that would run, and run none
    #[arg(long)]
    list: bool,
    /// Run nothing, but say what is no Gherkin and which steps are unknown: exit code 0 or 2; needs no privilege
    #[arg(long, conflicts_with_all = ["list", "lab", "parent"])]
    check: bool,
    /// Write a starter feature and a short guide into this folder, and run nothing
    #[arg(long, value_name = "DIR", exclusive = true)]
    init: Option<PathBuf>,
    /// Write the results as XML for build servers (junit) to this file
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the results as Cucumber's JSON to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the results as a page that opens offline to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the scenarios that did not pass to this file, as `file:line`; `lanherd bdd @FILE` runs them again
    #[arg(long, value_name = "FILE")]
    rerun: Option<PathBuf>,
    /// End with the first scenario that fails
    #[arg(long)]
    fail_fast: bool,
    /// Show the steps of scenarios that passed, too
    #[arg(long)]
    steps: bool,
    /// How many scenarios run side by side on the lab, each on one of its own
    #[arg(long, short = 'c', value_name = "N", default_value_t = 1, conflicts_with = "parent",
          value_parser = clap::value_parser!(u16).range(1..=26))]
    concurrency: u16,
    /// How often a scenario that failed is tried again, beside what its @retry tag says
    #[arg(long, value_name = "N")]
    retry: Option<usize>,
    /// How long to wait before that
    #[arg(long, value_name = "TIME", requires = "retry")]
    retry_after: Option<Timespan>,
    /// From what MACs and random choices are derived, where a scenario does not say [default: this machine's own]
    #[arg(long, value_name = "N", value_parser = |text: &str| text.parse().map(Seed))]
    seed: Option<Seed>,
    /// How clients see each other, where a scenario does not say: bridge, private, vepa or passthru [default: bridge]
    #[arg(long, value_name = "MODE")]
    mode: Option<MacvlanMode>,
    /// How long a client may take to get a lease, where a scenario does not say [default: 2m 30s]
    #[arg(long, value_name = "TIME")]
    lease_timeout: Option<Timespan>,
    /// The command that reboots the router, for 'When the router reboots' on a real one
    #[arg(long, value_name = "COMMAND", conflicts_with = "lab")]
    reboot: Option<String>,
    /// Break the lab's router in this way for the whole run: features that pass then prove nothing; may be given again
    #[arg(long, value_name = "FAULT", requires = "lab", value_parser = router_fault)]
    lab_fault: Vec<Fault>,
}

fn router_fault(text: &str) -> Result<Fault, String> {
    let fault: Fault = text
        .parse()
        .map_err(|error: lanherd::fault::FaultError| error.to_string())?;
    if fault.aim() == Aim::Router {
        return Ok(fault);
    }
    let of_router = Fault::ALL.iter().filter(|fault| fault.aim() == Aim::Router);
    let words: Vec<_> = of_router.map(|fault| fault.as_str()).collect();
    Err(format!(
        "it is not done to a router: use one of {}",
        words.join(", ")
    ))
}

pub fn run(args: Args, screen: &Screen) -> anyhow::Result<Exit> {
    if let Some(folder) = &args.init {
        return init::init(folder, screen);
    }
    let usual = [PathBuf::from("features")];
    let paths = if args.paths.is_empty() {
        &usual[..]
    } else {
        &args.paths
    };
    let whole = Suite::read(paths).map_err(UsageError::because)?;
    let ground = match (&args.parent, args.lab) {
        (Some(parent), _) => Ground::Parent(Some(parent.clone())),
        (None, true) => Ground::Lab(args.lab_fault.clone()),
        (None, false) => Ground::Parent(None),
    };
    if args.check {
        return Ok(checking::check(&whole, screen));
    }
    if is_nothing_again(paths, &whole) {
        screen.result("there is nothing to run again");
        return Ok(Exit::Well);
    }
    let choice = Choice {
        tags: args.tags.clone(),
        name: args.name.clone(),
    };
    let (suite, left_out) = whole.choose(&choice, &ground);
    let reasons = reasons(&left_out);
    if args.list {
        checking::list(&suite, &reasons, screen);
        return Ok(checking::verdict(&suite));
    }
    checking::complain(&suite, screen);
    if suite.features.is_empty() && suite.broken.is_empty() {
        let all = whole.scenarios().count();
        let why = if reasons.is_empty() {
            String::new()
        } else {
            format!(": {}", reasons.join("; "))
        };
        return Err(UsageError::because(format!(
            "of {all} scenarios none is left to run{why}"
        )));
    }
    if ground == Ground::Parent(None) && !suite.scenarios().all(|entry| names_an_interface(&entry))
    {
        return Err(UsageError::because(
            "say where: --lab, or --parent NAME, or in every scenario 'using macvlan on interface \"NAME\"'",
        ));
    }
    for reason in &reasons {
        screen.say(reason);
    }
    for path in [&args.junit, &args.json, &args.html, &args.rerun]
        .into_iter()
        .flatten()
    {
        check_writable(path).map_err(UsageError::because)?;
    }
    if suite.features.is_empty() {
        let mut results = Results::begin(SystemTime::now());
        results.add_broken(&suite.broken);
        let seed = args.seed.unwrap_or_else(machine_seed);
        return Ok(conclude(&args, &results, &suite, seed, false, screen));
    }
    if let Ground::Lab(_) = ground {
        sandbox::enter()?;
    }
    if let Some(warning) = limits::raise_open_files() {
        tracing::warn!("{warning}");
    }
    let runtime = runtime()?;
    let exit = runtime.block_on(live(args, suite, ground, screen));
    runtime.shutdown_background();
    exit
}

/// Whether all that was named is lists without a line in them: after a run in which everything passed that is well.
fn is_nothing_again(paths: &[PathBuf], suite: &Suite) -> bool {
    let is_list = |path: &PathBuf| path.to_str().is_some_and(|text| text.starts_with('@'));
    paths.iter().all(is_list) && suite.features.is_empty() && suite.broken.is_empty()
}

/// How many scenarios are left out, for each reason.
fn reasons(left_out: &[(Entry<'_>, LeftOut)]) -> Vec<String> {
    let mut counts: BTreeMap<LeftOut, usize> = BTreeMap::new();
    for (_, reason) in left_out {
        *counts.entry(*reason).or_default() += 1;
    }
    let words = counts.iter().map(|(reason, count)| reason.words(*count));
    words.collect()
}

async fn live(args: Args, suite: Suite, ground: Ground, screen: &Screen) -> anyhow::Result<Exit> {
    let interrupt = Interrupt::listen(screen)?;
    if let Ground::Parent(Some(parent)) = &ground {
        try_parent(parent, screen).await?;
    }
    let seed = args.seed.unwrap_or_else(machine_seed);
    let options = Options {
        settings: Settings {
            ground,
            seed,
            lease_timeout: args.lease_timeout,
            mode: args.mode,
            reboot: args.reboot.clone(),
        },
        fail_fast: args.fail_fast,
        concurrency: args.concurrency.into(),
        retry: args.retry,
        retry_after: args.retry_after.map(|span| span.0),
    };
    let scenarios = suite.scenarios().count();
    let written = suite.clone();
    let mut telling = Telling::new(screen, scenarios, args.steps);
    let mut comes = interrupt.clone();
    let results = bdd::run(
        suite,
        options,
        Box::new(move |news| telling.tell(news)),
        async move { comes.comes().await },
    )
    .await;
    let interrupted = interrupt.has_come();
    Ok(conclude(
        &args,
        &results,
        &written,
        seed,
        interrupted,
        screen,
    ))
}

/// Tells the results, and writes them.
fn conclude(
    args: &Args,
    results: &Results,
    suite: &Suite,
    seed: Seed,
    interrupted: bool,
    screen: &Screen,
) -> Exit {
    screen.result(&telling::summary(results));
    let errors = write_all(args, results, suite, seed);
    for error in &errors {
        screen.complain(&format!("error: {error:#}"));
    }
    if interrupted {
        Exit::Interrupted
    } else if !suite.broken.is_empty() {
        // Whatever the others came to: not all that was to be run was.
        Exit::Usage
    } else if !errors.is_empty() {
        Exit::Failed
    } else {
        Exit::of_results(results)
    }
}

/// Finds out before the first scenario whether there can be clients on the parent at all: if not, no scenario is to blame.
async fn try_parent(parent: &str, screen: &Screen) -> anyhow::Result<()> {
    let pool = PoolName::default();
    let lan = LanConfig::new(parent, pool.clone());
    let (stand, cleared) = Stand::open(None, lan, PoolConfig::new(pool)).await?;
    if !cleared.removed.is_empty() || !cleared.leases.is_empty() {
        screen.say(&format!(
            "removed {} things that a killed run had left, and released {} leases",
            cleared.removed.len(),
            cleared.released()
        ));
    }
    let mut farewell = Farewell::default();
    stand.tear_down(&mut farewell).await;
    stand.close(&mut farewell).await;
    Ok(())
}

fn names_an_interface(entry: &Entry<'_>) -> bool {
    entry
        .scenario
        .steps
        .iter()
        .any(|step| step.value.contains(" on interface "))
}

/// Writes what was asked for, each whatever became of the others; returns what could not be written.
fn write_all(args: &Args, results: &Results, suite: &Suite, seed: Seed) -> Vec<anyhow::Error> {
    let junit = |path: &PathBuf| -> anyhow::Result<()> {
        let mut text = Vec::new();
        junit::write(results, &mut text).context("the results could not be written as XML")?;
        Ok(write_bytes(path, &text)?)
    };
    let json = |path: &PathBuf| -> anyhow::Result<()> {
        let mut text = serde_json::to_vec_pretty(&json::document(results))?;
        text.push(b'\n');
        Ok(write_bytes(path, &text)?)
    };
    let html = |path: &PathBuf| -> anyhow::Result<()> {
        let page = html::page(results, "lanherd features", &parameters(args, seed));
        Ok(write_bytes(path, page.as_bytes())?)
    };
    let again = |path: &PathBuf| -> anyhow::Result<()> {
        Ok(write_bytes(path, rerun(results, suite).as_bytes())?)
    };
    let written = [
        args.rerun.as_ref().map(again),
        args.junit.as_ref().map(junit),
        args.json.as_ref().map(json),
        args.html.as_ref().map(html),
    ];
    written
        .into_iter()
        .flatten()
        .filter_map(Result::err)
        .collect()
}

fn parameters(args: &Args, seed: Seed) -> Vec<(String, String)> {
    let place = match &args.parent {
        Some(parent) => format!("parent {parent}"),
        None if args.lab => "the lab".to_owned(),
        None => "as each scenario says".to_owned(),
    };
    let mut all = vec![
        ("lanherd".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("on".to_owned(), place),
        ("seed".to_owned(), seed.to_string()),
    ];
    let faults: Vec<_> = args.lab_fault.iter().map(|fault| fault.as_str()).collect();
    if !faults.is_empty() {
        all.push(("faults of the lab".to_owned(), faults.join(", ")));
    }
    if let Some(timeout) = args.lease_timeout {
        all.push(("lease timeout".to_owned(), timeout.to_string()));
    }
    all
}
