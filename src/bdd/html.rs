//! The results as one page that opens offline.

use std::time::Duration;

use super::results::{FeatureResult, LeftOutResult, Outcome, Results, ScenarioResult, StepResult};
use crate::page::figure::{milliseconds, moment, span};
use crate::page::{Markup, Page, PageVerdict};

/// The page. `title` is its heading.
pub fn page(results: &Results, title: &str) -> String {
    let verdict = if results.is_success() {
        PageVerdict::Well
    } else if results.is_inconclusive() {
        PageVerdict::Inconclusive
    } else {
        PageVerdict::Bad
    };
    let below = format!(
        "{} steps, {}, begun {} UTC",
        results.step_counts().total(),
        lasted(results.duration),
        moment(results.started, true)
    );
    let mut page = Page::new(title, verdict, &results.counts().words(), &below);
    page.pairs(&results.about.pairs());
    for trouble in &results.troubles {
        page.trouble(trouble);
    }
    for one in &results.features {
        page.body()
            .element("section", &[], |section| feature(section, one))
            .line_break();
    }
    if !results.left_out.is_empty() {
        page.heading("Left out");
        let row =
            |one: &LeftOutResult| vec![one.feature.clone(), one.name.clone(), one.reason.clone()];
        let rows: Vec<_> = results.left_out.iter().map(row).collect();
        page.table(&["feature", "scenario", "why"], &rows);
    }
    page.finish()
}

fn feature(section: &mut Markup, feature: &FeatureResult) {
    section.leaf("h2", "", &feature.name);
    section.leaf("p", "path", &feature.path);
    if !feature.description.is_empty() {
        section.leaf("p", "", &feature.description);
    }
    for one in &feature.scenarios {
        let outcome = one.outcome.to_string();
        let attributes = [("class", outcome.as_str()), ("open", "")];
        // Of what has passed the steps are shown when somebody asks for them.
        let shown = usize::from(one.outcome != Outcome::Passed);
        section
            .element("details", &attributes[..=shown], |details| {
                scenario(details, one, &outcome);
            })
            .line_break();
    }
}

fn scenario(details: &mut Markup, scenario: &ScenarioResult, outcome: &str) {
    let tries = match scenario.tries {
        0 | 1 => String::new(),
        tries => format!(", tried {tries} times"),
    };
    details.element("summary", &[], |summary| {
        summary.leaf("span", "mark", outcome).text(" ");
        summary.text(&scenario.name).text(" ");
        for tag in &scenario.tags {
            summary.leaf("span", "tag", &format!("@{tag}")).text(" ");
        }
        summary.leaf("span", "time", &(lasted(scenario.duration) + &tries));
    });
    details.element("ol", &[], |steps| {
        for one in &scenario.steps {
            let outcome = one.outcome.to_string();
            steps.element("li", &[("class", &outcome)], |item| step(item, one));
        }
    });
    for finding in &scenario.findings {
        details.leaf("p", "finding", &finding.text);
    }
    if let Some(late) = scenario.lateness {
        let [p50, p99, max] = [late.p50, late.p99, late.max].map(|late| milliseconds(ms(late)));
        let late = format!("the tester itself was late by {p50} (p50), {p99} (p99), {max} at most");
        details.leaf("p", "time", &late);
    }
    for trouble in &scenario.troubles {
        details.leaf("pre", "trouble", trouble);
    }
}

fn step(item: &mut Markup, step: &StepResult) {
    let time = match step.outcome {
        Outcome::Skipped => "skipped".to_owned(),
        _ => lasted(step.duration),
    };
    item.leaf("b", "", &step.keyword).text(" ");
    item.text(&step.text).text(" ").leaf("span", "time", &time);
    item.table(&[], &step.table, |_| None);
    if let Some(docstring) = &step.docstring {
        item.leaf("pre", "", docstring.trim());
    }
    if let Some(message) = &step.message {
        item.leaf("pre", "message", message);
    }
}

fn lasted(duration: Duration) -> String {
    span(ms(duration))
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
