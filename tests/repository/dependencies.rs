//! What the dependencies ask of whoever builds. Their licences, sources and duplicates are for deny.toml.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{cargo, metadata};

/// A version's first two numbers: of Rust only those matter.
fn release(version: &str) -> (u32, u32) {
    let mut numbers = version
        .split('.')
        .map(|number| number.parse().expect("a number"));
    (
        numbers.next().expect("a number"),
        numbers.next().unwrap_or(0),
    )
}

#[test]
fn no_dependency_asks_for_a_later_rust_than_lanherd_says() {
    let metadata = metadata(&["--filter-platform", "x86_64-unknown-linux-gnu"]);
    let packages = metadata["packages"].as_array().expect("packages");
    let own = env!("CARGO_PKG_RUST_VERSION");
    let text = |package: &Value, key: &str| package[key].as_str().map(str::to_owned);
    let (mut asked, mut later) = (0, Vec::new());
    for package in packages {
        if let Some(version) = text(package, "rust_version") {
            asked += 1;
            if release(&version) > release(own) {
                later.push(format!(
                    "{} asks for {version}",
                    text(package, "name").expect("a name")
                ));
            }
        }
    }
    assert!(
        asked > 100,
        "only {asked} packages say which Rust they need"
    );
    assert_eq!(
        later,
        Vec::<String>::new(),
        "Cargo.toml says rust-version = {own}"
    );
}

#[test]
fn versions_of_rust_are_compared_as_numbers() {
    assert!(release("1.100") > release("1.88.0"));
    assert!(release("1.88.5") == release("1.88"));
}

/// What `cargo tree` shows of a crate and what it needs, build and test dependencies aside.
fn tree(arguments: &[&str]) -> BTreeSet<String> {
    let mut tree = cargo();
    tree.args([
        "tree",
        "--offline",
        "--locked",
        "--edges=normal",
        "--prefix=none",
    ])
    .args([
        "--no-dedupe",
        "--target=x86_64-unknown-linux-gnu",
        "--format={p}",
    ])
    .args(arguments);
    let output = tree.output().expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("text");
    let name = |line: &str| line.split(' ').next().map(str::to_owned);
    text.lines().filter_map(name).collect()
}

#[test]
fn the_library_without_features_has_no_screen_no_feature_files_no_tls_and_no_command_line() {
    const EXTRAS: [&str; 8] = [
        "anyhow",
        "clap",
        "crossterm",
        "cucumber",
        "gherkin",
        "indicatif",
        "ratatui",
        "rustls",
    ];
    let extras = |tree: &BTreeSet<String>| EXTRAS.map(|extra| tree.contains(extra));
    assert_eq!(extras(&tree(&["-p", "lanherd"])), [true; 8]);
    let least = tree(&["-p", "lanherd", "--no-default-features"]);
    assert_eq!(extras(&least), [false; 8], "{least:?}");
    assert!(least.contains("lanherd-lab"), "{least:?}");
}

#[test]
fn the_clients_of_protocols_need_a_dozen_crates() {
    for (name, most) in [("lanherd-dhcp", 13), ("lanherd-ndp", 14)] {
        let tree = tree(&["-p", name]);
        assert!(tree.contains("lanherd-types"), "{tree:?}");
        assert!(
            tree.len() <= most,
            "whoever takes {name} compiles {} crates: {tree:?}",
            tree.len()
        );
    }
}

#[test]
fn the_dhcpv6_client_needs_ten_crates_more_for_the_digest_of_a_reconfigure() {
    let tree = tree(&["-p", "lanherd-dhcp6"]);
    assert!(tree.contains("hmac"), "{tree:?}");
    assert!(
        tree.len() <= 23,
        "whoever takes the DHCPv6 client compiles {} crates: {tree:?}",
        tree.len()
    );
}

#[test]
fn no_crate_knows_one_that_stands_above_it() {
    // From the bottom: each may know those before it.
    const FLOORS: [&str; 11] = [
        "lanherd-types",
        "lanherd-connections",
        "prometheus-web-config",
        "lanherd-dhcp",
        "lanherd-dhcp6",
        "lanherd-ndp",
        "lanherd-net",
        "lanherd-stream",
        "lanherd-lab",
        "lanherd-audit",
        "lanherd",
    ];
    // The test kit is for tests alone, of any of them.
    let is_unknown = |name: &&String| {
        name.starts_with("lanherd")
            && *name != "lanherd-testkit"
            && !FLOORS.contains(&name.as_str())
    };
    let all = tree(&["--workspace", "--all-features"]);
    let unknown = all.iter().find(is_unknown);
    assert_eq!(unknown, None, "it has no floor");
    for (floor, name) in FLOORS.iter().enumerate() {
        let tree = tree(&["-p", name, "--all-features"]);
        for above in &FLOORS[floor + 1..] {
            assert!(!tree.contains(*above), "{name} knows {above}");
        }
    }
    // Of nobody's else: these two are for servers of any kind.
    for name in ["lanherd-connections", "prometheus-web-config"] {
        let tree = tree(&["-p", name, "--all-features"]);
        let own = |one: &&String| one.starts_with("lanherd") && *one != name;
        assert_eq!(tree.iter().find(own), None, "{name}");
    }
}
