//! What activities do over the real kernel: in the client's namespace, from its address, with times that are the network's. Needs
//! root and iproute2.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml allows them in test functions only, and all of this is one test program"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use lanherd::activity::dns::{DnsCause, DnsSpec};
use lanherd::activity::http::{HttpDetail, HttpPhase, HttpSpec};
use lanherd::activity::{
    self, Activity, AttemptOutcome, ClientContext, Connectivity, Ending, LeasedConfig, Sequence,
};
use lanherd::family::Families;
use lanherd::host_name::HostName;
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

/// The client with the lease that ends in 7.
fn place(port: LinuxPort) -> ClientContext<LinuxPort> {
    let connectivity = Connectivity {
        ipv4: Some(Arc::new(LeasedConfig::from(&lease(7)))),
        ipv6: None,
    };
    ClientContext {
        port: Arc::new(port),
        identity: Arc::new(client(1)),
        families: Families::Ipv4,
        connectivity: watch::Sender::new(connectivity).subscribe(),
        siblings: Arc::new(|_, _| None),
        sequence: Sequence::new(7),
        rng: Mutex::new(fastrand::Rng::with_seed(7)),
    }
}
