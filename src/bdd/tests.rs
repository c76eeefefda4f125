//! Tests of the vocabulary, of parameters and of suites; the steps themselves are tested against the lab.

mod choosing;
mod reading;
mod vocabulary;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use lanherd_types::test_folder::TestFolder;
use tokio::sync::watch;
use tokio::time::timeout;

use super::Options;
use super::event::SuiteEvent;
use super::results::{
    self, Lateness, LeftOutResult, Results, ScenarioFinding, ScenarioSums, SuiteInfo,
};
use super::suite::{Suite, SuiteError};

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

fn names(suite: &Suite) -> Vec<String> {
    let all = suite.scenarios().map(|entry| entry.scenario.name.clone());
    all.collect()
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
