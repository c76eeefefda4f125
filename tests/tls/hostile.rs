//! Peers that are slow, stuck, mistaken, or hostile.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use tokio_rustls::rustls::StreamOwned;

use super::peers::{client, connect, hello};
use super::{PLAIN, is_answered, pki, serve};

/// What comes until the other side has closed the connection.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
    }
    rest
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_without_tls_is_told_so_at_once() {
    let pki = pki();
    let server = serve(&pki, PLAIN);
    for method in ["GET", "HEAD", "POST"] {
        let began = Instant::now();
        let mut stream = connect(server.address());
        let request = format!("{method} /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sent");
        let answer = String::from_utf8(rest(stream)).expect("text");
        assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
        assert_eq!(answer.contains("https://"), method != "HEAD", "{answer}");
        assert!(!answer.contains("lanherd_"), "{answer}");
        assert!(
            began.elapsed() < Duration::from_secs(1),
            "{:?}",
            began.elapsed()
        );
    }
    server.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_bytes_end_the_connection_and_nothing_else() {
    let pki = pki();
    let server = serve(&pki, PLAIN);
    let hello = hello(&pki);
    let mut random = fastrand::Rng::with_seed(7);
    for round in 0..300 {
        let mut bytes = match round % 5 {
            // Anything.
            0 => (0..random.usize(1..2_000)).map(|_| random.u8(..)).collect(),
            // A record of the handshake, with anything in it.
            1 => {
                let body: Vec<u8> = (0..random.u16(..2_000)).map(|_| random.u8(..)).collect();
                let length = u16::try_from(body.len()).expect("small").to_be_bytes();
                [&[22, 3, random.u8(..5)], &length[..], &body].concat()
            }
            // Longer than a record may be (RFC 8446, 5.1).
            2 => [&[22, 3, 1, 0xff, 0xff][..], &[1; 10_000]].concat(),
            // A right beginning, cut off.
            3 => hello[..random.usize(1..hello.len())].to_vec(),
            _ => hello.clone(),
        };
        if round % 5 == 4 {
            for _ in 0..random.usize(1..5) {
                let place = random.usize(5..bytes.len());
                bytes[place] = random.u8(..);
            }
        }
        let mut stream = connect(server.address());
        // The server may have closed it already.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let began = Instant::now();
        rest(stream);
        assert!(
            began.elapsed() < Duration::from_secs(7),
            "{round}: {bytes:?}"
        );
    }
    assert!(is_answered(&pki, &server, &[]));
    server.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_refused_while_he_still_talks_is_not_cut_off_before_he_can_read_why() {
    let pki = pki();
    let lines = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n";
    let server = serve(&pki, &format!("{PLAIN}{lines}"));
    let mut stream = StreamOwned::new(client(&pki), connect(server.address()));
    // Of TLS 1.3, in which the client believes that all is well until it is told otherwise: this goes out with the last
    // message of its handshake, and is more than is read of a connection at one time.
    let request = [b'G'; 12_000];
    stream.conn.writer().write_all(&request).expect("buffered");
    while stream.conn.wants_write() || stream.conn.is_handshaking() {
        let worked = stream.conn.complete_io(&mut stream.sock);
        worked.expect("its half of the handshake");
    }
    std::thread::sleep(Duration::from_millis(200));
    let mut told = Vec::new();
    // A connection that was reset is an error here.
    stream.sock.read_to_end(&mut told).expect("an end in order");
    assert!(!told.is_empty(), "no alert");
    server.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_that_are_stuck_in_the_handshake_stop_no_scrape() {
    let pki = pki();
    let server = serve(&pki, PLAIN);
    let hello = hello(&pki);
    let mut stuck: Vec<TcpStream> = (0..200)
        .map(|number| {
            let mut stream = connect(server.address());
            let said = [&hello[..], &hello[..hello.len() / 2], &hello[..3], &[]][number % 4];
            // The server may have closed it for a newer one.
            let _ = stream.write_all(said);
            stream
        })
        .collect();
    let began = Instant::now();
    assert!(is_answered(&pki, &server, &[]));
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    rest(stuck.swap_remove(0));
    let began = Instant::now();
    server.shut_down().await;
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_counts_as_part_of_the_five_seconds_for_a_request() {
    let pki = pki();
    let server = serve(&pki, PLAIN);
    let hello = hello(&pki);
    // A byte now and then keeps nobody in.
    let began = Instant::now();
    let mut dripping = connect(server.address());
    let mut drops = hello.iter();
    let every = Duration::from_millis(200);
    while dripping
        .write_all(&[*drops.next().expect("long enough")])
        .is_ok()
    {
        assert!(began.elapsed() < Duration::from_secs(7), "still open");
        std::thread::sleep(every);
    }
    assert!(
        began.elapsed() > Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );

    let began = Instant::now();
    let stream = connect(server.address());
    std::thread::sleep(Duration::from_secs(3));
    let mut slow = StreamOwned::new(client(&pki), stream);
    slow.write_all(b"GET /metrics HTTP/1.1\r\n").expect("sent");
    let mut nothing = Vec::new();
    let _ = slow.read_to_end(&mut nothing);
    assert!(nothing.is_empty(), "{}", String::from_utf8_lossy(&nothing));
    let took = began.elapsed();
    assert!(
        took > Duration::from_millis(4_500) && took < Duration::from_millis(6_500),
        "{took:?}"
    );

    // Who has asked in time may take longer for the next.
    let mut prompt = StreamOwned::new(client(&pki), connect(server.address()));
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for _ in 0..3 {
        prompt.write_all(request).expect("sent");
        let (mut heard, mut buffer) = (String::new(), [0; 1_024]);
        while !heard.ends_with("alive\n") {
            let read = prompt.read(&mut buffer).expect("an answer");
            heard.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        std::thread::sleep(Duration::from_secs(3));
    }
    server.shut_down().await;
}
