//! The metrics server, over real sockets on the loopback.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "this is how a test fails"
)]

use std::fs::Permissions;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use lanherd::http::{self, Guard, Readiness, Ready, Server};
use lanherd::identity::{PoolName, Seed};
use lanherd::metrics::Metrics;
use lanherd_types::test_folder::TestFolder;

const ANY_PORT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

struct Fixed(Ready);

impl Readiness for Fixed {
    async fn readiness(&self) -> Ready {
        self.0.clone()
    }
}

/// A herd whose pool never answers.
struct Mute;

impl Readiness for Mute {
    async fn readiness(&self) -> Ready {
        std::future::pending().await
    }
}

/// For whoever has a token.
fn a_guard() -> Guard {
    let folder = TestFolder::new("token");
    let path = folder.file("token");
    std::fs::write(&path, "0123456789abcdef0123456789abcdef\n").expect("written");
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("changed");
    Guard::new(Some(&path), None).expect("a guard")
}

fn metrics() -> Metrics {
    Metrics::new(&PoolName::default(), Seed(7)).expect("metrics")
}

fn start(readiness: impl Readiness) -> Server {
    http::serve(ANY_PORT, metrics(), readiness).expect("a server")
}

fn start_ready() -> Server {
    start(Fixed(Ready::Yes("10 of 10 clients online".to_owned())))
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).expect("connected");
    let patience = Some(Duration::from_secs(10));
    stream.set_read_timeout(patience).expect("a timeout");
    stream
}

/// The whole answer to one request, head and body.
fn ask(server: &Server, method: &str, path: &str) -> (String, String) {
    let mut stream = connect(server);
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_lowercase(), body.to_owned())
}

/// Waits until the other side has closed the connection.
fn assert_closed(mut stream: TcpStream) {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_gets_the_metrics_in_the_text_format() {
    let server = start_ready();
    let (head, body) = ask(&server, "GET", "/metrics");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(
        head.contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    assert!(body.contains("\nlanherd_clients{group=\"ns\",phase=\"online\"} 0\n"));
    server.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_get_without_the_body() {
    let server = start_ready();
    let (head, body) = ask(&server, "HEAD", "/healthz");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert!(head.contains("content-length: 6"), "{head}");
    assert_eq!(body, "");
    assert_eq!(ask(&server, "GET", "/healthz").1, "alive\n");
    server.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_methods_and_paths_are_refused_with_the_choice() {
    let server = start_ready();
    let (head, _) = ask(&server, "DELETE", "/metrics");
    assert!(head.starts_with("http/1.1 405"), "{head}");
    assert!(head.contains("allow: get, head"), "{head}");
    let (head, body) = ask(&server, "GET", "/");
    assert!(head.starts_with("http/1.1 404"), "{head}");
    assert!(body.contains("/metrics"), "{body}");
    server.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_is_a_status_and_a_line() {
    for (ready, status) in [
        (Ready::Yes("10 of 10 clients online".to_owned()), "200"),
        (
            Ready::No("9 of 10 clients online, 1 dhcp".to_owned()),
            "503",
        ),
    ] {
        let (Ready::Yes(line) | Ready::No(line)) = ready.clone();
        let server = start(Fixed(ready));
        let (head, body) = ask(&server, "GET", "/readyz");
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{head}");
        assert_eq!(body, line + "\n");
        server.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_does_not_answer_is_not_ready_and_stops_no_scrape() {
    let server = start(Mute);
    let (head, _) = ask(&server, "GET", "/readyz");
    assert!(head.starts_with("http/1.1 503"), "{head}");
    let (head, _) = ask(&server, "GET", "/metrics");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    server.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_number_of_half_open_connections_stops_no_scrape() {
    let server = start_ready();
    let mut stuck: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = connect(&server);
            // The server may have closed it for a newer one.
            let _ = stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: ");
            stream
        })
        .collect();
    let (head, _) = ask(&server, "GET", "/metrics");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    assert_closed(stuck.swap_remove(0));
    server.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_does_not_arrive_is_given_up() {
    let server = start_ready();
    let mut slow = connect(&server);
    slow.write_all(b"GET /metrics HTTP/1.1\r\n").expect("sent");
    assert_closed(slow);
    server.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_without_end_is_refused() {
    let server = start_ready();
    let mut stream = connect(&server);
    let _ = write!(stream, "GET /{} HTTP/1.1\r\n", "a".repeat(64 * 1024));
    assert_closed(stream);
    server.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_stuck_connections_do_not_delay_the_end() {
    let server = start_ready();
    let stuck: Vec<TcpStream> = (0..50)
        .map(|_| {
            let mut stream = connect(&server);
            stream.write_all(b"GET /readyz HTTP/1.1\r\n").expect("sent");
            stream
        })
        .collect();
    // All of them have been accepted when a later one is answered.
    ask(&server, "GET", "/healthz");
    let (began, address) = (Instant::now(), server.address());
    server.shut_down().await;
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    for stream in stuck {
        assert_closed(stream);
    }
    assert!(TcpStream::connect(address).is_err(), "it still listens");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_cannot_be_had_is_named_with_the_remedy() {
    let server = start_ready();
    let taken = http::bind(server.address(), Guard::open())
        .expect_err("taken")
        .to_string();
    assert!(taken.contains(&server.address().to_string()), "{taken}");
    assert!(taken.contains("choose another port"), "{taken}");
    // TEST-NET-1 (RFC 5737) is nobody's address.
    let foreign = SocketAddr::from(([192, 0, 2, 1], 0));
    let unguarded = http::bind(foreign, Guard::open()).expect_err("unguarded");
    assert!(
        unguarded.to_string().contains("--metrics-token-file"),
        "{unguarded}"
    );
    let foreign = http::bind(foreign, a_guard())
        .expect_err("not ours")
        .to_string();
    assert!(foreign.contains("no address of this machine"), "{foreign}");
    server.shut_down().await;
}

#[test]
fn a_socket_bound_before_the_runtime_serves_within_it() {
    let bound = http::bind(ANY_PORT, Guard::open()).expect("bound");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let address = bound.address();
        let ready = Fixed(Ready::Yes(String::new()));
        let server = bound.serve(metrics(), ready).expect("a server");
        assert_eq!(server.address(), address);
        assert_eq!(ask(&server, "GET", "/healthz").1, "alive\n");
        server.shut_down().await;
    });
}
