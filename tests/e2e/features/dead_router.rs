//! Routers that do not answer at all: asked once, and told in one sentence in all results.

use super::*;

/// One line for each address, so that a second client of a pool of one is refused.
const ONE_ADDRESS: &str = "10.66.1.1,10.66.1.1";

#[test]
fn a_dead_router_costs_one_timeout_and_one_sentence_and_all_results_say_so() {
    let host = Host::new();
    let before = host.snapshot();
    let file = |name: &str| host.folder().join(name).to_string_lossy().into_owned();
    let (xml, report, again) = (file("r.xml"), file("r.json"), file("again.txt"));
    let written = ["--junit", &xml, "--report", &report, "--rerun", &again];
    let began = std::time::Instant::now();
    let outcome = start(
        &host,
        TWO,
        &[&["--lease-timeout", "6s"][..], &written].concat(),
    );
    let outcome = outcome.finish(seconds(60));
    assert_code(&outcome, 1);
    // Two scenarios that wait for themselves take the timeout and ten seconds each.
    assert!(began.elapsed() < seconds(25), "{:?}", began.elapsed());
    let sentence = "no DHCP server answers on lan0";
    assert!(outcome.stdout.contains(sentence), "{}", outcome.stdout);
    assert!(
        !outcome.stdout.contains("did not get online"),
        "{}",
        outcome.stdout
    );
    let xml = fs::read_to_string(xml).expect("results");
    assert!(
        xml.contains(sentence) && xml.contains("skipped=\"2\""),
        "{xml}"
    );
    let report = fs::read_to_string(report).expect("a report");
    assert!(
        report.contains(sentence) && report.contains("not come to"),
        "{report}"
    );
    // All that was to run is to be run again.
    let again = fs::read_to_string(again).expect("a list");
    assert!(again.ends_with("test.feature:2:5\n"), "{again}");
    assert_eq!(host.snapshot(), before);
}

#[test]
fn the_question_before_the_first_scenario_takes_no_address() {
    let host = Host::new();
    let router = Router::dnsmasq(&host, ONE_ADDRESS, "1h", &[]);
    let before = host.snapshot();
    let text = TWO.replace("2 virtual clients", "1 virtual client");
    assert_code(&start(&host, &text, &[]).finish(seconds(60)), 0);
    let log = router.log();
    let count = |what: &str| log.matches(what).count();
    assert!(
        count("DHCPDISCOVER(") >= 3,
        "one question, and one of each scenario\n{log}"
    );
    assert_eq!(
        count("DHCPREQUEST("),
        2,
        "only the scenarios take an address\n{log}"
    );
    assert_eq!(host.snapshot(), before);
}
