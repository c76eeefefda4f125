//! Logs, to standard error.

use std::io::{self, IsTerminal};

use clap::ArgAction;
use tracing::level_filters::LevelFilter;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{DynFilterFn, dynamic_filter_fn};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use super::screen::{Format, Screen};

/// How much is logged, and how.
#[derive(Debug, Clone, Copy, clap::Args)]
#[command(next_help_heading = "Logging")]
pub struct Logging {
    /// Log more: -v what happens, -vv how, -vvv everything
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Say nothing but results and errors
    #[arg(short, long, global = true)]
    quiet: bool,
    /// How lines are written to standard error, progress and errors among them
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    log_format: Format,
}

impl Logging {
    /// Whether only results and errors are wanted.
    pub fn is_quiet(self) -> bool {
        self.quiet
    }

    /// How lines are written to standard error.
    pub fn format(self) -> Format {
        self.log_format
    }

    fn level(self) -> LevelFilter {
        match (self.quiet, self.verbose) {
            (true, _) => LevelFilter::ERROR,
            (false, 0) => LevelFilter::WARN,
            (false, 1) => LevelFilter::INFO,
            (false, 2) => LevelFilter::DEBUG,
            (false, _) => LevelFilter::TRACE,
        }
    }
}

/// Begins to log. Starts no thread.
pub fn start(logging: Logging, screen: &Screen) {
    let hides = logging.verbose == 0;
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(logging.level())
        .with_ansi(io::stderr().is_terminal())
        .with_writer(screen.clone());
    match logging.log_format {
        Format::Text => {
            let all = subscriber.with_target(false).finish();
            all.with(unexpected(hides)).init();
        }
        Format::Json => subscriber.json().finish().with(unexpected(hides)).init(),
    }
}

/// Leaves out, if it `hides` them, the warnings of what a feature file does to its own clients: the scenario says what came of it,
/// and whoever reads a log of a build is not to look for a second fault.
fn unexpected<S: Subscriber>(
    hides: bool,
) -> DynFilterFn<S, impl Fn(&Metadata<'_>, &Context<'_, S>) -> bool> {
    dynamic_filter_fn(move |metadata: &Metadata<'_>, _: &Context<'_, S>| {
        !(hides && is_expected(metadata))
    })
}

#[cfg(feature = "bdd")]
fn is_expected(metadata: &Metadata<'_>) -> bool {
    lanherd::bdd::is_expected(metadata.level(), metadata.target())
}

#[cfg(not(feature = "bdd"))]
fn is_expected(_: &Metadata<'_>) -> bool {
    false
}
