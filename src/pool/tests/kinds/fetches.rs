//! What clients fetch, on the fake LAN.

use super::*;

/// What the server at [`WEB`] says to every request, in pieces with 10 ms before each.
fn say(herd: &Herd, pieces: &'static [&'static str]) {
    herd.lan.serve_tcp(WEB, move |mut stream| {
        tokio::spawn(async move {
            let mut request = vec![0; 4_096];
            let length = stream.read(&mut request).await.expect("a request");
            let text = String::from_utf8_lossy(&request[..length]).to_lowercase();
            assert!(text.starts_with("get /page?x=1 http/1.1\r\n"), "{text}");
            assert!(text.contains("\r\nconnection: close\r\n"), "{text}");
            for piece in pieces {
                tokio::time::sleep(Duration::from_millis(10)).await;
                // The client may have had enough.
                let _ = stream.write_all(piece.as_bytes()).await;
            }
        });
    });
}

async fn fetch(herd: &Herd, url: &str) -> ActivityStats {
    let spec = HttpSpec::once(url.parse::<Url>().expect(url));
    let report = herd.pool.fetch(Selection::All, spec).await;
    let clients = report.expect("a report").clients;
    clients.into_values().next().expect("a client")
}

const PAGE: &str = "http://router.lab.test/page?x=1";

#[tokio::test(start_paused = true)]
async fn a_fetch_is_told_by_phase_and_its_body_counted() {
    let herd = online(1).await;
    say(
        &herd,
        &[
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234",
            "56789",
        ],
    );
    let stats = fetch(&herd, PAGE).await;
    assert!(stats.is_success(), "{stats:?}");
    assert_eq!((stats.answers["200"], http(&stats).bytes), (1, 10));
    assert_eq!(http(&stats).server, Some(WEB));
    let took = |phase: HttpPhase| stats.phases[phase.as_str()].max();
    assert_eq!(took(HttpPhase::Dns), Some(Duration::from_millis(2)));
    assert_eq!(took(HttpPhase::Connect), Some(Duration::from_millis(2)));
    assert_eq!(took(HttpPhase::FirstByte), Some(Duration::from_millis(10)));
    assert_eq!(took(HttpPhase::Transfer), Some(Duration::from_millis(10)));
    assert_eq!(stats.time.count(), 1);
    let figures = herd.pool.figures().await.expect("figures");
    assert_eq!(
        http(&figures.activities[&Kind::Http.read(PAGE).expect("a URL")]).bytes,
        10
    );
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_a_success_that_says_so_and_an_error_is_a_failure() {
    let herd = online(1).await;
    say(
        &herd,
        &["HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"],
    );
    let stats = fetch(&herd, PAGE).await;
    assert!(stats.is_success() && stats.answers["302"] == 1);
    say(&herd, &["HTTP/1.1 503 Busy\r\n\r\nlater"]);
    let stats = fetch(&herd, PAGE).await;
    assert!(!stats.is_success());
    assert_eq!(
        (stats.answers["503"], http(&stats).bytes),
        (1, 5),
        "until the connection ends"
    );
    assert_eq!(
        stats.last_failure().expect("one"),
        "http://router.lab.test/page?x=1 from 10.77.0.1:80: status 503"
    );
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_fails_says_how() {
    let herd = online(1).await;
    let cause = |stats: &ActivityStats| stats.failed.keys().next().copied();
    let stats = fetch(&herd, PAGE).await;
    assert_eq!(cause(&stats), Some("refused"));
    let stats = fetch(&herd, "http://nobody.lab.test/").await;
    assert_eq!(cause(&stats), Some("no_name"));
    let stats = fetch(&herd, "http://192.0.2.1/").await;
    assert_eq!(cause(&stats), Some("timeout"));
    say(&herd, &["SSH-2.0-OpenSSH\r\n"]);
    let stats = fetch(&herd, PAGE).await;
    assert_eq!(cause(&stats), Some("malformed"), "{stats:?}");
    say(
        &herd,
        &["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234"],
    );
    let stats = fetch(&herd, PAGE).await;
    assert_eq!(cause(&stats), Some("reset"), "{stats:?}");
    assert_eq!((http(&stats).bytes, stats.successes()), (5, 0));
    say(&herd, &[]);
    let stats = fetch(&herd, PAGE).await;
    assert_eq!(cause(&stats), Some("reset"), "{stats:?}");
    herd.end().await;
}

#[tokio::test(start_paused = true)]
#[allow(
    clippy::too_many_lines,
    clippy::items_after_statements,
    reason = "a table of answers"
)]
async fn nothing_that_a_server_sends_is_the_testers_fault() {
    const OK: &str = "HTTP/1.1 200 OK\r\n";
    let herd = online(1).await;
    let chunked = |chunks: &str| format!("{OK}Transfer-Encoding: chunked\r\n\r\n{chunks}");
    for (what, said, cause) in [
        (
            "a chunk without a size",
            chunked("ZZZ\r\nabc"),
            HttpCause::Malformed,
        ),
        (
            "an empty size",
            chunked("\r\nabc\r\n0\r\n\r\n"),
            HttpCause::Malformed,
        ),
        (
            "a size that overflows",
            chunked("fffffffffffffffff\r\nabc"),
            HttpCause::Malformed,
        ),
        (
            "a chunk longer than its size",
            chunked("2\r\nabcdef\r\n"),
            HttpCause::Malformed,
        ),
        (
            "a chunk that is cut off",
            chunked("5\r\nabc"),
            HttpCause::Reset,
        ),
        ("no last chunk", chunked("3\r\nabc\r\n"), HttpCause::Reset),
        (
            "a broken trailer",
            chunked("0\r\n\x01\x02: \r\n\r\n"),
            HttpCause::Malformed,
        ),
        (
            "another protocol",
            "220 FTP ready\r\n".to_owned(),
            HttpCause::Malformed,
        ),
        (
            "a status that is no number",
            "HTTP/1.1 abc OK\r\n\r\n".to_owned(),
            HttpCause::Malformed,
        ),
        (
            "a version that is none",
            "HTTP/7.3 200 OK\r\n\r\n".to_owned(),
            HttpCause::Malformed,
        ),
        (
            "HTTP/2",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
            HttpCause::Malformed,
        ),
        (
            "a header without a name",
            format!("{OK}: x\r\n\r\n"),
            HttpCause::Malformed,
        ),
        (
            "a header with a control character",
            format!("{OK}A: \x01\x00\r\n\r\n"),
            HttpCause::Malformed,
        ),
        (
            "too many headers",
            format!("{OK}{}\r\n", "A: b\r\n".repeat(2_000)),
            HttpCause::Malformed,
        ),
        (
            "a head without end",
            format!("{OK}A: {}", "b".repeat(1_000_000)),
            HttpCause::Malformed,
        ),
        (
            "a length that is none",
            format!("{OK}Content-Length: many\r\n\r\nabc"),
            HttpCause::Malformed,
        ),
        (
            "a negative length",
            format!("{OK}Content-Length: -1\r\n\r\nabc"),
            HttpCause::Malformed,
        ),
        (
            "two lengths",
            format!("{OK}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc"),
            HttpCause::Malformed,
        ),
        (
            "less than its length",
            format!("{OK}Content-Length: 9\r\n\r\nabc"),
            HttpCause::Reset,
        ),
        ("half a head", "HTTP/1.1 200 O".to_owned(), HttpCause::Reset),
        ("nothing", String::new(), HttpCause::Reset),
    ] {
        let said = Arc::new(said);
        herd.lan.serve_tcp(WEB, move |mut stream| {
            let said = Arc::clone(&said);
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4_096]).await;
                // The client may have had enough.
                let _ = stream.write_all(said.as_bytes()).await;
            });
        });
        let stats = fetch(&herd, PAGE).await;
        assert_eq!(stats.failed_with(cause.as_str()), 1, "{what}: {stats:?}");
    }
    // What comes before it was asked for, with or without a question to come.
    herd.lan.serve_tcp(WEB, |mut stream| {
        tokio::spawn(async move {
            let _ = stream.write_all(b"SSH-2.0-OpenSSH\r\n").await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        });
    });
    let stats = fetch(&herd, PAGE).await;
    assert_eq!(stats.failed.get("malformed"), Some(&1), "{stats:?}");
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_client_itself_would_answer_is_no_success() {
    let herd = online(2).await;
    let ping = |target| herd.pool.ping(Selection::All, PingSpec::once(target));
    let own = Target::Address(Ipv4Addr::LOCALHOST.into());
    let report = ping(own).await.expect("a report");
    for stats in report.clients.values() {
        assert_eq!(stats.main_cause(), Some("own_address"));
        assert_eq!((ping_detail(stats).sent, stats.successes()), (0, 0));
        assert_eq!(
            stats.last_failure().expect("one"),
            "127.0.0.1: own_address: 127.0.0.1 is the client itself, which would answer"
        );
    }
    // One of the two was told to ping itself, and may.
    let first = Target::Client(ClientNumber(1));
    let report = ping(first).await.expect("a report");
    let received = |number| report.clients[&ClientNumber(number)].successes();
    assert_eq!((received(1), received(2)), (1, 1));
    // The other has the address of the first as its target: one of both would answer itself.
    let address = herd.client(1).await.lease.expect("a lease").address;
    let report = ping(Target::Address(address.into()))
        .await
        .expect("a report");
    let cause = |number| report.clients[&ClientNumber(number)].main_cause();
    assert_eq!((cause(1), cause(2)), (Some("own_address"), None));
    let stats = fetch(&herd, &format!("http://{address}/")).await;
    assert_eq!(stats.failed["own_address"], 1, "{stats:?}");
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_its_time_is_given_up_at_the_timeout() {
    let herd = online(1).await;
    herd.lan.serve_tcp(WEB, |stream| {
        tokio::spawn(async move {
            tokio::time::sleep(LONG).await;
            drop(stream);
        });
    });
    let began = tokio::time::Instant::now();
    let stats = fetch(&herd, PAGE).await;
    assert_eq!(stats.failed["timeout"], 1);
    assert!(
        stats
            .last_failure()
            .expect("one")
            .ends_with("connected, but no response")
    );
    assert!(began.elapsed() < HttpSpec::DEFAULT_TIMEOUT + Duration::from_secs(1));
    herd.end().await;
}
