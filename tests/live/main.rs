//! The live page and its server, of herds in the lab: in a browser, and among clients that are stuck.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "this is how a test fails"
)]

mod browser;
mod lab;
mod over_tls;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::panic::catch_unwind;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;

use self::browser::Browser;
use self::lab::Lab;

/// A thousand clients take a quiet machine some ten seconds, and one that many share far longer.
const PATIENCE: Duration = Duration::from_secs(300);

/// One measures times, and the other would be in its way.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock()
}

#[test]
fn a_herd_of_a_thousand_is_seen_in_a_browser_as_it_joins_and_as_a_client_crashes() {
    let _alone = alone();
    let lab = Lab::start("live", 1_000, &["--mode", "private", "--ping", "router"]);
    let mut browser = Browser::start();
    browser.open(&lab.url("/"));
    browser.wait("all are online", PATIENCE, |page| {
        page.text("#summary")
            .starts_with("1000 of 1000 clients online, 0 down")
            && page.text("#legend") == "online 1000"
            && page.text("#state") == "live"
            && page.number("#charts figure:nth-of-type(2) b") > 0.0
    });
    assert_eq!(browser.text("#pool"), "live");
    let colours = "const c = document.getElementById('cells'); \
         const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; \
         let green = 0; for (let i = 0; i < d.length; i += 4) green += d[i + 1] > d[i] + 40 && d[i + 1] > d[i + 2] + 20; \
         green / (d.length / 4)";
    assert!(
        browser.value(colours).as_f64() > Some(0.4),
        "few cells are green"
    );

    lab.lanherd(&["chaos", "crash", "7"]);
    browser.wait("the crash is told", Duration::from_secs(20), |page| {
        page.text("#list")
            .contains("client 7: failed: online: crashed")
            && page.text("#failures").contains("crashed")
    });
    // By keyboard: the seventh cell, and its client's page.
    browser.value("document.getElementById('cells').focus()");
    browser.key("Home", 36);
    for _ in 0..6 {
        browser.key("ArrowRight", 39);
    }
    browser.key("Enter", 13);
    browser.wait(
        "the client's page is open",
        Duration::from_secs(20),
        |page| {
            let page = page.text("#client");
            page.contains("Client 7") && page.contains("crashed") && page.contains("10.")
        },
    );
    browser.key("Escape", 27);
    browser.wait("it is closed", Duration::from_secs(5), |page| {
        page.value("document.getElementById('client').open") == false
    });

    // On a phone, nothing is wider than the page.
    browser.phone();
    let wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.value(wider), 0);
    assert_eq!(browser.complaints(), Vec::<String>::new());
    let strange: Vec<_> = browser
        .requests()
        .iter()
        .filter(|url| !url.starts_with(&lab.url("/")) && !url.starts_with("data:,"))
        .collect();
    assert_eq!(strange, Vec::<&String>::new(), "requests to elsewhere");
    assert!(browser.requests().len() >= 4, "{:?}", browser.requests());
}

#[test]
fn of_a_browser_nothing_is_left_when_its_test_fails() {
    let (tell, told) = channel();
    let failed = catch_unwind(move || {
        let browser = Browser::start();
        tell.send(browser.folder().to_owned()).expect("heard");
        // Its socket is below the folder for temporary files that it was told.
        let socket = fs::read_link(browser.folder().join("profile/SingletonSocket"));
        let socket = socket.expect("a link to its socket");
        assert!(socket.starts_with(browser.folder()), "{socket:?}");
        panic!("as a test that fails");
    });
    let failed = failed.expect_err("it panics");
    assert_eq!(failed.downcast_ref(), Some(&"as a test that fails"));
    let folder = told.recv().expect("a folder");
    assert!(!folder.exists(), "{folder:?} stays");
    let needle = folder.display().to_string();
    let alive = fs::read_dir("/proc").expect("processes").flatten();
    let alive = alive.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    let alive: Vec<_> = alive
        .map(|arguments| String::from_utf8_lossy(&arguments).into_owned())
        .filter(|arguments| arguments.contains(&needle))
        .collect();
    assert_eq!(alive, Vec::<String>::new());
}

/// Stuck in one of the ways that there are.
fn stuck(lab: &Lab, way: usize) -> TcpStream {
    let mut stream = TcpStream::connect(lab.address()).expect("connected");
    let said = match way % 4 {
        0 => "GET /metrics HT",
        1 => "GET /api/v1/events?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        2 => "GET /api/v1/clients HTTP/1.1\r\nHost: localhost\r\n\r\n",
        _ => "",
    };
    // The server may have closed it for a newer one.
    let _ = stream.write_all(said.as_bytes());
    stream
}

/// How long `count` more clients take until all are online.
fn join(lab: &Lab, count: u64) -> Duration {
    let wanted = online(lab) + count;
    let began = Instant::now();
    lab.lanherd(&["add", &count.to_string()]);
    while online(lab) < wanted {
        assert!(began.elapsed() < PATIENCE, "{} of {wanted}", online(lab));
        std::thread::sleep(Duration::from_millis(20));
    }
    began.elapsed()
}

/// As the control socket says, which the stuck have no part in.
fn online(lab: &Lab) -> u64 {
    let herd: Value = serde_json::from_str(&lab.lanherd(&["ps", "--json"])).expect("json");
    let clients = herd["clients"].as_array().expect("clients");
    let online = clients.iter().filter(|client| client["phase"] == "online");
    online.count() as u64
}

/// That 200 who are `stuck` do not slow a herd, and take few descriptors; `scrape` gets the metrics meanwhile.
fn assert_undisturbed<T>(
    lab: Lab,
    stuck: impl Fn(&Lab, usize) -> T,
    scrape: impl Fn(&Lab) -> String,
) {
    join(&lab, 50);
    // Other programs' work comes and goes between two measurements; what a crowd takes from the herd, it takes each time.
    let mut tries = 0;
    let crowd = loop {
        let alone = join(&lab, 150);
        let before = lab.descriptors();
        let crowd: Vec<_> = (0..200).map(|way| stuck(&lab, way)).collect();
        std::thread::sleep(Duration::from_millis(500));
        let taken = lab.descriptors().saturating_sub(before);
        assert!(taken <= 70, "{taken} descriptors");
        let crowded = join(&lab, 150);
        if crowded < alone * 2 + Duration::from_secs(1) {
            break crowd;
        }
        let slow = format!("{crowded:?} in a crowd, {alone:?} alone");
        tries += 1;
        assert!(tries < 4, "{slow}");
        eprintln!("{slow}");
    };
    let scraped = Instant::now();
    let metrics = scrape(&lab);
    assert!(metrics.contains("lanherd_clients{"), "{metrics}");
    assert!(
        scraped.elapsed() < Duration::from_secs(2),
        "{:?}",
        scraped.elapsed()
    );
    let began = Instant::now();
    let outcome = lab.stop();
    assert!(outcome.success(), "{outcome}");
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );
    drop(crowd);
}

#[test]
fn two_hundred_stuck_clients_take_few_descriptors_and_no_time_from_the_herd() {
    let _alone = alone();
    let lab = Lab::start("stuck", 1, &[]);
    assert_undisturbed(lab, stuck, |lab| lab.get("/metrics"));
}

#[test]
fn an_address_beyond_the_loopback_is_refused_before_anything_is_made() {
    let refusal = lab::refused(&["--metrics", "0.0.0.0:0"]);
    assert!(refusal.contains("--metrics-token-file"), "{refusal}");
    assert!(refusal.contains("--web-config"), "{refusal}");
    let nowhere = ["--metrics", "0.0.0.0:0", "--web-config", "/nowhere/web.yml"];
    let refusal = lab::refused(&nowhere);
    assert!(refusal.contains("/nowhere/web.yml"), "{refusal}");
}

/// Reads to the end.
fn read(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}
