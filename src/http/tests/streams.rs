//! Who follows, how long, and how it ends; over TLS, too.

use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_cut_off_gets_what_he_missed_and_nothing_twice() {
    let served = ServedRun::with(3).await;
    let mut first = served.follow("?after=0", "").await;
    first.hear("\"to\":\"online\"").await;
    let last = *first.sequences().last().expect("events");
    drop(first);
    served.crash(2).await;
    served.pool.settled(PATIENCE).await.expect("settled");
    let header = format!("Last-Event-ID: {last}\r\n");
    let mut second = served.follow("", &header).await;
    second.hear("\"event\":\"failed\"").await;
    served.crash(3).await;
    second.hear("\"client\":3,\"event\":\"failed\"").await;
    let sequences = second.sequences();
    let expected: Vec<u64> = (last + 1..).take(sequences.len()).collect();
    assert_eq!(sequences, expected);
    assert!(second.heard.contains("event: herd\n"), "{}", second.heard);
    assert!(!second.heard.contains("event: missed"), "{}", second.heard);
    // A number that this run has not reached is of another: the reader is told that he knows nothing.
    let mut stranger = served.follow("?after=1000000", "").await;
    stranger.hear("event: missed\ndata: 0\n\nid: 1\n").await;
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_have_a_limit_and_a_place_is_free_again_when_one_ends() {
    let served = ServedRun::with(1).await;
    let mut followers = Vec::new();
    for _ in 0..stream::STREAMS {
        let mut follower = served.follow("", "").await;
        follower.hear("event: herd").await;
        followers.push(follower);
    }
    let (head, body) = served.ask("GET", "/api/v1/events").await;
    assert!(head.starts_with("http/1.1 503"), "{head}");
    assert!(body.contains("close one"), "{body}");
    followers.clear();
    // The server notices with the next thing that it says.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    served.follow("", "").await.hear("event: herd").await;
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn open_streams_end_in_order_and_at_once_when_the_server_does() {
    let served = ServedRun::with(5).await;
    let mut readers = Vec::new();
    for _ in 0..20 {
        let mut reader = served.follow("", "").await;
        reader.hear("event: herd").await;
        readers.push(reader);
    }
    let began = Instant::now();
    served.server.shut_down().await;
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    for reader in &mut readers {
        // The last chunk of a body that is whole (RFC 9112, 7.1).
        reader.hear("\r\n0\r\n\r\n").await;
    }
    served.pool.tear_down().await.expect("torn down");
}

/// One who speaks TLS, and believes that certificate.
async fn over_tls(served: &ServedRun, certificate: &str) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("PEM");
    roots.add(certificate).expect("a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(served.server.address()).await;
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let connected = TlsConnector::from(Arc::new(config)).connect(name, stream.expect("connected"));
    connected.await.expect("a handshake")
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_over_tls_end_in_order_and_at_once_whoever_else_is_stuck() {
    let (guard, certificate) = guard::tests::over_tls();
    let served = ServedRun::behind(guard, 3).await;
    assert!(served.server.url().starts_with("https://127.0.0.1:"));
    let request = b"GET /api/v1/events?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut readers = Vec::new();
    for _ in 0..20 {
        let mut stream = over_tls(&served, &certificate).await;
        stream.write_all(request).await.expect("sent");
        let (mut heard, mut buffer) = (String::new(), [0; 4_096]);
        while !heard.contains("event: herd") {
            let read = timeout(PATIENCE, stream.read(&mut buffer)).await;
            let read = read.expect("in time").expect("read");
            heard.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        readers.push((stream, heard));
    }
    let mut stuck = Vec::new();
    for _ in 0..10 {
        let silent = TcpStream::connect(served.server.address()).await;
        stuck.push(silent.expect("connected"));
        let mut half = TcpStream::connect(served.server.address())
            .await
            .expect("connected");
        half.write_all(&[22, 3, 1, 2, 0, 1]).await.expect("sent");
        stuck.push(half);
    }
    // All of them have been accepted when a later one is answered.
    over_tls(&served, &certificate).await;
    let began = Instant::now();
    served.server.shut_down().await;
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    for (mut reader, mut heard) in readers {
        // Without close_notify (RFC 8446, 6.1) this is an error.
        let read = timeout(PATIENCE, reader.read_to_string(&mut heard)).await;
        read.expect("in time").expect("an end in order");
        // The last chunk of a body that is whole (RFC 9112, 7.1).
        assert!(heard.ends_with("\r\n0\r\n\r\n"), "{heard}");
    }
    served.pool.tear_down().await.expect("torn down");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_loopback_a_page_from_elsewhere_gets_nothing_over_tls_either() {
    let (guard, certificate) = guard::tests::over_tls();
    let served = ServedRun::behind(guard, 1).await;
    for (host, status) in [("rebound.example", "421"), ("localhost", "200")] {
        let mut stream = over_tls(&served, &certificate).await;
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
    }
    served.end().await;
}
