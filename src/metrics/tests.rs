use std::time::Duration;

use super::*;
use crate::activity::command::{CommandLine, CommandSpec, Executed};
use crate::activity::dns::{DnsAnswer, DnsSpec, Lookup, Rcode};
use crate::activity::http::{Fetch, HttpPhase, HttpSpec};
use crate::activity::ping::{self, PingDetail, PingSpec};
use crate::activity::{AttemptOutcome, SkipReason};
use crate::dhcp6;
use crate::family::{Families, Family};
use crate::host_name::HostName;
use crate::lan::{PingCause, PingOutcome};
use crate::target::Target;
use crate::url::Url;

fn metrics() -> Metrics {
    Metrics::new(&PoolName::default(), Seed(7)).expect("every family has a name of its own")
}

#[test]
fn what_happened_stands_in_the_text() {
    let metrics = metrics();
    metrics.entered(Phase::Queued);
    metrics.transition(Phase::Queued, Phase::Namespace);
    let ping = PingSpec::once(Target::GoogleDns).into();
    for (of_port, duplicates) in [
        (PingOutcome::Reply(Duration::from_micros(80)), 2),
        (PingOutcome::Lost(PingCause::NoRoute), 1),
    ] {
        let detail = PingDetail {
            duplicates,
            ..PingDetail::default()
        };
        metrics.did(&ping, &ping::outcome(&Target::GoogleDns, of_port, detail));
    }
    let text = metrics.render();
    for line in [
        r#"lanherd_clients{group="ns",phase="namespace"} 1"#,
        r#"lanherd_clients{group="ns",phase="queued"} 0"#,
        r#"lanherd_client_transitions_total{from="queued",to="namespace"} 1"#,
        r#"lanherd_ping_requests_total{family="ipv4",target="Google DNS"} 1"#,
        r#"lanherd_ping_errors_total{cause="no_route",family="ipv4",target="Google DNS"} 1"#,
        r#"lanherd_ping_duplicates_total{family="ipv4",target="Google DNS"} 3"#,
        r#"lanherd_ping_rtt_seconds_bucket{family="ipv4",target="Google DNS",le="0.0001"} 1"#,
        r#"lanherd_run_info{pool="ns",seed="7"} 1"#,
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
    assert!(text.contains("process_resident_memory_bytes"), "{text}");
}

/// What the process has used of the processors, as the metrics have it.
fn processor_seconds(metrics: &Metrics) -> f64 {
    let text = metrics.render();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("process_cpu_seconds_total "));
    line.unwrap_or_else(|| panic!("not in\n{text}"))
        .parse()
        .expect("a number")
}

#[test]
fn the_processors_time_is_told_in_fractions_of_a_second() {
    let metrics = metrics();
    let before = processor_seconds(&metrics);
    // Some milliseconds of work are enough to be seen.
    let until = std::time::Instant::now() + Duration::from_secs(20);
    let mut now = before;
    while now <= before {
        assert!(std::time::Instant::now() < until, "stays {now}");
        now = processor_seconds(&metrics);
    }
    assert!(
        before.fract() != 0.0 || now.fract() != 0.0,
        "{before} {now}"
    );
}

#[test]
fn lookups_fetches_and_commands_start_at_zero_where_there_are_some_and_are_counted() {
    let took = Duration::from_micros(730);
    let metrics = metrics();
    for word in ["dns_", "http_", "command"] {
        assert!(
            !metrics.render().contains(&format!("lanherd_{word}")),
            "{word}"
        );
    }
    let name: HostName = "a.test".parse().expect("a name");
    let url: Url = "http://a.test/".parse().expect("a URL");
    let line = CommandLine::from("true");
    let dns = DnsSpec::once(name.clone()).into();
    let http = HttpSpec::once(url.clone()).into();
    let command = CommandSpec::once(line.clone()).into();
    for activity in [&dns, &http, &command] {
        metrics.expect(activity, Families::Ipv4);
    }
    let has = |line: &str| {
        let text = metrics.render();
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    };
    has(r#"lanherd_dns_responses_total{rcode="servfail"} 0"#);
    has(r#"lanherd_dns_query_duration_seconds_count{server="lease"} 0"#);
    has(r#"lanherd_http_requests_total{code="5xx"} 0"#);
    has(r#"lanherd_http_errors_total{cause="refused"} 0"#);
    has(r#"lanherd_commands_total{outcome="failure"} 0"#);
    has("lanherd_command_duration_seconds_count 0");

    let answer = DnsAnswer {
        rcode: Rcode::NxDomain,
        addresses: Vec::new(),
        took,
    };
    let lookup = Lookup {
        server: None,
        was_sent: true,
        result: Ok(answer),
    };
    metrics.did(&dns, &lookup.outcome(&name));
    metrics.did(&dns, &dns.skipped(SkipReason::Offline));
    let fetch = Fetch {
        server: None,
        phases: vec![(HttpPhase::Connect, took)],
        status: Some(302),
        bytes: 0,
        failure: None,
    };
    metrics.did(&http, &fetch.outcome(&url));
    let executed = Executed {
        result: Ok(7),
        took,
        output: String::new(),
    };
    metrics.did(&command, &executed.outcome(&line));
    has(r#"lanherd_dns_responses_total{rcode="nxdomain"} 1"#);
    has(r#"lanherd_dns_query_duration_seconds_bucket{server="lease",le="0.0008"} 1"#);
    has(r#"lanherd_dns_query_duration_seconds_bucket{server="lease",le="0.0004"} 0"#);
    has(r#"lanherd_dns_errors_total{cause="offline"} 1"#);
    has(r#"lanherd_http_requests_total{code="3xx"} 1"#);
    has(r#"lanherd_http_phase_duration_seconds_count{phase="connect"} 1"#);
    has(r#"lanherd_commands_total{outcome="failure"} 1"#);
    has("lanherd_command_duration_seconds_count 1");
}

#[test]
fn of_a_herd_that_is_to_have_only_ipv4_nothing_is_told_by_family() {
    let words = [
        "router_advertisement",
        "dhcp6_",
        "attempts_total",
        "dad_",
        "attempt_duration",
    ];
    let told = |metrics: &Metrics| {
        let text = metrics.render();
        words.map(|word| text.contains(&format!("lanherd_{word}")))
    };
    let metrics = metrics();
    let ping = PingSpec::once(Target::GoogleDns).into();
    let answered = |family| AttemptOutcome {
        family,
        ..ping::outcome(
            &Target::GoogleDns,
            PingOutcome::Reply(Duration::from_micros(80)),
            PingDetail::default(),
        )
    };
    metrics.expect_families(Families::Ipv4);
    metrics.expect(&ping, Families::Ipv4);
    metrics.did(&ping, &answered(Some(Family::Ipv4)));
    assert_eq!(told(&metrics), [true, false, false, false, false]);

    metrics.expect_families(Families::Dual);
    metrics.expect(&ping, Families::Dual);
    assert_eq!(told(&metrics), [true; 5]);
    metrics.did(&ping, &answered(Some(Family::Ipv6)));
    metrics.did(&ping, &ping.skipped(SkipReason::Offline));
    metrics.passed_over6(PassedOver6::Advertisement("hop_limit"));
    metrics.passed_over6(PassedOver6::AdvertisementOption(
        5,
        crate::ndp::RemarkReason::Length,
    ));
    metrics.passed_over6(PassedOver6::Dhcp6(CHECKSUM));
    metrics.passed_over6(PassedOver6::Dhcp6Option(3, dhcp6::RemarkReason::Timers));
    metrics.address_conflict(Family::Ipv6);
    let text = metrics.render();
    for line in [
        r#"lanherd_attempts_total{family="ipv6",kind="ping",outcome="succeeded"} 1"#,
        r#"lanherd_attempts_total{family="ipv4",kind="ping",outcome="failed"} 0"#,
        r#"lanherd_attempt_duration_seconds_bucket{family="ipv6",kind="ping",le="0.0001"} 1"#,
        r#"lanherd_attempt_duration_seconds_count{family="ipv4",kind="ping"} 0"#,
        r#"lanherd_router_advertisements_ignored_total{reason="hop_limit"} 1"#,
        r#"lanherd_router_advertisements_ignored_total{reason="prefix_length"} 0"#,
        r#"lanherd_router_advertisement_remarks_total{option="5",reason="length"} 1"#,
        r#"lanherd_dhcp6_messages_ignored_total{reason="checksum"} 1"#,
        r#"lanherd_dhcp6_messages_ignored_total{reason="leftover"} 0"#,
        r#"lanherd_dhcp6_option_remarks_total{option="3",reason="timers"} 1"#,
        r#"lanherd_dhcp6_messages_total{direction="received",type="reconfigure"} 0"#,
        r#"lanherd_dad_conflicts_total{group="ns"} 1"#,
        r#"lanherd_dhcp_address_conflicts_total{group="ns"} 0"#,
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
}

#[test]
fn pings_start_at_zero_for_each_target_and_cause() {
    let metrics = metrics();
    let ping = PingSpec::once(Target::Router).into();
    metrics.expect(&ping, Families::Ipv4);
    metrics.expect(&ping, Families::Ipv4);
    let text = metrics.render();
    for line in [
        r#"lanherd_ping_requests_total{family="ipv4",target="the router"} 0"#,
        r#"lanherd_ping_rtt_seconds_count{family="ipv4",target="the router"} 0"#,
        r#"lanherd_ping_errors_total{cause="timeout",family="ipv4",target="the router"} 0"#,
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
}

#[test]
fn what_is_watched_for_its_first_event_stands_at_zero_before_it() {
    let metrics = metrics();
    metrics.expect_recovery("crash", "1");
    let text = metrics.render();
    for line in [
        r#"lanherd_client_failures_total{cause="crashed",stage="online"} 0"#,
        r#"lanherd_supervisor_restarts_total{cause="crashed",supervisor="ns"} 0"#,
        r#"lanherd_faults_injected_total{fault="crash"} 0"#,
        r#"lanherd_client_join_duration_seconds_count{group="ns"} 0"#,
        r#"lanherd_recovery_duration_seconds_count{fault="crash",share="1"} 0"#,
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
    }
}

#[test]
fn what_is_said_of_a_run_stands_beside_its_pool_and_seed() {
    let label = RunLabel::new("router_model", r#"X "7""#).expect("a label");
    let labels = RunLabels::of(vec![label]).expect("labels");
    let metrics = Metrics::of_run(&PoolName::default(), Seed(7), &labels).expect("families");
    let line = r#"lanherd_run_info{pool="ns",router_model="X \"7\"",seed="7"} 1"#;
    let text = metrics.render();
    assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
}

#[test]
fn no_series_names_a_client() {
    let metrics = metrics();
    for _ in 0..1_000 {
        metrics.entered(Phase::Queued);
        metrics.transition(Phase::Queued, Phase::Online);
    }
    let before = metrics.render().lines().count();
    metrics.entered(Phase::Online);
    assert_eq!(metrics.render().lines().count(), before);
}
