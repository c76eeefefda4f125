//! What activities do over the real kernel: in the client's namespace, from its address, with times that are the network's. Needs
//! root and iproute2.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml allows them in test functions only, and all of this is one test program"
)]

use std::io::{Read, Write};
use std::net::{Ipv6Addr, SocketAddrV6, TcpListener, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use lanherd::activity::dns::{DnsCause, DnsSpec};
use lanherd::activity::http::{HttpDetail, HttpPhase, HttpSpec};
use lanherd::activity::{
    self, Activity, AttemptOutcome, ClientContext, Connectivity, Ending, Ipv6Config, Kind,
    LeasedConfig, Sequence,
};
use lanherd::family::{Families, Family};
use lanherd::host_name::HostName;
use lanherd::lan::ipv6::{Address6, Addressing6, Route6, RouterPreference};
use lanherd::lan::linux::LinuxPort;
use lanherd::lan::{Lan, Port};
use lanherd::stats::ActivityStats;
use lanherd::url::Url;
use lanherd_testkit::world::{ROUTER, Router, attach, client, in_a_world, lease, open};
use parking_lot::Mutex;
use tokio::sync::watch;

const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn a_page_is_fetched_from_the_clients_namespace_phase_by_phase() {
    in_a_world(|| async {
        let router = Router::start();
        let listener = router.run(|| TcpListener::bind("0.0.0.0:80").expect("port 80"));
        let lan = open().await;
        let port = attach(&lan, 1).await;
        port.configure(&lease(7)).await.expect("configured");
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = [0; 1_024];
            let length = stream.read(&mut request).expect("a request");
            thread::sleep(Duration::from_millis(30));
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
                .expect("sent");
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let url: Url = format!("http://{ROUTER}/page").parse().expect("a URL");
        let spec = Activity::from(HttpSpec::once(url));
        let mut stats = ActivityStats::new(spec.subject.clone());
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let here = Arc::new(place(port));
        let report = move |outcome| tell.send(outcome).expect("heard");
        activity::run(Arc::new(spec), here, Duration::ZERO, report).await;
        stats.record(&told.recv().await.expect("a fetch"));
        assert!(stats.is_success(), "{stats:?}");
        let detail = HttpDetail::of(&stats.detail).expect("of fetches");
        assert_eq!(detail.bytes, 5);
        let first_byte = stats.phases[HttpPhase::FirstByte.as_str()]
            .max()
            .expect("one");
        assert!(first_byte >= Duration::from_millis(30), "{first_byte:?}");
        let request = server.join().expect("served");
        assert!(
            request.to_lowercase().contains("host: 10.9.0.1\r\n"),
            "{request}"
        );
        lan.detach(&client(1)).await;
        assert_eq!(lan.close().await, []);
    });
}

/// Answers each query with an address, from a socket that is asked for it.
fn answer_queries(asked: UdpSocket, answering: UdpSocket) {
    thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, from)) = asked.recv_from(&mut query) {
            let mut answer = query[..length].to_vec();
            answer[2] |= 0x80;
            answer[7] = 1;
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 9]);
            if answering.send_to(&answer, from).is_err() {
                return;
            }
        }
    });
}

/// Does it once, and returns what came of it.
async fn once(here: &Arc<ClientContext<LinuxPort>>, activity: Activity) -> AttemptOutcome {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let report = move |outcome| tell.send(outcome).expect("heard");
    activity::run(Arc::new(activity), Arc::clone(here), Duration::ZERO, report).await;
    told.recv().await.expect("an outcome")
}

/// How long the tester is busy with something else at a time.
const BUSY: Duration = Duration::from_millis(200);

/// The same, while the only thread that could read does something else for [`BUSY`] over and over.
async fn once_busy(here: &Arc<ClientContext<LinuxPort>>, activity: Activity) -> AttemptOutcome {
    let something_else = async {
        loop {
            thread::sleep(BUSY);
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        outcome = once(here, activity) => outcome,
        () = something_else => unreachable!(),
    }
}

#[test]
fn times_are_the_networks_and_what_came_in_time_is_no_timeout_however_late_it_is_read() {
    in_a_world(|| async {
        let router = Router::start();
        let resolver = router.run(|| UdpSocket::bind("0.0.0.0:53").expect("port 53"));
        answer_queries(resolver.try_clone().expect("a socket"), resolver);
        let listener = router.run(|| TcpListener::bind("0.0.0.0:80").expect("port 80"));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let _ = stream.read(&mut [0; 1_024]);
                let page = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
                let _ = stream.write_all(page);
            }
        });
        let lan = open().await;
        let port = attach(&lan, 1).await;
        port.configure(&lease(7)).await.expect("configured");
        let here = Arc::new(place(port));
        let timeout = BUSY * 3 / 4;
        let name: HostName = "www.test.example".parse().expect("a name");
        let lookup = DnsSpec {
            timeout,
            ..DnsSpec::once(name)
        };
        let url: Url = format!("http://{ROUTER}/").parse().expect("a URL");
        let fetch = HttpSpec {
            timeout,
            ..HttpSpec::once(url)
        };
        // So that the neighbour is known; and the kernel begins to stamp a moment after the first socket wanted it.
        let first = DnsSpec {
            timeout: PATIENCE,
            ..lookup.clone()
        };
        once(&here, first.into()).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        // The machine itself may be busy, so that a server is late: of five, the fastest tells what is ours.
        let mut fastest = [Duration::MAX; 4];
        for _ in 0..5 {
            let lookup = once_busy(&here, lookup.clone().into()).await;
            fastest[0] = fastest[0].min(lookup.took.unwrap_or(Duration::MAX));
            let fetch = once_busy(&here, fetch.clone().into()).await;
            if fetch.is_success() {
                for ((_, took), fastest) in fetch.phases.iter().zip(&mut fastest[1..]) {
                    *fastest = (*took).min(*fastest);
                }
            }
        }
        for (what, took) in ["lookup", "connect", "first byte", "transfer"]
            .into_iter()
            .zip(fastest)
        {
            assert!(took < BUSY / 4, "{what}: {took:?} of {fastest:?}");
        }
        drop(here);
        lan.detach(&client(1)).await;
        assert_eq!(lan.close().await, []);
    });
}

#[test]
fn a_resolver_that_answers_from_another_address_is_told_as_that() {
    in_a_world(|| async {
        let router = Router::start();
        router.ip("address add 10.9.0.2/24 dev far0");
        let [asked, answering] = ["10.9.0.1:53", "10.9.0.2:53"]
            .map(|at| router.run(|| UdpSocket::bind(at).expect("port 53")));
        answer_queries(asked, answering);
        let lan = open().await;
        let port = attach(&lan, 1).await;
        port.configure(&lease(7)).await.expect("configured");
        let here = Arc::new(place(port));
        let lookup = DnsSpec {
            timeout: Duration::from_secs(2),
            ..DnsSpec::once("www.test.example".parse::<HostName>().expect("a name"))
        };
        let lookup = once(&here, lookup.into()).await;
        assert_eq!(
            lookup.ending,
            Ending::Failed(DnsCause::WrongSource.as_str())
        );
        let why = lookup.why.expect("why");
        let told = "10.9.0.1:53 was asked, and 10.9.0.2:53 answered";
        assert!(why.ends_with(told), "{why}");
        drop(here);
        lan.detach(&client(1)).await;
        assert_eq!(lan.close().await, []);
    });
}

/// The router's addresses of IPv6, and one that is behind it.
const ROUTER6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const BEYOND6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);
/// What is sent there is dropped, and nobody says so.
const DARK6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 0xda);
const OWN6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, 7);

/// What a client has of IPv6 that believes this router.
fn addressing6() -> Addressing6 {
    let link_local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 7);
    Addressing6 {
        addresses: vec![
            Address6::link_local(link_local, false),
            Address6 {
                address: OWN6,
                ..Address6::link_local(OWN6, false)
            },
        ],
        routes: vec![Route6 {
            destination: Ipv6Addr::UNSPECIFIED,
            prefix_len: 0,
            gateway: Some(ROUTER6),
            preference: RouterPreference::Medium,
            until: None,
            mtu: None,
            hop_limit: None,
        }],
        ..Addressing6::default()
    }
}

/// Answers each query with the router's web server: of IPv4, and of IPv6 whatever `ipv6` is.
fn answer_both(socket: UdpSocket, ipv6: Ipv6Addr) {
    thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            let mut answer = query[..length].to_vec();
            answer[2] |= 0x80;
            answer[7] = 1;
            let is_aaaa = answer.ends_with(&[0, 28, 0, 1]);
            let address = if is_aaaa {
                ipv6.octets().to_vec()
            } else {
                ROUTER.octets().to_vec()
            };
            let length = u8::try_from(address.len()).expect("short");
            let kind = if is_aaaa { 28 } else { 1 };
            answer.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 9, 0, length]);
            answer.extend(address);
            if socket.send_to(&answer, from).is_err() {
                return;
            }
        }
    });
}

#[test]
fn a_client_of_both_families_works_over_ipv6_and_over_ipv4_where_nothing_comes_back() {
    in_a_world(|| async {
        let router = Router::start();
        for address in [ROUTER6, Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, 1)] {
            router.ip(&format!("addr add {address}/64 dev far0 nodad"));
        }
        router.ip(&format!("addr add {BEYOND6}/128 dev lo"));
        router.ip(&format!("-6 route add blackhole {DARK6}/128"));
        let light = router.run(|| {
            let link = nix::net::if_::if_nametoindex("far0").expect("the link");
            UdpSocket::bind(SocketAddrV6::new(ROUTER6, 53, 0, link)).expect("port 53")
        });
        answer_both(light, BEYOND6);
        let dark = router.run(|| UdpSocket::bind((ROUTER, 53)).expect("port 53"));
        answer_both(dark, DARK6);
        let web = router.run(|| TcpListener::bind("[::]:80").expect("port 80"));
        thread::spawn(move || {
            for stream in web.incoming() {
                let Ok(mut stream) = stream else { return };
                let _ = stream.read(&mut [0; 1_024]);
                let page = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
                let _ = stream.write_all(page);
            }
        });
        let lan = open().await;
        let identity = client(1);
        let attaching = lan.attach_speaking(Families::Dual, &identity, Box::new(|_| {}));
        let port = attaching.await.expect("attached");
        port.configure(&lease(7)).await.expect("configured");
        port.configure6(addressing6()).await.expect("set");
        let leased = LeasedConfig {
            resolvers: Vec::new(),
            ..LeasedConfig::from(&lease(7))
        };
        let config = Ipv6Config {
            addresses: vec![OWN6, Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 7)],
            router: Some(ROUTER6),
            resolvers: vec![ROUTER6],
            delegated: Vec::new(),
            behind: Vec::new(),
        };
        let (connectivity, here) = place_with(
            port,
            Families::Dual,
            Connectivity {
                ipv4: Some(Arc::new(leased)),
                ipv6: Some(Arc::new(config)),
                is_joining: false,
            },
        );
        let here = Arc::new(here);
        let attempt = async |kind: Kind, text: &str| {
            let subject = kind.read(text).expect(text);
            once(&here, Activity::new(subject)).await
        };
        for (kind, text) in [
            (Kind::Ping, "router over IPv6"),
            (Kind::Ping, "www.test.example"),
            (Kind::Ping, "2001:db8:ffff::1"),
            (Kind::Dns, "www.test.example AAAA"),
            (Kind::Http, "http://www.test.example/"),
            (Kind::Http, "http://[2001:db8:ffff::1]/"),
            (Kind::Connect, "router:80 over IPv6"),
            (Kind::Connect, "www.test.example:80"),
        ] {
            let outcome = attempt(kind, text).await;
            assert!(outcome.is_success(), "{text}: {outcome:?}");
            assert_eq!(outcome.family, Some(Family::Ipv6), "{text}: {outcome:?}");
            let took = outcome.took.expect("a time");
            assert!(!took.is_zero() && took < PATIENCE, "{text}: {took:?}");
        }
        // The resolver of IPv4 knows an address of IPv6 that nothing comes back from.
        connectivity.send_modify(|now| {
            now.ipv4 = Some(Arc::new(LeasedConfig::from(&lease(7))));
        });
        let outcome = attempt(Kind::Http, "http://www.test.example/").await;
        assert!(outcome.is_success(), "{outcome:?}");
        assert_eq!(outcome.family, Some(Family::Ipv4), "{outcome:?}");
        let (phase, connect) = outcome.phases[1];
        assert_eq!(phase, HttpPhase::Connect.as_str());
        assert!(connect >= Duration::from_millis(250), "{connect:?}");
        let outcome = attempt(Kind::Ping, "www.test.example").await;
        assert_eq!(outcome.ending, Ending::Failed("timeout"), "{outcome:?}");
        let outcome = attempt(Kind::Ping, "www.test.example over IPv4").await;
        assert!(outcome.is_success(), "{outcome:?}");
        drop(here);
        lan.detach(&client(1)).await;
        assert_eq!(lan.close().await, []);
    });
}

/// A client that has so much, and what changes that.
fn place_with(
    port: LinuxPort,
    families: Families,
    connectivity: Connectivity,
) -> (watch::Sender<Connectivity>, ClientContext<LinuxPort>) {
    let connectivity = watch::Sender::new(connectivity);
    let context = ClientContext {
        port: Arc::new(port),
        identity: Arc::new(client(1)),
        families,
        connectivity: connectivity.subscribe(),
        siblings: Arc::new(|_, _| None),
        sequence: Sequence::new(7),
        rng: Mutex::new(fastrand::Rng::with_seed(7)),
    };
    (connectivity, context)
}

/// The client with the lease that ends in 7.
fn place(port: LinuxPort) -> ClientContext<LinuxPort> {
    let connectivity = Connectivity {
        ipv4: Some(Arc::new(LeasedConfig::from(&lease(7)))),
        ..Connectivity::default()
    };
    place_with(port, Families::Ipv4, connectivity).1
}
