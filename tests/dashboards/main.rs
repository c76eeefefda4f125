//! The dashboards and rules in `dashboards/`: that they are what their script writes, keep the rules of Grafana's
//! dashboard-linter, and show data of a real run to a real Prometheus. Needs Python and Debian's package prometheus.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "this is how a test fails"
)]

mod appearance;
mod lint;
mod live;
mod over_tls;
mod programs;
mod promtool;
mod shown;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use regex::Regex;

/// A file of `dashboards/`.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("dashboards")
        .join(name)
}

/// Runs a program to its end, which must be a success.
#[track_caller]
fn succeeds(command: &mut Command) {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}: run ./scripts/test packages"));
    assert!(
        status.success(),
        "{command:?}: {status}\n{}{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    );
}

#[test]
fn the_dashboards_are_what_their_script_writes() {
    succeeds(Command::new("python3").arg(file("make.py")).arg("--check"));
}

/// Grafana lets in whoever reaches it, so nobody else may.
#[test]
fn the_stack_is_pinned_stays_on_the_loopback_and_mounts_what_is_there() {
    let text = fs::read_to_string(file("compose.yml")).expect("a file");
    let found = |pattern: &str| -> Vec<String> {
        let pattern = Regex::new(pattern).expect("a pattern");
        pattern
            .captures_iter(&text)
            .map(|found| found[1].to_owned())
            .collect()
    };
    let images = found(r"(?m)^    image: (\S+)$");
    let pinned = Regex::new(r"^[a-z]+/[a-z]+:v?\d+\.\d+\.\d+$").expect("a pattern");
    assert_eq!(images.len(), 2);
    for image in images {
        assert!(pinned.is_match(&image), "{image}");
    }
    assert_eq!(found(r"(?m)listen-address=(\S+):\d+$"), ["127.0.0.1"]);
    assert_eq!(found(r"(?m)HTTP_ADDR: (\S+)$"), ["127.0.0.1"]);
    assert_eq!(found(r"(?m)^    (network_mode: host)$").len(), 2);
    assert!(found(r"(?m)^\s+(ports):").is_empty());
    let mounted = found(r"(?m)- \./(\S+?):/");
    assert!(mounted.len() >= 6, "{mounted:?}");
    for name in mounted {
        assert!(file(&name).exists(), "{name}");
    }
}

#[test]
fn the_pictures_are_of_the_grafana_that_the_stack_starts_and_each_is_shown() {
    let read = |name: &str| fs::read_to_string(file(name)).expect("a file");
    let package: serde_json::Value =
        serde_json::from_str(&read("pictures/package.json")).expect("JSON");
    for part in ["data", "schema", "ui"] {
        let version = package["dependencies"][format!("@grafana/{part}")].as_str();
        let image = format!("image: grafana/grafana:{}", version.expect("a version"));
        assert!(
            read("compose.yml").contains(&image),
            "{part}: another than {image}"
        );
    }
    let page = read("../docs/dashboards.md");
    let shown = Regex::new(r"!\[[^\]]+\]\(dashboards/([a-z0-9-]+\.png)\)").expect("a pattern");
    let mut shown: Vec<_> = shown
        .captures_iter(&page)
        .map(|found| found[1].to_owned())
        .collect();
    let mut there: Vec<_> = fs::read_dir(file("../docs/dashboards"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.into_string().expect("a name"))
        .collect();
    shown.sort();
    there.sort();
    assert!(there.len() >= 5, "{there:?}");
    assert_eq!(shown, there);
}

#[test]
fn every_alert_is_tried_and_told_of() {
    let read = |path: PathBuf| fs::read_to_string(path).expect("a file");
    let alerts = read(file("lanherd.alerts.yml"));
    let tried = read(file("lanherd.rules.test.yml"));
    let told = read(file("../docs/dashboards.md"));
    let names: Vec<_> = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        assert!(tried.contains(name), "{name} is not tried");
        assert!(told.contains(&format!("`{name}`")), "{name} is not in docs");
    }
}
