//! The results as the XML of `JUnit`, which build servers read.

use std::io::{self, Write};

use junit_report::{Duration, ReportBuilder, TestCase, TestCaseBuilder, TestSuiteBuilder};

use super::results::{Outcome, Results, ScenarioResult};

/// Writes them: a test suite for each feature, a test case for each scenario.
///
/// # Errors
/// Where `to` cannot be written to.
pub fn write(results: &Results, to: impl Write) -> io::Result<()> {
    let mut report = ReportBuilder::new();
    for feature in &results.features {
        let mut suite = TestSuiteBuilder::new(&feature.name);
        suite.set_timestamp(results.started.into());
        for scenario in &feature.scenarios {
            suite.add_testcase(case(scenario, &feature.name, &feature.path));
        }
        report.add_testsuite(suite.build());
    }
    report.build().write_xml(to).map_err(io::Error::other)
}

fn case(scenario: &ScenarioResult, feature: &str, path: &str) -> TestCase {
    let took = Duration::try_from(scenario.duration).unwrap_or_default();
    let why = scenario.complaint().unwrap_or_default();
    let name = format!("{} (line {})", scenario.name, scenario.line);
    let mut case = match scenario.outcome {
        Outcome::Passed => TestCaseBuilder::success(&name, took),
        Outcome::Failed => TestCaseBuilder::failure(&name, took, "failed", &why),
        // Not the router's failure: build servers show errors apart from failures.
        Outcome::Inconclusive => TestCaseBuilder::error(&name, took, "inconclusive", &why),
        Outcome::Undefined => TestCaseBuilder::failure(&name, took, "undefined", &why),
        Outcome::Interrupted => TestCaseBuilder::error(&name, took, "interrupted", &why),
        Outcome::Skipped => TestCaseBuilder::skipped_with_cause(&name, "skipped", &why),
    };
    let steps: Vec<_> = scenario
        .steps
        .iter()
        .map(|step| {
            format!(
                "{:>11}  {} {}",
                step.outcome.as_str(),
                step.keyword,
                step.text
            )
        })
        .collect();
    case.set_classname(feature)
        .set_filepath(path)
        .set_system_out(&steps.join("\n"));
    case.build()
}
