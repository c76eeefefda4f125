//! Takes in what cucumber tells, and makes results of it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime};

use cucumber::event::{self, RetryableScenario, Source, StepError};
use cucumber::gherkin::{Feature, Rule, Scenario, Step};
use cucumber::{Event, parser};

use super::event::{SuiteEvent, SuiteObserver};
use super::results::{FeatureResult, Notes, Outcome, Results, ScenarioResult, StepResult};
use super::suite::ScenarioEntry;
use super::{Complaint, World, vocabulary};

/// What is known so far. It can be had at any moment, also when cucumber was given up.
#[derive(Debug)]
pub(super) struct Recording {
    pub results: Results,
    running: Vec<RunningScenario>,
}

/// A scenario that has begun, and where its result is.
#[derive(Debug)]
struct RunningScenario {
    /// Cucumber tells scenarios apart by what it has of them, not by what they say.
    source: Source<Scenario>,
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

    /// Takes in what cucumber tells, and tells the observer which scenarios begin and end.
    pub fn take_in(
        &mut self,
        told: parser::Result<Event<event::Cucumber<World>>>,
        observer: &mut SuiteObserver,
    ) {
        // The files were parsed before the run.
        let Ok(Event { value, .. }) = told else {
            return;
        };
        match value {
            event::Cucumber::Feature(feature, event::Feature::Scenario(scenario, told)) => {
                self.take_in_scenario(&feature, None, &scenario, told, observer);
            }
            event::Cucumber::Feature(
                feature,
                event::Feature::Rule(rule, event::Rule::Scenario(scenario, told)),
            ) => self.take_in_scenario(&feature, Some(&rule), &scenario, told, observer),
            event::Cucumber::Feature(..)
            | event::Cucumber::Started
            | event::Cucumber::ParsingFinished { .. }
            | event::Cucumber::Finished => {}
        }
    }

    fn take_in_scenario(
        &mut self,
        feature: &Feature,
        rule: Option<&Rule>,
        source: &Source<Scenario>,
        told: RetryableScenario<World>,
        observer: &mut SuiteObserver,
    ) {
        let entry = ScenarioEntry {
            feature,
            rule,
            scenario: source,
        };
        match told.event {
            event::Scenario::Started => {
                let earlier = told.retries.map_or(0, |tries| tries.current);
                let (feature, scenario) = self.begin(source.clone(), &entry, earlier);
                let feature = &self.results.features[feature];
                let scenario = &feature.scenarios[scenario];
                observer(&SuiteEvent::Began { feature, scenario });
            }
            event::Scenario::Background(step, what) | event::Scenario::Step(step, what) => {
                self.step(source, &step, what);
            }
            event::Scenario::Hook(_, event::Hook::Failed(_, why)) => {
                self.trouble(source, message(&why));
            }
            event::Scenario::Hook(_, event::Hook::Started | event::Hook::Passed)
            | event::Scenario::Log(_) => {}
            event::Scenario::Finished => {
                if let Some((feature, scenario)) = self.finish(source, &entry) {
                    let feature = &self.results.features[feature];
                    let scenario = &feature.scenarios[scenario];
                    observer(&SuiteEvent::Ended { feature, scenario });
                }
            }
        }
    }

    /// Tells of each scenario that is under way; `clients`: how those stand that were made last.
    pub fn tell_what_goes_on(&self, clients: Option<&str>, observer: &mut SuiteObserver) {
        // Which clients are whose is known where there is one scenario.
        let clients = clients.filter(|_| self.running.len() == 1);
        for running in &self.running {
            let feature = &self.results.features[running.feature];
            observer(&SuiteEvent::Goes {
                feature,
                scenario: &feature.scenarios[running.scenario],
                since: running.began.elapsed(),
                clients,
            });
        }
    }

    fn begin(
        &mut self,
        source: Source<Scenario>,
        entry: &ScenarioEntry<'_>,
        earlier: usize,
    ) -> (usize, usize) {
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
            source,
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

    /// The result of a scenario that runs.
    fn of(&mut self, scenario: &Scenario) -> Option<&mut ScenarioResult> {
        let is_it = |running: &&RunningScenario| {
            let own: &Scenario = &running.source;
            std::ptr::eq(own, scenario)
        };
        let running = self.running.iter().find(is_it)?;
        Some(&mut self.results.features[running.feature].scenarios[running.scenario])
    }

    fn step(&mut self, source: &Source<Scenario>, step: &Step, what: event::Step<World>) {
        let mut running = self.running.iter_mut();
        let Some(running) = running.find(|running| running.source == *source) else {
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
            // Of what stands behind a step that did not pass nothing is told: what it skips, it has not found.
            event::Step::Skipped | event::Step::Failed(.., StepError::NotFound) => {
                (Outcome::Undefined, Some(unknown(step)))
            }
            event::Step::Failed(.., StepError::AmbiguousMatch(error)) => {
                (Outcome::Failed, Some(error.to_string()))
            }
            event::Step::Failed(.., StepError::Panic(why)) => {
                let complaint = why.downcast_ref::<Complaint>();
                let outcome = if complaint.is_some_and(Complaint::is_inconclusive) {
                    Outcome::Inconclusive
                } else {
                    Outcome::Failed
                };
                (outcome, Some(message(&why)))
            }
        };
        if let Some(last) = steps.last_mut() {
            last.outcome = outcome;
            last.duration = running.step_began.elapsed();
            last.message = said;
        }
    }

    /// Notes what is known of a scenario that is being closed.
    pub fn note(&mut self, scenario: &Scenario, notes: Notes) {
        if let Some(result) = self.of(scenario) {
            result.findings = notes.findings;
            result.lateness = notes.lateness;
            result.sums = notes.sums;
        }
    }

    fn trouble(&mut self, scenario: &Scenario, why: String) {
        if let Some(result) = self.of(scenario) {
            result.troubles.push(why);
        }
    }

    /// Ends a scenario; returns where it is, unless it is to be tried again.
    fn finish(
        &mut self,
        source: &Source<Scenario>,
        entry: &ScenarioEntry<'_>,
    ) -> Option<(usize, usize)> {
        let mut all = self.running.iter();
        let at = all.position(|running| running.source == *source)?;
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

#[cfg(test)]
mod tests;
