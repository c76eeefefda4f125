//! What clients do is no load for their supervisor, and nothing of it is lost.

use super::*;
use crate::client::{MOST_FLAWS, MOST_WAITING};
use crate::dhcp::options::{MessageType, code};
use crate::dhcp::{Flaw, Message};
use crate::fault::Fault;
use crate::lan::fake::{Behaviour, SILENT};
use crate::stats::ActivityStats;
use crate::target::Target;

fn only(number: u32) -> Selection {
    Selection::Numbers(vec![ClientNumber(number)])
}

/// How many attempts the herd has made, and how many messages its pool has taken.
async fn counts(herd: &Herd) -> (u64, u64) {
    let figures = herd.pool.figures().await.expect("figures");
    let attempts = figures.activities.values().map(ActivityStats::attempts);
    (attempts.sum(), herd.metrics.mailbox().all_taken())
}

/// The same, of a quarter of a minute of ten clients that ping so often.
async fn quarter_minute_of(interval: Duration) -> (u64, u64) {
    let herd = Herd::with(|config| {
        config.activities = vec![PingSpec::every(Target::Router, interval).into()];
    })
    .await;
    herd.create(10).await;
    herd.settle().await;
    // So that the shares of the first interval are over.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = counts(&herd).await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    let after = counts(&herd).await;
    assert!(herd.metric("lanherd_supervisor_mailbox_messages 0"));
    herd.end().await;
    (after.0 - before.0, after.1 - before.1)
}

#[tokio::test(start_paused = true)]
async fn a_pool_takes_as_many_messages_however_often_its_clients_do_something() {
    let (few, of_few) = quarter_minute_of(Duration::from_secs(1)).await;
    let (many, of_many) = quarter_minute_of(Duration::from_millis(5)).await;
    assert!((140..=160).contains(&few), "{few}");
    assert!((29_000..=31_000).contains(&many), "{many}");
    // A pulse each three seconds, and the question itself.
    assert_eq!(of_many, of_few);
    assert!(of_many < 10, "{of_many}");
}

#[tokio::test(start_paused = true)]
async fn a_run_costs_the_pool_one_message_for_each_client_however_many_attempts_it_has() {
    let herd = Herd::with(|_| {}).await;
    herd.create(10).await;
    herd.settle().await;
    let mut taken = Vec::new();
    for attempts in [1, 1_000] {
        let spec = PingSpec {
            interval: Duration::from_micros(100),
            ..PingSpec::times(Target::Router, attempts)
        };
        let before = herd.metrics.mailbox().all_taken();
        let report = herd.pool.ping(Selection::All, spec).await.expect("one");
        assert!(report.is_success());
        assert!(
            report
                .clients
                .values()
                .all(|stats| stats.attempts() == u64::from(attempts))
        );
        taken.push(herd.metrics.mailbox().all_taken() - before);
    }
    // A pulse may lie in the second.
    assert!(taken[0] >= 11 && taken[1] <= taken[0] + 1, "{taken:?}");
    herd.end().await;
}

/// The attempts of each client that is there, and those of the whole herd, as the pool and as the metrics have them.
async fn attempts(herd: &Herd) -> (Vec<u64>, u64, u64) {
    let status = herd.pool.status().await.expect("a status");
    let of_client = |client: &ClientStatus| {
        let all = client.activities.iter().map(|stats| stats.attempts());
        all.sum::<u64>()
    };
    let each = status.clients.iter().map(of_client).collect();
    let text = herd.metrics.render();
    let values = text.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let is_counted = series.starts_with("lanherd_ping_rtt_seconds_count")
            || series.starts_with("lanherd_ping_errors_total");
        is_counted.then(|| value.parse::<u64>().expect("a number"))
    });
    (each, counts(herd).await.0, values.sum())
}

#[tokio::test(start_paused = true)]
async fn no_attempt_is_lost_with_a_client_that_is_killed_restarted_vanishes_or_leaves() {
    let every = Duration::from_millis(30);
    let herd = Herd::with(|config| {
        config.restart.intensity = 1_000;
        config.activities = vec![
            PingSpec::every(Target::Router, every).into(),
            PingSpec::every(Target::Address(SILENT.into()), every).into(),
        ];
    })
    .await;
    herd.create(10).await;
    herd.settle().await;
    let (mut rng, mut before) = (fastrand::Rng::with_seed(7), 0);
    for round in 0..40_u64 {
        tokio::time::sleep(Duration::from_millis(rng.u64(1..3_000))).await;
        let which = only(rng.u32(1..=10));
        match round % 4 {
            0 => drop(herd.pool.inject_fault(which, Fault::Crash).await),
            1 => drop(herd.pool.restart(which).await),
            2 => drop(herd.pool.inject_fault(which, Fault::Vanish).await),
            _ => drop(herd.pool.inject_fault(which, Fault::KillSockets).await),
        }
        let (each, all, told) = attempts(&herd).await;
        // The clock stands still, and no client had a turn between the three questions.
        assert_eq!((each.iter().sum::<u64>(), told), (all, all));
        assert!(all > before, "{all}");
        before = all;
    }
    herd.settle().await;
    let leaving = herd.pool.remove(only(7)).await.expect("a report");
    assert_eq!(leaving.clients, 1);
    // What it did stays, also in sums of which it is forgotten.
    for _ in 0..25 {
        let new = herd.pool.create(1).await.expect("a client");
        herd.settle().await;
        herd.pool
            .vanish(Selection::Numbers(new))
            .await
            .expect("a report");
    }
    let (each, all, told) = attempts(&herd).await;
    assert!(each.iter().sum::<u64>() < all, "one was forgotten");
    assert_eq!(told, all);
    assert!(all > before);
    herd.pool.tear_down().await.expect("a tear-down");
}

#[tokio::test(start_paused = true)]
async fn a_run_keeps_what_a_client_did_before_it_was_killed_and_does_not_wait_for_who_has_ended() {
    let herd = Herd::with(|_| {}).await;
    herd.create(4).await;
    herd.settle().await;
    let began = tokio::time::Instant::now();
    let spec = PingSpec::times(Target::Router, 100);
    let run = tokio::spawn({
        let pool = herd.pool.clone();
        async move { pool.ping(Selection::All, spec).await }
    });
    tokio::time::sleep(Duration::from_millis(9_500)).await;
    herd.pool
        .inject_fault(only(1), Fault::Crash)
        .await
        .expect("results");
    herd.pool.vanish(only(2)).await.expect("a report");
    herd.pool.release(only(3)).await.expect("told");
    tokio::time::sleep(Duration::from_millis(1)).await;
    herd.pool.remove(only(4)).await.expect("a report");
    let report = run.await.expect("no panic").expect("a report");
    // Nobody is left to be waited for.
    assert!(began.elapsed() < Duration::from_secs(15), "{began:?}");
    assert_eq!(report.testers.len(), 0);
    for (number, stats) in &report.clients {
        assert_eq!(stats.successes(), 10, "{number:?}");
        // That it did not go on is one attempt, and why.
        assert_eq!(stats.failed_with("offline"), 1, "{number:?}");
        assert_eq!(stats.attempts(), 11, "{number:?}");
    }
    assert_eq!(report.clients.len(), 4);
    herd.pool.tear_down().await.expect("a tear-down");
}

const MESSAGES: u64 = 20_000;

#[tokio::test(start_paused = true)]
async fn a_flood_of_malformed_messages_is_counted_and_costs_the_pool_nothing() {
    let herd = Herd::with(|_| {}).await;
    herd.create(2).await;
    herd.settle().await;
    let mut events = herd.pool.events().expect("events");
    let before = counts(&herd).await.1;
    for n in 0..MESSAGES {
        herd.lan.send_all(&[1, 2, 3]);
        if n % MOST_WAITING as u64 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let figures = herd.pool.figures().await.expect("figures");
    let sums: Vec<_> = figures.flaws.values().collect();
    assert_eq!(sums.len(), 1);
    assert_eq!(sums[0].count, 2 * MESSAGES);
    let taken = counts(&herd).await.1 - before;
    assert!(taken < 10, "{taken}");
    let mut told = 0;
    while let Ok(event) = events.try_recv() {
        told += u32::from(matches!(event.what, EventKind::FlawedMessage { .. }));
    }
    assert_eq!(told, 2, "one for each client");
    herd.end().await;
}

#[tokio::test(start_paused = true)]
async fn packets_that_come_faster_than_a_client_reads_are_dropped_counted_and_told() {
    let herd = Herd::with(|_| {}).await;
    herd.create(1).await;
    herd.settle().await;
    let mut events = herd.pool.events().expect("events");
    // The client has no turn meanwhile.
    for _ in 0..1_000 {
        herd.lan.send_all(&[1, 2, 3]);
    }
    let dropped = 1_000 - MOST_WAITING as u64;
    assert!(herd.metric(&format!("lanherd_packets_dropped_total {dropped}")));
    tokio::time::sleep(Duration::from_secs(4)).await;
    let figures = herd.pool.figures().await.expect("figures");
    let read: u64 = figures.flaws.values().map(|sum| sum.count).sum();
    assert_eq!(read, MOST_WAITING as u64);
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let EventKind::PacketsDropped { packets } = event.what {
            told.push(packets);
        }
    }
    assert_eq!(told, [dropped]);
    // There is room again.
    herd.pool.renew(Selection::All).await.expect("told");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(herd.client(1).await.phase, Phase::Online);
    assert!(herd.metric(&format!("lanherd_packets_dropped_total {dropped}")));
    herd.end().await;
}

/// An offer that is malformed in as many ways as there are options, but for those that it needs.
fn rubbish(discover: &Message) -> Vec<u8> {
    let mut offer = Message::reply_to(discover, MessageType::Offer);
    offer.yiaddr = std::net::Ipv4Addr::new(10, 77, 0, 77);
    let server = std::net::Ipv4Addr::new(10, 77, 0, 1);
    offer.options.push_addresses(code::SERVER_ID, &[server]);
    offer
        .options
        .push(code::LEASE_TIME, 3_600_u32.to_be_bytes());
    for option in 1..=254 {
        let needed = [
            code::SERVER_ID,
            code::LEASE_TIME,
            code::MESSAGE_TYPE,
            code::OVERLOAD,
            code::CLIENT_ID,
        ];
        if !needed.contains(&option) {
            offer.options.push(option, [255; 3]);
        }
    }
    offer.encode()
}

#[tokio::test(start_paused = true)]
async fn of_a_server_that_sends_rubbish_of_all_kinds_so_many_are_told_and_the_rest_as_a_number() {
    let herd = Herd::with(|_| {}).await;
    herd.lan.behave(Behaviour::Mute);
    let mut events = herd.pool.events().expect("events");
    herd.create(1).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let client = herd.client(1).await;
    let discover = herd.lan.sent_by(mac(&client)).pop().expect("a DISCOVER").1;
    herd.lan.send_all(&rubbish(&discover));
    tokio::time::sleep(Duration::from_secs(4)).await;
    let figures = herd.pool.figures().await.expect("figures");
    let kinds = figures.flaws.len();
    let all: u64 = figures.flaws.values().map(|sum| sum.count).sum();
    assert!(
        kinds > MOST_FLAWS,
        "{:?}",
        figures.flaws.keys().collect::<Vec<&Flaw>>()
    );
    let (mut told, mut number) = (0, 0);
    while let Ok(event) = events.try_recv() {
        match event.what {
            EventKind::FlawedMessage { .. } => told += 1,
            EventKind::FlawedMessagesNotTold { messages } => number += messages,
            _ => {}
        }
    }
    assert_eq!((told, number), (MOST_FLAWS, all - MOST_FLAWS as u64));
    herd.pool.tear_down().await.expect("a tear-down");
}
