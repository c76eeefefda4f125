//! Tests of the vocabulary, of parameters and of suites; the steps themselves are tested against the lab.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use cucumber::gherkin::{Feature, GherkinEnv, Step};
use lanherd_testkit::folder::TestFolder;
use tokio::sync::watch;
use tokio::time::timeout;

use super::event::SuiteEvent;
use super::parameters::{
    BackendWord, ClientsWord, CountWord, DurationWord, PARAMETERS, PercentWord, RateWord,
};
use super::results::{
    self, FeatureResult, Lateness, LeftOutResult, Outcome, Results, ScenarioFinding, ScenarioSums,
    SuiteInfo,
};
use super::suite::{LeftOut, MOST_BYTES, ScenarioEntry, Suite, SuiteError, SuiteFilter, rerun};
use super::testbeds::SuiteUplink;
use super::vocabulary::{self, Keyword, definitions};
use super::{Complaint, Options, steps};
use crate::identity::ClientNumber;
use crate::lan::linux::MacvlanMode;

fn step(keyword: Keyword, text: &str) -> Step {
    let source = format!(
        "Feature: f\n  Scenario: s\n    {} {text}\n",
        keyword.as_str()
    );
    let feature = Feature::parse(source, GherkinEnv::default()).expect("a feature");
    feature.scenarios[0].steps[0].clone()
}

#[test]
fn every_definition_is_well_formed_and_known() {
    let written: usize = steps::ALL.iter().map(|some| some.len()).sum();
    assert_eq!(
        definitions().count(),
        written,
        "a pattern could not be expanded"
    );
}

#[test]
fn every_example_matches_its_own_definition_and_no_other() {
    let collection = vocabulary::collection();
    for one in definitions() {
        let step = step(one.keyword, one.example);
        let found = vocabulary::find(&step).unwrap_or_else(|| panic!("{} is unknown", one.example));
        assert_eq!(found.pattern, one.pattern, "{}", one.example);
        collection
            .find(&step)
            .unwrap_or_else(|error| panic!("{}: {error}", one.example));
    }
}

#[test]
fn the_words_of_the_first_user_are_known_to_the_letter() {
    for (keyword, text) in [
        (Keyword::Given, "I create 10 virtual clients using macvlan"),
        (
            Keyword::Given,
            "I create \"10\" virtual clients using macvlan",
        ),
        (Keyword::Given, "I create 1 virtual client using macvlan"),
        (Keyword::When, "all clients attempt to ping Google DNS"),
        (Keyword::Then, "all clients should respond successfully"),
        (
            Keyword::Then,
            "at least 99.5% of clients should respond successfully",
        ),
        (
            Keyword::When,
            "clients \"1\" to \"5\" ping 10.0.0.1 20 times every 500ms",
        ),
        (Keyword::When, "every client attempts to ping client 3"),
    ] {
        let found = vocabulary::find(&step(keyword, text));
        assert!(found.is_some(), "{text}");
        assert!(
            vocabulary::collection().find(&step(keyword, text)).is_ok(),
            "{text}"
        );
    }
}

#[test]
fn every_parameter_is_used_and_no_step_is_without_a_meaning() {
    for parameter in PARAMETERS.iter() {
        let braced = format!("{{{}}}", parameter.name);
        assert!(
            definitions().any(|one| one.pattern.contains(&braced)),
            "{braced} is in no pattern"
        );
    }
    let mut patterns = BTreeSet::new();
    for one in definitions() {
        assert!(one.meaning.ends_with('.'), "{}", one.pattern);
        assert!(
            patterns.insert((one.keyword, one.pattern)),
            "{} stands twice",
            one.pattern
        );
    }
}

#[test]
fn the_page_of_the_docs_is_the_list() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/steps.md"));
    let page = page.expect("docs/steps.md");
    assert!(
        page == vocabulary::markdown(),
        "docs/steps.md is not what lanherd steps --markdown prints: write it anew"
    );
}

#[test]
fn the_nearest_steps_to_a_slip_come_first() {
    for (slip, meant) in [
        (
            "all clients try to ping Google DNS",
            "{clients} attempt(s) to ping {target}",
        ),
        (
            "I create ten virtual clients with macvlan",
            "I create {count} virtual client(s) using {backend}",
        ),
        (
            "all the clients should hold a lease within 10s",
            "{clients} should hold a valid lease within {duration}",
        ),
        (
            "packet loss should be below 1%",
            "packet loss should stay below {percent}",
        ),
    ] {
        assert_eq!(vocabulary::nearest(slip)[0].pattern, meant, "{slip}");
    }
    assert!(vocabulary::nearest("qwx").is_empty());
}

#[test]
fn clients_are_named_in_many_ways() {
    let number = ClientNumber;
    for (text, clients) in [
        ("all clients", ClientsWord::All),
        ("Every client", ClientsWord::All),
        ("each of the clients", ClientsWord::All),
        ("the same clients", ClientsWord::Same),
        ("client 7", ClientsWord::Range(number(7), number(7))),
        (
            "clients \"1\" to \"5\"",
            ClientsWord::Range(number(1), number(5)),
        ),
        ("5 random clients", ClientsWord::Random(5)),
        ("at least 99.5% of clients", ClientsWord::AtLeast(0.995)),
        (
            "at least \"99\" % of the clients",
            ClientsWord::AtLeast(0.99),
        ),
        (
            "the \"phones\" clients",
            ClientsWord::Group("phones".parse().expect("a name")),
        ),
    ] {
        assert_eq!(text.parse::<ClientsWord>().expect(text), clients, "{text}");
    }
    for bad in ["clients 5 to 1", "at least 0% of clients"] {
        assert!(bad.parse::<ClientsWord>().is_err(), "{bad} was accepted");
    }
}

#[test]
fn numbers_durations_and_rates_are_read_with_and_without_quotes() {
    assert_eq!(
        "\"10\"".parse::<CountWord>().expect("a count"),
        CountWord(10)
    );
    for text in ["2 minutes", "120s", "\"2 minutes\"", "1m 60s"] {
        let span: DurationWord = text.parse().expect(text);
        assert_eq!(span.0, Duration::from_secs(120), "{text}");
    }
    for text in [
        "20 clients/s",
        "20/s",
        "20 clients per second",
        "1200 queries/min",
    ] {
        let RateWord(rate) = text.parse().expect(text);
        assert_eq!(rate.interval(), Duration::from_millis(50), "{text}");
    }
    assert!("20 clients/fortnight".parse::<RateWord>().is_err());
    assert_eq!(
        "99.5%".parse::<PercentWord>().expect("a share").to_string(),
        "99.5%"
    );
    assert!("101%".parse::<PercentWord>().is_err());
    let BackendWord(mode) = "macvlan in private mode".parse().expect("a backend");
    assert_eq!(mode, Some(MacvlanMode::Private));
    let refusal: Result<BackendWord, Complaint> = "macvlan in odd mode".parse();
    assert!(
        refusal
            .expect_err("refused")
            .to_string()
            .contains("passthru")
    );
}

/// Feature files in a folder of their own, which goes with it.
struct FeatureFolder(TestFolder);

impl FeatureFolder {
    fn with(files: &[(&str, &str)]) -> Self {
        let folder = TestFolder::new("suite");
        for (name, text) in files {
            let file = folder.file(name);
            fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            fs::write(file, text).expect("written");
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.file(name)
    }

    fn read(&self) -> Result<Suite, SuiteError> {
        Suite::read(&[self.0.path().to_owned()])
    }
}

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

fn names(suite: &Suite) -> Vec<String> {
    let all = suite.scenarios().map(|entry| entry.scenario.name.clone());
    all.collect()
}

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

#[test]
fn the_report_and_its_schema_say_the_same() {
    let source: serde_json::Value = serde_json::from_str(results::SCHEMA).expect("JSON");
    let id = source["$id"].as_str().expect("an $id").to_owned();
    let (mut schemas, mut compiler) = (boon::Schemas::new(), boon::Compiler::new());
    compiler.enable_format_assertions();
    // What is not in the schema is refused here, though a later version may add it.
    let strict = source.to_string().replace(
        "\"additionalProperties\":true",
        "\"additionalProperties\":false",
    );
    let strict = serde_json::from_str(&strict).expect("JSON");
    compiler.add_resource(&id, strict).expect("a resource");
    let index = compiler.compile(&id, &mut schemas).expect("a schema");
    let refusal = |results: &Results| {
        let value = serde_json::to_value(results).expect("JSON");
        let refused = schemas.validate(&value, index).err();
        refused.map(|error| format!("{error:#}"))
    };
    let mut results = Results::begin(SystemTime::now());
    assert_eq!(refusal(&results), None);
    results.about = SuiteInfo {
        version: "1".to_owned(),
        seed: u64::MAX,
        labels: [("firmware".to_owned(), "7".to_owned())].into(),
        lease_timeout: Some("20s".to_owned()),
        ..SuiteInfo::default()
    };
    results.add_broken(&[super::suite::Broken {
        path: PathBuf::from("a.feature"),
        line: 3,
        why: "no Gherkin".to_owned(),
    }]);
    let scenario = &mut results.features[0].scenarios[0];
    scenario.example = Some("count=5".to_owned());
    scenario.steps[0].table = vec![vec!["a".to_owned()]];
    scenario.findings.push(ScenarioFinding {
        name: "capacity",
        value: 40,
        text: "at least 40".to_owned(),
    });
    let little = Duration::from_micros(1_500);
    scenario.lateness = Some(Lateness {
        p50: little,
        p99: little,
        max: little,
    });
    scenario.sums = Some(ScenarioSums::from(&crate::pool::Figures::default()));
    results.left_out.push(LeftOutResult {
        path: "b.feature".to_owned(),
        feature: "b".to_owned(),
        name: "s".to_owned(),
        example: None,
        line: 7,
        reason: "for the lab".to_owned(),
        was_chosen: false,
    });
    assert_eq!(refusal(&results), None);
    results.schema = "lanherd.features/2";
    assert!(refusal(&results).is_some());
}

#[test]
fn a_target_is_written_in_upper_or_lower_case_as_on_the_command_line() {
    for target in [
        "Google DNS",
        "google dns",
        "GOOGLE-DNS",
        "google_dns",
        "cloudflare dns",
        "the router",
        "The Router",
        "router",
        "gateway",
        "client 3",
        "Client-3",
        "client \"3\"",
        "192.0.2.1",
        "www.example.org",
    ] {
        let text = format!("all clients attempt to ping {target}");
        let found = vocabulary::find(&step(Keyword::When, &text));
        assert!(found.is_some(), "{text}");
        let plain = target.replace('"', "");
        assert!(plain.parse::<crate::target::Target>().is_ok(), "{plain}");
    }
}

#[tokio::test]
async fn whoever_heard_of_panics_before_a_run_hears_of_them_after_one_that_was_interrupted() {
    static HEARD: AtomicBool = AtomicBool::new(false);
    let text = "Feature: f\n  Scenario: s\n    When 30s pass\n";
    let folder = FeatureFolder::with(&[("f.feature", text)]);
    // The hook is that of the whole process, and tests beside this one may run cucumber, too.
    for _ in 0..5 {
        std::panic::set_hook(Box::new(|_| HEARD.store(true, Ordering::Relaxed)));
        let suite = folder.read().expect("a suite");
        let (begun, interrupted) = watch::channel(());
        let observer = Box::new(move |_: &SuiteEvent<'_>| {
            begun.send_replace(());
        });
        let interrupted = async move {
            let mut interrupted = interrupted;
            let begun = timeout(Duration::from_secs(60), interrupted.changed()).await;
            assert!(matches!(begun, Ok(Ok(()))), "the scenario has not begun");
        };
        let results = super::run(suite, Options::default(), observer, interrupted).await;
        assert_eq!(results.counts().interrupted, 1);
        drop(std::panic::catch_unwind(|| panic!("it is heard of")));
        drop(std::panic::take_hook());
        if HEARD.load(Ordering::Relaxed) {
            return;
        }
    }
    panic!("nobody heard of it");
}
