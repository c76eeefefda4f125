//! Files of features, as they are read, and what is told of those that are not as they should be.

use std::fs;
use std::time::{Duration, Instant};

use super::{FeatureFolder, names};
use crate::bdd::suite::MOST_BYTES;

#[test]
fn a_file_that_is_no_gherkin_is_named_with_the_line_and_the_others_are_read() {
    let folder = FeatureFolder::with(&[
        (
            "bad.feature",
            "Feature: f\n  Scenario: s\n    When 1s pass\n    Foo bar\n",
        ),
        (
            "good.feature",
            "Feature: f\n  Scenario: good\n    Then 1s pass\n",
        ),
        (
            "hollow.feature",
            "Feature: f\n  Scenario: nothing to do\n  Scenario: something\n    Then 1s pass\n",
        ),
        (
            "odd.feature",
            "Feature: f\n  Scenario Outline: s\n    When <b> pass\n    Examples:\n    | a |\n    | 1 |\n",
        ),
    ]);
    fs::write(folder.path("bytes.feature"), [0xff, 0xfe]).expect("written");
    let suite = folder.read().expect("a suite");
    assert_eq!(names(&suite), ["good", "something"]);
    let broken: Vec<_> = suite.broken.iter().map(ToString::to_string).collect();
    for says in [
        "bad.feature:4: \"Foo bar\": this is no step",
        "bytes.feature:1: the file cannot be read",
        "hollow.feature:2: the scenario \"nothing to do\" has no steps",
        "odd.feature:3: <b> is no column",
    ] {
        assert!(
            broken.iter().any(|one| one.contains(says)),
            "{says}: {broken:#?}"
        );
    }
    assert_eq!(broken.len(), 4);
    let empty = FeatureFolder::with(&[("notes.txt", "")]);
    let error = empty.read().expect_err("refused").to_string();
    assert!(error.contains("--init"), "{error}");
}

#[test]
fn a_docstrings_media_type_is_no_part_of_it() {
    let text = "Feature: f\n  Scenario: s\n    Given the lab configuration:\n      ```toml\n      lease = \"1m\"\n      ```\n    \
                Then 1s pass\n";
    let folder = FeatureFolder::with(&[("f.feature", text)]);
    let suite = folder.read().expect("a suite");
    let step = &suite.features[0].scenarios[0].steps[0];
    assert_eq!(
        step.docstring.as_deref().map(str::trim),
        Some("lease = \"1m\"")
    );
    assert_eq!(suite.features[0].scenarios[0].steps[1].position.line, 7);
}

#[test]
fn a_large_file_is_read_in_time_and_a_larger_one_refused_with_the_remedy() {
    let begin = "Feature: f\n  Scenario: s\n";
    let line = "    Then 1s pass\n";
    let most = usize::try_from(MOST_BYTES).expect("a size");
    let good = format!(
        "{begin}{}",
        line.repeat((most - begin.len()) / line.len() / 8)
    );
    // With a mistake near its beginning, of which the parser tells nothing.
    let bad = good.replacen("Then 1s pass\n    Then", "Then 1s pass\n    Foo", 1);
    let large = format!("{begin}{}", line.repeat(most / line.len()));
    let rows = format!(
        "{begin}{}Examples:\n|a|\n{}",
        line.repeat(1_000),
        "|1|\n".repeat(1_000)
    );
    let rows = rows.replace("Scenario:", "Scenario Outline:");
    let folder = FeatureFolder::with(&[
        ("a.feature", good.as_str()),
        ("b.feature", bad.as_str()),
        ("c.feature", large.as_str()),
        ("d.feature", rows.as_str()),
    ]);
    let started = Instant::now();
    let suite = folder.read().expect("a suite");
    assert_eq!(suite.scenarios().count(), 1);
    let broken: Vec<_> = suite
        .broken
        .iter()
        .map(|broken| (broken.line, &broken.why))
        .collect();
    assert_eq!(broken[0].0, 4, "{broken:?}");
    assert!(broken[1].1.contains("larger than 1024 KiB"), "{broken:?}");
    assert!(broken[2].1.contains("1000000 steps"), "{broken:?}");
    assert_eq!(broken.len(), 3, "{broken:?}");
    // It takes a second or two; what grew with the square of the lines took hours.
    assert!(
        started.elapsed() < Duration::from_secs(60),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn outlines_that_would_become_more_than_memory_holds_are_refused_before_they_do() {
    let outline = |step: &str, rows: &str| {
        format!(
            "Feature: f\n\n  Scenario Outline: s\n    When {step}\n    Examples:\n    |a|\n{rows}"
        )
    };
    let long = outline(&"x".repeat(300_000), &"    |1|\n".repeat(900));
    let filled = outline(
        &"<a>".repeat(10_000),
        &format!("    |{}|\n", "x".repeat(20_000)),
    );
    let many = outline("<a> pass", &"    |1s|\n".repeat(1_001));
    let fine = outline("<a> pass", &"    |1s|\n".repeat(1_000));
    let folder = FeatureFolder::with(&[
        ("a.feature", long.as_str()),
        ("b.feature", filled.as_str()),
        ("c.feature", many.as_str()),
        ("d.feature", fine.as_str()),
    ]);
    let suite = folder.read().expect("a suite");
    let broken: Vec<_> = suite
        .broken
        .iter()
        .map(|one| (one.line, one.why.as_str()))
        .collect();
    assert_eq!(broken.len(), 3, "{broken:?}");
    assert!(
        broken[0].1.contains("more than 64 MiB of text"),
        "{broken:?}"
    );
    assert!(
        broken[1].1.contains("more than 64 MiB of text"),
        "{broken:?}"
    );
    assert_eq!(broken[2].0, 3, "{broken:?}");
    assert!(broken[2].1.contains("1001 rows"), "{broken:?}");
    assert_eq!(suite.scenarios().count(), 1_000);
}

#[test]
fn a_scenario_that_cannot_fail_and_a_feature_without_one_are_told() {
    let text = "Feature: f\n  Background:\n    Given the random seed is 1\n  Scenario: waits\n    When 1s pass\n  \
                Scenario: asks\n    Then nothing should have drifted\n";
    let folder = FeatureFolder::with(&[
        ("f.feature", text),
        (
            "g.feature",
            "Feature: g\n  Scenaro: a slip\n    When 1s pass\n",
        ),
    ]);
    let warnings = folder.read().expect("a suite").warnings();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        warnings[0].contains("g.feature:1: the feature \"g\" has no scenario"),
        "{warnings:?}"
    );
    assert!(
        warnings[1].contains("f.feature:4: the scenario \"waits\" has no Then"),
        "{warnings:?}"
    );
}

#[test]
fn unknown_steps_are_found_before_anything_runs_those_of_the_background_once() {
    let text = "Feature: f\n  Background:\n    Given nonsense\n  Scenario: a\n    When 1s pass\n  Scenario: b\n    \
                When all clients try to ping Google DNS\n";
    let folder = FeatureFolder::with(&[("f.feature", text)]);
    let unknown = folder.read().expect("a suite").unknown_steps();
    let places: Vec<_> = unknown.iter().map(|step| step.text.as_str()).collect();
    assert_eq!(
        places,
        ["Given nonsense", "When all clients try to ping Google DNS"]
    );
    assert!(
        unknown[1].why.contains("attempt to ping"),
        "{:?}",
        unknown[1]
    );
}

#[test]
fn a_step_that_is_known_under_another_keyword_is_told_so_and_so_is_one_in_another_language() {
    let but = "Feature: f\n  Scenario: s\n    When 1s pass\n    But the same clients should recover within 1s\n    \
               Then 1s pass\n    * nothing should have drifted\n";
    let german = "# language: de\nFunktion: f\n  Szenario: s\n    Wenn alle Clients anpingen\n";
    let folder = FeatureFolder::with(&[("a.feature", but), ("b.feature", german)]);
    let suite = folder.read().expect("a suite");
    assert_eq!(suite.broken, []);
    let unknown: Vec<_> = suite
        .unknown_steps()
        .iter()
        .map(ToString::to_string)
        .collect();
    for (place, says) in [
        (
            "a.feature:4",
            "a Then, and \"But\" repeats the keyword before it, which is When: begin the line with Then",
        ),
        ("a.feature:5", "a When, and it is written as a Then"),
        ("a.feature:6", "'*' stands for Given"),
        ("b.feature:4", "only keywords are translated"),
    ] {
        let found = unknown
            .iter()
            .any(|step| step.contains(place) && step.contains(says));
        assert!(found, "{place}: {unknown:#?}");
    }
    assert_eq!(unknown.len(), 4);
}
