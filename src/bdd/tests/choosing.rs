//! Which scenarios run, and why others do not.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use super::{FeatureFolder, names};
use crate::bdd::results::{FeatureResult, LeftOutResult, Outcome, Results};
use crate::bdd::suite::{LeftOut, ScenarioEntry, Suite, SuiteFilter, rerun};
use crate::bdd::testbeds::SuiteUplink;

const TAGGED: &str = "\
@leases
Feature: tagged
  @router
  Scenario: real
    Given 1s pass
  @soak
  Scenario: long
    When 1s pass
  @lab
  Scenario: virtual
    When 1s pass
  Scenario Outline: rows
    When <time> pass
    Examples:
      | time |
      | 1s   |
      | 2s   |
";

fn reasons(left: &[(ScenarioEntry<'_>, LeftOut)]) -> Vec<(String, LeftOut)> {
    let reason = |(entry, why): &(ScenarioEntry<'_>, LeftOut)| (entry.scenario.name.clone(), *why);
    left.iter().map(reason).collect()
}

#[test]
fn scenarios_are_chosen_by_ground_tags_and_name_and_what_is_left_out_has_a_reason() {
    let folder = FeatureFolder::with(&[("a/b.feature", TAGGED), ("a/notes.txt", "no feature")]);
    let whole = folder.read().expect("a suite");
    assert_eq!(whole.scenarios().count(), 5, "each row is a scenario");
    let lab = SuiteUplink::default();
    let (some, left) = whole.choose(&SuiteFilter::default(), &lab);
    assert_eq!(names(&some), ["virtual", "rows", "rows"]);
    assert_eq!(
        reasons(&left),
        [
            ("real".to_owned(), LeftOut::NeedsRouter),
            ("long".to_owned(), LeftOut::OnRequest)
        ]
    );
    let parent = SuiteUplink::Parent(Some("eth9".to_owned()));
    let asked = SuiteFilter {
        tags: Some("@leases and not @soak".parse().expect("tags")),
        name: None,
    };
    let (some, left) = whole.choose(&asked, &parent);
    assert_eq!(names(&some), ["real", "rows", "rows"]);
    assert_eq!(
        reasons(&left),
        [
            ("long".to_owned(), LeftOut::Tags),
            ("virtual".to_owned(), LeftOut::NeedsLab)
        ]
    );
    let called = SuiteFilter {
        tags: None,
        name: Some("^row".parse().expect("a pattern")),
    };
    assert_eq!(names(&whole.choose(&called, &lab).0), ["rows", "rows"]);
}

#[test]
fn what_takes_days_or_reboots_the_router_runs_only_where_its_own_tag_or_line_asks_for_it() {
    let text = "Feature: f\n  @soak\n  Scenario: days\n    Then 1s pass\n  @destructive @soak\n  Scenario: both\n    \
                Then 1s pass\n  Scenario: plain\n    Then 1s pass\n";
    let folder = FeatureFolder::with(&[("f.feature", text)]);
    let whole = folder.read().expect("a suite");
    let lab = SuiteUplink::default();
    for (tags, name, run) in [
        (None, None, &["plain"][..]),
        (Some("not @slow"), None, &["plain"]),
        (Some("not @slow"), Some("."), &["plain"]),
        (None, Some("days"), &[]),
        (Some("@soak"), None, &["days"]),
        (Some("@soak and not @destructive"), None, &["days"]),
        (Some("@soak and @destructive"), None, &["both"]),
        (Some("@soak or not @slow"), None, &["days", "plain"]),
    ] {
        let choice = SuiteFilter {
            tags: tags.map(|text| text.parse().expect("tags")),
            name: name.map(|text| text.parse().expect("a name")),
        };
        assert_eq!(
            names(&whole.choose(&choice, &lab).0),
            run,
            "{tags:?} {name:?}"
        );
    }
    let by_line = Suite::read(&[folder.path("f.feature:6")]).expect("a suite");
    let (some, _) = by_line.choose(&SuiteFilter::default(), &lab);
    assert_eq!(names(&some), ["both"]);
    // Whoever names the feature names none of its scenarios.
    let by_head = Suite::read(&[folder.path("f.feature:1")]).expect("a suite");
    let (some, _) = by_head.choose(&SuiteFilter::default(), &lab);
    assert_eq!(names(&some), ["plain"]);
}

const LINES: &str = "\
Feature: f
  Background:
    Given the random seed is 1

  @slow
  Scenario: one
    Then 1s pass

  # a word
  Scenario Outline: rows of <time>
    Then <time> pass

    Examples: short ones
      # what follows is the header
      | time |

      | 1s   |
      | 2s   |
  Rule: r
    Scenario: ruled
      Then 1s pass
    Scenario: ruled, too
      Then 1s pass
";

#[test]
fn a_line_of_a_file_names_the_scenario_that_it_belongs_to() {
    let folder = FeatureFolder::with(&[("f.feature", LINES)]);
    let whole = folder.read().expect("a suite");
    let places: Vec<_> = whole
        .scenarios()
        .map(|entry| entry.scenario.position.line)
        .collect();
    assert_eq!(places, [6, 17, 18, 20, 22], "as they stand in the file");
    let all = ["one", "rows of 1s", "rows of 2s", "ruled", "ruled, too"];
    for (lines, named) in [
        (":6", &all[..1]),
        (":5", &all[..1]),
        (":7", &all[..1]),
        (":9", &all[1..3]),
        (":11", &all[1..3]),
        (":15", &all[1..3]),
        (":17", &all[1..2]),
        (":18", &all[2..3]),
        (":18:6", &["one", "rows of 2s"]),
        (":19", &all[3..]),
        (":23", &all[4..]),
        (":1", &all),
        (":3", &all),
        ("", &all),
    ] {
        let suite = Suite::read(&[folder.path(&format!("f.feature{lines}"))]).expect("a suite");
        assert_eq!(names(&suite), named, "{lines}");
    }
    for line in [0, 24] {
        let path = folder.path(&format!("f.feature:{line}"));
        let error = Suite::read(&[path]).expect_err("no such line").to_string();
        assert!(
            error.ends_with(&format!("has no line {line}, but 23")),
            "{error}"
        );
    }
    // Each runs once, however often it is named.
    let (one, two) = (folder.path("f.feature:6"), folder.path("f.feature:22"));
    let suite = Suite::read(&[one.clone(), two, one.clone()]).expect("a suite");
    assert_eq!(names(&suite), ["one", "ruled, too"]);
    let suite = Suite::read(&[one, folder.0.path().to_owned()]).expect("a suite");
    assert_eq!(names(&suite), all);
}

#[test]
fn what_failed_is_written_as_a_list_that_is_read_again() {
    let broken = "Feature: f\n  Scenario: s\n    Foo\n";
    let folder = FeatureFolder::with(&[("f.feature", LINES), ("g.feature", broken)]);
    let suite = folder.read().expect("a suite");
    let mut results = Results::begin(SystemTime::UNIX_EPOCH);
    results.add_broken(&suite.broken);
    let mut of_rows = FeatureResult {
        path: folder.path("f.feature").display().to_string(),
        name: "f".to_owned(),
        description: String::new(),
        scenarios: Vec::new(),
    };
    results.left_out.push(LeftOutResult {
        path: of_rows.path.clone(),
        feature: "f".to_owned(),
        name: "ruled".to_owned(),
        example: None,
        line: 20,
        reason: "not come to".to_owned(),
        was_chosen: true,
    });
    for (line, outcome) in [
        (6, Outcome::Passed),
        (18, Outcome::Failed),
        (22, Outcome::Undefined),
    ] {
        let mut scenario = results.features[0].scenarios[0].clone();
        (scenario.line, scenario.outcome) = (line, outcome);
        of_rows.scenarios.push(scenario);
    }
    results.features.push(of_rows);
    let list = folder.path("rerun.txt");
    fs::write(&list, rerun(&results, &suite)).expect("written");
    let list = PathBuf::from(format!("@{}", list.display()));
    let again = Suite::read(std::slice::from_ref(&list)).expect("a suite");
    assert_eq!(names(&again), ["rows of 2s", "ruled", "ruled, too"]);
    assert_eq!(again.broken, suite.broken);
    fs::write(folder.path("rerun.txt"), "").expect("written");
    let nothing = Suite::read(&[list]).expect("a suite");
    assert!(nothing.features.is_empty() && nothing.broken.is_empty());
}
