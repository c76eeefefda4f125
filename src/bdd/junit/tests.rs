//! The XML against the rules of the two schemas, written down anew: which elements in which order, which attributes of which
//! type. Whatever the rules do not name is refused.

use std::time::SystemTime;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event as Xml};
use regex::Regex;

use super::*;
use crate::bdd::results::{Lateness, ScenarioFinding, StepResult, SuiteInfo};

/// An element as it was read.
#[derive(Debug, Default)]
struct Node {
    name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Node>,
    text: String,
}

impl Node {
    fn of(start: &BytesStart<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.expect("a well-formed attribute");
            let value = quick_xml::escape::unescape(&text(&attribute.value))
                .expect("escaped")
                .into_owned();
            (text(attribute.key.as_ref()), value)
        });
        Self {
            name: text(start.name().as_ref()),
            attributes: attributes.collect(),
            ..Self::default()
        }
    }

    fn attribute(&self, name: &str) -> &str {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    fn all(&self, name: &str) -> Vec<&Self> {
        self.children
            .iter()
            .filter(|child| child.name == name)
            .collect()
    }
}

fn parsed(xml: &str) -> Node {
    for c in xml.chars() {
        let is_char = matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..);
        assert!(is_char, "{c:?} is no character of XML 1.0");
    }
    assert!(
        !xml.contains("]]>"),
        "it ends a CDATA section, and stands nowhere else (2.4)"
    );
    let mut reader = Reader::from_str(xml);
    reader.config_mut().expand_empty_elements = true;
    let mut open = vec![Node::default()];
    loop {
        match reader.read_event().expect("well-formed") {
            Xml::Start(start) => open.push(Node::of(&start)),
            Xml::End(_) => {
                let node = open.pop().expect("an element");
                open.last_mut().expect("a parent").children.push(node);
            }
            Xml::Text(text) => {
                let text = String::from_utf8(text.into_inner().into_owned()).expect("UTF-8");
                open.last_mut().expect("a parent").text.push_str(&text);
            }
            Xml::GeneralRef(name) => {
                let name = String::from_utf8(name.into_inner().into_owned()).expect("UTF-8");
                let text = quick_xml::escape::unescape(&format!("&{name};"))
                    .expect("a known entity")
                    .into_owned();
                open.last_mut().expect("a parent").text.push_str(&text);
            }
            Xml::Decl(_) => {}
            Xml::Eof => break,
            other => panic!("what is {other:?} here for?"),
        }
    }
    assert_eq!(open.len(), 1, "all is closed");
    open.remove(0).children.remove(0)
}

/// What an attribute may hold.
#[derive(Clone, Copy)]
enum Type {
    Text,
    /// `xs:token` of at least one character.
    Token,
    /// A whole number, `xs:int`.
    Int,
    /// `xs:decimal`, and `SUREFIRE_TIME`.
    Seconds,
    /// `xs:dateTime` without a zone.
    DateTime,
}

/// An attribute: its name, its type, whether it is required.
type Attribute = (&'static str, Type, bool);

fn check_attributes(node: &Node, rules: &[Attribute]) {
    for (name, value) in &node.attributes {
        let rule = rules.iter().find(|(known, ..)| known == name);
        let (_, kind, _) =
            rule.unwrap_or_else(|| panic!("<{}> has no attribute {name}", node.name));
        let pattern = match kind {
            Type::Text => r"(?s)^.*$",
            Type::Token => r"^\S+(?: \S+)*$",
            Type::Int => r"^\d{1,9}$",
            // ((([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)? holds each of these.
            Type::Seconds => r"^\d+\.\d+$",
            Type::DateTime => r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$",
        };
        let pattern = Regex::new(pattern).expect("a pattern");
        assert!(pattern.is_match(value), "<{} {name}={value:?}>", node.name);
    }
    for (name, _, required) in rules {
        let count = node
            .attributes
            .iter()
            .filter(|(known, _)| known == name)
            .count();
        assert!(
            count == 1 || count == 0 && !required,
            "<{}> needs one {name}",
            node.name
        );
    }
}

fn check_leaf(node: &Node, attributes: &[Attribute]) {
    check_attributes(node, attributes);
    assert!(node.children.is_empty(), "<{}> has no elements", node.name);
}

fn names(node: &Node) -> Vec<&str> {
    node.children
        .iter()
        .map(|child| child.name.as_str())
        .collect()
}

/// Holds a document against both schemas at once: each rule is the stricter one of the two.
fn validate(xml: &str) -> Node {
    let root = parsed(xml);
    assert_eq!(root.name, "testsuites");
    // Windy Road knows none, Jenkins name, time, tests, failures, errors.
    check_attributes(&root, &[]);
    for (number, suite) in root.children.iter().enumerate() {
        assert_eq!(suite.name, "testsuite");
        check_attributes(
            suite,
            &[
                ("name", Type::Token, true),
                ("timestamp", Type::DateTime, true),
                ("hostname", Type::Token, true),
                ("tests", Type::Int, true),
                ("failures", Type::Int, true),
                ("errors", Type::Int, true),
                ("skipped", Type::Int, false),
                ("time", Type::Seconds, true),
                ("package", Type::Token, true),
                ("id", Type::Int, true),
            ],
        );
        assert_eq!(suite.attribute("id"), number.to_string(), "counted from 0");
        // properties, testcase*, system-out, system-err.
        let order = names(suite);
        let cases = order.len().saturating_sub(3);
        let expected: Vec<_> = std::iter::once("properties")
            .chain(std::iter::repeat_n("testcase", cases))
            .chain(["system-out", "system-err"])
            .collect();
        assert_eq!(order, expected);
        let properties = &suite.children[0];
        check_attributes(properties, &[]);
        for property in &properties.children {
            assert_eq!(property.name, "property");
            check_leaf(
                property,
                &[("name", Type::Token, true), ("value", Type::Text, true)],
            );
        }
        for case in suite.all("testcase") {
            check_attributes(
                case,
                &[
                    ("name", Type::Token, true),
                    ("classname", Type::Token, true),
                    ("time", Type::Seconds, true),
                ],
            );
            assert!(case.children.len() <= 1, "{:?}", names(case));
            for end in &case.children {
                assert!(
                    ["skipped", "error", "failure"].contains(&end.name.as_str()),
                    "{}",
                    end.name
                );
                check_leaf(
                    end,
                    &[("message", Type::Text, false), ("type", Type::Text, true)],
                );
            }
        }
        for name in ["system-out", "system-err"] {
            check_leaf(suite.all(name)[0], &[]);
        }
        let count = |name: &str| {
            let with = suite
                .all("testcase")
                .into_iter()
                .filter(|case| !case.all(name).is_empty());
            with.count().to_string()
        };
        assert_eq!(
            suite.attribute("tests"),
            suite.all("testcase").len().to_string()
        );
        assert_eq!(suite.attribute("failures"), count("failure"));
        assert_eq!(suite.attribute("errors"), count("error"));
        assert_eq!(suite.attribute("skipped"), count("skipped"));
    }
    root
}

fn scenario(name: &str, line: usize, outcome: Outcome, message: &str) -> ScenarioResult {
    let step = |text: &str, outcome, message: Option<&str>| StepResult {
        keyword: "Then".to_owned(),
        text: text.to_owned(),
        line: line + 1,
        table: Vec::new(),
        docstring: None,
        outcome,
        duration: Duration::from_millis(1_234),
        message: message.map(ToOwned::to_owned),
    };
    ScenarioResult {
        name: name.to_owned(),
        rule: None,
        line,
        example: None,
        tags: vec!["slow".to_owned()],
        outcome,
        duration: Duration::from_millis(61_002),
        tries: 1,
        steps: vec![
            step("all is well", Outcome::Passed, None),
            step("a & b < c ]]> \u{1b}[31m", outcome, Some(message)),
        ],
        troubles: Vec::new(),
        findings: Vec::new(),
        lateness: None,
        sums: None,
    }
}

fn results(scenarios: Vec<ScenarioResult>) -> Results {
    let mut results = Results::begin(SystemTime::UNIX_EPOCH);
    results.about = SuiteInfo {
        version: "0.1.0".to_owned(),
        place: "eth0".to_owned(),
        pool: "ns".to_owned(),
        seed: 7,
        labels: BTreeMap::from([("firmware".to_owned(), "7.59 <beta>".to_owned())]),
        ..SuiteInfo::default()
    };
    results.features.push(FeatureResult {
        path: "suite/features/odd.feature".to_owned(),
        name: "Odd \u{1b}[0m names ]]>".to_owned(),
        description: String::new(),
        scenarios,
    });
    results
}

fn xml(results: &Results) -> String {
    let mut bytes = Vec::new();
    write(results, &mut bytes).expect("written");
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn whatever_happens_is_valid_under_both_schemas() {
    let all = Outcome::ALL.iter().enumerate();
    let scenarios = all.map(|(n, outcome)| {
        let text =
            "3 of 10 clients did not: ]]> \"<&>'\u{0}\u{1b}\u{ffff}\n  client 2: timeout\r\n";
        scenario(&format!("S {outcome} \u{7}\n & ]]>"), n + 1, *outcome, text)
    });
    let mut results = results(scenarios.collect());
    results
        .troubles
        .push("namespace ns3 <could> not be removed ]]>".to_owned());
    results.left_out.push(LeftOutResult {
        path: "suite/features/other.feature".to_owned(),
        feature: String::new(),
        name: String::new(),
        example: None,
        line: 3,
        reason: "for a real router & \"nothing\" else".to_owned(),
        was_chosen: false,
    });
    let root = validate(&xml(&results));
    assert_eq!(root.children.len(), 2);
    // Nothing at all is valid, too.
    validate(&xml(&Results::begin(SystemTime::UNIX_EPOCH)));
}

#[test]
fn a_failure_has_a_short_message_and_its_whole_text_in_its_body() {
    let text = "3 of 10 clients did not respond:\n  client 2: timeout\n  client 5: offline";
    let root = validate(&xml(&results(vec![scenario(
        "S",
        23,
        Outcome::Failed,
        text,
    )])));
    let case = root.children[0].all("testcase")[0];
    let failure = case.all("failure")[0];
    assert_eq!(
        failure.attribute("message"),
        "3 of 10 clients did not respond"
    );
    assert_eq!(failure.attribute("type"), "failed");
    for says in [
        "suite/features/odd.feature:23\n",
        "client 2: timeout\n",
        "client 5: offline",
        "passed  Then all is well",
    ] {
        assert!(failure.text.contains(says), "{says}: {}", failure.text);
    }
    assert_eq!(case.attribute("time"), "61.002");
}

#[test]
fn an_end_that_is_not_the_routers_is_an_error_and_what_did_not_run_is_skipped_with_the_reason() {
    let mut results = results(vec![
        scenario("I", 1, Outcome::Inconclusive, "the tester was late"),
        scenario("U", 4, Outcome::Undefined, "there is no such step"),
    ]);
    results.left_out.push(LeftOutResult {
        path: "suite/features/odd.feature".to_owned(),
        feature: "whatever".to_owned(),
        name: "L".to_owned(),
        example: None,
        line: 2,
        reason: "for the lab (@lab): run with --lab".to_owned(),
        was_chosen: false,
    });
    let root = validate(&xml(&results));
    let cases = root.children[0].all("testcase");
    let ends: Vec<_> = cases
        .iter()
        .map(|case| (case.attribute("name"), names(case)))
        .collect();
    assert_eq!(
        ends,
        [
            ("I", vec!["error"]),
            ("L", vec!["skipped"]),
            ("U", vec!["failure"])
        ]
    );
    assert_eq!(cases[0].all("error")[0].attribute("type"), "inconclusive");
    assert_eq!(
        cases[1].all("skipped")[0].attribute("message"),
        "for the lab (@lab): run with --lab"
    );
}

#[test]
fn names_are_the_same_from_run_to_run_and_each_is_there_once() {
    let row = |line, example: &str| {
        let mut row = scenario("rows", line, Outcome::Passed, "");
        row.example = Some(example.to_owned());
        row
    };
    let mut filled = row(3, "time=2s");
    filled.name = "after 2s".to_owned();
    let ran = vec![
        row(9, "time=2s"),
        scenario("twice", 20, Outcome::Passed, ""),
        filled,
        scenario("twice", 11, Outcome::Failed, "x"),
        row(8, "time=1s"),
    ];
    let of = |results: &Results| {
        let root = validate(&xml(results));
        let cases = root.children[0].all("testcase");
        cases
            .iter()
            .map(|case| case.attribute("name").to_owned())
            .collect::<Vec<_>>()
    };
    let names = [
        "after 2s",
        "rows (time=1s)",
        "rows (time=2s)",
        "twice",
        "twice (2)",
    ];
    assert_eq!(of(&results(ran.clone())), names);
    // In whatever order they ended, and on whatever lines they stand.
    let moved = ran.into_iter().rev().map(|mut one| {
        one.line += 100;
        one
    });
    assert_eq!(of(&results(moved.collect())), names);
}

#[test]
fn properties_say_with_what_the_run_was_made_and_what_it_found_out() {
    let mut with = scenario("C", 1, Outcome::Passed, "");
    with.findings.push(ScenarioFinding {
        name: "capacity",
        value: 40,
        text: "at least 40 clients were served; the 41st failed: no_offer".to_owned(),
    });
    with.lateness = Some(Lateness {
        p50: Duration::from_micros(900),
        p99: Duration::from_millis(2),
        max: Duration::from_millis(3),
    });
    let root = validate(&xml(&results(vec![with])));
    let properties = &root.children[0].children[0].children;
    let pairs: Vec<_> = properties
        .iter()
        .map(|property| (property.attribute("name"), property.attribute("value")))
        .collect();
    for pair in [
        ("lanherd", "0.1.0"),
        ("parent", "eth0"),
        ("pool", "ns"),
        ("seed", "7"),
        ("firmware", "7.59 <beta>"),
        ("file", "suite/features/odd.feature"),
        ("capacity (C)", "40"),
        (
            "lateness of the tester (C)",
            "p50 0.9 ms, p99 2.0 ms, maximum 3.0 ms",
        ),
    ] {
        assert!(pairs.contains(&pair), "{pair:?} is not in {pairs:?}");
    }
    assert!(
        root.children[0].all("system-out")[0]
            .text
            .contains("the 41st failed: no_offer")
    );
}
