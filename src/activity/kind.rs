//! What a kind of activity says of itself: once, in its own file, for all that reads, counts or shows activities.

use std::borrow::Cow;
use std::fmt::{Debug, Display};
use std::time::Duration;

use super::{AttemptOutcome, ClientContext, Detail, FamilyChoice, Subject};
use crate::blame::Blame;
use crate::family::{Families, Family};
use crate::identity::ClientNumber;
use crate::lan::Port;
use lanherd_stream::rates::Rates;

/// A kind of activity, by the type of what it is done to: a name for lookups, a URL for fetches.
pub trait ActivityKind: Debug + Display + Clone + Eq + Ord + Send + Sync + 'static {
    /// How it reads, what may come of it, and what is measured of it.
    const ABOUT: About;
    /// How long one attempt may take where nothing else is said.
    const TIMEOUT: Duration;
    /// How many attempts of one client may be in flight.
    const MOST_IN_FLIGHT: usize;
    /// How many files of the tester are open while one attempt is in flight.
    const FILES: u64;

    /// What is known of its attempts beside what all kinds have in common.
    type Detail: KindDetail;

    /// Reads what it is done to, as people write it.
    ///
    /// # Errors
    /// Why the text is none, with the remedy.
    fn read(text: &str) -> Result<Self, String>;

    /// Does it once, within `timeout`.
    fn attempt<P: Port>(
        &self,
        timeout: Duration,
        client: &ClientContext<P>,
    ) -> impl Future<Output = AttemptOutcome> + Send;

    /// Whether it is done from the prefix that is delegated to the client.
    fn is_from_delegated(&self) -> bool {
        false
    }

    /// Over which family it is done by a client that is to have these.
    fn family_choice(&self, families: Families) -> FamilyChoice {
        FamilyChoice::usual(families)
    }

    /// The longest that one attempt can last, all its parts together.
    fn patience(&self, timeout: Duration) -> Duration {
        timeout
    }

    /// What it is done to, where it begins a sentence of its own.
    fn quoted(&self) -> String {
        self.to_string()
    }

    /// What is known before the first attempt.
    fn detail(&self) -> Self::Detail {
        Self::Detail::default()
    }

    /// The client of the herd that it is done to, where it is one.
    fn client(&self) -> Option<ClientNumber> {
        None
    }
}

/// What is known of attempts of one kind beside what all kinds have in common: of one attempt, and of many.
pub trait KindDetail: Debug + Clone + Default + PartialEq + serde::Serialize {
    /// Takes in what is known of a further attempt.
    fn record(&mut self, attempt: &Self);

    /// Takes in what is known of other attempts, of any client.
    fn add(&mut self, others: &Self);

    /// The family that the attempt went over, where it says so.
    fn family(&self) -> Option<Family> {
        None
    }
}

/// How a kind reads, what may come of it, and what is measured of it.
///
/// These words are an interface: they stand in reports, metrics, options, scenario files, feature files and objectives.
#[derive(Debug)]
pub struct About {
    /// The kind, in keys: `dns` in `dns_ms`.
    pub word: &'static str,
    /// Its option, and its key in scenario files: `resolve`.
    pub option: CommandLineOption,
    /// What a client does, before what it does it to: `resolve`. Traffic mixes of feature files name it so.
    pub verb: &'static str,
    /// One time of it: `lookup`.
    pub one: &'static str,
    /// Several: `lookups`. Lists in reports are called so.
    pub many: &'static str,
    /// What those did that went well: `succeeded`.
    pub succeeded: &'static str,
    /// The same as a sentence has it: `were answered`.
    pub did_well: &'static str,
    /// What the others did: `failed`.
    pub failed: &'static str,
    /// Those that went well: `lookups that found an address`.
    pub well: &'static str,
    /// That there was none: `no name was looked up`.
    pub none: &'static str,
    /// What is done to what it is done to: `looked up`.
    pub done: &'static str,
    /// How it is said that clients do it, before what they do it to: `lookups of`.
    pub of: &'static str,
    /// How long it takes.
    pub time: Time,
    /// That it fails.
    pub failures: Failures,
    /// Why an attempt may come to no answer: a closed list, `offline` and `tester` among them.
    pub causes: &'static [Cause],
    /// Answers that are no success, and have a word.
    pub bad_answers: &'static [&'static str],
    /// What is counted beside attempts and successes.
    pub counts: &'static [Count],
    /// Rates that are measured, in bits a second.
    pub rates: &'static [RateFigure],
    /// The families of metrics.
    pub metrics: MetricFamilies,
    /// How an entry of a report is laid out.
    pub layout: Layout,
    /// What a command has printed, where that is what it is about.
    pub output: Option<fn(&Detail) -> &str>,
}

/// An option of the command line.
#[derive(Debug)]
pub struct CommandLineOption {
    /// Without the dashes: `resolve`.
    pub name: &'static str,
    /// What stands for its value: `NAME`.
    pub value: &'static str,
    /// What `--help` says of it, the first line of it `-h`.
    pub help: &'static str,
    /// What `--help` says below that.
    pub more: Option<&'static str>,
}

/// How long a kind takes.
#[derive(Debug)]
pub struct Time {
    /// What is measured, in the words of objectives: `DNS lookup time`.
    pub signal: &'static str,
    /// The same in one word of report and comparison: `dns_time`.
    pub figure: &'static str,
    /// Other names of it in objectives.
    pub aliases: &'static [&'static str],
    /// What is in it, where its name does not say so: `all phases`.
    pub hint: Option<&'static str>,
    /// What stands above a chart of it.
    pub chart: &'static str,
    /// How often at most the tester, or a lab on the same machine, has to wake for one of these: each time may be late.
    pub waits: u32,
    /// In milliseconds: a median that has become longer by less has not drifted.
    pub drift_floor_ms: f64,
}

/// How it is said that a kind fails.
#[derive(Debug)]
pub struct Failures {
    /// In objectives: `failed lookups`.
    pub objective: &'static str,
    /// As the subject of a sentence: `the share of failed lookups`.
    pub share: &'static str,
    /// Whether an objective may bound their number, and not their share alone.
    pub are_counted: bool,
    /// In one word of the comparison: `dns_failures`.
    pub figure: &'static str,
    /// In tables: `failed lookups`.
    pub label: &'static str,
    /// What stands above a chart of them.
    pub chart: &'static str,
}

/// Why an attempt may come to no answer.
#[derive(Debug, Clone, Copy)]
pub struct Cause {
    /// In one word: that of metrics, reports and feature files.
    pub word: &'static str,
    /// Who is to blame.
    pub blame: Blame,
    /// Whether time was over: then it may be the tester's doing.
    pub is_late: bool,
}

/// Something that is counted beside attempts and successes.
#[derive(Debug)]
pub struct Count {
    /// Its key among the totals of a report.
    pub total: &'static str,
    /// Its metric, without the prefix, and what that is.
    pub metric: (&'static str, &'static str),
    /// Its objective, where there is one.
    pub objective: Option<CountObjective>,
    /// How many there are.
    pub of: fn(&Detail) -> u64,
}

/// A rate that is measured, in bits a second, and can be an objective.
#[derive(Debug)]
pub struct RateFigure {
    /// Its name in objectives: `goodput`.
    pub name: &'static str,
    /// Adds those of a detail.
    pub of: fn(&Detail, &mut Rates),
}

impl PartialEq for RateFigure {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// An objective about a number that is best low.
#[derive(Debug, PartialEq, Eq)]
pub struct CountObjective {
    /// Its name: `duplicate pings`.
    pub name: &'static str,
    /// What there were so many of: `answers to pings that had been answered already`.
    pub what: &'static str,
    /// In a line that sums up, and its key in an entry of a report: `duplicates`.
    pub short: &'static str,
}

/// The families of metrics of a kind, without the prefix. Their series appear before the first attempt.
#[derive(Debug)]
pub struct MetricFamilies {
    /// Labels of each of them, with the values that they have of a subject over a family: bounded, and never a client.
    pub labels: &'static [&'static str],
    /// The values of these labels.
    pub values: fn(&Subject, Family) -> Vec<String>,
    /// How long attempts took that came to an answer.
    pub time: Histogram,
    /// Attempts that came to an answer; `None`: the histogram counts them.
    pub answers: Option<Counter>,
    /// Attempts that did not, by cause.
    pub failures: Counter,
    /// A gauge of each client, where these are wanted: its name, and what it is. The median of the times of all its attempts.
    pub of_each_client: Option<(&'static str, &'static str)>,
}

/// A family of histograms.
#[derive(Debug)]
pub struct Histogram {
    /// The name of the family, without the prefix.
    pub name: &'static str,
    /// What it counts, as `# HELP` says.
    pub help: &'static str,
    /// The upper bounds of its buckets.
    pub buckets: Buckets,
    /// What is told of an attempt.
    pub observed: Observed,
}

/// What a family of histograms tells of an attempt.
#[derive(Debug, Clone, Copy)]
pub enum Observed {
    /// How long all of it took.
    Whole,
    /// The same, under a label that always has one value.
    Under(&'static str, &'static str),
    /// How long each of these phases took, under this label.
    Phases(&'static str, &'static [&'static str]),
}

/// The buckets of a histogram.
#[derive(Debug, Clone, Copy)]
pub enum Buckets {
    /// For round trips: from 50 µs to 26 s.
    RoundTrips,
    /// For what takes longer: from 1 ms to 131 s.
    Long,
}

/// A family of counters by what came of attempts.
#[derive(Debug)]
pub struct Counter {
    /// Its name. Answers and failures may be of one family.
    pub name: &'static str,
    /// What it is.
    pub help: &'static str,
    /// The label that says what came of it.
    pub label: &'static str,
    /// All values of it; for failures the causes.
    pub values: &'static [&'static str],
    /// The value for an answer.
    pub value: fn(&str) -> Cow<'_, str>,
}

/// How an entry of a report is laid out.
#[derive(Debug)]
pub struct Layout {
    /// The key of what it is done to: `name`.
    pub subject: &'static str,
    /// The key of how many succeeded, also in totals and in a line of a soak.
    pub succeeded: &'static str,
    /// The key of those that did not, by cause.
    pub failed: &'static str,
    /// The key of the answers, by what was said: `rcodes`.
    pub answers: Option<&'static str>,
    /// Whether the times of phases are told.
    pub has_phases: bool,
    /// How the times stand in it.
    pub times: TimeLayout,
}

/// How times stand in an entry of a report, and in a line of a soak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeLayout {
    /// As an object, `time_ms`; with the number of attempts, and the latest failure.
    Apart,
    /// Beside all else, as pings have had it from the first report on; in a line of a soak under this name.
    Beside(&'static str),
}

impl About {
    /// The cause of this word.
    pub fn cause(&self, word: &str) -> Option<&'static Cause> {
        self.causes.iter().find(|cause| cause.word == word)
    }
}

impl Cause {
    /// One that no lateness makes.
    pub const fn new(word: &'static str, blame: Blame) -> Self {
        Self {
            word,
            blame,
            is_late: false,
        }
    }

    /// One that says that time was over.
    pub const fn late(word: &'static str, blame: Blame) -> Self {
        Self {
            word,
            blame,
            is_late: true,
        }
    }

    /// The client was not online.
    pub const OFFLINE: Self = Self::new("offline", Blame::Client);
    /// The tester's own host failed.
    pub const TESTER: Self = Self::new("tester", Blame::Tester);
}

impl Counter {
    /// Of failures alone.
    pub const fn by_cause(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            help,
            label: "cause",
            values: &[],
            value: |cause| Cow::Borrowed(cause),
        }
    }
}

/// The list of a kind's causes, of the enum of their words, with a function `blame` beside it: those named here say that time was over.
macro_rules! causes {
    ($causes:ident, late: $($late:ident),+) => {{
        const ALL: [$crate::activity::kind::Cause; $causes::ALL.len()] = {
            let mut all = [$crate::activity::kind::Cause::OFFLINE; $causes::ALL.len()];
            let mut at = 0;
            while at < all.len() {
                let cause = $causes::ALL[at];
                all[at] = $crate::activity::kind::Cause {
                    word: cause.as_str(),
                    blame: blame(cause),
                    is_late: matches!(cause, $($causes::$late)|+),
                };
                at += 1;
            }
            all
        };
        &ALL
    }};
}
pub(super) use causes;
