//! The examples do what they say they do, each in a process of its own, on the lab.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Each example, with the test that runs it below.
const TESTED: [&str; 5] = ["chaos", "hello", "objectives", "soak", "ten_clients"];

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name)
        .with_extension("rs")
}

/// The compiled example. `cargo test` builds all examples unless it is told to build one test program alone.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this program has a path");
    let profile = test
        .ancestors()
        .nth(2)
        .expect("target/debug/deps/e2e-… is two folders deep");
    let program = profile.join("examples").join(name);
    let modified = |path: &Path| fs::metadata(path).and_then(|file| file.modified());
    let built = modified(&program);
    let written = modified(&source(name)).expect("the example is there");
    assert!(
        built.is_ok_and(|built| built >= written),
        "{} is not there or older than its source: run `cargo build --examples` first",
        program.display()
    );
    program
}

#[track_caller]
fn run(name: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program(name))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the example starts");
    assert!(
        output.status.success(),
        "{name}: {}\n{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn each_example_has_a_test_and_is_listed_in_the_readme() {
    let folder = source("hello");
    let files = fs::read_dir(folder.parent().expect("a folder")).expect("the examples are there");
    let names: BTreeSet<String> = files
        .filter_map(|file| {
            let name = file.expect("an entry").file_name();
            Some(name.to_str()?.strip_suffix(".rs")?.to_owned())
        })
        .collect();
    assert_eq!(names, TESTED.map(ToOwned::to_owned).into());
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).expect("README.md");
    for name in names {
        let link = format!("(examples/{name}.rs)");
        assert!(readme.contains(&link), "README.md does not list {name}");
    }
}

#[test]
fn hello_brings_up_ten_clients_that_ping_once() {
    assert_eq!(
        said(&run("hello", &[])),
        "10 of 10 clients were online at the end, 10 of 10 pings were answered: passed\n"
    );
}

#[test]
fn ten_clients_prints_what_became_of_each() {
    let status: serde_json::Value =
        serde_json::from_str(&said(&run("ten_clients", &[]))).expect("JSON");
    let clients = status["clients"].as_array().expect("clients");
    assert_eq!(clients.len(), 10, "{status:#}");
    assert!(clients.iter().all(|client| client["phase"] == "online"));
}

#[test]
fn a_soak_in_ten_lines_has_churn_and_storms_and_tells_of_them() {
    let output = run("soak", &["6"]);
    let soak: serde_json::Value = serde_json::from_str(&said(&output)).expect("JSON");
    let turnover = &soak["turnover"];
    let number = |key: &str| turnover[key].as_u64().expect("a number");
    assert_eq!(number("storms"), 1, "{turnover}");
    // The storm's five, and of about one a second at random moments at least one.
    assert!(number("left") > 5, "{turnover}");
    assert_eq!(number("came"), number("left"), "{turnover}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("storm: 5 clients leave at once"), "{told}");
}

#[test]
fn a_program_that_is_interrupted_ends_its_run_in_order_and_says_so() {
    let mut child = Command::new(program("soak"))
        .arg("300")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example starts");
    let stderr = child.stderr.take().expect("a pipe");
    let mut told = Vec::new();
    for line in BufReader::new(stderr).lines() {
        let line = line.expect("text");
        // The herd stands, and is looked at.
        if line.contains("restarts") && !told.contains(&line) {
            let pid = Pid::from_raw(child.id().cast_signed());
            kill(pid, Signal::SIGINT).expect("it runs");
        }
        told.push(line);
    }
    let output = child.wait_with_output().expect("it ends");
    let told = told.join("\n");
    assert_eq!(output.status.code(), Some(1), "{told}");
    for words in [
        "20 clients hand their leases back and leave\nclosed, with 0 errors",
        "Error: the run was interrupted",
    ] {
        assert!(told.contains(words), "{words:?} is not in\n{told}");
    }
    // What is known of it by then is told.
    let soak: serde_json::Value = serde_json::from_str(&said(&output)).expect("JSON");
    assert!(!soak["timeline"].as_array().expect("lines").is_empty());
}

#[test]
fn faults_are_made_told_of_and_recovered_from() {
    let told = said(&run("chaos", &[]));
    assert!(
        told.contains("20 of 20 clients were online at the end"),
        "{told}"
    );
    assert!(
        ["crash", "delete_link", "vanish"]
            .iter()
            .any(|fault| told.contains(fault)),
        "{told}"
    );
}

#[test]
fn an_objective_that_does_not_hold_fails_its_run_and_names_the_figure() {
    let told = said(&run("objectives", &[]));
    assert!(
        told.contains("failed: packet loss > 1 %: packet loss is"),
        "{told}"
    );
    assert!(told.contains("passed: restarts > 0"), "{told}");
}
