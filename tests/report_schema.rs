//! The report and its JSON schema say the same.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "this is how a test fails"
)]

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
use lanherd::activity::{AttemptOutcome, Detail, Kind};
use lanherd::client::ipv6::{
    AddressOrigin, AddressState, HeldAddress, HeldRouter, Ipv6EventKind, Ipv6State,
};
use lanherd::dhcp::{Flaw, Ignored, Lease, Lifetime, RemarkReason, Route};
use lanherd::family::{ByFamily, Families, Family};
use lanherd::fault::Fault;
use lanherd::host_name::HostName;
use lanherd::identity::{ClientNumber, Identity, PoolName, Seed};
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
use serde_json::{Value, json};

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

fn client(number: u32, phase: Phase) -> ClientStatus {
    ClientStatus {
        wanted: Duration::from_secs(10),
        usable: Duration::from_secs(9),
        identity: Identity::derive(&PoolName::default(), ClientNumber(number), Seed(7)),
        group: lanherd::pool::GroupName::from(&PoolName::default()),
        phase,
        failure: None,
        lease: None,
        families: Families::Ipv4,
        by_family: ByFamily::default(),
        ipv6: None,
        stale_prefix: Duration::ZERO,
        join: None,
        dhcp: None,
        restarts: 0,
        activities: Vec::new(),
    }
}

fn online(number: u32) -> ClientStatus {
    let router = Ipv4Addr::new(10, 0, 0, 1);
    let mut activities = Vec::new();
    for target in [Target::GoogleDns, Target::Router] {
        activities.push(Arc::new(pinged(&target)));
    }
    activities.extend(others().map(Arc::new));
    ClientStatus {
        lease: Some(Lease {
            address: Ipv4Addr::new(10, 0, 0, 7),
            prefix_len: 24,
            server_id: router,
            routers: vec![router],
            routes: vec![Route::default_through(router)],
            dns: vec![router, Ipv4Addr::new(1, 1, 1, 1)],
            domain: None,
            search: Vec::new(),
            mtu: None,
            lifetime: Lifetime::Infinite,
            requested_at: Instant::now(),
        }),
        join: Some(Duration::from_micros(12_345)),
        dhcp: Some(Duration::from_micros(4_321)),
        activities,
        ..client(number, Phase::Online)
    }
}

/// All that can come of pings of a target.
fn pinged(target: &Target) -> ActivityStats {
    let mut stats = ActivityStats::new(target.clone().into());
    let lost = PingCause::ALL.iter().map(|cause| PingOutcome::Lost(*cause));
    for of_port in lost.chain([PingOutcome::Reply(Duration::from_micros(83))]) {
        stats.record(&ping::outcome(target, of_port, PingDetail::default()));
    }
    stats
}

/// All that can come of lookups, fetches and commands.
fn others() -> [ActivityStats; 4] {
    let took = Duration::from_micros(730);
    let server = IpAddr::from([10, 0, 0, 1]);
    let name: HostName = "www.lab.test".parse().expect("a name");
    let mut dns = ActivityStats::new(name.clone().into());
    let answers = Rcode::ALL.iter().map(|rcode| {
        Ok(DnsAnswer {
            rcode: *rcode,
            addresses: vec![server],
            took,
        })
    });
    let failures = DnsCause::ALL.iter().map(|cause| {
        Err(Unanswered {
            cause: *cause,
            detail: "seen".to_owned(),
        })
    });
    for result in answers.chain(failures) {
        let lookup = Lookup {
            server: Some(server),
            was_sent: true,
            result,
        };
        dns.record(&lookup.outcome(&name));
    }
    let url: Url = "http://www.lab.test/".parse().expect("a URL");
    let mut http = ActivityStats::new(url.clone().into());
    let fetch = Fetch {
        server: Some(SocketAddr::new(server, 80)),
        phases: HttpPhase::ALL.iter().map(|phase| (*phase, took)).collect(),
        status: Some(200),
        bytes: 1_000,
        failure: None,
    };
    http.record(&fetch.clone().outcome(&url));
    for cause in HttpCause::ALL {
        let failed = Fetch {
            failure: Some((*cause, "seen".to_owned())),
            ..fetch.clone()
        };
        http.record(&failed.outcome(&url));
    }
    let line = CommandLine::from("true");
    let mut commands = ActivityStats::new(line.clone().into());
    let ends = CommandCause::ALL
        .iter()
        .map(|cause| Err((*cause, "seen".to_owned())));
    for result in ends.chain([Ok(0), Ok(143)]) {
        let executed = Executed {
            result,
            took,
            output: "said\n".to_owned(),
        };
        commands.record(&executed.outcome(&line));
    }
    let endpoint = Kind::Connect.read("router:80").expect("an endpoint");
    let mut connections = ActivityStats::new(endpoint.clone());
    let detail = ConnectDetail {
        server: Some(SocketAddr::new(server, 80)),
    };
    for cause in ConnectCause::ALL {
        let detail = Detail::Connect(detail.clone());
        connections.record(&AttemptOutcome::failed(
            cause.as_str(),
            "seen".to_owned(),
            detail,
        ));
    }
    [dns, http, commands, connections]
}

/// An outage of everybody, which is over, and one by a fault that was made on purpose, which is not; and two faults, of one of
/// which the clients are back.
fn figures() -> Figures {
    let (began, second) = (Duration::from_secs(9), Duration::from_secs(1));
    let over = Outage {
        family: None,
        began,
        ended: Some(began + 5 * second),
        clients: 3,
        of: 3,
        cause: Cause::NoCarrier,
        fault: None,
        back: Share::ALL
            .iter()
            .map(|share| (*share, 5 * second))
            .collect(),
    };
    let on = Outage {
        family: None,
        ended: None,
        fault: Some(Fault::DhcpMute),
        back: BTreeMap::new(),
        ..over.clone()
    };
    let crash = InjectedFault {
        fault: Fault::Crash,
        began,
        lasts: Duration::ZERO,
        clients: 3,
        offline: 1,
        recovered: Some(second),
    };
    let mute = InjectedFault {
        fault: Fault::DhcpMute,
        lasts: 20 * second,
        recovered: None,
        ..crash
    };
    Figures {
        began: Some(SystemTime::now()),
        faults: Fault::ALL.iter().map(|fault| (*fault, 1)).collect(),
        latest_faults: vec![crash, mute],
        uptime: Uptime {
            usable: 70 * second,
            unavailable: Cause::ALL.iter().map(|cause| (*cause, second)).collect(),
            on_purpose: Fault::ALL.iter().map(|fault| (*fault, second)).collect(),
            tester: 3 * second,
        },
        stalls: 1,
        stalled: 60 * second,
        leases_lost_by_tester: 2,
        outages: 2,
        latest_outages: vec![over, on],
        ..Figures::default()
    }
}

fn report(clients: Vec<ClientStatus>) -> Value {
    report_of(clients, None)
}

/// Ten minutes with all that can be counted.
fn soak() -> Soak {
    let mut figures = Figures::default();
    let mut recorder = SoakRecorder::new(figures.clone());
    let took = Duration::from_millis(9);
    for minute in 1..=10 {
        figures.join.record(took);
        figures.dhcp.record(took);
        figures.restarts += 1;
        figures
            .activities
            .entry(Target::Router.into())
            .or_insert_with(|| ActivityStats::new(Target::Router.into()))
            .add(&pinged(&Target::Router));
        for stats in others() {
            figures.activities.insert(stats.subject.clone(), stats);
        }
        for cause in Cause::ALL {
            *figures.failures.entry(*cause).or_default() += 1;
        }
        for fault in Fault::ALL {
            *figures.faults.entry(*fault).or_default() += 1;
        }
        figures
            .fault_recovery
            .entry(Fault::Crash)
            .or_default()
            .record(took);
        let herd = HerdStatus {
            clients: vec![online(1)],
            ..HerdStatus::default()
        };
        let footprint = Footprint {
            resident_bytes: 20 << 20,
            descriptors: 99,
        };
        let now = Duration::from_secs(60) * minute;
        recorder.look(now, &herd, figures.clone(), footprint);
    }
    Soak::new(&recorder.record(), Duration::from_secs(60), took)
}

fn summary(clients: usize, soak: Option<Soak>) -> RunSummary {
    RunSummary {
        parameters: json!({ "clients": clients }),
        seed: Seed(u64::MAX),
        started: SystemTime::now(),
        duration: Duration::from_millis(2_500),
        leaked_objects: 0,
        ended: Some(Ended::TimeOver),
        complete: true,
        lag: late(),
        objectives: objectives(),
        soak,
    }
}

fn report_of(clients: Vec<ClientStatus>, soak: Option<Soak>) -> Value {
    let run = summary(clients.len(), soak);
    let flaw = |count| FlawSum {
        count,
        last: "option 6 at byte 270 is 5 bytes long".to_owned(),
    };
    let flaws = BTreeMap::from([
        (Flaw::Option(6, RemarkReason::Length), flaw(7)),
        (Flaw::Message(Ignored::NoLeaseTime), flaw(1)),
    ]);
    serde_json::to_value(Report::new(&HerdStatus { clients, flaws }, &figures(), run))
        .expect("JSON")
}

/// One of each verdict, and one of each unit.
fn objectives() -> Vec<Judgement> {
    use lanherd::objective::Verdict::{Failed, Inconclusive, Passed};
    let mut figures = Figures::default();
    let mut stats = ActivityStats::new(Target::Router.into());
    for of_port in [
        PingOutcome::Reply(Duration::from_millis(30)),
        PingOutcome::Lost(PingCause::Tester),
    ] {
        stats.record(&ping::outcome(
            &Target::Router,
            of_port,
            PingDetail::default(),
        ));
    }
    figures.activities.insert(Target::Router.into(), stats);
    let late = Duration::from_millis(20);
    figures.doubt.took(
        Signal::Activity(Kind::Ping),
        Duration::from_millis(30),
        late,
    );
    let judge = |text: &str| {
        let objective: Objective = text.parse().expect("an objective");
        objective.judge(&figures)
    };
    let all: Vec<_> = [
        "p95 ping > 20 ms",
        "packet loss > 10 %",
        "restarts > 0",
        "p95 dns > 1s",
    ]
    .into_iter()
    .map(judge)
    .collect();
    let verdicts: Vec<_> = all.iter().map(|one| one.verdict).collect();
    assert_eq!(verdicts, [Inconclusive, Failed, Passed, Failed]);
    all
}

/// A tester that woke a few times, and was not saturated.
fn late() -> Lag {
    let mut lag = Lag::default();
    for millis in 1..=20 {
        lag.record(Duration::from_millis(millis));
    }
    lag
}

/// Every phase, with every stage and cause of a failure.
fn failing() -> Vec<ClientStatus> {
    let mut clients = Vec::new();
    for phase in Phase::ALL {
        for stage in Stage::ALL {
            for cause in Cause::ALL {
                let number = u32::try_from(clients.len()).expect("few") + 1;
                let mut client = client(number, *phase);
                client.failure = Some(Failure::new(*stage, *cause, "seen"));
                client.restarts = 3;
                clients.push(client);
            }
        }
    }
    clients
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

/// A client that is to have both families, and lacks IPv6 again.
fn dual() -> ClientStatus {
    let second = Duration::from_secs(1);
    let later = Some(Instant::now() + 90 * second);
    let held = |address: &str, origin| HeldAddress {
        address: address.parse().expect("an address"),
        origin,
        state: AddressState::Preferred,
        preferred_until: later,
        valid_until: None,
    };
    let state = Ipv6State {
        addresses: vec![
            held("fe80::5", AddressOrigin::LinkLocal),
            held("2001:db8::5", AddressOrigin::Stable),
        ],
        routers: vec![HeldRouter {
            address: "fe80::1".parse().expect("an address"),
            mac: None,
            preference: lanherd::ndp::Preference::High,
            is_reachable: true,
            valid_until: later,
        }],
        resolvers: vec!["2001:db8::1".parse().expect("an address")],
        search: vec!["lab.test".to_owned()],
        on_link: vec!["2001:db8::/64".parse().expect("a prefix")],
        pref64: vec!["64:ff9b::/96".parse().expect("a prefix")],
        other: true,
        mtu: Some(1_480),
        ..Ipv6State::default()
    };
    let lost = Failure::new(Stage::Online, Cause::RouterLost, "withdrawn").of(Family::Ipv6);
    let status = |failure: Option<Failure>| FamilyStatus {
        is_up: failure.is_none(),
        rests: false,
        took: Some(second),
        failure,
        wanted: 10 * second,
        usable: 9 * second,
    };
    ClientStatus {
        phase: Phase::Partial,
        failure: Some(lost.clone()),
        families: Families::Dual,
        by_family: ByFamily {
            ipv4: Some(status(None)),
            ipv6: Some(status(Some(lost))),
        },
        ipv6: Some(Arc::new(state)),
        stale_prefix: 30 * second,
        ..online(1)
    }
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
        let object = report.pointer(place).and_then(Value::as_object);
        let object = object.expect(place).clone();
        for key in object.keys() {
            let mut less = object.clone();
            less.remove(key);
            *report.pointer_mut(place).expect(place) = less.into();
            assert!(
                schema.refusal(&report).is_some(),
                "{place} did without {key}"
            );
        }
        let mut more = object.clone();
        more.insert("surprise".to_owned(), json!(1));
        *report.pointer_mut(place).expect(place) = more.into();
        assert!(schema.refusal(&report).is_some(), "{place} took more");
        *report.pointer_mut(place).expect(place) = object.into();
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
