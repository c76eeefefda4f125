//! `lanherd bdd`: feature files, against the lab or a real router.

mod checking;
mod github;
mod init;
mod probing;
mod reporter;
mod writing;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::anyhow;
use clap::ArgGroup;
use lanherd::bdd::results::{LeftOutResult, Results, SuiteInfo};
use lanherd::bdd::suite::{LeftOut, ScenarioEntry, Suite, SuiteFilter, TagExpression};
use lanherd::bdd::{self, Options, SuiteSettings, SuiteUplink};
use lanherd::family::Families;
use lanherd::fault::{Aim, Fault};
use lanherd::http::{self, BoundServer, Guard, HttpError, Readiness, Ready};
use lanherd::identity::{PoolName, Seed};
use lanherd::lan::linux::MacvlanMode;
use lanherd::metrics::{Metrics, RunLabel, RunLabels};
use lanherd::run::{folder_warnings, machine_seed, raise_open_files};
use lanherd::sandbox;
use lanherd::scenario::Timespan;
use regex::Regex;
use tokio_util::sync::CancellationToken;

use self::reporter::ScenarioReporter;
use super::exit::{Exit, UsageError, causes};
use super::push::{PushOptions, Pusher};
use super::screen::Screen;
use super::{interrupt, runtime};

/// So many scenarios that did not pass are told of at most where the end of a run is.
const MOST_REASONS: usize = 100;

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
#[command(after_help = AFTER_HELP, group(ArgGroup::new("uplink")))]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct Args {
    /// Feature files, folders of them, lines of files as x.feature:10:20, and lists of these as @FILE [default: features]
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Give each scenario an embedded virtual router: needs no root, and nothing leaves the machine
    #[arg(long, group = "uplink")]
    lab: bool,
    /// The wired interface that the clients stand on, such as eth0
    #[arg(long, value_name = "NAME", group = "uplink")]
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
    #[arg(long, conflicts_with = "list")]
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
    /// Write the results with all figures, as JSON with a schema of its own, to this file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write the scenarios that did not pass to this file, as `file:line`; `lanherd bdd @FILE` runs them again
    #[arg(long, value_name = "FILE")]
    rerun: Option<PathBuf>,
    /// Say this of the run in its results and metrics, as `router_model=X`; may be given again
    #[arg(long, value_name = "NAME=VALUE")]
    label: Vec<RunLabel>,
    /// Serve metrics for Prometheus, /healthz and /readyz here while it runs, such as 127.0.0.1:9100
    ///
    /// There is no live page: each scenario has a herd of its own. Any other address than the loopback's needs --metrics-token-file or --web-config.
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
    /// Answer there only to whoever has the token in this file, which nobody else may read
    #[arg(long, value_name = "FILE", requires = "metrics")]
    metrics_token_file: Option<PathBuf>,
    /// Answer there over TLS, or only to users, as this file says, in the form of Prometheus' web.config
    #[arg(long, value_name = "FILE", requires = "metrics")]
    web_config: Option<PathBuf>,
    /// How the pool is called, and its namespaces after it; two runs on one machine need two names
    #[arg(long, value_name = "NAME", default_value_t = PoolName::default())]
    pool: PoolName,
    /// Do not ask for a DHCP server on --parent before the first scenario, as where none is to answer
    #[arg(long)]
    no_probe: bool,
    /// How often to tell what is being done, while a scenario runs
    #[arg(long, value_name = "TIME", default_value = "1m")]
    interval: Timespan,
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
    /// Which families clients are to have addresses of, where a scenario does not say: ipv4, ipv6 or dual [default: ipv4]
    #[arg(long = "family", value_name = "FAMILY", value_parser = lanherd::scenario::families)]
    families: Option<Families>,
    /// How clients see each other, where a scenario does not say: bridge, private, vepa or passthru [default: bridge]
    #[arg(long, value_name = "MODE")]
    mode: Option<MacvlanMode>,
    /// How long a client may take to get a lease, where a scenario does not say [default: 2m 30s]
    #[arg(long, value_name = "TIME")]
    lease_timeout: Option<Timespan>,
    /// The command that reboots the router, for 'When the router reboots' on a real one
    #[arg(long, value_name = "COMMAND", conflicts_with = "lab")]
    reboot: Option<String>,
    /// The command that takes the router's line down, for 'When the WAN goes down' on a real router
    #[arg(long, value_name = "COMMAND", conflicts_with = "lab")]
    wan_down: Option<String>,
    /// The command that brings the router's line up again, for 'When the WAN comes back' on a real router
    #[arg(long, value_name = "COMMAND", conflicts_with = "lab")]
    wan_up: Option<String>,
    /// The command that gives the LAN another prefix, for 'When the router advertises another prefix' on a real router
    #[arg(long, value_name = "COMMAND", conflicts_with = "lab")]
    renumber: Option<String>,
    /// Break the lab's router in this way for the whole run: features that pass then prove nothing; may be given again
    #[arg(long, value_name = "FAULT", requires = "lab", value_parser = router_fault)]
    lab_fault: Vec<Fault>,
    #[command(flatten)]
    push: PushOptions,
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
    let uplink = match (&args.parent, args.lab) {
        (Some(parent), _) => SuiteUplink::Parent(Some(parent.clone())),
        (None, true) => SuiteUplink::Lab(args.lab_fault.clone()),
        (None, false) => SuiteUplink::Parent(None),
    };
    if args.check {
        return Ok(checking::check(&whole, screen));
    }
    if is_nothing_again(paths, &whole) {
        screen.result("there is nothing to run again");
        return Ok(Exit::Well);
    }
    let choice = SuiteFilter {
        tags: args.tags.clone(),
        name: args.name.clone(),
    };
    let (suite, left_out) = whole.choose(&choice, &uplink);
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
    if uplink == SuiteUplink::Parent(None)
        && !suite.scenarios().all(|entry| names_an_interface(&entry))
    {
        return Err(UsageError::because(
            "say where: --lab, or --parent NAME, or in every scenario 'using macvlan on interface \"NAME\"'",
        ));
    }
    for reason in &reasons {
        screen.say(reason);
    }
    let labels = RunLabels::of(args.label.clone()).map_err(UsageError::because)?;
    writing::check(&args, screen)?;
    let plan = SuiteRun {
        left_out: to_be_told(&left_out),
        seed: args.seed.unwrap_or_else(machine_seed),
        labels: labels.identified(&args.pool, SystemTime::now()),
        args,
        suite,
        uplink,
    };
    if plan.suite.features.is_empty() {
        let results = plan.results_without_a_run();
        return Ok(plan.conclude(&results, false, screen));
    }
    probing::try_families(&plan)?;
    // Before the sandbox: the host's Prometheus is to reach it.
    let metrics = plan.bind_metrics()?;
    let pusher = plan.args.push.clone().start(&plan.args.pool)?;
    let of_folders = match plan.uplink {
        SuiteUplink::Lab(_) => {
            sandbox::enter()?;
            Vec::new()
        }
        SuiteUplink::Parent(_) => folder_warnings(),
    };
    for warning in raise_open_files().into_iter().chain(of_folders) {
        tracing::warn!("{warning}");
    }
    let runtime = runtime()?;
    let exit = runtime.block_on(plan.live(metrics, pusher, screen));
    runtime.shutdown_background();
    exit
}

/// Whether all that was named is lists without a line in them: after a run in which everything passed that is well.
fn is_nothing_again(paths: &[PathBuf], suite: &Suite) -> bool {
    let is_list = |path: &PathBuf| path.to_str().is_some_and(|text| text.starts_with('@'));
    paths.iter().all(is_list) && suite.features.is_empty() && suite.broken.is_empty()
}

/// How many scenarios are left out, for each reason.
fn reasons(left_out: &[(ScenarioEntry<'_>, LeftOut)]) -> Vec<String> {
    let mut counts: BTreeMap<LeftOut, usize> = BTreeMap::new();
    for (_, reason) in left_out {
        *counts.entry(*reason).or_default() += 1;
    }
    let words = counts.iter().map(|(reason, count)| reason.words(*count));
    words.collect()
}

/// What was left out and is worth a word in the results: what was not selected is not.
fn to_be_told(left_out: &[(ScenarioEntry<'_>, LeftOut)]) -> Vec<LeftOutResult> {
    let is_worth_it = |(_, reason): &&(ScenarioEntry<'_>, LeftOut)| {
        !matches!(reason, LeftOut::Tags | LeftOut::Name)
    };
    let told = left_out.iter().filter(is_worth_it);
    told.map(|(entry, reason)| LeftOutResult::new(entry, reason.reason(), false))
        .collect()
}

/// A run, as it is wanted.
struct SuiteRun {
    args: Args,
    suite: Suite,
    uplink: SuiteUplink,
    left_out: Vec<LeftOutResult>,
    seed: Seed,
    labels: RunLabels,
}

/// Whether the run is ready, for whoever asks: it is as long as it lasts.
struct SuiteReadiness;

impl Readiness for SuiteReadiness {
    async fn readiness(&self) -> Ready {
        Ready::Yes("feature files are being run".to_owned())
    }
}

impl SuiteRun {
    /// Where metrics are to be served, and for whom.
    fn bind_metrics(&self) -> anyhow::Result<Option<BoundServer>> {
        let Some(address) = self.args.metrics else {
            return Ok(None);
        };
        let token = self.args.metrics_token_file.as_deref();
        let guard = Guard::new(token, self.args.web_config.as_deref());
        match http::bind(address, guard.map_err(UsageError::because)?) {
            Ok(bound) => Ok(Some(bound)),
            Err(error @ HttpError::Unguarded(_)) => Err(UsageError::because(error)),
            Err(error) => Err(error.into()),
        }
    }

    fn about(&self) -> SuiteInfo {
        let faults = self.args.lab_fault.iter();
        SuiteInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            place: match &self.uplink {
                SuiteUplink::Lab(_) => "lab".to_owned(),
                SuiteUplink::Parent(parent) => parent.clone().unwrap_or_default(),
            },
            pool: self.args.pool.to_string(),
            seed: self.seed.0,
            labels: self
                .labels
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            lab_faults: faults.map(|fault| fault.as_str().to_owned()).collect(),
            lease_timeout: self.args.lease_timeout.map(|timeout| timeout.to_string()),
        }
    }

    /// Of a run that did not come to its first scenario.
    fn results_without_a_run(&self) -> Results {
        let mut results = Results::begin(SystemTime::now());
        results.about = self.about();
        results.left_out.clone_from(&self.left_out);
        results.add_broken(&self.suite.broken);
        results
    }

    async fn live(
        self,
        bound: Option<BoundServer>,
        mut pusher: Option<Pusher>,
        screen: &Screen,
    ) -> anyhow::Result<Exit> {
        let interrupt = interrupt::listen(screen)?;
        let counted = Metrics::of_run(&self.args.pool, self.seed, &self.labels)
            .map_err(|error| anyhow!("the metrics are not valid: {error}"))?;
        let server = match bound {
            Some(bound) => {
                let server = bound.serve(counted.clone(), SuiteReadiness)?;
                screen.say(&format!(
                    "metrics are at {}/metrics; there is no live page, as each scenario has a herd of its own",
                    server.url()
                ));
                Some(server)
            }
            None => None,
        };
        if let Some(pusher) = &mut pusher {
            pusher.begin(screen)?;
            pusher.handle().follow(counted.clone(), None);
        }
        let is_wanted = server.is_some() || pusher.is_some();
        let ended = self
            .run(is_wanted.then_some(counted), &interrupt, screen)
            .await;
        if let (Some(pusher), Ok((exit, reasons))) = (pusher, &ended) {
            pusher.finish(*exit, reasons, screen).await;
        }
        if let Some(server) = server {
            server.shut_down().await;
        }
        ended.map(|(exit, _)| exit)
    }

    /// Runs the features; how that ended, and what did not pass.
    async fn run(
        &self,
        metrics: Option<Metrics>,
        interrupt: &CancellationToken,
        screen: &Screen,
    ) -> anyhow::Result<(Exit, Vec<String>)> {
        if let SuiteUplink::Lab(_) = &self.uplink {
            probing::try_lab(self).await?;
        }
        if let SuiteUplink::Parent(Some(parent)) = &self.uplink
            && let Some(silence) = probing::try_parent(self, parent, interrupt, screen).await?
        {
            let mut results = self.results_without_a_run();
            results.add_silence(parent, &silence, self.suite.scenarios());
            screen.result(&format!("✘ {silence}"));
            let exit = self.conclude(&results, interrupt.is_cancelled(), screen);
            return Ok((exit, vec![silence.clone()]));
        }
        let args = &self.args;
        let options = Options {
            settings: SuiteSettings {
                uplink: self.uplink.clone(),
                seed: self.seed,
                lease_timeout: args.lease_timeout,
                families: args.families,
                mode: args.mode,
                reboot: args.reboot.clone(),
                wan_down: args.wan_down.clone(),
                wan_up: args.wan_up.clone(),
                renumber: args.renumber.clone(),
                pool: args.pool.clone(),
                labels: self.labels.clone(),
                metrics,
            },
            fail_fast: args.fail_fast,
            concurrency: args.concurrency.into(),
            retry: args.retry,
            retry_after: args.retry_after.map(|span| span.0),
            interval: Some(args.interval.0),
            about: self.about(),
            left_out: self.left_out.clone(),
        };
        let scenarios = self.suite.scenarios().count();
        let mut telling = ScenarioReporter::new(screen, scenarios, args.steps);
        let interrupted = interrupt.clone();
        let results = bdd::run(
            self.suite.clone(),
            options,
            Box::new(move |news| telling.tell(news)),
            async move { interrupted.cancelled().await },
        )
        .await;
        let exit = self.conclude(&results, interrupt.is_cancelled(), screen);
        let reasons = reporter::not_passed(&results).take(MOST_REASONS);
        Ok((exit, reasons.collect()))
    }

    /// Tells the results, and writes them.
    fn conclude(&self, results: &Results, interrupted: bool, screen: &Screen) -> Exit {
        screen.result(&reporter::summary(results));
        let mut errors = writing::write_all(&self.args, results, &self.suite);
        errors.extend(github::tell(results, screen));
        for error in &errors {
            screen.complain(&format!("error: {}", causes(error)));
        }
        if interrupted {
            Exit::Interrupted
        } else if !self.suite.broken.is_empty() {
            // Whatever the others came to: not all that was to be run was.
            Exit::Usage
        } else if !errors.is_empty() {
            Exit::Failed
        } else {
            Exit::of_results(results)
        }
    }
}

fn names_an_interface(entry: &ScenarioEntry<'_>) -> bool {
    entry
        .scenario
        .steps
        .iter()
        .any(|step| step.value.contains(" on interface "))
}
