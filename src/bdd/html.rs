//! The results as one page that opens offline.

use std::fmt::Write as _;

use super::results::{FeatureResult, Outcome, Results, ScenarioResult, StepResult};

const STYLE: &str = include_str!("html/style.css");

/// The page. `title` is its heading, `parameters` what the run was told, as pairs.
pub fn page(results: &Results, title: &str, parameters: &[(String, String)]) -> String {
    let counts = results.counts();
    let verdict = if results.is_success() {
        "passed"
    } else {
        "failed"
    };
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>{title}: {words}</title>\n<style>{STYLE}</style></head>\
         <body><main>\n<header class=\"{verdict}\"><h1>{title}</h1><p class=\"verdict\">{words}</p>\
         <p>{steps} steps, {duration}, begun {started}</p></header>\n",
        title = escape(title),
        words = escape(&counts.words()),
        steps = results.step_counts().total(),
        duration = seconds(results.duration),
        started = humantime::format_rfc3339_seconds(results.started),
    );
    if !parameters.is_empty() {
        text.push_str("<dl>");
        for (name, value) in parameters {
            // Writing to a string cannot fail.
            let _ = write!(text, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
        }
        text.push_str("</dl>\n");
    }
    for trouble in &results.troubles {
        let _ = writeln!(text, "<p class=\"trouble\">{}</p>", escape(trouble));
    }
    for one in &results.features {
        feature(&mut text, one);
    }
    text.push_str("</main></body></html>\n");
    text
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

/// What a name or a message may hold must not become markup: some of it comes from the network.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
