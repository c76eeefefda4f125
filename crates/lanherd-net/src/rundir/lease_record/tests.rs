use std::net::Ipv4Addr;
use std::time::{Duration, UNIX_EPOCH};

use super::*;
use lanherd_dhcp::{MessageType, Route};

fn written(held: &LeaseRecord, clock: Clock) -> String {
    state_file::to_text(&StoredLease::of(held, clock)).expect("written")
}

fn read(text: &str, clock: Clock) -> Result<LeaseRecord, String> {
    let stored: StoredLease = state_file::parse(text).map_err(|error| error.to_string())?;
    stored.into_record(clock)
}

fn clock() -> Clock {
    Clock {
        instant: Instant::now() + Duration::from_secs(36_000_000),
        wall: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
    }
}

fn later(clock: Clock, seconds: u64) -> Clock {
    let span = Duration::from_secs(seconds);
    Clock {
        instant: clock.instant + span,
        wall: clock.wall + span,
    }
}

fn held(clock: Clock) -> LeaseRecord {
    let router = Ipv4Addr::new(10, 0, 0, 1);
    LeaseRecord {
        mac: Mac([2, 0, 0, 0, 0, 7]),
        server: Some(Mac([2, 0, 0, 0, 0, 1])),
        is_requested: false,
        client_id: Some(vec![0, 0xff, b'\n']),
        lease: Lease {
            address: Ipv4Addr::new(10, 0, 0, 7),
            prefix_len: 24,
            server_id: router,
            routers: vec![router, Ipv4Addr::new(10, 0, 0, 2)],
            routes: vec![
                Route {
                    destination: Ipv4Addr::new(10, 9, 0, 0),
                    prefix_len: 16,
                    gateway: Ipv4Addr::UNSPECIFIED,
                },
                Route::default_through(router),
            ],
            dns: vec![router],
            domain: Some("lan.example".into()),
            search: vec!["a.example".into(), "b.example".into()],
            mtu: Some(1400),
            lifetime: Lifetime::Finite {
                lease: Duration::from_secs(120),
                t1: Duration::from_millis(60_250),
                t2: Duration::from_secs(105),
            },
            requested_at: clock.instant,
        },
    }
}

fn bare(clock: Clock) -> LeaseRecord {
    let full = held(clock);
    LeaseRecord {
        server: None,
        is_requested: false,
        client_id: None,
        lease: Lease {
            routers: Vec::new(),
            routes: Vec::new(),
            dns: Vec::new(),
            domain: None,
            search: Vec::new(),
            mtu: None,
            lifetime: Lifetime::Infinite,
            ..full.lease
        },
        ..full
    }
}

#[test]
fn a_lease_reads_back_as_it_is_written_also_by_a_process_whose_clock_began_elsewhere() {
    let began = clock();
    for held in [held(began), bare(began)] {
        let text = written(&held, later(began, 30));
        assert_eq!(read(&text, later(began, 50)), Ok(held.clone()));
        let other = Clock {
            instant: began.instant + Duration::from_secs(30_000),
            wall: began.wall + Duration::from_secs(50),
        };
        let read = read(&text, other).expect("read");
        let age = other.instant - read.lease.requested_at;
        assert_eq!(age, Duration::from_secs(50));
    }
}

#[test]
fn it_expires_when_the_server_says_and_an_infinite_one_never() {
    let began = clock();
    let text = written(&held(began), began);
    for (seconds, expired) in [(0, false), (119, false), (120, true), (9_999, true)] {
        let now = later(began, seconds);
        let read = read(&text, now).expect("read");
        assert_eq!(read.is_expired(now), expired, "after {seconds} s");
    }
    let now = later(began, 30_000_000);
    let read = read(&written(&bare(began), began), now).expect("read");
    assert!(!read.is_expired(now));
}

#[test]
fn its_release_says_who_gives_what_back_to_whom_under_the_same_client_identifier() {
    let held = held(clock());
    let transmit = held.release(&mut fastrand::Rng::with_seed(7));
    let message = &transmit.message;
    assert_eq!(message.message_type(), Some(MessageType::Release));
    assert_eq!(
        (message.ciaddr, message.chaddr),
        (held.lease.address, held.mac)
    );
    assert_eq!(
        message.options.address(code::SERVER_ID),
        Some(held.lease.server_id)
    );
    assert_eq!(
        message.options.get(code::CLIENT_ID).as_deref(),
        held.client_id.as_deref()
    );
    assert_eq!(
        (transmit.source, transmit.destination),
        (held.lease.address, held.lease.server_id)
    );
    let without = bare(clock()).release(&mut fastrand::Rng::with_seed(7));
    assert_eq!(without.message.options.get(code::CLIENT_ID), None);
}
