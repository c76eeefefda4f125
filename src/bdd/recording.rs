//! Takes in what cucumber tells, and makes results of it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use cucumber::event::{self, RetryableScenario, Source, StepError};
use cucumber::gherkin::{Feature, Rule, Scenario, Step};
use cucumber::writer::Normalized;
use cucumber::{Event, Writer, cli, parser};

use super::results::{FeatureResult, Notes, Outcome, Results, ScenarioResult, StepResult};
use super::run::SuiteEvent;
use super::suite::ScenarioEntry;
use super::{Complaint, World, vocabulary};

/// Hears of what happens, as it happens.
pub type SuiteObserver = Box<dyn FnMut(&SuiteEvent<'_>)>;

/// A cucumber writer. What it has so far can be had at any moment, also when cucumber was given up.
pub(super) struct Recorder {
    record: Arc<Mutex<Recording>>,
    watcher: Rc<RefCell<SuiteObserver>>,
}

/// What is known so far.
#[derive(Debug)]
pub(super) struct Recording {
    pub results: Results,
    running: Vec<RunningScenario>,
}

/// A scenario that has begun. Which one it is, is told by where cucumber keeps it.
#[derive(Debug)]
struct RunningScenario {
    key: usize,
    feature: usize,
    scenario: usize,
    began: Instant,
    step_began: Instant,
}

impl Recording {
    pub fn new() -> Self {
        Self {
            results: Results::begin(SystemTime::now()),
            running: Vec::new(),
        }
    }

    /// What did not come to an end was interrupted.
    pub fn interrupt(&mut self) {
        for running in std::mem::take(&mut self.running) {
            let scenario = &mut self.results.features[running.feature].scenarios[running.scenario];
            scenario.outcome = Outcome::Interrupted;
            scenario.duration = running.began.elapsed();
            for step in &mut scenario.steps {
                if step.outcome == Outcome::Interrupted {
                    step.duration = running.step_began.elapsed();
                    step.message = Some("the run was interrupted here".to_owned());
                }
            }
        }
    }
}

/// Whoever panics while it holds the lock is a bug elsewhere; the record is whole between two events.
pub(super) fn lock(record: &Mutex<Recording>) -> MutexGuard<'_, Recording> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recorder {
    pub fn new(record: Arc<Mutex<Recording>>, watcher: Rc<RefCell<SuiteObserver>>) -> Self {
        Self { record, watcher }
    }

    fn take_in(
        &mut self,
        feature: &Source<Feature>,
        rule: Option<&Rule>,
        scenario: &Source<Scenario>,
        told: RetryableScenario<World>,
    ) {
        let mut record = lock(&self.record);
        let key = key(scenario);
        let entry = ScenarioEntry {
            feature,
            rule,
            scenario,
        };
        match told.event {
            event::Scenario::Started => {
                let (feature, scenario) =
                    record.begin(key, &entry, told.retries.map_or(0, |tries| tries.current));
                let feature = &record.results.features[feature];
                let scenario = &feature.scenarios[scenario];
                (self.watcher.borrow_mut())(&SuiteEvent::Began { feature, scenario });
            }
            event::Scenario::Background(step, what) | event::Scenario::Step(step, what) => {
                record.step(key, &step, what);
            }
            event::Scenario::Hook(_, event::Hook::Failed(_, why)) => {
                record.trouble(key, message(&why));
            }
            event::Scenario::Hook(_, event::Hook::Started | event::Hook::Passed)
            | event::Scenario::Log(_) => {}
            event::Scenario::Finished => {
                if let Some((feature, scenario)) = record.finish(key, &entry) {
                    let feature = &record.results.features[feature];
                    let scenario = &feature.scenarios[scenario];
                    (self.watcher.borrow_mut())(&SuiteEvent::Ended { feature, scenario });
                }
            }
        }
    }
}

impl Recording {
    fn begin(&mut self, key: usize, entry: &ScenarioEntry<'_>, earlier: usize) -> (usize, usize) {
        let feature = self.feature(entry.feature);
        let fresh = ScenarioResult {
            name: entry.scenario.name.clone(),
            rule: entry.rule.map(|rule| rule.name.clone()),
            line: entry.scenario.position.line,
            example: entry.example(),
            tags: entry.tags().map(ToOwned::to_owned).collect(),
            outcome: Outcome::Interrupted,
            duration: Duration::ZERO,
            tries: earlier + 1,
            steps: Vec::new(),
            troubles: Vec::new(),
            findings: Vec::new(),
            lateness: None,
            sums: None,
        };
        let scenarios = &mut self.results.features[feature].scenarios;
        // Rows of one outline have one line and may have one name; one that is tried again is the one that has failed.
        let again = |old: &ScenarioResult| {
            earlier > 0 && old.line == fresh.line && old.name == fresh.name && old.tries == earlier
        };
        let scenario = scenarios.iter().position(again).unwrap_or(scenarios.len());
        if scenario < scenarios.len() {
            scenarios[scenario] = fresh;
        } else {
            scenarios.push(fresh);
        }
        let now = Instant::now();
        self.running.push(RunningScenario {
            key,
            feature,
            scenario,
            began: now,
            step_began: now,
        });
        (feature, scenario)
    }

    fn feature(&mut self, feature: &Feature) -> usize {
        let path = feature
            .path
            .as_deref()
            .map(|path| path.display().to_string())
            .unwrap_or_default();
        let features = &mut self.results.features;
        features
            .iter()
            .position(|known| known.path == path)
            .unwrap_or_else(|| {
                features.push(FeatureResult {
                    path,
                    name: feature.name.clone(),
                    description: unindented(feature.description.as_deref().unwrap_or_default()),
                    scenarios: Vec::new(),
                });
                features.len() - 1
            })
    }

    fn step(&mut self, key: usize, step: &Step, what: event::Step<World>) {
        let Some(running) = self.running.iter_mut().find(|running| running.key == key) else {
            return;
        };
        let steps = &mut self.results.features[running.feature].scenarios[running.scenario].steps;
        let (outcome, said) = match what {
            event::Step::Started => {
                running.step_began = Instant::now();
                // As it stands if nothing more is heard of it.
                steps.push(listed(step, Outcome::Interrupted));
                return;
            }
            event::Step::Passed(..) => (Outcome::Passed, None),
            event::Step::Skipped if vocabulary::find(step).is_none() => {
                (Outcome::Undefined, Some(unknown(step)))
            }
            event::Step::Skipped => (Outcome::Skipped, None),
            event::Step::Failed(.., error) => match error {
                StepError::NotFound => (Outcome::Undefined, Some(unknown(step))),
                StepError::AmbiguousMatch(error) => (Outcome::Failed, Some(error.to_string())),
                StepError::Panic(why) => {
                    let complaint = why.downcast_ref::<Complaint>();
                    let outcome = if complaint.is_some_and(Complaint::is_inconclusive) {
                        Outcome::Inconclusive
                    } else {
                        Outcome::Failed
                    };
                    (outcome, Some(message(&why)))
                }
            },
        };
        if let Some(last) = steps.last_mut() {
            last.outcome = outcome;
            last.duration = running.step_began.elapsed();
            last.message = said;
        }
    }

    /// Which scenarios are under way: where each is, since when, and since when its step.
    pub fn running(&self) -> Vec<(&FeatureResult, &ScenarioResult, Duration)> {
        let running = self.running.iter().map(|running| {
            let feature = &self.results.features[running.feature];
            let scenario = &feature.scenarios[running.scenario];
            (feature, scenario, running.began.elapsed())
        });
        running.collect()
    }

    /// Notes what is known of a scenario that is being closed.
    pub fn note(&mut self, scenario: &Scenario, notes: Notes) {
        let key = key(scenario);
        if let Some(running) = self.running.iter().find(|running| running.key == key) {
            let scenario = &mut self.results.features[running.feature].scenarios[running.scenario];
            scenario.findings = notes.findings;
            scenario.lateness = notes.lateness;
            scenario.sums = notes.sums;
        }
    }

    fn trouble(&mut self, key: usize, why: String) {
        if let Some(running) = self.running.iter().find(|running| running.key == key) {
            let scenario = &mut self.results.features[running.feature].scenarios[running.scenario];
            scenario.troubles.push(why);
        }
    }

    /// Ends a scenario; returns where it is, unless it is to be tried again.
    fn finish(&mut self, key: usize, entry: &ScenarioEntry<'_>) -> Option<(usize, usize)> {
        let at = self.running.iter().position(|running| running.key == key)?;
        let running = self.running.remove(at);
        let scenario = &mut self.results.features[running.feature].scenarios[running.scenario];
        // What was not come to is listed all the same.
        let listed_lines: BTreeSet<_> = scenario.steps.iter().map(|step| step.line).collect();
        for step in &entry.scenario.steps {
            if !listed_lines.contains(&step.position.line) {
                scenario.steps.push(listed(step, Outcome::Skipped));
            }
        }
        let has = |outcome| scenario.steps.iter().any(|step| step.outcome == outcome);
        scenario.duration = running.began.elapsed();
        scenario.outcome = if has(Outcome::Failed) || !scenario.troubles.is_empty() {
            Outcome::Failed
        } else if has(Outcome::Undefined) && entry.may_be_undefined() {
            Outcome::Skipped
        } else if has(Outcome::Undefined) {
            Outcome::Undefined
        } else if has(Outcome::Inconclusive) {
            Outcome::Inconclusive
        } else if scenario
            .steps
            .iter()
            .all(|step| step.outcome == Outcome::Passed)
        {
            Outcome::Passed
        } else {
            Outcome::Failed
        };
        Some((running.feature, running.scenario))
    }
}

/// By what a scenario that runs is told from others: where cucumber keeps it.
fn key(scenario: &Scenario) -> usize {
    std::ptr::from_ref::<Scenario>(scenario).addr()
}

/// A step as it stands if nothing is heard of it.
fn listed(step: &Step, outcome: Outcome) -> StepResult {
    StepResult {
        keyword: step.keyword.trim().to_owned(),
        text: step.value.clone(),
        line: step.position.line,
        table: step
            .table
            .as_ref()
            .map(|table| table.rows.clone())
            .unwrap_or_default(),
        docstring: step.docstring.clone(),
        outcome,
        duration: Duration::ZERO,
        message: None,
    }
}

/// That a step is unknown, and what is most like it.
fn unknown(step: &Step) -> String {
    format!("there is no such step; {}", vocabulary::why_unknown(step))
}

/// What a panic says.
fn message(why: &event::Info) -> String {
    if let Some(complaint) = why.downcast_ref::<Complaint>() {
        return complaint.to_string();
    }
    let text = why.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| why.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked: this is a bug in lanherd")
        .to_owned()
}

/// Without the indentation that all lines have.
fn unindented(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    lines.join("\n").trim().to_owned()
}

impl Writer<World> for Recorder {
    type Cli = cli::Empty;

    async fn handle_event(
        &mut self,
        told: parser::Result<Event<event::Cucumber<World>>>,
        _: &cli::Empty,
    ) {
        // The files were parsed before the run.
        let Ok(Event { value, .. }) = told else {
            return;
        };
        match value {
            event::Cucumber::Feature(feature, event::Feature::Scenario(scenario, told)) => {
                self.take_in(&feature, None, &scenario, told);
            }
            event::Cucumber::Feature(
                feature,
                event::Feature::Rule(rule, event::Rule::Scenario(scenario, told)),
            ) => self.take_in(&feature, Some(&rule), &scenario, told),
            event::Cucumber::Feature(..)
            | event::Cucumber::Started
            | event::Cucumber::ParsingFinished { .. }
            | event::Cucumber::Finished => {}
        }
    }
}

/// It tells interleaved scenarios apart.
impl Normalized for Recorder {}

#[cfg(test)]
mod tests;
