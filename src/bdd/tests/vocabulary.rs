//! The steps that there are, and what is read in them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use cucumber::gherkin::{Feature, GherkinEnv, Step};

use crate::bdd::parameters::{
    BackendWord, ClientsWord, CountWord, DurationWord, PARAMETERS, PercentWord, RateWord,
};
use crate::bdd::vocabulary::{self, Keyword, definitions};
use crate::bdd::{Complaint, steps};
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
