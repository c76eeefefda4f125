//! `lanherd run`: the same as `up`, from a file.

use std::net::SocketAddr;
use std::path::PathBuf;

use lanherd::bounded;
use lanherd::identity::{PoolName, Seed};
use lanherd::metrics::RunLabel;
use lanherd::report::check_apart;
use lanherd::run::RunMode;
use lanherd::scenario::{Draft, SCHEMA, Scenario, Timespan, metrics_address};

use super::exit::{Exit, UsageError};
use super::push::PushOptions;
use super::screen::Screen;
use super::session::{Presentation, PresentedRun, Watching};

/// The largest scenario, in bytes.
const MOST: u64 = 1 << 20;

const AFTER_HELP: &str = "\
Examples:
  lanherd run scenario.toml
  lanherd run scenario.toml --label firmware=2.1 --report nightly.json --for 10m
  lanherd run --schema > lanherd.scenario-1.schema.json   then, as the first line of a scenario: #:schema ./lanherd.scenario-1.schema.json

A scenario is a TOML file; its keys are the options of `lanherd up`, without the dashes in front:
  parent = \"eth0\"
  clients = 10
  ping = [\"Google DNS\", \"router\"]
  for = \"10m\"

A table [soak] makes it a soak; its keys are the options that `lanherd soak` has beside those of `lanherd up`.

Options given here go before what the file says; a --label replaces the file's label of the same name and leaves the others. \
Paths in it are relative to the current folder. Succeeds as `lanherd up` does.";

/// Bring up a herd as a file says
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The scenario
    #[arg(value_name = "SCENARIO.toml", required_unless_present = "schema")]
    file: Option<PathBuf>,
    /// Print the JSON schema of scenario files, which editors read
    #[arg(long, exclusive = true)]
    schema: bool,
    #[command(flatten)]
    instead: Overrides,
    #[command(flatten)]
    presentation: Presentation,
    #[command(flatten)]
    watching: Watching,
    #[command(flatten)]
    push: PushOptions,
}

/// What may be said otherwise than in the file, without a new file: that which differs from one night to the next.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Instead of what the file says")]
struct Overrides {
    /// The pool's name
    #[arg(long, value_name = "NAME")]
    pool: Option<PoolName>,
    /// Go on with what the pool's last run left on a parent, if that was killed; in the lab nothing is left
    #[arg(long)]
    adopt: bool,
    /// How long to go on once each client has come online or failed
    #[arg(long = "for", value_name = "TIME")]
    hold: Option<Timespan>,
    /// From what MACs and random choices are derived
    #[arg(long, value_name = "N", value_parser = |text: &str| text.parse().map(Seed))]
    seed: Option<Seed>,
    /// Say this of the run in its metrics and its report, as `router_model=X`; may be given again
    #[arg(long, value_name = "NAME=VALUE")]
    label: Vec<RunLabel>,
    /// Write a report in JSON to this file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write a report for people to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Serve metrics and a live page here, such as 127.0.0.1:4373
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = metrics_address)]
    metrics: Option<SocketAddr>,
}

impl Overrides {
    fn apply(&self, draft: &mut Draft) {
        fn set<T: Clone>(value: &mut Option<T>, instead: Option<&T>) {
            if let Some(instead) = instead {
                *value = Some(instead.clone());
            }
        }
        set(&mut draft.pool, self.pool.as_ref());
        draft.adopt |= self.adopt && draft.parent.is_some();
        set(&mut draft.hold, self.hold.as_ref());
        set(&mut draft.seed, self.seed.as_ref());
        set(&mut draft.report, self.report.as_ref());
        set(&mut draft.html, self.html.as_ref());
        set(&mut draft.metrics, self.metrics.as_ref());
        draft
            .label
            .retain(|old| !self.label.iter().any(|new| new.name() == old.name()));
        draft.label.extend(self.label.iter().cloned());
    }
}

pub fn run(args: &Args, screen: &Screen) -> anyhow::Result<Exit> {
    let Some(path) = &args.file else {
        screen.data(SCHEMA.trim_end());
        return Ok(Exit::Well);
    };
    let file = path.display();
    let text = bounded::read_to_string(path, MOST).map_err(|error| {
        UsageError::because(format!("the scenario {file} cannot be read: {error}"))
    })?;
    let scenario = Scenario::from_toml_with(&text, |draft| args.instead.apply(draft))
        .map_err(|error| UsageError::because(format!("the scenario {file}, {error}")))?;
    let files = [
        ("the scenario", Some(path)),
        ("report", scenario.report.as_ref()),
        ("html", scenario.html.as_ref()),
    ];
    let files: Vec<_> = files
        .into_iter()
        .filter_map(|(name, path)| Some((name, path?.as_path())))
        .collect();
    check_apart(&files).map_err(UsageError::because)?;
    let mode = RunMode::of(&scenario);
    let presentation = args.presentation.watched(args.watching);
    PresentedRun::new(scenario, mode, presentation, screen)
        .pushing(args.push.clone())
        .run()
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    const FILE: &str = "lab = true\nclients = 3\npool = 'file'\nfor = '1m'\nseed = 1\nlabel = { firmware = '1', site = 'home' }\n\
                        report = 'file.json'\nhtml = 'file.html'\nmetrics = '127.0.0.1:1'\n";

    fn parameters(options: &[&str]) -> Value {
        let line = ["run", "scenario.toml"].iter().chain(options);
        let args = Line::try_parse_from(line).expect("options").args;
        let scenario = Scenario::from_toml_with(FILE, |draft| args.instead.apply(draft));
        serde_json::to_value(scenario.expect("a scenario")).expect("JSON")
    }

    #[test]
    fn each_option_goes_before_what_the_file_says_and_leaves_all_else() {
        let from_file = parameters(&[]);
        for (option, value, key, expected) in [
            ("--pool", "other", "pool", json!("other")),
            ("--for", "10m", "for", json!("10m")),
            ("--seed", "77", "seed", json!(77)),
            ("--report", "other.json", "report", json!("other.json")),
            ("--html", "other.html", "html", json!("other.html")),
            ("--metrics", "127.0.0.1:2", "metrics", json!("127.0.0.1:2")),
            (
                "--label",
                "firmware=2",
                "label",
                json!({"firmware": "2", "site": "home"}),
            ),
            (
                "--label",
                "night=3",
                "label",
                json!({"firmware": "1", "night": "3", "site": "home"}),
            ),
        ] {
            let mut wanted = from_file.clone();
            wanted[key] = expected;
            assert_ne!(wanted, from_file, "{option}");
            assert_eq!(parameters(&[option, value]), wanted, "{option}");
        }
    }

    #[test]
    fn a_herd_on_a_parent_is_taken_over_if_that_is_said_and_in_the_lab_nothing_is_left_to_take() {
        for (options, uplink, is_adopted) in [
            (&["run", "scenario.toml"][..], "parent = 'eth0'", false),
            (
                &["run", "scenario.toml", "--adopt"],
                "parent = 'eth0'",
                true,
            ),
            (&["run", "scenario.toml", "--adopt"], "lab = true", false),
        ] {
            let args = Line::try_parse_from(options).expect("options").args;
            let file = format!("{uplink}\nclients = 3\nfor = '1m'\n");
            let scenario = Scenario::from_toml_with(&file, |draft| args.instead.apply(draft));
            let adopt = scenario.map(|scenario| scenario.adopt);
            assert_eq!(adopt.ok(), Some(is_adopted), "{options:?} of {file}");
        }
    }

    #[test]
    fn a_file_is_needed_unless_only_the_schema_is_asked_for() {
        for (line, is_one) in [
            (&["run"][..], false),
            (&["run", "scenario.toml"], true),
            (&["run", "--schema"], true),
            (&["run", "--schema", "scenario.toml"], false),
            (&["run", "--for", "1m"], false),
        ] {
            assert_eq!(Line::try_parse_from(line).is_ok(), is_one, "{line:?}");
        }
    }

    #[test]
    fn what_is_given_may_repair_what_the_file_alone_would_be_refused_for() {
        let text = FILE.replace("for = '1m'", "for = '1s'\nping = ['router']\nevery = '2s'");
        assert!(Scenario::from_toml(&text).is_err());
        let line = Line::try_parse_from(["run", "scenario.toml", "--for", "10m"]).expect("options");
        let scenario = Scenario::from_toml_with(&text, |draft| line.args.instead.apply(draft));
        assert!(scenario.is_ok(), "{scenario:?}");
    }
}
