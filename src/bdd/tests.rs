//! Tests of the vocabulary, of parameters and of suites; the steps themselves are tested against the lab.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cucumber::gherkin::{Feature, GherkinEnv, Step};

use super::estate::Ground;
use super::parameters::{Backend, Clients, Count, Often, PARAMETERS, Percent, Span, Stat};
use super::suite::{Choice, LeftOut, Suite, SuiteError};
use super::vocabulary::{self, Keyword, definitions};
use super::{Complaint, steps};
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
    for parameter in PARAMETERS {
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
        ("all clients", Clients::All),
        ("Every client", Clients::All),
        ("each of the clients", Clients::All),
        ("the same clients", Clients::Same),
        ("client 7", Clients::Range(number(7), number(7))),
        (
            "clients \"1\" to \"5\"",
            Clients::Range(number(1), number(5)),
        ),
        ("5 random clients", Clients::Random(5)),
        ("at least 99.5% of clients", Clients::AtLeast(0.995)),
        ("at least \"99\" % of the clients", Clients::AtLeast(0.99)),
        (
            "the \"phones\" clients",
            Clients::Group("phones".parse().expect("a name")),
        ),
    ] {
        assert_eq!(text.parse::<Clients>().expect(text), clients, "{text}");
    }
    for bad in ["clients 5 to 1", "at least 0% of clients"] {
        assert!(bad.parse::<Clients>().is_err(), "{bad} was accepted");
    }
}

#[test]
fn numbers_durations_and_rates_are_read_with_and_without_quotes() {
    assert_eq!("\"10\"".parse::<Count>().expect("a count"), Count(10));
    for text in ["2 minutes", "120s", "\"2 minutes\"", "1m 60s"] {
        let span: Span = text.parse().expect(text);
        assert_eq!(span.0, Duration::from_secs(120), "{text}");
    }
    for text in [
        "20 clients/s",
        "20/s",
        "20 clients per second",
        "1200 queries/min",
    ] {
        let Often(rate) = text.parse().expect(text);
        assert_eq!(rate.interval(), Duration::from_millis(50), "{text}");
    }
    assert!("20 clients/fortnight".parse::<Often>().is_err());
    assert_eq!(
        "99.5%".parse::<Percent>().expect("a share").to_string(),
        "99.5%"
    );
    assert!("101%".parse::<Percent>().is_err());
    let p95: Stat = "p95".parse().expect("a stat");
    assert!((p95.quantile - 0.95).abs() < 1e-9);
    let Backend(mode) = "macvlan in private mode".parse().expect("a backend");
    assert_eq!(mode, Some(MacvlanMode::Private));
    let refusal: Result<Backend, Complaint> = "macvlan in odd mode".parse();
    assert!(
        refusal
            .expect_err("refused")
            .to_string()
            .contains("passthru")
    );
}

/// Feature files in a folder of their own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("lanherd-suite-{:016x}", fastrand::u64(..)));
        for (name, text) in files {
            let file = path.join(name);
            fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            fs::write(file, text).expect("written");
        }
        Self(path)
    }

    fn read(&self) -> Result<Suite, SuiteError> {
        Suite::read(std::slice::from_ref(&self.0))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
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

#[test]
fn scenarios_are_chosen_by_ground_tags_and_name_and_what_is_left_out_has_a_reason() {
    let folder = Folder::with(&[("a/b.feature", TAGGED), ("a/notes.txt", "no feature")]);
    let whole = folder.read().expect("a suite");
    assert_eq!(whole.scenarios().count(), 5, "each row is a scenario");
    let lab = Ground::default();
    let (some, left) = whole.choose(&Choice::default(), &lab);
    let names = |suite: &Suite| {
        let all = suite.scenarios().map(|entry| entry.scenario.name.clone());
        all.collect::<Vec<_>>()
    };
    assert_eq!(names(&some), ["virtual", "rows", "rows"]);
    assert_eq!(
        left.into_iter().collect::<Vec<_>>(),
        [(LeftOut::NeedsRouter, 1), (LeftOut::OnRequest, 1)]
    );
    let parent = Ground::Parent(Some("eth9".to_owned()));
    let asked = Choice {
        tags: Some("@leases and not @soak".parse().expect("tags")),
        name: None,
    };
    let (some, left) = whole.choose(&asked, &parent);
    assert_eq!(names(&some), ["real", "rows", "rows"]);
    assert_eq!(
        left.into_iter().collect::<Vec<_>>(),
        [(LeftOut::NeedsLab, 1), (LeftOut::Tags, 1)]
    );
    let called = Choice {
        tags: None,
        name: Some("^row".parse().expect("a pattern")),
    };
    assert_eq!(names(&whole.choose(&called, &lab).0), ["rows", "rows"]);
}

#[test]
fn a_file_that_is_no_gherkin_is_named_with_the_line_and_an_empty_folder_with_the_remedy() {
    let folder = Folder::with(&[(
        "bad.feature",
        "Feature: f\n  Scenario: s\n    When 1s pass\n    Foo bar\n",
    )]);
    let error = folder.read().expect_err("refused").to_string();
    assert!(error.contains("bad.feature: line 4"), "{error}");
    let empty = Folder::with(&[("notes.txt", "")]);
    let error = empty.read().expect_err("refused").to_string();
    assert!(error.contains("--init"), "{error}");
    let hollow = Folder::with(&[("h.feature", "Feature: f\n  Scenario: nothing to do\n")]);
    let error = hollow.read().expect_err("refused").to_string();
    assert!(
        error.contains("h.feature:2") && error.contains("no steps"),
        "{error}"
    );
}

#[test]
fn unknown_steps_are_found_before_anything_runs_those_of_the_background_once() {
    let text = "Feature: f\n  Background:\n    Given nonsense\n  Scenario: a\n    When 1s pass\n  Scenario: b\n    \
                When all clients try to ping Google DNS\n";
    let folder = Folder::with(&[("f.feature", text)]);
    let unknown = folder.read().expect("a suite").unknown_steps();
    let places: Vec<_> = unknown.iter().map(|step| step.text.as_str()).collect();
    assert_eq!(
        places,
        ["Given nonsense", "When all clients try to ping Google DNS"]
    );
    assert!(
        unknown[1].suggestion.contains("attempt to ping"),
        "{:?}",
        unknown[1]
    );
}
