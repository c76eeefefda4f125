//! What a client with both families does, on a LAN in memory.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use lanherd_connections::{CancellationToken, Protocol as _};
use lanherd_stream::sink::{Sink, SinkLimits};
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::watch;
use tokio::time::Instant;

use super::connect::ConnectDetail;
use super::dns::DnsDetail;
use super::http::HttpDetail;
use super::stream::{StreamDetail, StreamLimit};
use super::*;
use crate::family::{Families, Family};
use crate::identity::{ClientNumber, Identity, PoolName, Seed};
use crate::lab::LabConfig;
use crate::lan::Lan;
use crate::lan::fake::{FakeLan, FakePort, SILENT, SILENT6};

const RESOLVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const RESOLVER6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const WEB: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 80);
const WEB6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x203, 0, 0, 0, 0, 0x80);
const OWN6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 7);

/// A client, and what it has.
struct Standing {
    lan: FakeLan,
    client: ClientContext<FakePort>,
    connectivity: watch::Sender<Connectivity>,
}

async fn client(families: Families) -> Standing {
    let lan = FakeLan::new(&LabConfig::default());
    let identity = Identity::derive(&PoolName::default(), ClientNumber(1), Seed(7));
    let port = lan.attach(&identity, Box::new(|_| {})).await;
    let leased = LeasedConfig {
        address: Ipv4Addr::new(10, 77, 0, 7),
        router: Some(RESOLVER),
        resolvers: vec![RESOLVER],
    };
    let config = Ipv6Config {
        addresses: vec![OWN6, Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 7)],
        router: Some(RESOLVER6),
        resolvers: vec![RESOLVER6],
        delegated: Vec::new(),
        behind: Vec::new(),
    };
    let connectivity = watch::Sender::new(Connectivity {
        ipv4: families.include(Family::Ipv4).then(|| Arc::new(leased)),
        ipv6: families.include(Family::Ipv6).then(|| Arc::new(config)),
        is_joining: false,
    });
    let siblings = |_, family| match family {
        Family::Ipv4 => Some(IpAddr::from([10, 77, 0, 8])),
        Family::Ipv6 => Some(IpAddr::from([0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 8])),
    };
    let client = ClientContext {
        port: Arc::new(port.expect("attached")),
        identity: Arc::new(identity),
        families,
        connectivity: connectivity.subscribe(),
        siblings: Arc::new(siblings),
        sequence: Sequence::new(7),
        rng: Mutex::new(fastrand::Rng::with_seed(7)),
    };
    Standing {
        lan,
        client,
        connectivity,
    }
}

impl Standing {
    /// The resolvers know these addresses of every name; `None`: they do not answer.
    fn know(&self, ipv4: Option<&[Ipv4Addr]>, ipv6: Option<&[Ipv6Addr]>) {
        let ipv4 = ipv4.map(|all| all.iter().map(|one| one.octets().to_vec()).collect());
        let ipv6 = ipv6.map(|all| all.iter().map(|one| one.octets().to_vec()).collect());
        let known: [Option<Vec<Vec<u8>>>; 2] = [ipv4, ipv6];
        for resolver in [IpAddr::from(RESOLVER), IpAddr::from(RESOLVER6)] {
            let known = known.clone();
            self.lan.serve_udp((resolver, 53), move |query| {
                let kind = query[query.len() - 3];
                let Some(addresses) = &known[usize::from(kind == 28)] else {
                    return Vec::new();
                };
                let mut answer = query.to_vec();
                answer[2] |= 0x80;
                answer[7] = u8::try_from(addresses.len()).expect("few");
                for address in addresses {
                    let length = u8::try_from(address.len()).expect("short");
                    answer.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 9, 0, length]);
                    answer.extend(address);
                }
                vec![answer]
            });
        }
    }

    fn serve(&self, address: impl Into<IpAddr>) {
        let at = SocketAddr::new(address.into(), 80);
        self.lan.serve_tcp(at, drop);
    }

    async fn attempt(&self, kind: Kind, text: &str) -> AttemptOutcome {
        let subject = kind.read(text).expect("a subject");
        Activity::new(subject).attempt(&self.client).await
    }

    async fn connect(&self, text: &str) -> AttemptOutcome {
        self.attempt(Kind::Connect, text).await
    }
}

fn server(outcome: &AttemptOutcome) -> Option<SocketAddr> {
    let connect = ConnectDetail::of(&outcome.detail).and_then(|detail| detail.server);
    connect.or_else(|| HttpDetail::of(&outcome.detail)?.server)
}

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

#[tokio::test(start_paused = true)]
async fn a_name_is_connected_to_over_ipv6_first_and_over_ipv4_a_quarter_of_a_second_later() {
    let here = client(Families::Dual).await;
    let web = SocketAddr::from((WEB, 80));
    here.serve(WEB);
    here.serve(WEB6);
    here.know(Some(&[WEB]), Some(&[WEB6]));
    let outcome = here.connect("www.test:80").await;
    assert_eq!(server(&outcome), Some((WEB6, 80).into()));
    assert_eq!(
        (outcome.took, outcome.family),
        (Some(millis(2)), Some(Family::Ipv6))
    );

    // Nothing comes back over IPv6: what that costs is in the time.
    here.know(Some(&[WEB]), Some(&[SILENT6]));
    let outcome = here.connect("www.test:80").await;
    assert_eq!(server(&outcome), Some(web), "{outcome:?}");
    assert_eq!(
        (outcome.took, outcome.family),
        (Some(millis(252)), Some(Family::Ipv4))
    );

    // That nobody listens there is known at once.
    here.know(
        Some(&[WEB]),
        Some(&[OWN6, Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1)]),
    );
    let outcome = here.connect("www.test:80").await;
    assert_eq!(outcome.ending, Ending::Failed("own_address"), "{outcome:?}");
    here.know(
        Some(&[WEB]),
        Some(&[Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 1)]),
    );
    let outcome = here.connect("www.test:80").await;
    assert_eq!(
        (server(&outcome), outcome.took),
        (Some(web), Some(millis(4)))
    );

    // A name that has no addresses of one family is one of the other.
    here.know(Some(&[WEB]), Some(&[]));
    assert_eq!(server(&here.connect("www.test:80").await), Some(web));
    here.know(Some(&[]), Some(&[WEB6]));
    let outcome = here.connect("www.test:80").await;
    assert_eq!(server(&outcome), Some((WEB6, 80).into()));

    // A family that is named is the only one.
    here.know(None, Some(&[WEB6]));
    assert!(here.connect("www.test:80 over IPv6").await.is_success());
    here.know(Some(&[WEB]), None);
    let outcome = here.connect("www.test:80 over IPv4").await;
    assert_eq!(
        (server(&outcome), outcome.family),
        (Some(web), Some(Family::Ipv4))
    );
}

#[tokio::test(start_paused = true)]
async fn of_two_addresses_that_fail_the_first_says_why_and_both_have_their_time() {
    let here = client(Families::Dual).await;
    here.know(Some(&[WEB]), Some(&[WEB6]));
    let outcome = here.connect("www.test:80").await;
    assert_eq!(outcome.ending, Ending::Failed("refused"));
    let why = outcome.why.expect("why");
    assert!(
        why.starts_with("www.test:80 ([2001:db8:203::80]:80): refused: "),
        "{why}"
    );
    assert!(why.contains("; 198.51.100.80:80: "), "{why}");

    here.know(Some(&[SILENT]), Some(&[SILENT6]));
    let began = Instant::now();
    let outcome = here.connect("www.test:80").await;
    assert_eq!(outcome.ending, Ending::Failed("timeout"), "{outcome:?}");
    // Two for the lookup.
    assert_eq!(began.elapsed(), Duration::from_secs(5) + millis(2));
    // The first may answer after the second has failed.
    here.know(Some(&[WEB]), Some(&[SILENT6]));
    let outcome = here.connect("www.test:80").await;
    assert_eq!(outcome.ending, Ending::Failed("timeout"), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_family_whose_addresses_nobody_tells_is_waited_for_a_moment_and_not_for_its_time() {
    let here = client(Families::Dual).await;
    here.serve(WEB);
    here.serve(WEB6);
    for (ipv4, ipv6, expected) in [
        (Some(&[WEB][..]), None, IpAddr::from(WEB)),
        (None, Some(&[WEB6][..]), IpAddr::from(WEB6)),
    ] {
        here.know(ipv4, ipv6);
        let began = Instant::now();
        let outcome = here.connect("www.test:80").await;
        assert_eq!(server(&outcome), Some(SocketAddr::new(expected, 80)));
        // The answer, the delay, and the connection.
        assert_eq!(began.elapsed(), millis(2 + 50 + 2));
    }
    here.know(None, None);
    let outcome = here.connect("www.test:80").await;
    assert_eq!(outcome.ending, Ending::Failed("no_name"));
    assert_eq!(outcome.family, None);
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_over_a_family_that_the_client_loses_is_not_the_routers_fault() {
    let here = client(Families::Dual).await;
    here.know(Some(&[]), Some(&[SILENT6]));
    let lose = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        here.connectivity.send_modify(|now| now.ipv6 = None);
    };
    let (outcome, ()) = tokio::join!(here.connect("www.test:80"), lose);
    assert_eq!(outcome.ending, Ending::Failed("offline"));
    let why = outcome.why.expect("why");
    assert!(why.ends_with("offline: the client lost IPv6"), "{why}");

    // Only what goes over it ends.
    here.know(Some(&[SILENT]), None);
    let lose = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        here.connectivity
            .send_modify(|now| now.ipv6 = Some(Arc::default()));
    };
    let (outcome, ()) = tokio::join!(here.attempt(Kind::Ping, "www.test"), lose);
    assert_eq!(outcome.ending, Ending::Failed("timeout"), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn targets_have_a_place_in_each_family() {
    for (families, text, address) in [
        (Families::Dual, "router", "10.77.0.1"),
        (Families::Dual, "router over IPv6", "fe80::1"),
        (Families::Ipv6, "router", "fe80::1"),
        (Families::Dual, "Google DNS", "8.8.8.8"),
        (Families::Ipv6, "Google DNS", "2001:4860:4860::8888"),
        (
            Families::Dual,
            "Cloudflare DNS over IPv6",
            "2606:4700:4700::1111",
        ),
        (Families::Dual, "client 2", "10.77.0.8"),
        (Families::Ipv6, "client 2", "2001:db8:77::8"),
        (Families::Dual, "2001:db8::1", "2001:db8::1"),
        (Families::Dual, "www.test", "2001:db8:203::80"),
        (Families::Dual, "www.test over IPv4", "198.51.100.80"),
        (Families::Ipv6, "www.test", "2001:db8:203::80"),
    ] {
        let here = client(families).await;
        here.know(Some(&[WEB]), Some(&[WEB6]));
        let outcome = here.attempt(Kind::Ping, text).await;
        assert!(outcome.is_success(), "{text}: {outcome:?}");
        let detail = ping::PingDetail::of(&outcome.detail).expect("of pings");
        let expected: IpAddr = address.parse().expect("an address");
        assert_eq!(detail.address, Some(expected), "{text}");
        assert_eq!(outcome.family, Some(Family::of(expected)), "{text}");
    }
    for (families, text) in [
        (Families::Ipv4, "router over IPv6"),
        (Families::Ipv4, "2001:db8::1"),
        (Families::Ipv6, "192.0.2.7"),
    ] {
        let here = client(families).await;
        let outcome = here.attempt(Kind::Ping, text).await;
        assert_eq!(outcome.ending, Ending::Failed("offline"), "{text}");
        let why = outcome.why.expect("why");
        assert!(why.contains("the client is not to have IPv"), "{why}");
    }
    let here = client(Families::Dual).await;
    for own in [OWN6.to_string(), "fe80::7".to_owned()] {
        let outcome = here.attempt(Kind::Ping, &own).await;
        assert_eq!(outcome.ending, Ending::Failed("own_address"), "{own}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_lookup_asks_for_the_type_and_the_resolver_that_it_names() {
    let here = client(Families::Dual).await;
    here.know(Some(&[WEB]), Some(&[WEB6]));
    for (text, resolver, found) in [
        ("www.test", IpAddr::from(RESOLVER), IpAddr::from(WEB)),
        ("www.test AAAA", RESOLVER.into(), WEB6.into()),
        ("www.test over IPv6", RESOLVER6.into(), WEB.into()),
        ("www.test AAAA over IPv6", RESOLVER6.into(), WEB6.into()),
    ] {
        let outcome = here.attempt(Kind::Dns, text).await;
        let detail = DnsDetail::of(&outcome.detail).expect("of lookups");
        assert_eq!(
            (detail.server, &detail.addresses[..]),
            (Some(resolver), &[found][..]),
            "{text}"
        );
        assert_eq!(outcome.family, Some(Family::of(resolver)), "{text}");
    }
    // Without a resolver of IPv4 those of IPv6 are the first.
    here.connectivity.send_modify(|now| now.ipv4 = None);
    let outcome = here.attempt(Kind::Dns, "www.test").await;
    assert!(
        outcome.is_success() && outcome.family == Some(Family::Ipv6),
        "{outcome:?}"
    );
    let outcome = here.attempt(Kind::Dns, "www.test over IPv4").await;
    assert_eq!(outcome.ending, Ending::Failed("no_resolver"));
    let why = outcome.why.expect("why");
    assert_eq!(why, "www.test over IPv4: no_resolver: none of IPv4");
    // A client that has only IPv6 wants addresses of that.
    let here = client(Families::Ipv6).await;
    here.know(Some(&[WEB]), Some(&[WEB6]));
    let outcome = here.attempt(Kind::Dns, "www.test").await;
    let detail = DnsDetail::of(&outcome.detail).expect("of lookups");
    assert_eq!(detail.addresses, [WEB6]);
}

#[tokio::test(start_paused = true)]
async fn a_page_is_fetched_over_the_family_that_answers_with_its_host_as_it_was_written() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let here = client(Families::Dual).await;
    here.know(Some(&[WEB]), Some(&[SILENT6]));
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    for at in [SocketAddr::from((WEB, 80)), SocketAddr::from((WEB6, 8080))] {
        let tell = tell.clone();
        here.lan.serve_tcp(at, move |mut stream| {
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut request = [0; 1_024];
                let length = stream.read(&mut request).await.expect("a request");
                drop(tell.send(String::from_utf8_lossy(&request[..length]).to_lowercase()));
                let page = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
                stream.write_all(page).await.expect("sent");
            });
        });
    }
    let outcome = here.attempt(Kind::Http, "http://www.test/").await;
    assert!(outcome.is_success(), "{outcome:?}");
    assert_eq!(server(&outcome), Some((WEB, 80).into()));
    assert_eq!(outcome.phases[1], ("connect", millis(252)));
    assert!(
        told.recv()
            .await
            .expect("a request")
            .contains("host: www.test\r\n")
    );
    let outcome = here
        .attempt(Kind::Http, "http://[2001:db8:203::80]:8080/x")
        .await;
    assert!(outcome.is_success(), "{outcome:?}");
    assert_eq!(
        (server(&outcome), outcome.family),
        (Some((WEB6, 8080).into()), Some(Family::Ipv6))
    );
    let request = told.recv().await.expect("a request");
    assert!(
        request.contains("host: [2001:db8:203::80]:8080\r\n"),
        "{request}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_command_is_told_what_the_client_has_of_ipv6() {
    let here = client(Families::Dual).await;
    let outcome = here.attempt(Kind::Command, "env").await;
    let output = &command::CommandDetail::of(&outcome.detail)
        .expect("one")
        .output;
    let expected = "LANHERD_ADDRESS=10.77.0.7\nLANHERD_ROUTER=10.77.0.1\nLANHERD_ADDRESS6=2001:db8:77::7\nLANHERD_ROUTER6=fe80::1%lan0\n";
    assert!(output.ends_with(expected), "{output}");
    here.connectivity.send_modify(|now| now.ipv6 = None);
    let outcome = here.attempt(Kind::Command, "env").await;
    let output = &command::CommandDetail::of(&outcome.detail)
        .expect("one")
        .output;
    assert!(
        output.ends_with("LANHERD_ADDRESS6=\nLANHERD_ROUTER6=\n"),
        "{output}"
    );
}

/// A sink at these addresses, in memory.
fn serve_sink(here: &Standing, addresses: &[IpAddr]) -> Arc<Sink> {
    let sink = Arc::new(Sink::new(SinkLimits::default()).expect("random numbers"));
    for address in addresses {
        let sink = Arc::clone(&sink);
        let at = SocketAddr::new(*address, lanherd_stream::PORT);
        here.lan.serve_tcp(at, move |stream| {
            let leaving = CancellationToken::new();
            tokio::spawn(Arc::clone(&sink).converse(stream, leaving));
        });
    }
    sink
}

fn streamed(outcome: &AttemptOutcome) -> &StreamDetail {
    StreamDetail::of(&outcome.detail).expect("of streams")
}

#[tokio::test(start_paused = true)]
async fn a_stream_keeps_its_rate_in_each_direction_over_the_family_that_is_named() {
    let here = client(Families::Dual).await;
    here.know(Some(&[WEB]), Some(&[WEB6]));
    let sink = serve_sink(&here, &[WEB.into(), WEB6.into()]);
    for (text, family) in [
        ("both 1 Mbit/s to sink.lab.test over IPv4", Family::Ipv4),
        ("both 1 Mbit/s to sink.lab.test", Family::Ipv6),
    ] {
        let outcome = here.attempt(Kind::Stream, text).await;
        assert!(outcome.is_success(), "{outcome:?}");
        assert_eq!(outcome.family, Some(family));
        let StreamDetail { up, down, .. } = streamed(&outcome);
        for direction in [up, down] {
            let figures = direction.as_ref().expect("both ways");
            // Ten seconds at a megabit a second.
            assert!(
                (1_240_000..=1_250_000).contains(&figures.bytes),
                "{figures:?}"
            );
            let mean = figures.goodput.mean().expect("one");
            assert!((0.99e6..=1.01e6).contains(&mean), "{mean}");
            assert_eq!(figures.limited_by, [(StreamLimit::Rate, 1)].into());
            assert_eq!(figures.congestion_control, "cubic");
        }
    }
    assert_eq!((sink.counters().accepted, sink.streams()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_a_sink_fails_for_a_cause_that_says_whose_fault_it_is() {
    let here = client(Families::Ipv4).await;
    here.know(Some(&[]), None);
    let at = |port| SocketAddr::new(WEB.into(), port);
    // One that says something else, one that says nothing, and one that goes at once.
    here.lan.serve_tcp(at(81), |mut stream| {
        tokio::spawn(async move { stream.write_all(b"HTTP/1.1 400 Bad Request").await });
    });
    here.lan.serve_tcp(at(82), std::mem::forget);
    here.lan.serve_tcp(at(83), drop);
    for (text, cause) in [
        ("down to 198.51.100.80", "refused"),
        ("down to 198.51.100.80:81", "malformed"),
        ("down to 198.51.100.80:82", "timeout"),
        ("down to 198.51.100.80:83", "reset"),
        ("down to nowhere.lab.test", "no_name"),
        ("down to 10.77.0.7", "own_address"),
    ] {
        let outcome = here.attempt(Kind::Stream, text).await;
        assert_eq!(outcome.ending, Ending::Failed(cause), "{outcome:?}");
        assert!(outcome.why.expect("why").starts_with(text), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_ends_where_the_client_loses_the_family_that_it_goes_over() {
    let here = client(Families::Dual).await;
    serve_sink(&here, &[WEB6.into()]);
    let streaming = here.attempt(Kind::Stream, "down 1 Mbit/s to 2001:db8:203::80");
    let losing = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        here.connectivity.send_modify(|now| now.ipv6 = None);
    };
    let (outcome, ()) = tokio::join!(streaming, losing);
    assert_eq!(outcome.ending, Ending::Failed("offline"), "{outcome:?}");
}
