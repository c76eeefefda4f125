//! What the dependencies ask of whoever builds. Their licences, sources and duplicates are for deny.toml.

use serde_json::Value;

use super::metadata;

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
