//! What clients look up, on the fake LAN.

use super::*;

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
