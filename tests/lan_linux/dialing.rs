//! Sockets that workloads open: in the client's namespace, from its address, with errors that say what was seen.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use lanherd::activity::dns::{DnsCause, DnsSpec};
use lanherd::activity::http::{HttpDetail, HttpPhase, HttpSpec};
use lanherd::activity::{self, Activity, Ending, Outcome, Place, Sequence, Uplink};
use lanherd::lan::linux::LinuxPort;
use lanherd::lan::{Datagrams, Lan, Port};
use lanherd::stats::ActivityStats;
use lanherd::url::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::world::*;

const PATIENCE: Duration = Duration::from_secs(5);

async fn refusal(port: &LinuxPort, to: SocketAddrV4, timeout: Duration) -> ErrorKind {
    match port.connect(to, timeout).await {
        Ok(_) => panic!("{to} took the connection"),
        Err(error) => error.kind(),
    }
}

#[test]
fn a_connection_and_a_datagram_come_from_the_clients_address() {
    in_a_world(|| async {
        let router = Router::start();
        let listener = router.run(|| TcpListener::bind("0.0.0.0:80").expect("port 80"));
        let echo = router.run(|| UdpSocket::bind("0.0.0.0:53").expect("port 53"));
        let lan = open().await;
        let port = attach(&lan, 1).await;
        port.configure(&lease(7)).await.expect("configured");

        let server = thread::spawn(move || {
            let (mut stream, from) = listener.accept().expect("a connection");
            let mut word = [0; 4];
            stream.read_exact(&mut word).expect("a word");
            stream.write_all(&word).expect("sent");
            let mut datagram = [0; 64];
            let (length, asked_by) = echo.recv_from(&mut datagram).expect("a datagram");
            echo.send_to(&datagram[..length], asked_by).expect("sent");
            (from.ip(), asked_by.ip())
        });
        let mut connected = port
            .connect(SocketAddrV4::new(ROUTER, 80), PATIENCE)
            .await
            .expect("connected");
        assert!(!connected.took.is_zero() && connected.took < PATIENCE);
        connected.stream.write_all(b"word").await.expect("sent");
        let mut word = [0; 4];
        connected.stream.read_exact(&mut word).await.expect("read");
        assert_eq!(&word, b"word");

        let udp = port.udp(SocketAddrV4::new(ROUTER, 53)).await.expect("open");
        udp.send(b"ask").await.expect("sent");
        let mut answer = [0; 64];
        let came = udp.recv(&mut answer).await.expect("an answer");
        assert_eq!(&answer[..came.length], b"ask");
        assert_eq!(came.from, SocketAddrV4::new(ROUTER, 53));
        assert!(!came.took.is_zero() && came.took < PATIENCE);
        let own = Ipv4Addr::new(10, 9, 0, 7);
        assert_eq!(server.join().expect("served"), (own.into(), own.into()));

        drop((port, connected, udp));
        lan.detach(&client(1)).await;
        assert_eq!(lan.close().await, []);
    });
}

#[test]
fn what_stands_in_the_way_of_a_connection_is_told_apart() {
    in_a_world(|| async {
        let router = Router::start();
        router.ip("route add unreachable 192.0.2.1");
        router.ip("route add blackhole 192.0.2.2");
        router.forward();
        let lan = open().await;
        let port = attach(&lan, 1).await;
        let at = |address: [u8; 4]| SocketAddrV4::new(address.into(), 81);
        let brief = Duration::from_millis(300);
        assert_eq!(
            refusal(&port, at([8, 8, 8, 8]), PATIENCE).await,
            ErrorKind::NetworkUnreachable
        );
        port.configure(&lease(7)).await.expect("configured");
        assert_eq!(
            refusal(&port, at([10, 9, 0, 1]), PATIENCE).await,
            ErrorKind::ConnectionRefused
        );
        assert_eq!(
            refusal(&port, at([192, 0, 2, 1]), PATIENCE).await,
            ErrorKind::HostUnreachable
        );
        let began = Instant::now();
        assert_eq!(
            refusal(&port, at([192, 0, 2, 2]), brief).await,
            ErrorKind::TimedOut
        );
        assert!(began.elapsed() < Duration::from_secs(2));

        let udp = port.udp(at([10, 9, 0, 1])).await.expect("open");
        udp.send(b"anybody?").await.expect("sent");
        let heard = udp.recv(&mut [0; 64]).await.map_err(|error| error.kind());
        assert_eq!(heard, Err(ErrorKind::ConnectionRefused));
        drop(udp);
        let udp = port.udp(at([192, 0, 2, 1])).await.expect("open");
        udp.send(b"anybody?").await.expect("sent");
        let heard = udp.recv(&mut [0; 64]).await.map_err(|error| error.kind());
        assert_eq!(heard, Err(ErrorKind::HostUnreachable));
        drop(udp);

        // What is wrong in the client's own namespace is not told as if it were the network.
        ip("-n ns1 route add prohibit 192.0.2.9");
        assert_eq!(
            refusal(&port, at([192, 0, 2, 9]), PATIENCE).await,
            ErrorKind::PermissionDenied
        );
        let udp = port.udp(at([192, 0, 2, 9])).await.expect("open");
        let sent = udp.send(b"anybody?").await.map_err(|error| error.kind());
        assert_eq!(sent, Err(ErrorKind::PermissionDenied));
        drop((port, udp));
        lan.detach(&client(1)).await;
        assert_eq!(lan.close().await, []);
    });
}

#[test]
fn nothing_is_opened_in_a_namespace_that_has_taken_the_place_of_the_clients() {
    in_a_world(|| async {
        let _router = Router::start();
        let lan = open().await;
        let port = attach(&lan, 1).await;
        port.configure(&lease(7)).await.expect("configured");
        ip("netns delete ns1");
        ip("netns add ns1");
        let to = SocketAddrV4::new(ROUTER, 53);
        let error = port.udp(to).await.map(drop).expect_err("not ours");
        assert!(error.to_string().contains("somebody else"), "{error}");
        drop(port);
        lan.detach(&client(1)).await;
        ip("netns delete ns1");
        lan.close().await;
    });
}

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
async fn once(here: &Arc<Place<LinuxPort>>, workload: Activity) -> Outcome {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let report = move |outcome| tell.send(outcome).expect("heard");
    activity::run(Arc::new(workload), Arc::clone(here), Duration::ZERO, report).await;
    told.recv().await.expect("an outcome")
}

/// How long the tester is busy with something else at a time.
const BUSY: Duration = Duration::from_millis(200);

/// The same, while the only thread that could read does something else for [`BUSY`] over and over.
async fn once_busy(here: &Arc<Place<LinuxPort>>, workload: Activity) -> Outcome {
    let something_else = async {
        loop {
            thread::sleep(BUSY);
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        outcome = once(here, workload) => outcome,
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
        let name = "www.test.example".parse().expect("a name");
        let lookup = DnsSpec {
            timeout,
            ..DnsSpec::once(name)
        };
        let url = format!("http://{ROUTER}/").parse().expect("a URL");
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
            ..DnsSpec::once("www.test.example".parse().expect("a name"))
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
fn place(port: LinuxPort) -> Place<LinuxPort> {
    Place {
        port: Arc::new(port),
        identity: Arc::new(client(1)),
        uplink: Uplink::from(&lease(7)),
        siblings: Arc::new(|_| None),
        sequence: Sequence::new(7),
        rng: Mutex::new(fastrand::Rng::with_seed(7)),
    }
}
