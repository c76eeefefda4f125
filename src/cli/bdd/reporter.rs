//! What is told of feature files while they run, and at the end.

use std::fmt::Write as _;
use std::time::Duration;

use lanherd::bdd::SuiteEvent;
use lanherd::bdd::results::{Outcome, Results, ScenarioResult, StepResult};

use crate::cli::screen::{Audience, Screen};

/// Tells of each scenario as it ends.
pub struct ScenarioReporter {
    screen: Screen,
    scenarios: usize,
    told: usize,
    all_steps: bool,
    feature: Option<String>,
}

impl ScenarioReporter {
    /// Of so many scenarios.
    pub fn new(screen: &Screen, scenarios: usize, all_steps: bool) -> Self {
        Self {
            screen: screen.clone(),
            scenarios,
            told: 0,
            all_steps,
            feature: None,
        }
    }

    pub fn tell(&mut self, news: &SuiteEvent<'_>) {
        let mut text = String::new();
        match news {
            SuiteEvent::Began { feature, scenario } => {
                // Who looks on is told what he waits for. In a log, where standard error stands between the results, it is told
                // of what takes longer.
                if self.screen.audience() == Audience::Person {
                    self.screen
                        .say(&format!("running: {}: {}", feature.name, scenario.name));
                }
                return;
            }
            SuiteEvent::Goes {
                scenario,
                since,
                clients,
                ..
            } => {
                self.screen.say(&goes(scenario, *since, *clients));
                return;
            }
            SuiteEvent::Ended { feature, scenario } => {
                // One that is tried again is one scenario all the same.
                if scenario.tries == 1 {
                    self.told += 1;
                }
                if self.feature.as_deref() != Some(&feature.path) {
                    self.feature = Some(feature.path.clone());
                    // Writing to a string cannot fail.
                    let _ = writeln!(text, "{} ({})", feature.name, feature.path);
                }
                self.scenario(&mut text, scenario);
            }
        }
        self.screen.result(text.trim_end());
    }

    fn scenario(&self, text: &mut String, scenario: &ScenarioResult) {
        let tries = match scenario.tries {
            0 | 1 => String::new(),
            tries => format!(", tried {tries} times"),
        };
        let _ = writeln!(
            text,
            "  {} {} ({}{tries}) [{}/{}]",
            mark(scenario.outcome),
            scenario.name,
            seconds(scenario.duration),
            self.told,
            self.scenarios,
        );
        for finding in &scenario.findings {
            let _ = writeln!(text, "      {}", finding.text);
        }
        if scenario.outcome == Outcome::Passed && !self.all_steps {
            return;
        }
        for one in &scenario.steps {
            step(text, one);
        }
        for trouble in &scenario.troubles {
            let _ = writeln!(text, "      {}", indented(trouble, 6));
        }
    }
}

/// What is being done, for how long it has been: `still running after 2m: Churn: When 3m pass; 40 of 40 clients online`.
fn goes(scenario: &ScenarioResult, since: Duration, clients: Option<&str>) -> String {
    let since = Duration::from_secs(since.as_secs());
    let mut text = format!(
        "still running after {}: {}",
        humantime::format_duration(since),
        scenario.name
    );
    if let Some(step) = scenario.steps.last() {
        let _ = write!(text, ": {} {}", step.keyword, step.text);
    }
    if let Some(clients) = clients {
        let _ = write!(text, "; {clients}");
    }
    text
}

fn step(text: &mut String, step: &StepResult) {
    let took = match step.outcome {
        Outcome::Skipped => String::new(),
        _ => format!(" ({})", seconds(step.duration)),
    };
    let _ = writeln!(
        text,
        "      {} {} {}{took}",
        mark(step.outcome),
        step.keyword,
        step.text
    );
    if let Some(message) = &step.message {
        let _ = writeln!(text, "          {}", indented(message, 10));
    }
}

fn indented(message: &str, by: usize) -> String {
    message.replace('\n', &format!("\n{}", " ".repeat(by)))
}

/// The end: how many, and which not.
pub fn summary(results: &Results) -> String {
    let counts = results.counts();
    let mut text = String::new();
    for line in not_passed(results) {
        let _ = writeln!(text, "{line}");
    }
    for trouble in &results.troubles {
        let _ = writeln!(text, "error: {trouble}");
    }
    let troubled = results
        .scenarios()
        .any(|scenario| !scenario.troubles.is_empty());
    let left = if results.troubles.is_empty() && !troubled {
        "nothing left behind"
    } else {
        "something was left behind"
    };
    let _ = write!(
        text,
        "{} scenario{} ({}), {} steps ({}), {left}, {}",
        counts.total(),
        if counts.total() == 1 { "" } else { "s" },
        counts.words(),
        results.step_counts().total(),
        results.step_counts().words(),
        seconds(results.duration),
    );
    text
}

/// The scenarios that did not pass, a line each: what became of it, where it stands, and what it is called.
pub fn not_passed(results: &Results) -> impl Iterator<Item = String> {
    results.features.iter().flat_map(|feature| {
        let is_well = |outcome| matches!(outcome, Outcome::Passed | Outcome::Skipped);
        let scenarios = feature.scenarios.iter();
        scenarios
            .filter(move |scenario| !is_well(scenario.outcome))
            .map(|scenario| {
                let place = format!("{}:{}", feature.path, scenario.line);
                format!("{}: {place}  {}", scenario.outcome, scenario.name)
            })
    })
}

const fn mark(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "✔",
        Outcome::Failed | Outcome::Interrupted => "✘",
        Outcome::Inconclusive => "≈",
        Outcome::Undefined => "?",
        Outcome::Skipped => "-",
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}
