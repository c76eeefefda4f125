//! The results as one page that opens offline.

use std::fmt::Write as _;

use super::results::{FeatureResult, LeftOutResult, Outcome, Results, ScenarioResult, StepResult};
use crate::page::{Page, Verdict, escape};

/// The page. `title` is its heading.
pub fn page(results: &Results, title: &str) -> String {
    let verdict = if results.is_success() {
        Verdict::Well
    } else if results.is_inconclusive() {
        Verdict::Inconclusive
    } else {
        Verdict::Bad
    };
    let below = format!(
        "{} steps, {}, begun {}",
        results.step_counts().total(),
        seconds(results.duration),
        humantime::format_rfc3339_seconds(results.started)
    );
    let mut page = Page::new(title, verdict, &results.counts().words(), &below);
    page.pairs(&results.about.pairs());
    for trouble in &results.troubles {
        page.trouble(trouble);
    }
    for one in &results.features {
        let mut text = String::new();
        feature(&mut text, one);
        page.raw(&text);
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

fn feature(text: &mut String, feature: &FeatureResult) {
    let _ = write!(
        text,
        "<section><h2>{}</h2><p class=\"path\">{}</p>",
        escape(&feature.name),
        escape(&feature.path)
    );
    if !feature.description.is_empty() {
        let _ = write!(text, "<p>{}</p>", escape(&feature.description));
    }
    for one in &feature.scenarios {
        scenario(text, one);
    }
    text.push_str("</section>\n");
}

fn scenario(text: &mut String, scenario: &ScenarioResult) {
    let outcome = scenario.outcome;
    let open = if outcome == Outcome::Passed {
        ""
    } else {
        " open"
    };
    let tags: Vec<_> = scenario
        .tags
        .iter()
        .map(|tag| format!(" <span class=\"tag\">@{}</span>", escape(tag)))
        .collect();
    let tries = match scenario.tries {
        0 | 1 => String::new(),
        tries => format!(", tried {tries} times"),
    };
    let _ = write!(
        text,
        "<details class=\"{outcome}\"{open}><summary><span class=\"mark\">{outcome}</span> {name}{tags} \
         <span class=\"time\">{time}{tries}</span></summary><ol>",
        name = escape(&scenario.name),
        tags = tags.concat(),
        time = seconds(scenario.duration),
    );
    for one in &scenario.steps {
        step(text, one);
    }
    text.push_str("</ol>");
    for finding in &scenario.findings {
        let _ = write!(text, "<p class=\"finding\">{}</p>", escape(&finding.text));
    }
    if let Some(late) = scenario.lateness {
        let ms = |duration: std::time::Duration| duration.as_secs_f64() * 1e3;
        let _ = write!(
            text,
            "<p class=\"time\">the tester itself was late by {:.1} ms (p50), {:.1} ms (p99), {:.1} ms at most</p>",
            ms(late.p50),
            ms(late.p99),
            ms(late.max)
        );
    }
    for trouble in &scenario.troubles {
        let _ = write!(text, "<pre class=\"trouble\">{}</pre>", escape(trouble));
    }
    text.push_str("</details>\n");
}

fn step(text: &mut String, step: &StepResult) {
    let _ = write!(
        text,
        "<li class=\"{}\"><b>{}</b> {} <span class=\"time\">{}</span>",
        step.outcome,
        escape(&step.keyword),
        escape(&step.text),
        if step.outcome == Outcome::Skipped {
            "skipped".to_owned()
        } else {
            seconds(step.duration)
        },
    );
    if !step.table.is_empty() {
        text.push_str("<table>");
        for row in &step.table {
            text.push_str("<tr>");
            for cell in row {
                let _ = write!(text, "<td>{}</td>", escape(cell));
            }
            text.push_str("</tr>");
        }
        text.push_str("</table>");
    }
    if let Some(docstring) = &step.docstring {
        let _ = write!(text, "<pre>{}</pre>", escape(docstring.trim()));
    }
    if let Some(message) = &step.message {
        let _ = write!(text, "<pre class=\"message\">{}</pre>", escape(message));
    }
    text.push_str("</li>");
}

fn seconds(duration: std::time::Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}
