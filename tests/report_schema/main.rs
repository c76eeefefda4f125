//! The report and its JSON schema say the same.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "this is how a test fails"
)]

mod herd;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use boon::{Compiler, Draft, SchemaIndex, Schemas};
use lanherd::activity::command::{CommandCause, CommandLine, Executed};
use lanherd::activity::connect::{ConnectCause, ConnectDetail};
use lanherd::activity::dns::{DnsAnswer, DnsCause, Lookup, Rcode, Unanswered};
use lanherd::activity::http::{Fetch, HttpCause, HttpPhase};
use lanherd::activity::ping::{self, PingDetail};
use lanherd::activity::stream::{StreamCause, StreamDetail};
use lanherd::activity::{AttemptOutcome, Detail, Ending, Kind};
use lanherd::client::ipv6::{
    AddressOrigin, AddressState, HeldAddress, HeldRouter, Ipv6EventKind, Ipv6State,
};
use lanherd::dhcp::{Flaw, Ignored, Lease, Lifetime, RemarkReason, Route};
use lanherd::family::{ByFamily, Families, Family};
use lanherd::fault::Fault;
use lanherd::host_name::HostName;
use lanherd::identity::{ClientNumber, Identity, Mac, PoolName, Seed};
use lanherd::lan::{PingCause, PingOutcome};
use lanherd::objective::{Judgement, Objective};
use lanherd::phase::{Cause, Failure, Phase, Stage};
use lanherd::pool::{
    ClientStatus, FamilyStatus, Figures, FlawSum, HerdStatus, InjectedFault, Outage, Share,
    StaleTime, Uptime,
};
use lanherd::report::{Ended, Report, RunSummary, SCHEMA, Soak};
use lanherd::soak::{ComparedFigure, Footprint, SoakRecorder, Verdict};
use lanherd::stats::{ActivityStats, Signal};
use lanherd::target::Target;
use lanherd::tester::Lag;
use lanherd::url::Url;
use lanherd_audit::{RouterAudit, RouterFindings};
use lanherd_ndp::options::{PrefixInformation, RouteInformation};
use lanherd_ndp::{Lifetime as Lifetime6, NdOption, Packet, RouterAdvertisement};
use lanherd_net::bulk::TcpFigures;
use lanherd_stream::client::{DirectionStreamed, Streamed};
use lanherd_stream::limiter::Limiter;
use serde_json::{Value, json};

use self::herd::*;

struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    fn new() -> Self {
        let source: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
        let id = source["$id"].as_str().expect("an $id").to_owned();
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        compiler.add_resource(&id, source).expect("a resource");
        let index = compiler.compile(&id, &mut schemas).expect("a valid schema");
        Self { schemas, index }
    }

    fn refusal(&self, instance: &Value) -> Option<String> {
        self.schemas
            .validate(instance, self.index)
            .err()
            .map(|error| format!("{error:#}"))
    }
}

/// Every field at that place is demanded, and no other is taken.
fn assert_whole(schema: &Schema, report: &mut Value, place: &str) {
    let object = report.pointer(place).and_then(Value::as_object);
    let object = object.expect(place).clone();
    for key in object.keys() {
        let mut less = object.clone();
        less.remove(key);
        *report.pointer_mut(place).expect(place) = less.into();
        assert!(
            schema.refusal(report).is_some(),
            "{place} did without {key}"
        );
    }
    let mut more = object.clone();
    more.insert("surprise".to_owned(), json!(1));
    *report.pointer_mut(place).expect(place) = more.into();
    assert!(schema.refusal(report).is_some(), "{place} took more");
    *report.pointer_mut(place).expect(place) = object.into();
}

/// One router, which advertises a prefix, a route and too large an MTU.
fn heard_routers() -> RouterFindings {
    let (mac, source) = (
        Mac([2, 0, 0, 0, 0, 1]),
        "fe80::1".parse().expect("an address"),
    );
    let lifetime = Lifetime6::from_secs(1_800);
    let prefix: lanherd_types::ipv6::Prefix = "2001:db8::/64".parse().expect("a prefix");
    let options = vec![
        NdOption::Prefix(PrefixInformation {
            prefix,
            on_link: true,
            autonomous: true,
            router_address: false,
            delegation_preferred: false,
            preferred: lifetime,
            valid: lifetime,
        }),
        NdOption::Route(RouteInformation {
            prefix,
            preference: lanherd_ndp::Preference::Medium,
            lifetime,
        }),
        NdOption::Mtu(9_000),
    ];
    let body = RouterAdvertisement {
        lifetime: 1_800,
        ..RouterAdvertisement::default()
    };
    let mut audit = RouterAudit::new(1_500);
    let packet = Packet::router_advertisement(mac, source, body, options);
    assert!(audit.hear(Duration::ZERO, Duration::ZERO, &packet));
    audit.findings(Duration::from_secs(1), Duration::ZERO)
}

#[test]
fn reports_of_full_failed_and_empty_herds_are_valid() {
    let schema = Schema::new();
    for clients in [vec![], vec![online(1), online(2)], failing()] {
        assert_eq!(schema.refusal(&report(clients)), None);
    }
    let soaked = report_of(vec![online(1)], Some(soak()));
    assert_eq!(schema.refusal(&soaked), None);
    let read: Report = serde_json::from_value(soaked.clone()).expect("a report");
    assert_eq!(serde_json::to_value(read).expect("JSON"), soaked);
}

#[test]
fn the_words_of_the_schema_are_those_of_the_program() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    let words = |all: Vec<&str>| json!(all);
    let definitions = &schema["$defs"];
    assert_eq!(
        definitions["phase"]["enum"],
        words(Phase::ALL.iter().map(|word| word.as_str()).collect())
    );
    assert_eq!(
        definitions["stage"]["enum"],
        words(Stage::ALL.iter().map(|word| word.as_str()).collect())
    );
    assert_eq!(
        definitions["cause"]["enum"],
        words(Cause::ALL.iter().map(|word| word.as_str()).collect())
    );
    assert_eq!(
        definitions["pings"]["properties"]["lost"]["propertyNames"]["enum"],
        words(PingCause::ALL.iter().map(|word| word.as_str()).collect())
    );
    assert_eq!(
        definitions["fault"]["enum"],
        words(Fault::ALL.iter().map(|word| word.as_str()).collect())
    );
    let keys = |kind: &str, map: &str| {
        definitions[kind]["properties"][map]["propertyNames"]["enum"].clone()
    };
    assert_eq!(
        keys("lookups", "rcodes"),
        words(Rcode::ALL.iter().map(|word| word.as_str()).collect())
    );
    assert_eq!(
        keys("lookups", "failed"),
        words(DnsCause::ALL.iter().map(|word| word.as_str()).collect())
    );
    assert_eq!(
        keys("fetches", "failed"),
        words(HttpCause::ALL.iter().map(|word| word.as_str()).collect())
    );
    assert_eq!(
        keys("fetches", "phases_ms"),
        words(HttpPhase::ALL.iter().map(|word| word.as_str()).collect())
    );
    assert_eq!(
        keys("commands", "failed"),
        words(CommandCause::ALL.iter().map(|word| word.as_str()).collect())
    );
    let ended = Ended::ALL.iter().map(|word| json!(word.as_str()));
    let ended: Vec<Value> = ended.chain([Value::Null]).collect();
    assert_eq!(schema["properties"]["ended"]["enum"], json!(ended));
    let row = &definitions["comparison"]["properties"]["rows"]["items"]["properties"];
    assert_eq!(
        row["figure"]["enum"],
        words(ComparedFigure::all().map(ComparedFigure::as_str).collect())
    );
    assert_eq!(
        row["verdict"]["enum"],
        words(Verdict::ALL.iter().map(|word| word.as_str()).collect())
    );
}

#[test]
fn a_broken_report_is_refused() {
    let schema = Schema::new();
    let sound = report_of(vec![online(1)], Some(soak()));
    assert_eq!(schema.refusal(&sound), None);
    let breaks: [(&str, Value); 30] = [
        ("/faults/count", json!(-1)),
        (
            "/faults/kinds",
            json!({"flood": {"count": 1, "recovery_ms": {}}}),
        ),
        ("/faults/latest/0/began", json!("yesterday")),
        ("/ended", json!("well")),
        ("/availability/share", json!(1.1)),
        ("/outages/latest/0/cause", json!("bad luck")),
        ("/tester/stalls", json!(-1)),
        ("/schema", json!("lanherd.report/2")),
        ("/started", json!("yesterday")),
        ("/duration_ms", json!(-1)),
        ("/complete", json!("yes")),
        ("/soak/timeline/0/online", json!(-1)),
        ("/soak/timeline/0/usable_ms", json!(-1)),
        ("/soak/comparison/rows/0/verdict", json!("fine")),
        (
            "/soak/sums/faults",
            json!({"flood": {"count": 1, "recovery_ms": {}}}),
        ),
        ("/seed", json!("7")),
        ("/parameters", Value::Null),
        ("/totals/online", json!(0.5)),
        ("/percentiles/join_ms", json!({"p50": 1})),
        ("/clients/0/number", json!(0)),
        ("/clients/0/mac", json!("02-00-5e-10-00-01")),
        ("/clients/0/address", json!("10.0.0.7")),
        ("/clients/0/phase", json!("Online")),
        ("/clients/0/cause", json!("bad luck")),
        ("/clients/0/pings/0/lost", json!({"gremlins": 1})),
        ("/clients/0/pings/0/sent", Value::Null),
        ("/clients/0/lookups/0/rcodes", json!({"gremlins": 1})),
        ("/clients/0/fetches/0/statuses", json!({"ok": 1})),
        ("/clients/0/fetches/0/server", json!("10.0.0.1")),
        ("/clients/0/commands/0/exits", json!({"0": -1})),
    ];
    for (place, value) in breaks {
        let mut broken = sound.clone();
        *broken.pointer_mut(place).expect(place) = value;
        assert!(schema.refusal(&broken).is_some(), "{place} was accepted");
    }
}

#[test]
fn a_report_with_a_field_more_or_less_is_refused_at_every_level() {
    let schema = Schema::new();
    let mut sound = report_of(vec![online(1), failing().remove(0)], Some(soak()));
    let objects = [
        "",
        "/totals",
        "/outages",
        "/outages/latest/0",
        "/faults",
        "/faults/kinds/crash",
        "/faults/latest/0",
        "/percentiles",
        "/clients/0",
        "/clients/0/pings/0",
        "/clients/0/lookups/0",
        "/clients/0/lookups/0/time_ms",
        "/clients/0/fetches/0",
        "/clients/0/commands/0",
        "/clients/1/last_failure",
        "/soak",
        "/soak/turnover",
        "/soak/sums",
        "/soak/sums/faults/crash",
        "/soak/timeline/0",
        "/soak/comparison",
        "/soak/comparison/rows/0",
        "/soak/comparison/rows/0/first",
    ];
    for place in objects {
        let object = sound
            .pointer(place)
            .and_then(Value::as_object)
            .expect(place)
            .clone();
        for key in object.keys() {
            let mut less = object.clone();
            less.remove(key);
            *sound.pointer_mut(place).expect(place) = less.into();
            assert!(
                schema.refusal(&sound).is_some(),
                "{place} did without {key}"
            );
        }
        let mut more = object.clone();
        more.insert("surprise".to_owned(), json!(1));
        *sound.pointer_mut(place).expect(place) = more.into();
        assert!(schema.refusal(&sound).is_some(), "{place} took a surprise");
        *sound.pointer_mut(place).expect(place) = object.into();
    }
    assert_eq!(schema.refusal(&sound), None);
}

#[test]
fn what_is_said_of_families_is_as_the_schema_says_and_is_left_out_where_there_is_only_ipv4() {
    let schema = Schema::new();
    let plain = report(vec![online(1)]);
    for place in [
        "/ipv6",
        "/clients/0/families",
        "/clients/0/ipv6",
        "/clients/0/by_family",
    ] {
        assert!(plain.pointer(place).is_none(), "{place}");
    }
    let second = Duration::from_secs(1);
    let uptime = Uptime {
        usable: 9 * second,
        unavailable: BTreeMap::from([(Cause::RouterLost, second)]),
        ..Uptime::default()
    };
    let outage = Outage {
        began: second,
        ended: Some(2 * second),
        clients: 6,
        of: 10,
        cause: Cause::RouterLost,
        fault: None,
        family: Some(Family::Ipv6),
        back: BTreeMap::new(),
    };
    let figures = Figures {
        outages: 1,
        latest_outages: vec![outage],
        uptime_by_family: BTreeMap::from([(Family::Ipv6, uptime)]),
        outages_by_family: BTreeMap::from([(Family::Ipv6, 1)]),
        ipv6_events: Ipv6EventKind::ALL.iter().map(|kind| (*kind, 1)).collect(),
        stale_prefix: StaleTime {
            count: 1,
            total: 30 * second,
            longest: 30 * second,
        },
        ..Figures::default()
    };
    let herd = HerdStatus {
        clients: vec![dual()],
        ..HerdStatus::default()
    };
    let made = Report::new(&herd, &figures, summary(1, None));
    let mut report = serde_json::to_value(&made).expect("json");
    assert_eq!(schema.refusal(&report), None);
    let back: Report = serde_json::from_value(report.clone()).expect("a report");
    assert_eq!(back, made);
    assert_eq!(report["clients"][0]["cause"], "router_lost");
    assert_eq!(report["clients"][0]["by_family"]["ipv6"]["up"], false);
    assert_eq!(report["outages"]["latest"][0]["family"], "ipv6");
    for place in [
        "/ipv6",
        "/availability/families/ipv6",
        "/clients/0/by_family/ipv6",
        "/clients/0/ipv6",
        "/clients/0/ipv6/addresses/1",
        "/clients/0/ipv6/routers/0",
    ] {
        assert_whole(&schema, &mut report, place);
    }
    let routers = heard_routers();
    let made = made.with_routers(&routers);
    let mut report = serde_json::to_value(&made).expect("json");
    assert_eq!(schema.refusal(&report), None);
    let back: Report = serde_json::from_value(report.clone()).expect("a report");
    assert_eq!(back, made);
    assert_eq!(report["ipv6"]["breaches"][0]["requirement"], "ra-mtu");
    for place in [
        "/ipv6/routers/0",
        "/ipv6/routers/0/prefixes/0",
        "/ipv6/routers/0/route_information/0",
        "/ipv6/breaches/0",
    ] {
        assert_whole(&schema, &mut report, place);
    }
    let source: Value = serde_json::from_str(SCHEMA).expect("JSON");
    let words = |place: &str| source.pointer(place).expect(place).clone();
    let entry = "/$defs/ipv6_entry/properties/addresses/items/properties";
    let all: Vec<_> = Ipv6EventKind::ALL
        .iter()
        .map(|word| word.as_str())
        .collect();
    assert_eq!(words("/$defs/ipv6_event/enum"), json!(all));
    let all: Vec<_> = AddressOrigin::ALL
        .iter()
        .map(|word| word.as_str())
        .collect();
    assert_eq!(words(&format!("{entry}/origin/enum")), json!(all));
    let all: Vec<_> = AddressState::ALL.iter().map(|word| word.as_str()).collect();
    assert_eq!(words(&format!("{entry}/state/enum")), json!(all));
    let all: Vec<_> = Families::ALL.iter().map(|word| word.as_str()).collect();
    assert_eq!(words("/$defs/families/enum"), json!(all));
}
