//! What steps come to, through cucumber itself, to the results and all that is made of them.

use cucumber::gherkin::GherkinEnv;
use cucumber::step::Collection;
use cucumber::{Runner as _, runner};
use futures::{StreamExt as _, stream};

use super::*;
use crate::bdd::definition::act;
use crate::bdd::{html, json, junit};

/// A step that is given its complaint: `Given it fails`, or `Given it is inconclusive`.
fn steps() -> Collection<World> {
    let matches = |text: &str| regex::Regex::new(text).expect("an expression");
    Collection::new()
        .given(None, matches("^all is well$"), act!(|_, _| Ok(())))
        .given(
            None,
            matches("^it fails$"),
            act!(|_, _| Err(Complaint::new("61 ms are too many"))),
        )
        .given(
            None,
            matches("^it is inconclusive$"),
            act!(|_, _| Err(Complaint::inconclusive("the tester was late"))),
        )
}

async fn results(scenarios: &[&[&str]]) -> Results {
    let scenarios: Vec<_> = scenarios
        .iter()
        .enumerate()
        .map(|(n, steps)| {
            let steps: Vec<_> = steps
                .iter()
                .map(|step| format!("    Given {step}\n"))
                .collect();
            format!("  Scenario: number {n}\n{}", steps.concat())
        })
        .collect();
    let source = format!("Feature: f\n{}", scenarios.concat());
    let feature = Feature::parse(source, GherkinEnv::default()).expect("a feature");
    let mut recording = Recording::new();
    let mut observer: SuiteObserver = Box::new(|_| {});
    let mut events = runner::Basic::<World>::default()
        .max_concurrent_scenarios(1)
        .steps(steps())
        .run(stream::iter([Ok(feature)]), runner::basic::Cli::default());
    while let Some(event) = events.next().await {
        recording.take_in(event, &mut observer);
    }
    recording.results
}

#[tokio::test]
async fn an_inconclusive_step_is_neither_a_failure_nor_a_success_wherever_it_is_told() {
    let results = results(&[&["it is inconclusive", "all is well"], &["all is well"]]).await;
    let [open, well] = results.features[0].scenarios.as_slice() else {
        panic!("{results:?}");
    };
    assert_eq!(
        (open.outcome, well.outcome),
        (Outcome::Inconclusive, Outcome::Passed)
    );
    assert_eq!(
        open.complaint().as_deref(),
        Some("Given it is inconclusive (line 3): the tester was late")
    );
    assert!(!results.is_success() && results.is_inconclusive());
    assert_eq!(results.counts().words(), "1 passed, 1 inconclusive");

    let mut xml = Vec::new();
    junit::write(&results, &mut xml).expect("written");
    let xml = String::from_utf8(xml).expect("text");
    assert!(
        xml.contains("<error")
            && xml.contains("type=\"inconclusive\"")
            && !xml.contains("<failure"),
        "{xml}"
    );
    let step = &json::document(&results)[0]["elements"][0]["steps"][0]["result"];
    assert_eq!(step["status"], "pending");
    assert_eq!(step["error_message"], "inconclusive: the tester was late");
    let page = html::page(&results, "t");
    assert!(
        page.contains("<header class=\"inconclusive\">")
            && page.contains("<details class=\"inconclusive\" open>"),
        "{page}"
    );
}

#[tokio::test]
async fn what_failed_outweighs_what_is_inconclusive() {
    let results = results(&[&["it is inconclusive"], &["it fails"]]).await;
    assert!(!results.is_success() && !results.is_inconclusive());
    assert_eq!(
        results.counts().words(),
        "0 passed, 1 failed, 1 inconclusive"
    );
}
