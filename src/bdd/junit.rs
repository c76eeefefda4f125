//! The results as the XML of `JUnit`, which build servers read.
//!
//! There is no standard. What is written here is valid under both schemas that are held against such files: that of Jenkins'
//! xUnit plugin (`junit-10.xsd`) and that of Windy Road (`JUnit.xsd`, of Apache Ant's format); the rules of both are in the
//! tests. So there is no attribute `file`; the file of a feature is a property of its suite, and begins the text of each failure.
//! Names are the same from run to run, as histories want it: no line, no duration is part of one.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::time::Duration;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::results::{FeatureResult, LeftOutResult, Outcome, Results, ScenarioResult};

/// A message is what a list of failures shows of each, so it is short; the text of the failure says all.
const LONGEST_MESSAGE: usize = 300;

/// Writes them: a test suite for each feature, a test case for each scenario, those that were left out among them.
///
/// # Errors
/// Where `to` cannot be written to.
pub fn write(results: &Results, to: impl Write) -> io::Result<()> {
    let mut writer = Writer::new_with_indent(to, b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let suites = suites(results);
    writer
        .create_element("testsuites")
        .write_inner_content(|writer| {
            for (id, suite) in suites.iter().enumerate() {
                suite.write(writer, results, id)?;
            }
            Ok(())
        })?;
    writer.write_event(Event::Text(BytesText::from_escaped("\n")))
}

/// A feature, with all its scenarios.
struct TestSuite<'a> {
    name: &'a str,
    path: &'a str,
    cases: Vec<Case<'a>>,
}

/// A scenario that ran, or did not.
struct Case<'a> {
    name: String,
    line: usize,
    what: CaseSource<'a>,
}

enum CaseSource<'a> {
    Ran(&'a ScenarioResult),
    LeftOut(&'a LeftOutResult),
}

/// A test's end, other than well.
struct CaseProblem {
    element: &'static str,
    kind: &'static str,
    message: String,
    text: String,
}

fn suites(results: &Results) -> Vec<TestSuite<'_>> {
    let mut suites: Vec<TestSuite<'_>> = results.features.iter().map(of_feature).collect();
    for one in &results.left_out {
        let known = suites.iter().position(|suite| suite.path == one.path);
        let at = known.unwrap_or_else(|| {
            suites.push(TestSuite {
                name: &one.feature,
                path: &one.path,
                cases: Vec::new(),
            });
            suites.len() - 1
        });
        suites[at].cases.push(Case {
            name: name(&one.name, one.example.as_deref()),
            line: one.line,
            what: CaseSource::LeftOut(one),
        });
    }
    for suite in &mut suites {
        suite.cases.sort_by_key(|case| case.line);
        tell_apart(&mut suite.cases);
    }
    suites
}

fn of_feature(feature: &FeatureResult) -> TestSuite<'_> {
    let case = |scenario| Case {
        name: name_of(scenario),
        line: scenario.line,
        what: CaseSource::Ran(scenario),
    };
    TestSuite {
        name: &feature.name,
        path: &feature.path,
        cases: feature.scenarios.iter().map(case).collect(),
    }
}

fn name_of(scenario: &ScenarioResult) -> String {
    name(&scenario.name, scenario.example.as_deref())
}

/// What a scenario is called: with its row of examples, unless its name has all of it already.
fn name(name: &str, example: Option<&str>) -> String {
    let says = |cell: &str| {
        let value = cell.split_once('=').map_or(cell, |(_, value)| value);
        name.contains(value)
    };
    let full = match example {
        Some(example) if !example.split(", ").all(says) => format!("{name} ({example})"),
        _ => name.to_owned(),
    };
    let full = token(&full);
    if full.is_empty() {
        "a scenario without a name".to_owned()
    } else {
        full
    }
}

/// Numbers those that are called alike within a feature, in the order in which they stand there.
fn tell_apart(cases: &mut [Case<'_>]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for case in cases {
        let times = seen.entry(case.name.clone()).or_default();
        *times += 1;
        if *times > 1 {
            case.name = format!("{} ({times})", case.name);
        }
    }
}

impl TestSuite<'_> {
    fn write<W: Write>(
        &self,
        writer: &mut Writer<W>,
        results: &Results,
        id: usize,
    ) -> io::Result<()> {
        let count = |element| {
            let verdicts = self.cases.iter().filter_map(|case| case.verdict(self.path));
            let those = verdicts.filter(|verdict| verdict.element == element);
            those.count().to_string()
        };
        let time: Duration = self.cases.iter().map(Case::duration).sum();
        let name = match token(self.name) {
            name if name.is_empty() => token(self.path),
            name => name,
        };
        let attributes = [
            ("name", name.clone()),
            ("package", package(self.path)),
            ("id", id.to_string()),
            ("tests", self.cases.len().to_string()),
            ("failures", count("failure")),
            ("errors", count("error")),
            ("skipped", count("skipped")),
            ("time", seconds(time)),
            ("timestamp", timestamp(results)),
            ("hostname", host()),
        ];
        let attributes = attributes
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        writer
            .create_element("testsuite")
            .with_attributes(attributes)
            .write_inner_content(|writer| {
                self.write_properties(writer, results)?;
                for case in &self.cases {
                    case.write(writer, &name, self.path)?;
                }
                text_element(writer, "system-out", &self.output())?;
                text_element(writer, "system-err", &results.troubles.join("\n"))
            })?;
        Ok(())
    }

    fn write_properties<W: Write>(
        &self,
        writer: &mut Writer<W>,
        results: &Results,
    ) -> io::Result<()> {
        let mut properties = results.about.pairs();
        properties.push(("file".to_owned(), self.path.to_owned()));
        for case in &self.cases {
            let CaseSource::Ran(scenario) = case.what else {
                continue;
            };
            let mut add = |what: &str, value: String| {
                properties.push((format!("{what} ({})", case.name), value));
            };
            for finding in &scenario.findings {
                add(finding.name, finding.value.to_string());
            }
            if let Some(late) = scenario.lateness {
                let ms = |duration: Duration| format!("{:.1}", duration.as_secs_f64() * 1e3);
                let value = format!(
                    "p50 {} ms, p99 {} ms, maximum {} ms",
                    ms(late.p50),
                    ms(late.p99),
                    ms(late.max)
                );
                add("lateness of the tester", value);
            }
        }
        writer
            .create_element("properties")
            .write_inner_content(|writer| {
                for (name, value) in &properties {
                    writer
                        .create_element("property")
                        .with_attribute(("name", token(name).as_str()))
                        .with_attribute(("value", token(value).as_str()))
                        .write_empty()?;
                }
                Ok(())
            })?;
        Ok(())
    }

    /// What all scenarios did, step by step.
    fn output(&self) -> String {
        let told = self.cases.iter().filter_map(|case| match case.what {
            CaseSource::Ran(scenario) => {
                let findings = scenario
                    .findings
                    .iter()
                    .map(|finding| format!("\n  {}", finding.text));
                let findings: Vec<_> = findings.collect();
                Some(format!(
                    "{}\n{}{}",
                    case.name,
                    steps(scenario),
                    findings.concat()
                ))
            }
            CaseSource::LeftOut(_) => None,
        });
        told.collect::<Vec<_>>().join("\n\n")
    }
}

impl Case<'_> {
    fn duration(&self) -> Duration {
        match self.what {
            CaseSource::Ran(scenario) => scenario.duration,
            CaseSource::LeftOut(_) => Duration::ZERO,
        }
    }

    fn verdict(&self, path: &str) -> Option<CaseProblem> {
        let scenario = match self.what {
            CaseSource::Ran(scenario) => scenario,
            CaseSource::LeftOut(one) => {
                return Some(CaseProblem {
                    element: "skipped",
                    kind: "left out",
                    message: one.reason.clone(),
                    text: String::new(),
                });
            }
        };
        let element = match scenario.outcome {
            Outcome::Passed => return None,
            Outcome::Failed | Outcome::Undefined => "failure",
            // Not the router's failure: build servers show errors apart from failures.
            Outcome::Inconclusive | Outcome::Interrupted => "error",
            Outcome::Skipped => "skipped",
        };
        let why = scenario.complaint().unwrap_or_default();
        Some(CaseProblem {
            element,
            kind: scenario.outcome.as_str(),
            message: scenario.short_complaint().unwrap_or_default(),
            text: format!("{path}:{}\n{why}\n\n{}", scenario.line, steps(scenario)),
        })
    }

    fn write<W: Write>(&self, writer: &mut Writer<W>, class: &str, path: &str) -> io::Result<()> {
        let time = seconds(self.duration());
        let case = writer.create_element("testcase").with_attributes([
            ("name", self.name.as_str()),
            ("classname", class),
            ("time", time.as_str()),
        ]);
        let Some(verdict) = self.verdict(path) else {
            case.write_empty()?;
            return Ok(());
        };
        case.write_inner_content(|writer| {
            let message: String = token(&verdict.message)
                .chars()
                .take(LONGEST_MESSAGE)
                .collect();
            let element = writer
                .create_element(verdict.element)
                .with_attributes([("message", message.as_str()), ("type", verdict.kind)]);
            if verdict.text.is_empty() {
                element.write_empty()?;
            } else {
                element.write_text_content(BytesText::new(&printable(&verdict.text)))?;
            }
            Ok(())
        })?;
        Ok(())
    }
}

fn text_element<W: Write>(writer: &mut Writer<W>, name: &str, text: &str) -> io::Result<()> {
    writer
        .create_element(name)
        .write_text_content(BytesText::new(&printable(text)))?;
    Ok(())
}

/// The steps of a scenario, each with what became of it.
fn steps(scenario: &ScenarioResult) -> String {
    let steps = scenario.steps.iter().map(|step| {
        format!(
            "{:>13}  {} {}",
            step.outcome.as_str(),
            step.keyword,
            step.text
        )
    });
    steps.collect::<Vec<_>>().join("\n")
}

/// The folder of a feature file, as a package is written; there is always one.
fn package(path: &str) -> String {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let parts: Vec<_> = folder
        .split('/')
        .filter(|part| !matches!(*part, "" | "." | ".."))
        .collect();
    match token(&parts.join(".")) {
        name if name.is_empty() => "features".to_owned(),
        name => name,
    }
}

/// To the second, in UTC and without saying so, as one of the schemas wants it.
fn timestamp(results: &Results) -> String {
    let full = humantime::format_rfc3339_seconds(results.started).to_string();
    full.trim_end_matches('Z').to_owned()
}

fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname");
    name.ok()
        .map(|name| token(&name))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}

fn seconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}

/// Text without the characters that XML 1.0 cannot hold, in whatever form (2.2): the picture of a control character stands for
/// it. A name may hold them, and what a command printed does.
fn printable(text: &str) -> String {
    let shown = |c: char| match c {
        '\t' | '\n' => c,
        '\r' => '\n',
        '\u{0}'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}'),
        '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        _ => c,
    };
    text.chars().map(shown).collect()
}

/// The same on one line, without white space at its ends or twice, as attributes are read in any case.
fn token(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(printable).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests;
