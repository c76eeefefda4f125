//! The results as Cucumber's JSON, which its report tools read.

use serde_json::{Value, json};

use super::results::{FeatureResult, Outcome, Results, ScenarioResult, StepResult};

/// All features. The format has no place for what is said of the run as a whole: it stands in each feature as `lanherd`, which
/// readers of the format pass over.
pub fn document(results: &Results) -> Value {
    let feature = |one| {
        let mut value = feature(one);
        value["lanherd"] = json!(results.about);
        value
    };
    results.features.iter().map(feature).collect()
}

fn feature(feature: &FeatureResult) -> Value {
    json!({
        "uri": feature.path,
        "id": id(&feature.name),
        "keyword": "Feature",
        "name": feature.name,
        "description": feature.description,
        "line": 1,
        "tags": [],
        "elements": feature.scenarios.iter().map(|one| scenario(one, feature)).collect::<Vec<_>>(),
    })
}

fn scenario(scenario: &ScenarioResult, feature: &FeatureResult) -> Value {
    let tags = scenario
        .tags
        .iter()
        .map(|tag| json!({ "name": format!("@{tag}"), "line": scenario.line }));
    let mut element = json!({
        "id": format!("{};{};{}", id(&feature.name), id(&scenario.name), scenario.line),
        "type": "scenario",
        "keyword": "Scenario",
        "name": scenario.name,
        "description": "",
        "line": scenario.line,
        "tags": tags.collect::<Vec<_>>(),
        "steps": scenario.steps.iter().map(step).collect::<Vec<_>>(),
    });
    // What was found out is the output of the last step that was come to.
    let last = scenario
        .steps
        .iter()
        .rposition(|step| step.outcome != Outcome::Skipped);
    if let Some(last) = last.filter(|_| !scenario.findings.is_empty()) {
        let texts = scenario
            .findings
            .iter()
            .map(|finding| finding.text.as_str());
        element["steps"][last]["output"] = texts.collect();
    }
    if !scenario.troubles.is_empty() {
        element["after"] = json!([{
            "match": { "location": "tear-down" },
            "result": { "status": "failed", "duration": 0, "error_message": scenario.troubles.join("\n") },
        }]);
    }
    element
}

fn step(step: &StepResult) -> Value {
    // In the words that the format has, and in nanoseconds, as it wants.
    let status = match step.outcome {
        Outcome::Passed => "passed",
        Outcome::Failed | Outcome::Interrupted => "failed",
        // The format has no word for it. Viewers show what is pending in a colour and a column of its own, with its message, and
        // whether it fails a build is theirs to configure; failed would blame the router, skipped would hide it.
        Outcome::Inconclusive => "pending",
        Outcome::Undefined => "undefined",
        Outcome::Skipped => "skipped",
    };
    let mut result = json!({ "status": status });
    if step.outcome != Outcome::Skipped {
        result["duration"] = json!(u64::try_from(step.duration.as_nanos()).unwrap_or(u64::MAX));
    }
    if let Some(message) = &step.message {
        result["error_message"] = match step.outcome {
            Outcome::Inconclusive => json!(format!("inconclusive: {message}")),
            _ => json!(message),
        };
    }
    let mut value = json!({
        "keyword": format!("{} ", step.keyword),
        "name": step.text,
        "line": step.line,
        "match": { "location": "lanherd" },
        "result": result,
    });
    if !step.table.is_empty() {
        value["rows"] = step
            .table
            .iter()
            .map(|cells| json!({ "cells": cells }))
            .collect();
    }
    if let Some(text) = &step.docstring {
        value["doc_string"] = json!({ "value": text, "content_type": "", "line": step.line + 1 });
    }
    value
}

fn id(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}
