//! A herd in every state that a report can tell, made up.

use super::*;

pub(super) fn client(number: u32, phase: Phase) -> ClientStatus {
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

pub(super) fn online(number: u32) -> ClientStatus {
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
pub(super) fn pinged(target: &Target) -> ActivityStats {
    let mut stats = ActivityStats::new(target.clone().into());
    let lost = PingCause::ALL.iter().map(|cause| PingOutcome::Lost(*cause));
    for of_port in lost.chain([PingOutcome::Reply(Duration::from_micros(83))]) {
        stats.record(&ping::outcome(target, of_port, PingDetail::default()));
    }
    stats
}

/// All that can come of lookups, fetches, commands, connections and streams.
pub(super) fn others() -> [ActivityStats; 5] {
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
    [dns, http, commands, connections, streams(server)]
}

/// All that can come of streams.
fn streams(server: IpAddr) -> ActivityStats {
    let plan = Kind::Stream.read("both to sink.lab.test").expect("a plan");
    let mut streams = ActivityStats::new(plan);
    let server = Some(SocketAddr::new(server, 4374));
    for cause in StreamCause::ALL {
        let detail = StreamDetail {
            server,
            ..StreamDetail::default()
        };
        streams.record(&AttemptOutcome::failed(
            cause.as_str(),
            "seen".to_owned(),
            Detail::Stream(detail),
        ));
    }
    let limiters = [
        Limiter::Rate,
        Limiter::Network,
        Limiter::Sender,
        Limiter::Receiver,
    ];
    for limiter in limiters {
        let direction = Some(DirectionStreamed {
            measured: 1_000_000,
            took: Duration::from_secs(10),
            bytes: 1_000_001,
            longest_gap: Duration::from_millis(7),
            tcp: TcpFigures {
                segments: 700,
                retransmitted: 3,
                busy: Duration::from_millis(9_999),
                ..TcpFigures::default()
            },
            congestion_control: "cubic".to_owned(),
            limiter,
        });
        let streamed = Streamed {
            up: direction.clone(),
            down: direction,
        };
        streams.record(&AttemptOutcome {
            ending: Ending::Answered {
                answer: None,
                is_success: true,
            },
            took: Some(Duration::from_micros(83)),
            phases: Vec::new(),
            family: None,
            detail: Detail::Stream(StreamDetail::streamed(server, streamed)),
            why: None,
        });
    }
    streams
}

/// An outage of everybody, which is over, and one by a fault that was made on purpose, which is not; and two faults, of one of
/// which the clients are back.
pub(super) fn figures() -> Figures {
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

pub(super) fn report(clients: Vec<ClientStatus>) -> Value {
    report_of(clients, None)
}

/// Ten minutes with all that can be counted.
pub(super) fn soak() -> Soak {
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

pub(super) fn summary(clients: usize, soak: Option<Soak>) -> RunSummary {
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

pub(super) fn report_of(clients: Vec<ClientStatus>, soak: Option<Soak>) -> Value {
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
pub(super) fn objectives() -> Vec<Judgement> {
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
pub(super) fn late() -> Lag {
    let mut lag = Lag::default();
    for millis in 1..=20 {
        lag.record(Duration::from_millis(millis));
    }
    lag
}

/// Every phase, with every stage and cause of a failure.
pub(super) fn failing() -> Vec<ClientStatus> {
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

/// A client that is to have both families, and lacks IPv6 again.
pub(super) fn dual() -> ClientStatus {
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
