//! Scenarios that look for the limit of a router.

use super::*;

/// A search for the limit of a router.
const CAPACITY: &str = "\
Feature: Capacity
  @destructive
  Scenario: as many as there are addresses
    Given a client may take 4s to get a lease
    When I add 4 clients every 1s until one fails, 30 at most
    Then at least 5 clients should have been served
";

#[test]
fn a_search_that_finds_no_limit_ends_at_its_bound_and_says_so() {
    let host = Host::new();
    let _router = Router::dnsmasq(&host, "10.66.1.1,10.66.1.200", "1h", &[]);
    let bounded = CAPACITY.replace("30 at most", "6 at most");
    let outcome = start(&host, &bounded, &["--tags", "@destructive"]).finish(seconds(90));
    assert_code(&outcome, 0);
    let finding = "at least 6 clients were served, and none failed: this is where the step ends";
    assert!(outcome.stdout.contains(finding), "{}", outcome.stdout);
}

#[test]
fn the_limit_of_a_router_is_in_all_results_and_what_the_tester_did_is_never_it() {
    let host = Host::new();
    let _router = Router::dnsmasq(&host, "10.66.1.1,10.66.1.10", "1h", &[]);
    let file = |name: &str| host.folder().join(name).to_string_lossy().into_owned();
    let (xml, json, html) = (file("r.xml"), file("r.json"), file("r.html"));
    let asked = ["--tags", "@destructive", "--interval", "1s"];
    let written = ["--junit", &xml, "--json", &json, "--html", &html];
    let outcome = start(&host, CAPACITY, &[&asked[..], &written].concat()).finish(seconds(90));
    assert_code(&outcome, 0);
    let finding = "at least 10 clients were served; the 11th failed: no_offer";
    assert!(outcome.stdout.contains(finding), "{}", outcome.stdout);
    for path in [&xml, &json, &html] {
        let text = fs::read_to_string(path).expect("results");
        assert!(text.contains(finding), "{path}: {text}");
    }
    let xml = fs::read_to_string(&xml).expect("results");
    assert!(
        xml.contains(r#"<property name="capacity (as many as there are addresses)" value="10"/>"#),
        "{xml}"
    );
    // It says what it does on the way, and the failure that it looks for is no warning.
    let goes = "still running after";
    assert!(
        outcome.stderr.contains(goes) && outcome.stderr.contains("clients online"),
        "{}",
        outcome.stderr
    );
    assert!(
        !outcome.stderr.contains("WARN client failed"),
        "{}",
        outcome.stderr
    );
    // A namespace of somebody else's has the name of client 6: that is no limit of the router's.
    host.must(&["ip", "netns", "add", "ns6"]);
    let outcome = start(&host, CAPACITY, &asked).finish(seconds(90));
    assert_code(&outcome, 125);
    assert!(
        outcome.stdout.contains("the tester itself failed"),
        "{}",
        outcome.stdout
    );
    assert!(outcome.stdout.contains("name_taken"), "{}", outcome.stdout);
    assert!(
        !outcome.stdout.contains("clients were served; the"),
        "{}",
        outcome.stdout
    );
    host.must(&["ip", "netns", "del", "ns6"]);
}
