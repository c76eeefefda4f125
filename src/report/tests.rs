use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use lanherd_types::test_folder::TestFolder;

use super::*;
use crate::activity::ping::{self, PingDetail};
use crate::dhcp::{Lease, Route};
use crate::identity::{Identity, PoolName};
use crate::lan::PingCause;
use crate::lan::PingOutcome;
use crate::stats::ActivityStats;
use crate::target::Target;

fn run() -> RunSummary {
    RunSummary {
        parameters: serde_json::json!({"clients": 2}),
        seed: Seed(7),
        started: SystemTime::UNIX_EPOCH + Duration::from_millis(1_500),
        duration: Duration::from_micros(1_234_567),
        leaked_objects: 0,
        ended: Some(Ended::TimeOver),
        complete: true,
        lag: Lag::default(),
        objectives: Vec::new(),
        soak: None,
    }
}

fn client(number: u32, phase: Phase) -> ClientStatus {
    ClientStatus {
        identity: Identity::derive(&PoolName::default(), ClientNumber(number), Seed(7)),
        group: GroupName::from(&PoolName::default()),
        phase,
        failure: None,
        lease: None,
        families: Families::Ipv4,
        by_family: crate::family::ByFamily::default(),
        ipv6: None,
        stale_prefix: Duration::ZERO,
        join: None,
        dhcp: None,
        restarts: 0,
        wanted: Duration::ZERO,
        usable: Duration::ZERO,
        activities: Vec::new(),
    }
}

fn lease(lifetime: Lifetime) -> Lease {
    let router = Ipv4Addr::new(10, 0, 0, 1);
    Lease {
        address: Ipv4Addr::new(10, 0, 0, 7),
        prefix_len: 24,
        server_id: router,
        routers: vec![router],
        routes: vec![Route::default_through(router)],
        dns: vec![router],
        domain: None,
        search: Vec::new(),
        mtu: None,
        lifetime,
        requested_at: Instant::now(),
    }
}

fn report(clients: Vec<ClientStatus>) -> Report {
    Report::new(
        &HerdStatus {
            clients,
            ..HerdStatus::default()
        },
        &Figures::default(),
        run(),
    )
}

#[test]
fn an_online_client_is_reported_by_the_names_that_readers_know() {
    let mut status = client(1, Phase::Online);
    status.lease = Some(lease(Lifetime::Finite {
        lease: Duration::from_secs(3_600),
        t1: Duration::from_secs(1_800),
        t2: Duration::from_secs(3_150),
    }));
    status.join = Some(Duration::from_micros(12_345));
    status.dhcp = Some(Duration::from_micros(4_321));
    let mut pings = ActivityStats::new(Target::GoogleDns.into());
    let of_port = PingOutcome::Reply(Duration::from_micros(80));
    pings.record(&ping::outcome(
        &Target::GoogleDns,
        of_port,
        PingDetail::default(),
    ));
    status.activities.push(pings.into());

    let read = serde_json::to_value(report(vec![status])).expect("JSON");
    assert_eq!(read["schema"], "lanherd.report/1");
    assert_eq!(read["started"], "1970-01-01T00:00:01.500Z");
    assert_eq!(read["duration_ms"], 1_234.567);
    assert_eq!(read["percentiles"]["join_ms"]["p95"], 12.345);
    assert_eq!(read["percentiles"]["ping_ms"]["max"], 0.08);
    let client = &read["clients"][0];
    assert_eq!(client["namespace"], "ns1");
    assert_eq!(client["address"], "10.0.0.7/24");
    assert_eq!(client["router"], "10.0.0.1");
    assert_eq!(client["dns"], serde_json::json!(["10.0.0.1"]));
    assert_eq!(client["lease_seconds"], 3_600);
    assert_eq!(client["dhcp_ms"], 4.321);
    assert_eq!(client["phase"], "online");
    assert_eq!(client["cause"], serde_json::Value::Null);
    assert_eq!(client["pings"][0]["target"], "Google DNS");
    assert_eq!(client["pings"][0]["median_ms"], 0.08);
}

#[test]
fn the_status_of_a_herd_is_serialised_as_the_clients_of_a_report_are() {
    let herd = HerdStatus {
        clients: vec![client(1, Phase::Online), client(2, Phase::Backoff)],
        ..HerdStatus::default()
    };
    let read = serde_json::to_value(&herd).expect("JSON");
    let reported = report(herd.clients);
    assert_eq!(
        read["clients"],
        serde_json::to_value(&reported.clients).expect("JSON")
    );
}

#[test]
fn a_cause_is_given_only_for_clients_that_should_be_online_and_are_not() {
    let with_failure = |phase| {
        let failure = Failure::new(Stage::Dhcp, Cause::Nak, "refused");
        ClientStatus {
            failure: Some(failure),
            ..client(1, phase)
        }
    };
    for phase in Phase::ALL.iter().copied() {
        let reported = &report(vec![with_failure(phase)]).clients[0];
        let expected = match phase {
            Phase::Online | Phase::Released | Phase::V6Only | Phase::Leaving | Phase::Gone => None,
            _ => Some(Cause::Nak),
        };
        assert_eq!(reported.cause, expected, "{phase}");
        let last = reported.last_failure.as_ref().map(|last| last.cause);
        assert_eq!(last, Some(Cause::Nak), "{phase}");
    }
}

#[test]
fn clients_told_to_go_are_not_wanted() {
    let phases = [
        Phase::Online,
        Phase::Failed,
        Phase::Backoff,
        Phase::Leaving,
        Phase::Gone,
    ];
    let clients = (1..).zip(phases).map(|(n, phase)| client(n, phase));
    let totals = report(clients.collect()).totals;
    assert_eq!((totals.wanted, totals.online, totals.failed), (3, 1, 1));
}

#[test]
fn a_lease_without_an_end_has_no_seconds() {
    let mut status = client(1, Phase::Online);
    status.lease = Some(lease(Lifetime::Infinite));
    let reported = &report(vec![status]).clients[0];
    assert_eq!(reported.lease_seconds, None);
    assert!(reported.address.is_some());
}

#[test]
fn percentiles_are_nearest_ranks_and_nothing_of_nothing() {
    let of = |values: std::ops::RangeInclusive<u64>| {
        Percentiles::of(values.rev().map(Duration::from_millis).collect())
            .map(|p| [p.p50, p.p95, p.p99, p.max])
    };
    assert_eq!(of(1..=200), Some([100.0, 190.0, 198.0, 200.0]));
    assert_eq!(of(5..=5), Some([5.0; 4]));
    assert_eq!(Percentiles::of(Vec::new()), None);
}

#[test]
fn the_page_tells_the_story_of_who_failed_and_asks_nobody_for_anything() {
    let mut online = client(1, Phase::Online);
    online.lease = Some(lease(Lifetime::Infinite));
    let mut pings = ActivityStats::new(Target::GoogleDns.into());
    let of_port = PingOutcome::Lost(PingCause::Timeout);
    pings.record(&ping::outcome(
        &Target::GoogleDns,
        of_port,
        PingDetail::default(),
    ));
    online.activities.push(pings.into());
    let mut failed = client(2, Phase::Failed);
    let detail = "nobody answered <script>alert(1)</script>";
    failed.failure = Some(Failure::new(Stage::Dhcp, Cause::NoOffer, detail));
    let page = report(vec![online, failed]).page(crate::page::PageVerdict::Bad);
    for told in [
        "1 of 2 clients online",
        "no_offer",
        "nobody answered &lt;script&gt;",
        "client 1 never succeeded with ping Google DNS",
        "10.0.0.7/24",
    ] {
        assert!(page.contains(told), "{told} is not in {page}");
    }
    for bad in ["<script", "http://", "https://", "src="] {
        assert!(!page.contains(bad), "{bad} in {page}");
    }
}

#[test]
fn totals_are_of_all_that_ever_were_and_not_of_those_that_are_there() {
    let pinged = |stats: &mut ActivityStats, outcome| {
        let detail = PingDetail::default();
        stats.record(&ping::outcome(&Target::GoogleDns, outcome, detail));
    };
    let mut pings = ActivityStats::new(Target::GoogleDns.into());
    pinged(&mut pings, PingOutcome::Lost(PingCause::Timeout));
    let mut there = client(1, Phase::Online);
    there.restarts = 2;
    there.activities.push(pings.clone().into());
    for _ in 0..8 {
        pinged(&mut pings, PingOutcome::Reply(Duration::from_micros(80)));
    }
    let mut figures = Figures {
        restarts: 13,
        ..Figures::default()
    };
    figures.activities.insert(Target::GoogleDns.into(), pings);
    let herd = HerdStatus {
        clients: vec![there],
        ..HerdStatus::default()
    };
    let report = Report::new(&herd, &figures, run());
    let totals = serde_json::to_value(report.totals).expect("JSON");
    assert_eq!(totals["restarts"], 13);
    assert_eq!(
        (&totals["pings"], &totals["pings_received"]),
        (&9.into(), &8.into())
    );
}

#[test]
fn a_page_that_is_made_afterwards_says_what_the_run_was_and_came_to() {
    use crate::soak::{
        ComparedFigure, Comparison, ComparisonRow, Side, SoakRecorder, Verdict as Drift,
    };

    let class = |report: &Report| {
        let page = report.page_as_it_stands();
        let (_, rest) = page.split_once("<header class=\"").expect("a header");
        rest.split_once('"').expect("its class").0.to_owned()
    };
    let mut written = report(vec![client(1, Phase::Online)]);
    assert_eq!(class(&written), "passed");
    assert!(
        written
            .page_as_it_stands()
            .contains(env!("CARGO_PKG_VERSION"))
    );
    // By another lanherd than this one.
    written.version = "0.0.1-earlier".to_owned();
    let page = written.page_as_it_stands();
    assert!(page.contains("0.0.1-earlier"), "{page}");

    written.ended = Some(Ended::Interrupted);
    assert_eq!(class(&written), "failed");
    written.ended = Some(Ended::TimeOver);
    let side = Side {
        samples: 1_000,
        mean: Some(9.0),
        p50: Some(9.0),
        p95: Some(9.0),
        p99: Some(9.0),
    };
    for (verdict, fails, expected) in [
        (Drift::Drifted, true, "failed"),
        (Drift::Inconclusive, true, "inconclusive"),
        (Drift::Drifted, false, "passed"),
        (Drift::Steady, true, "passed"),
    ] {
        let record = SoakRecorder::new(Figures::default()).record();
        let mut soak = Soak::new(&record, Duration::from_secs(60), Duration::ZERO);
        soak.comparison = Some(Comparison {
            window_ms: 1.0,
            first_at_ms: 0.0,
            last_at_ms: 1.0,
            drifted: verdict == Drift::Drifted,
            rows: vec![ComparisonRow {
                figure: ComparedFigure::DhcpTime,
                target: None,
                first: side,
                last: side,
                verdict,
            }],
        });
        written.soak = Some(soak);
        written.parameters = serde_json::json!({"soak": {"fail-on-drift": fails}});
        assert_eq!(class(&written), expected, "{verdict:?} {fails}");
    }
}

#[test]
fn a_report_reads_back_as_it_was_written() {
    let mut full = client(1, Phase::Online);
    full.join = Some(Duration::from_millis(3));
    for clients in [vec![], vec![full, client(2, Phase::Failed)]] {
        let written = report(clients);
        let text = serde_json::to_string(&written).expect("JSON");
        let read: Report = serde_json::from_str(&text).expect("a report");
        assert_eq!(read, written);
    }
}

fn entries(folder: &TestFolder) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.path()).expect("the folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

#[test]
fn checking_leaves_nothing_and_writing_leaves_the_report_alone() {
    let folder = TestFolder::new("report");
    let path = folder.file("report.json");
    check_writable(&path).expect("writable");
    assert_eq!(entries(&folder), Vec::<PathBuf>::new());

    fs::write(&path, "of the last run").expect("a file");
    check_writable(&path).expect("writable");
    assert_eq!(fs::read_to_string(&path).expect("text"), "of the last run");

    write(&path, &report(vec![])).expect("written");
    assert_eq!(entries(&folder), std::slice::from_ref(&path));
    let text = fs::read_to_string(&path).expect("text");
    assert!(serde_json::from_str::<Report>(&text).is_ok(), "{text}");
}

#[test]
fn a_link_stays_a_link_and_what_is_no_file_is_written_into() {
    let folder = TestFolder::new("report");
    let (file, link) = (folder.file("file"), folder.file("link"));
    fs::write(&file, "").expect("a file");
    std::os::unix::fs::symlink(&file, &link).expect("a link");
    write(&link, &report(vec![])).expect("written");
    assert!(link.is_symlink());
    assert!(fs::metadata(&file).expect("the file").len() > 0);

    let null = PathBuf::from("/dev/null");
    check_writable(&null).expect("writable");
    write(&null, &report(vec![])).expect("written");
    assert!(!fs::metadata(&null).expect("still there").is_file());
}

#[test]
fn a_place_that_cannot_be_written_to_is_named_with_the_remedy() {
    let folder = TestFolder::new("report");
    let refusal = |path: PathBuf| {
        let checked = check_writable(&path).expect_err("refused").to_string();
        let written = write(&path, &report(vec![])).expect_err("refused");
        assert_eq!(checked, written.to_string());
        checked
    };
    let missing = folder.file("none").join("report.json");
    assert!(refusal(missing).contains("there is no folder"));
    assert!(refusal(folder.path().to_owned()).contains("is a folder"));
    let file = folder.file("file");
    fs::write(&file, "").expect("a file");
    refusal(file.join("report.json"));
}
