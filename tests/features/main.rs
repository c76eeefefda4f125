//! The shipped feature files: all that the lab can carry passes on it, and each scenario fails where the lab is broken in a
//! way that it is there to find. A scenario that no fault can fail does not ship.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's way to fail; helpers of tests are not recognised as such"
)]

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

use lanherd_types::test_folder::TestFolder;
use serde_json::Value;

use self::table::Row;

/// The faults that a tester who is late may not see: round trips that grow by less than it is late, questions that no longer come at
/// once, leases that end between two looks. What passes under them is tried again once, since it may be late by less than it tells of, and as long as it says that it is.
const PACED: [&str; 3] = ["dhcp_expire_early", "dns_limit", "router_leak"];

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn bdd(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lanherd"))
        .current_dir(project())
        .arg("bdd")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("lanherd runs")
}

/// What the scenarios of a file of results came to: by name, whether it passed, and what its steps say. None where nothing ran.
fn scenarios(results: &Path) -> BTreeMap<String, (bool, String)> {
    let text = match fs::read(results) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return BTreeMap::new(),
        Err(error) => panic!("{}: {error}", results.display()),
    };
    let features: Value = serde_json::from_slice(&text).expect("json");
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let mut all = BTreeMap::new();
    for element in features
        .as_array()
        .expect("features")
        .iter()
        .flat_map(|f| list(f, "elements"))
    {
        let mut passed = list(&element, "after").is_empty();
        let mut said = String::new();
        for step in list(&element, "steps") {
            passed &= step["result"]["status"] == "passed";
            said.push_str(step["result"]["error_message"].as_str().unwrap_or_default());
        }
        let name = element["name"].as_str().expect("a name").to_owned();
        assert!(
            all.insert(name.clone(), (passed, said)).is_none(),
            "two scenarios are called {name}"
        );
    }
    all
}

/// Runs jobs, two at a time, as `.config/nextest.toml` has it that such a test does: each waits most of its time.
fn side_by_side<T: Sync>(jobs: &[T], work: impl Fn(&T) -> Result<(), String> + Sync) {
    let next = Mutex::new(jobs.iter());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(job) = next.lock().expect("not poisoned").next() else {
                        return;
                    };
                    if let Err(failure) = work(job) {
                        failures.lock().expect("not poisoned").push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("not poisoned");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// The scenarios of a file that the lab can carry pass on it, and each is in the table.
fn pass(file: &str) {
    let folder = TestFolder::new("features");
    let results = folder.file("results.json");
    let output = bdd(&[
        &format!("features/{file}.feature"),
        "--lab",
        // What breaks something on purpose breaks no more than the lab.
        "--tags",
        "@destructive or not @soak",
        "--seed",
        "7",
        "--json",
        &results.to_string_lossy(),
    ]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let mut ran: BTreeSet<_> = scenarios(&results).into_keys().collect();
    assert!(!ran.is_empty(), "no scenario of {file} ran: {told}");
    let on_request = table::ON_REQUEST.iter().filter(|(of, _)| *of == file);
    ran.extend(on_request.map(|(_, scenario)| (*scenario).to_owned()));
    let rows = table::of(file).iter();
    let in_table: BTreeSet<_> = rows.map(|row| row.scenario.to_owned()).collect();
    assert_eq!(
        ran, in_table,
        "the table has at least one row for each scenario that can run on the lab"
    );
}

/// Each scenario of a file fails where the lab is broken, for the cause that its row of the table states.
fn fail(file: &str) {
    let folder = TestFolder::new("features");
    let rows: Vec<(usize, &Row)> = table::of(file).iter().enumerate().collect();
    side_by_side(&rows, |(number, row)| {
        let results = folder.file(&format!("{number}.json"));
        fails(file, row, &results)
    });
}

/// A scenario fails under the fault of its row. Where it does not, what is wrong.
fn fails(file: &str, row: &Row, results: &Path) -> Result<(), String> {
    let name = format!("^{}$", row.scenario.replace('(', "\\(").replace(')', "\\)"));
    let path = format!("features/{file}.feature");
    // What runs on request only is asked for by its tag.
    let tags = if table::ON_REQUEST.contains(&(file, row.scenario)) {
        "@soak or @destructive or not @soak"
    } else {
        "not @nothing"
    };
    let run = || {
        // What the run before came to is not this one's.
        if let Err(error) = fs::remove_file(results) {
            assert_eq!(
                error.kind(),
                io::ErrorKind::NotFound,
                "{}",
                results.display()
            );
        }
        bdd(&[
            &path,
            "--lab",
            "--tags",
            tags,
            "--lab-fault",
            row.fault,
            "--name",
            &name,
            "--seed",
            "7",
            "--lease-timeout",
            "8s",
            "--json",
            &results.to_string_lossy(),
        ])
    };
    let mut output = run();
    // Where the machine was too busy to tell, or to bring about what the fault needs, that is no verdict.
    for attempt in 0..4 {
        let is_late =
            || String::from_utf8_lossy(&output.stderr).contains("the tester is saturated");
        let is_verdict = match scenarios(results).get(row.scenario) {
            Some((true, _)) => !PACED.contains(&row.fault) || (attempt > 0 && !is_late()),
            Some((false, said)) => !said.starts_with("inconclusive: "),
            None => true,
        };
        if is_verdict {
            break;
        }
        output = run();
    }
    let told = String::from_utf8_lossy(&output.stdout);
    let wrong = |why: &str| {
        Err(format!(
            "{file}: {} under {}: {why}\n{told}",
            row.scenario, row.fault
        ))
    };
    if output.status.code() != Some(1) {
        let said = String::from_utf8_lossy(&output.stderr);
        return wrong(&format!(
            "exit code {:?}, not 1\n{said}",
            output.status.code()
        ));
    }
    match scenarios(results).get(row.scenario) {
        None => wrong("it did not run"),
        Some((true, _)) => wrong("it passed"),
        Some((false, said)) if !said.contains(row.says) => {
            wrong(&format!("it does not say {:?}", row.says))
        }
        Some(_) => Ok(()),
    }
}

/// Two tests for each feature file: what passes, and what fails.
macro_rules! features {
    ($($file:ident,)+) => {
        const FILES: &[&str] = &[$(stringify!($file)),+];

        $(mod $file {
            #[test]
            fn all_that_the_lab_can_carry_passes_and_is_in_the_table() {
                super::pass(stringify!($file));
            }

            #[test]
            fn every_scenario_fails_for_the_stated_cause_where_the_lab_is_broken() {
                super::fail(stringify!($file));
            }
        })+
    };
}

features! {
    capacity,
    clean_host,
    crash,
    first_ping,
    full_pool,
    ipv6_advertisements,
    ipv6_delegation,
    ipv6_leases,
    ipv6_mostly,
    ipv6_renumbering,
    ipv6_resolver,
    ipv6_router_requirements,
    join_storm,
    joins,
    reboot,
    renewal,
    resolver,
    soak,
    streams,
    traffic_mix,
    vanish,
}

#[test]
fn every_feature_file_has_its_tests_and_no_two_scenarios_have_one_name() {
    let folder = fs::read_dir(project().join("features")).expect("a folder");
    let mut shipped: Vec<String> = folder
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|it| it == "feature"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    shipped.sort();
    assert_eq!(shipped, FILES);
    let mut named = BTreeMap::new();
    for file in FILES {
        for row in table::of(file) {
            let other = *named.entry(row.scenario).or_insert(file);
            assert_eq!(other, file, "both have {:?}", row.scenario);
        }
    }
}
