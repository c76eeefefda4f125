//! What the dashboards look like: what pictures of them have shown to be wrong, and is to stay mended.

use std::collections::BTreeMap;
use std::fs;

use lanherd::dhcp::{Ignored, RemarkReason};
use lanherd::phase::Phase;
use lanherd::{dhcp6, ndp};
use regex::Regex;
use serde_json::Value;

use super::shown::{DASHBOARDS, list, panels, read, text};

/// Asserts of every panel, of those that `which` picks, that it is well; there are such panels.
#[track_caller]
fn all(which: impl Fn(&Value) -> bool, is_well: impl Fn(&Value) -> bool) {
    let dashboards = DASHBOARDS.map(read);
    let picked = || {
        dashboards
            .iter()
            .flat_map(panels)
            .filter(|panel| which(panel))
    };
    assert!(picked().next().is_some(), "no panel is of that kind");
    if let Some(panel) = picked().find(|panel| !is_well(panel)) {
        panic!("{}: {panel:#}", text(panel, "/title"));
    }
}

#[test]
fn no_title_is_cut_on_a_screen_of_1400_pixels() {
    // By the pictures: beside the icon of the description three columns have room for 14 letters of the usual width, and each
    // column more for another 7.5.
    let width = |title: &str| {
        let of = |letter: char| match letter {
            'm' | 'w' | 'M' | 'W' => 1.5,
            'i' | 'j' | 'l' | 'f' | 't' | 'r' | ' ' | ',' | ':' => 0.6,
            _ => 1.0,
        };
        title.chars().map(of).sum::<f64>()
    };
    assert!(width("Commands failed") > 14.0, "which was cut");
    all(
        |_| true,
        |panel| {
            let columns = panel["gridPos"]["w"].as_f64().expect("a width");
            width(text(panel, "/title")) < 7.5 * columns - 8.5
        },
    );
}

#[test]
fn a_firmware_of_2_0_is_no_number_in_a_table() {
    all(
        |panel| panel["type"] == "table",
        |panel| text(panel, "/fieldConfig/defaults/unit") == "string",
    );
}

#[test]
fn one_event_is_seen_although_an_increase_makes_a_little_less_than_1_of_it() {
    let counts = |panel: &Value| {
        list(panel, "/targets").iter().any(|target| {
            Regex::new(r"\bincrease\(|\$__interval_ms")
                .unwrap()
                .is_match(text(target, "/expr"))
        })
    };
    all(
        |panel| {
            panel["type"] == "stat"
                && panel["fieldConfig"]["defaults"]["decimals"] == 0
                && counts(panel)
        },
        |panel| {
            let steps = list(panel, "/fieldConfig/defaults/thresholds/steps");
            steps.len() > 1
                && steps
                    .iter()
                    .filter_map(|step| step["value"].as_f64())
                    .all(|value| value <= 0.5)
        },
    );
}

/// Grafana stacks what is not there as nothing: its line would lie on top of all that is.
#[test]
fn a_stacked_series_that_is_not_there_has_no_line() {
    let custom = |panel: &Value| panel["fieldConfig"]["defaults"]["custom"].clone();
    all(
        |panel| custom(panel)["stacking"]["mode"] == "normal",
        |panel| custom(panel)["lineWidth"] == 0,
    );
}

#[test]
fn where_there_were_no_events_a_panel_says_so_instead_of_missing_data() {
    let is_of_events = |panel: &Value| {
        list(panel, "/targets")
            .iter()
            .all(|target| text(target, "/expr").ends_with("> 0"))
    };
    all(is_of_events, |panel| {
        panel["fieldConfig"]["defaults"]["noValue"].is_string()
    });
}

/// What is at one level of good and bad has one colour, wherever it is looked at.
#[test]
fn every_phase_has_a_colour_and_it_is_that_of_the_live_page() {
    let soak = read(DASHBOARDS[0]);
    let panel = panels(&soak)
        .find(|panel| panel["title"] == "Clients by phase")
        .expect("a panel of phases");
    let coloured: BTreeMap<_, _> = list(panel, "/fieldConfig/overrides")
        .iter()
        .map(|rule| {
            let colour = text(rule, "/properties/0/value/fixedColor");
            (text(rule, "/matcher/options"), colour)
        })
        .collect();
    let mut phases: Vec<_> = Phase::ALL.iter().map(|phase| phase.as_str()).collect();
    phases.sort_unstable();
    assert_eq!(coloured.keys().copied().collect::<Vec<_>>(), phases);

    let style = fs::read_to_string(super::file("../src/page/style.css")).expect("the style");
    // Of each group of phases on the pages, the one that is seen most.
    for (group, phase) in [
        ("queued", "queued"),
        ("joining", "dhcp"),
        ("online", "online"),
        ("resting", "released"),
        ("trouble", "no_carrier"),
        ("failed", "failed"),
    ] {
        let there = format!("--{group}: {};", coloured[phase]);
        assert!(style.contains(&there), "{phase}: pages have no {there}");
        let mut all = Phase::ALL.iter();
        let phase = all.find(|one| one.as_str() == phase).expect("a phase");
        assert_eq!(phase.condition().to_string(), group, "{phase}");
    }
}

#[test]
fn what_counts_as_malformed_is_what_the_program_calls_so() {
    let sorted = |words: Vec<&'static str>| {
        let mut words = words;
        words.sort_unstable();
        format!(r#"reason=~"{}""#, words.join("|"))
    };
    // A message without a type is counted with those that cannot be read, in the family of all messages.
    let messages = Ignored::ALL
        .iter()
        .filter(|reason| reason.is_malformed() && **reason != Ignored::NoMessageType);
    let messages = sorted(messages.map(|reason| reason.as_str()).collect());
    let options = RemarkReason::ALL
        .iter()
        .filter(|reason| reason.is_malformed());
    let options = sorted(options.map(|reason| reason.as_str()).collect());
    for name in DASHBOARDS.iter().copied().chain(["lanherd.alerts.yml"]) {
        let text = fs::read_to_string(super::file(name)).expect("a file");
        // In JSON quotation marks are escaped.
        let text = text.replace(r#"\""#, "\"");
        let asked = |family: &str, reasons: &str| {
            let selectors = Regex::new(&format!(r#"{family}\{{[^}}]*reason=~"[^"]*""#)).unwrap();
            let mut found = selectors.find_iter(&text).peekable();
            found.peek().is_some() && found.all(|found| found.as_str().ends_with(reasons))
        };
        assert!(
            asked("lanherd_dhcp_messages_ignored_total", &messages),
            "{name}: {messages}"
        );
        if name != "lanherd-compare.json" {
            assert!(
                asked("lanherd_dhcp_option_remarks_total", &options),
                "{name}: {options}"
            );
        }
    }
}

#[test]
fn what_counts_as_malformed_in_ipv6_is_what_the_program_calls_so() {
    let text = fs::read_to_string(super::file("lanherd.alerts.yml")).expect("a file");
    let asked = |family: &str, mut words: Vec<&'static str>| {
        words.sort_unstable();
        words.dedup();
        let there = format!(r#"lanherd_{family}{{reason=~"{}"}}"#, words.join("|"));
        assert!(text.contains(&there), "no {there}");
    };
    let ignored = ndp::slaac::Ignored::ALL
        .iter()
        .filter(|it| it.is_malformed());
    let refused = ndp::Reason::WORDS.iter().copied();
    let refused = refused.filter(|word| *word != ndp::Reason::NotNeighbourDiscovery.as_str());
    let advertisements = ignored.map(|it| it.as_str()).chain(refused);
    asked(
        "router_advertisements_ignored_total",
        advertisements.collect(),
    );
    let options = ndp::RemarkReason::ALL.iter().filter(|it| it.is_malformed());
    asked(
        "router_advertisement_remarks_total",
        options.map(|it| it.as_str()).collect(),
    );
    let ignored = dhcp6::Ignored::ALL.iter().filter(|it| it.is_malformed());
    let unreadable = dhcp6::DecodeError::WORDS.iter().copied();
    let messages = ignored.map(|it| it.as_str()).chain(unreadable);
    let unsound = [lanherd::metrics::CHECKSUM, lanherd::metrics::FRAGMENTED];
    asked(
        "dhcp6_messages_ignored_total",
        messages.chain(unsound).collect(),
    );
    let options = dhcp6::RemarkReason::ALL
        .iter()
        .filter(|it| it.is_malformed());
    asked(
        "dhcp6_option_remarks_total",
        options.map(|it| it.as_str()).collect(),
    );
}
