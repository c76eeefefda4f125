//! Lookups, fetches and commands under the pool.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::activity::command::{CommandDetail, CommandSpec};
use crate::activity::connect::ConnectDetail;
use crate::activity::dns::{DnsDetail, DnsSpec};
use crate::activity::http::{HttpCause, HttpDetail, HttpPhase, HttpSpec};
use crate::activity::ping::PingDetail;
use crate::activity::{Kind, Subject};
use crate::host_name::HostName;
use crate::stats::ActivityStats;
use crate::target::Target;
use crate::url::Url;

const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1));
const RESOLVER: SocketAddr = SocketAddr::new(ROUTER, 53);

fn name(text: &str) -> HostName {
    text.parse().expect(text)
}

fn ping_detail(stats: &ActivityStats) -> &PingDetail {
    PingDetail::of(&stats.detail).expect("of pings")
}

fn dns(stats: &ActivityStats) -> &DnsDetail {
    DnsDetail::of(&stats.detail).expect("of lookups")
}

fn http(stats: &ActivityStats) -> &HttpDetail {
    HttpDetail::of(&stats.detail).expect("of fetches")
}

fn command_detail(stats: &ActivityStats) -> &CommandDetail {
    CommandDetail::of(&stats.detail).expect("of commands")
}

const WEB: SocketAddr = SocketAddr::new(ROUTER, 80);

/// A herd of that many clients, all online.
async fn online(count: u32) -> Herd {
    let herd = Herd::with(|_| {}).await;
    herd.create(count).await;
    herd.settle().await;
    herd
}

async fn resolve(herd: &Herd, text: &str) -> ActivityStats {
    let spec = DnsSpec::once(name(text));
    let report = herd.pool.resolve(Selection::All, spec).await;
    let clients = report.expect("a report").clients;
    clients.into_values().next().expect("a client")
}

#[tokio::test(start_paused = true)]
async fn each_client_asks_its_own_resolver_and_has_its_figures() {
    let herd = online(20).await;
    let spec = DnsSpec::times(name("router.lab.test"), 3);
    let report = herd
        .pool
        .resolve(Selection::All, spec)
        .await
        .expect("a report");
    assert!(report.is_success(), "{report:?}");
    assert_eq!(report.clients.len(), 20);
    for stats in report.clients.values() {
        assert_eq!(
            (dns(stats).asked, stats.attempts(), stats.successes()),
            (3, 3, 3)
        );
        assert_eq!(
            (dns(stats).server, &dns(stats).addresses),
            (Some(ROUTER), &vec![ROUTER])
        );
        assert_eq!(stats.time.max(), Some(Duration::from_millis(2)));
    }
    let client = herd.client(7).await;
    let subject = name("router.lab.test").into();
    let kept = client.activity(&subject).expect("figures");
    assert_eq!(kept.answers["noerror"], 3);
    assert!(herd.metric(r#"lanherd_dns_responses_total{rcode="noerror"} 60"#));
    let figures = herd.pool.figures().await.expect("figures");
    assert_eq!(figures.activities[&subject].successes(), 60);
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_unknown_is_an_answer_and_a_failure() {
    let herd = online(1).await;
    let stats = resolve(&herd, "nobody.lab.test").await;
    assert_eq!((stats.answers["nxdomain"], stats.successes()), (1, 0));
    assert!(!stats.is_success() && stats.time.count() == 1);
    assert_eq!(
        stats.last_failure().expect("one"),
        "nobody.lab.test from 10.77.0.1: nxdomain"
    );
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_with_another_id_or_none_that_can_be_read_is_waited_past() {
    let herd = online(1).await;
    herd.lan.serve_udp(RESOLVER, |query| {
        let mut foreign = query.to_vec();
        foreign[0] ^= 1;
        foreign[2] |= 0x80;
        vec![foreign]
    });
    let stats = resolve(&herd, "router.lab.test").await;
    assert_eq!(stats.failed["wrong_id"], 1);
    let said = stats.last_failure().expect("one");
    let words = "router.lab.test from 10.77.0.1: wrong_id: an answer with the id 0x";
    assert!(said.starts_with(words), "{said}");
    // What is right may come after it.
    herd.lan.serve_udp(RESOLVER, |query| {
        let mut answer = query.to_vec();
        answer[2] |= 0x80;
        answer[7] = 1;
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 9]);
        let mut foreign = answer.clone();
        foreign[0] ^= 1;
        vec![foreign, answer]
    });
    let stats = resolve(&herd, "router.lab.test").await;
    assert!(stats.is_success(), "{stats:?}");
    herd.lan.serve_udp(RESOLVER, |query| {
        let mut other = query.to_vec();
        other[2] |= 0x80;
        other[13] ^= 1;
        vec![other]
    });
    let stats = resolve(&herd, "router.lab.test").await;
    assert_eq!(stats.failed["wrong_question"], 1, "{stats:?}");
    herd.lan.serve_udp(RESOLVER, |query| {
        let mut broken = query.to_vec();
        broken[2] |= 0x80;
        broken.truncate(14);
        vec![broken]
    });
    let stats = resolve(&herd, "router.lab.test").await;
    assert_eq!(stats.failed["malformed"], 1);
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_came_when_time_was_over_is_none_though_it_is_there_to_be_read() {
    let herd = online(1).await;
    let pool = herd.pool.clone();
    let spec = DnsSpec::once(name("router.lab.test"));
    let late = spec.timeout + Duration::from_millis(100);
    let asking = tokio::spawn(async move { pool.resolve(Selection::All, spec).await });
    // The query is sent; then nothing of the tester runs until time is over.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    tokio::time::advance(late).await;
    let report = asking.await.expect("no panic").expect("a report");
    let stats = report.clients.into_values().next().expect("a client");
    assert_eq!(stats.failed.get("timeout"), Some(&1), "{stats:?}");
    let said = stats.last_failure().expect("one");
    assert!(said.contains("it came after"), "{said}");
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_from_elsewhere_is_none_and_is_the_finding() {
    let herd = online(1).await;
    let elsewhere = "10.77.0.2:53".parse::<SocketAddr>().expect("an address");
    herd.lan.serve_udp_from(RESOLVER, elsewhere, |query| {
        let mut answer = query.to_vec();
        answer[2] |= 0x80;
        answer[7] = 1;
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 9]);
        let mut foreign = answer.clone();
        foreign[0] ^= 1;
        vec![foreign, answer, vec![1, 2, 3]]
    });
    let stats = resolve(&herd, "router.lab.test").await;
    assert_eq!(
        (dns(&stats).asked, stats.successes(), &stats.failed),
        (1, 0, &[("wrong_source", 1)].into())
    );
    assert_eq!(
        stats.last_failure().expect("one"),
        "router.lab.test from 10.77.0.1: wrong_source: 10.77.0.1:53 was asked, and 10.77.0.2:53 answered"
    );
    // Whatever else somebody sends to the port is no finding.
    herd.lan
        .serve_udp_from(RESOLVER, elsewhere, |_| vec![vec![7; 40], vec![]]);
    let stats = resolve(&herd, "router.lab.test").await;
    assert_eq!(
        stats.last_failure().expect("one"),
        "router.lab.test from 10.77.0.1: timeout: 2 datagrams from elsewhere were ignored"
    );
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_cut_off_and_cannot_be_had_over_tcp_is_truncated() {
    let herd = online(1).await;
    herd.lan.serve_udp(RESOLVER, |query| {
        let mut cut = query.to_vec();
        cut[2] |= 0x82;
        vec![cut]
    });
    let stats = resolve(&herd, "router.lab.test").await;
    assert_eq!(stats.failed["truncated"], 1, "nobody listens: {stats:?}");
    herd.lan.serve_tcp(RESOLVER, |mut stream| {
        tokio::spawn(async move {
            let _ = stream.read(&mut [0; 512]).await;
            let _ = stream.write_all(&[0, 99, 1, 2, 3]).await;
        });
    });
    let stats = resolve(&herd, "router.lab.test").await;
    assert_eq!(stats.failed["truncated"], 1, "it breaks off: {stats:?}");
    herd.lan.serve_tcp(RESOLVER, |stream| {
        tokio::spawn(async move {
            tokio::time::sleep(LONG).await;
            drop(stream);
        });
    });
    let stats = resolve(&herd, "router.lab.test").await;
    assert_eq!(stats.failed["truncated"], 1, "it is mute: {stats:?}");
    herd.lan.serve_tcp(RESOLVER, |mut stream| {
        tokio::spawn(async move {
            let _ = stream.read(&mut [0; 512]).await;
            let _ = stream.write_all(&[0, 3, 1, 2, 3]).await;
        });
    });
    let stats = resolve(&herd, "router.lab.test").await;
    assert_eq!(stats.failed["malformed"], 1, "{stats:?}");
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_asked_for_again_over_tcp() {
    let herd = online(1).await;
    // The answer over UDP is the query with QR and TC set; that over TCP has the address.
    herd.lan.serve_udp(RESOLVER, |query| {
        let mut cut = query.to_vec();
        cut[2] |= 0x82;
        vec![cut]
    });
    herd.lan.serve_tcp(RESOLVER, |mut stream| {
        tokio::spawn(async move {
            let length = stream.read_u16().await.expect("a length");
            let mut message = vec![0; usize::from(length)];
            stream.read_exact(&mut message).await.expect("a query");
            message[2] |= 0x80;
            message[7] = 1;
            message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 9]);
            let length = u16::try_from(message.len()).expect("short");
            stream.write_u16(length).await.expect("sent");
            stream.write_all(&message).await.expect("sent");
        });
    });
    let stats = resolve(&herd, "router.lab.test").await;
    assert!(stats.is_success(), "{stats:?}");
    assert_eq!(dns(&stats).addresses, [Ipv4Addr::new(192, 0, 2, 9)]);
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn who_is_offline_looks_nothing_up() {
    let herd = online(2).await;
    let first = Selection::Numbers(vec![ClientNumber(1)]);
    assert_eq!(herd.pool.release(first).await, Ok(1));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let spec = DnsSpec::once(name("router.lab.test"));
    let report = herd.pool.resolve(Selection::All, spec).await;
    let clients = report.expect("a report").clients;
    let offline = &clients[&ClientNumber(1)];
    assert_eq!((dns(offline).asked, offline.failed["offline"]), (0, 1));
    assert!(clients[&ClientNumber(2)].is_success());
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_ping_by_name_asks_the_resolver_first_and_says_why_there_is_no_target() {
    let herd = online(1).await;
    let ping = |text| {
        let spec = PingSpec::once(Target::Name(name(text)));
        herd.pool.ping(Selection::All, spec)
    };
    let report = ping("router.lab.test").await.expect("a report");
    let stats = &report.clients[&ClientNumber(1)];
    assert_eq!(
        (stats.successes(), ping_detail(stats).address),
        (1, Some(ROUTER))
    );
    let report = ping("nobody.lab.test").await.expect("a report");
    let stats = &report.clients[&ClientNumber(1)];
    assert_eq!(stats.main_cause(), Some("no_target"));
    assert_eq!(
        stats.last_failure().expect("one"),
        "nobody.lab.test: no_target: nobody.lab.test from 10.77.0.1: nxdomain"
    );
    herd.end().await;
}

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

#[allow(
    clippy::too_many_lines,
    clippy::items_after_statements,
    reason = "a table of answers"
)]
#[tokio::test(start_paused = true)]
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

async fn command(herd: &Herd, spec: CommandSpec) -> ActivityStats {
    let report = herd.pool.command(Selection::All, spec).await;
    let clients = report.expect("a report").clients;
    clients.into_values().next().expect("a client")
}

#[tokio::test(start_paused = true)]
async fn a_command_knows_whose_it_is_and_its_exit_code_is_told() {
    let herd = online(1).await;
    let address = herd.client(1).await.lease.expect("a lease").address;
    let stats = command(&herd, CommandSpec::once("env")).await;
    assert!(stats.is_success());
    assert_eq!(
        command_detail(&stats).output,
        format!(
            "LANHERD_CLIENT=1\nLANHERD_NAMESPACE=ns1\nLANHERD_ADDRESS={address}\nLANHERD_ROUTER={ROUTER}\n"
        )
    );
    let stats = command(&herd, CommandSpec::once("exit 3")).await;
    assert_eq!((stats.answers["3"], stats.successes()), (1, 0));
    let said = stats.last_failure().expect("one");
    assert!(
        said.starts_with(r#""exit 3": exit code 3: LANHERD_ROUTER="#),
        "{said}"
    );
    assert_eq!(
        herd.client(1)
            .await
            .activity(&Subject::Command("exit 3".into()))
            .expect("figures")
            .attempts(),
        1
    );
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_command_that_takes_too_long_is_no_exit_and_the_next_is_not_kept_waiting() {
    let herd = online(1).await;
    let spec = CommandSpec::times("sleep 60", 3);
    let began = tokio::time::Instant::now();
    let stats = command(&herd, spec).await;
    assert_eq!(stats.failed["timeout"], 3);
    assert_eq!((stats.attempts(), stats.time.count()), (3, 0));
    let longest = CommandSpec::DEFAULT_TIMEOUT + Duration::from_secs(3);
    assert!(began.elapsed() < longest, "{:?}", began.elapsed());
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn commands_that_are_wanted_faster_than_they_end_are_run_a_few_at_a_time() {
    let herd = online(1).await;
    let spec = CommandSpec {
        interval: Duration::from_millis(1),
        ..CommandSpec::times("sleep 1", 40)
    };
    let began = tokio::time::Instant::now();
    let stats = command(&herd, spec).await;
    assert_eq!((stats.attempts(), stats.successes()), (40, 40));
    let took = began.elapsed().as_secs_f64();
    assert!((3.0..3.5).contains(&took), "three times sixteen: {took}");
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_timed_and_one_that_is_refused_names_its_cause() {
    let herd = online(2).await;
    herd.lan.serve_tcp(WEB, drop);
    let connect = async |text: &str| {
        let subject = Kind::Connect.read(text).expect(text);
        let report = herd.pool.run(Selection::All, Activity::new(subject)).await;
        report.expect("a report").clients
    };
    for text in ["router:80", "router.lab.test:80"] {
        for stats in connect(text).await.values() {
            assert!(stats.is_success(), "{stats:?}");
            assert_eq!(stats.time.max(), Some(Duration::from_millis(2)));
            let detail = ConnectDetail::of(&stats.detail).expect("of connections");
            assert_eq!(detail.server, Some(WEB));
        }
    }
    for (text, cause) in [
        ("router:81", "refused"),
        ("nobody.lab.test:80", "no_name"),
        ("client 9:80", "no_target"),
    ] {
        for stats in connect(text).await.values() {
            assert_eq!(stats.failed, [(cause, 1)].into(), "{text}");
            assert_eq!((stats.successes(), stats.time.count()), (0, 0));
        }
    }
    assert!(herd.metric(r#"lanherd_connections_total{outcome="connected"} 4"#));
    assert!(herd.metric(r#"lanherd_connections_total{outcome="refused"} 2"#));
    let client = herd.client(1).await;
    let refused = client.activity(&Kind::Connect.read("router:81").expect("one"));
    let said = refused.expect("figures").last_failure().expect("one");
    assert!(
        said.starts_with("router:81 (10.77.0.1:81): refused: "),
        "{said}"
    );
    herd.end().await;
}
