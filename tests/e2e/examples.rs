//! The examples do what they say they do, each in a process of its own: those of lanherd on the lab, and those of its crates.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Each example, with the test that runs it below.
const TESTED: [&str; 6] = [
    "acceptance",
    "chaos",
    "hello",
    "objectives",
    "soak",
    "ten_clients",
];

/// The example of each crate, its arguments, and something that it says.
const OF_CRATES: [(&str, &str, &[&str], &str); 10] = [
    ("lanherd-audit", "capture", &[], "broken: 0 must, 5 should"),
    (
        "lanherd-connections",
        "limits",
        &[],
        "told of the end: GOODBYE",
    ),
    ("lanherd-dhcp", "virtual_day", &[], "152 messages, 2 leases"),
    ("lanherd-dhcp6", "dhcpv6_day", &[], "75 messages, 2 leases"),
    ("lanherd-lab", "in_a_test", &[], "both hold"),
    ("lanherd-ndp", "virtual_week", &[], "604 changes"),
    (
        "lanherd-net",
        "one_client",
        &[],
        "a ping of 10.9.0.1: Reply",
    ),
    (
        "lanherd-stream",
        "to_a_sink",
        &[],
        "the second is refused: there are 1 streams here already",
    ),
    (
        "lanherd-types",
        "expected_clients",
        &["phones", "7", "3"],
        "dhcp-host=c6:78:58:62:4e:aa,phones3,192.168.1.103",
    ),
    (
        "prometheus-web-config",
        "judge",
        &["tests/e2e/web.yml"],
        "asks for: name and password",
    ),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The source of an example: of lanherd, or of a crate.
fn source(name: &str) -> PathBuf {
    let of_crate = OF_CRATES.iter().find(|of_crate| of_crate.1 == name);
    of_crate
        .map_or_else(folder, |(name, ..)| folder().join("crates").join(name))
        .join("examples")
        .join(name)
        .with_extension("rs")
}

/// The names of the examples in a folder.
fn examples(folder: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(folder).expect("the examples are there");
    let names = files.filter_map(|file| {
        let name = file.expect("an entry").file_name();
        Some(name.to_str()?.strip_suffix(".rs")?.to_owned())
    });
    names.collect()
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
        "{} is not there or older than its source: run `cargo build --workspace --examples` first",
        program.display()
    );
    program
}

#[track_caller]
fn run(name: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program(name))
        .args(arguments)
        .current_dir(folder())
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
    let names = examples(&folder().join("examples"));
    assert_eq!(names, TESTED.map(ToOwned::to_owned).into());
    let readme = fs::read_to_string(folder().join("README.md")).expect("README.md");
    for name in names {
        let link = format!("(examples/{name}.rs)");
        assert!(readme.contains(&link), "README.md does not list {name}");
    }
}

/// The page of each crate names its example, and the test below runs it.
#[test]
fn each_crate_that_is_published_has_an_example_that_its_page_names() {
    let mut tested = BTreeSet::from(["lanherd-testkit".to_owned()]);
    for (name, example, ..) in OF_CRATES {
        let folder = folder().join("crates").join(name);
        let readme = fs::read_to_string(folder.join("README.md")).expect("README.md");
        assert!(readme.contains(example), "{name}: {example}");
        let there = examples(&folder.join("examples"));
        assert_eq!(there, [example.to_owned()].into(), "{name}");
        tested.insert(name.to_owned());
    }
    let crates = fs::read_dir(folder().join("crates")).expect("crates");
    let crates = crates.map(|entry| entry.expect("an entry").file_name());
    let crates: BTreeSet<_> = crates.filter_map(|name| name.into_string().ok()).collect();
    assert_eq!(crates, tested);
}

#[test]
fn the_example_of_each_crate_says_what_it_shows() {
    for (_, example, arguments, words) in OF_CRATES {
        let told = said(&run(example, arguments));
        assert!(told.contains(words), "{example}: {told}");
    }
}

#[test]
fn a_router_is_accepted_and_progress_drawn_on_the_way() {
    let output = run("acceptance", &[]);
    let told = said(&output);
    for words in [
        "passed: there were 0 restarts",
        "passed: packet loss is",
        "20 of 20 clients were online at the end",
    ] {
        assert!(told.contains(words), "{words:?} is not in\n{told}");
    }
    let drawn = String::from_utf8_lossy(&output.stderr);
    assert!(drawn.contains("] 20 of 20 online"), "{drawn}");
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
