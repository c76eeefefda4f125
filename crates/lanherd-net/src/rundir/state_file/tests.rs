use std::fmt::Debug;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::*;
use crate::config::MacvlanMode;
use crate::rundir::lease_record::stored::StoredLease;
use crate::rundir::lease_record::{Clock, LeaseRecord};
use crate::rundir::parent_settings::ParentSettings;
use crate::rundir::pool_manifest::PoolManifest;
use crate::rundir::record::Record;
use lanherd_dhcp::{Lease, Lifetime, Route};
use lanherd_types::identity::{Mac, Seed};

/// Files that lanherd 0.1.0 wrote, before JSON, when it ran on a real parent and was killed.
const OLD_RECORD: &str = include_str!("text_format/record");
const OLD_MANIFEST: &str = include_str!("text_format/manifest");
const OLD_SETTINGS: &str = include_str!("text_format/parent_settings");
const OLD_BOUND: &str = include_str!("text_format/bound.lease");
const OLD_INFINITE: &str = include_str!("text_format/infinite.lease");
const OLD_REQUESTED: &str = include_str!("text_format/requested.lease");

/// The same as JSON.
const RECORD: &str = include_str!("version_1/record");
const MANIFEST: &str = include_str!("version_1/manifest");
const SETTINGS: &str = include_str!("version_1/parent_settings");
const BOUND: &str = include_str!("version_1/bound.lease");
const INFINITE: &str = include_str!("version_1/infinite.lease");
const REQUESTED: &str = include_str!("version_1/requested.lease");

/// Checks one file in both formats, and all that may have become of them.
fn check<C: Content + PartialEq + Debug>(old: &str, new: &str) -> C {
    let content: C = parse(old).expect("the old one is read");
    assert_eq!(
        to_text(&content).expect("written"),
        new,
        "what is written stays as it is"
    );
    assert_eq!(parse(new).as_ref(), Ok(&content));
    for text in [old, new] {
        for length in 0..text.trim_end().len() {
            assert_eq!(
                parse::<C>(&text[..length]),
                Err(cut_short::<C>()),
                "{length} of\n{text}"
            );
        }
    }
    let later = new.replacen("\"version\":1", "\"version\":2,\"more\":{\"a\":[1]}", 1);
    assert_eq!(parse::<C>(&later), Err(Unusable::Newer { version: 2 }));
    let more = new.replacen('{', "{\"duid\":\"0001\",\"dhcp6\":{\"leases\":[{}]},", 1);
    assert_eq!(
        parse(&more).as_ref(),
        Ok(&content),
        "what is not known is passed over"
    );
    content
}

#[test]
fn a_record_is_read_in_both_formats_and_never_what_is_left_of_one() {
    let record = Record {
        inode: 4_026_532_459,
        cookie: Some(409_644),
        mac: Mac([0x5a, 0xd4, 0x23, 0xf9, 0x9a, 0x6d]),
    };
    assert_eq!(check::<Record>(OLD_RECORD, RECORD), record);
    // Before Linux 5.14 there are no cookies.
    for text in [
        OLD_RECORD.replace("cookie 409644", "cookie none"),
        RECORD.replace("409644", "null"),
    ] {
        let read: Record = parse(&text).expect("read");
        assert_eq!(
            read,
            Record {
                cookie: None,
                ..record
            }
        );
    }
}

#[test]
fn a_manifest_is_read_in_both_formats_and_never_what_is_left_of_one() {
    let manifest = PoolManifest {
        lanherd: "0.1.0".into(),
        parent: "relup0".into(),
        parent_index: Some(2),
        mode: MacvlanMode::Bridge,
        seed: Some(Seed(u64::MAX)),
    };
    assert_eq!(check::<PoolManifest>(OLD_MANIFEST, MANIFEST), manifest);
    for text in [
        OLD_MANIFEST.replace("seed 18446744073709551615", "seed none"),
        MANIFEST.replace("18446744073709551615", "null"),
    ] {
        let read: PoolManifest = parse(&text).expect("read");
        assert_eq!(
            read,
            PoolManifest {
                seed: None,
                ..manifest.clone()
            }
        );
    }
}

#[test]
fn the_settings_of_a_parent_are_read_in_both_formats_and_never_what_is_left_of_them() {
    let settings = check::<ParentSettings>(OLD_SETTINGS, SETTINGS);
    assert_eq!((settings.name.as_str(), settings.index), ("relup0", 2));
    let told = format!("{settings:?}");
    for address in ["2001:db8::5", "192.0.2.1"] {
        assert!(told.contains(address), "{address} is not in {told}");
    }
    for cut in ["48000000140000", "ff00000014000000ff", ""] {
        let altered = SETTINGS.replacen("480000001400000000", cut, 1);
        let read = parse::<ParentSettings>(&altered);
        assert!(
            matches!(read, Err(Unusable::Damaged { .. })),
            "{cut}: {read:?}"
        );
    }
}

#[test]
fn altered_messages_of_a_parents_settings_are_never_a_panic() {
    let digits = SETTINGS.bytes().enumerate().skip(60);
    for (place, _) in digits.filter(|(_, byte)| byte.is_ascii_hexdigit()) {
        for digit in ["0", "1", "7", "f"] {
            let mut altered = SETTINGS.to_owned();
            altered.replace_range(place..=place, digit);
            // Some of them say something else that is as right.
            drop(parse::<ParentSettings>(&altered));
        }
    }
}

fn clock() -> Clock {
    Clock {
        instant: Instant::now() + Duration::from_secs(36_000_000),
        wall: UNIX_EPOCH + Duration::from_millis(1_795_808_700_208),
    }
}

#[test]
fn a_lease_is_read_in_both_formats_and_never_what_is_left_of_one() {
    // 100 s after the first was requested.
    let clock = clock();
    let requested_at = clock.instant.checked_sub(Duration::from_secs(100));
    let router = Ipv4Addr::new(10, 77, 0, 1);
    let on_link = Route {
        destination: Ipv4Addr::new(10, 9, 0, 0),
        prefix_len: 16,
        gateway: Ipv4Addr::UNSPECIFIED,
    };
    let held = check::<StoredLease>(OLD_BOUND, BOUND).into_record(clock);
    let bound = LeaseRecord {
        mac: Mac([0x5a, 0xd4, 0x23, 0xf9, 0x9a, 0x6d]),
        server: Some(Mac([0x9e, 0x88, 0xcf, 0x1a, 0x45, 0x8d])),
        client_id: Some(vec![1, 0x5a, 0xd4, 0x23, 0xf9, 0x9a, 0x6d]),
        is_requested: false,
        lease: Lease {
            address: Ipv4Addr::new(10, 77, 50, 227),
            prefix_len: 16,
            server_id: router,
            routers: vec![router],
            routes: vec![on_link, Route::default_through(router)],
            dns: vec![router, Ipv4Addr::new(10, 77, 0, 2)],
            domain: Some("lan.example".into()),
            search: vec!["a.example".into(), "b.example".into()],
            mtu: None,
            lifetime: Lifetime::Finite {
                lease: Duration::from_secs(3600),
                t1: Duration::from_secs(1800),
                t2: Duration::from_secs(3150),
            },
            requested_at: requested_at.expect("an instant"),
        },
    };
    assert_eq!(held, Ok(bound));
    let infinite = check::<StoredLease>(OLD_INFINITE, INFINITE);
    let infinite = infinite.into_record(clock).expect("read");
    assert_eq!(
        (infinite.lease.lifetime, infinite.lease.mtu),
        (Lifetime::Infinite, Some(1400))
    );
    let requested = check::<StoredLease>(OLD_REQUESTED, REQUESTED);
    let requested = requested.into_record(clock).expect("read");
    assert!(requested.is_requested);
    assert_eq!(requested.lease.address, Ipv4Addr::new(10, 77, 3, 9));
}

#[test]
fn a_foreign_or_altered_file_is_told_and_never_a_panic() {
    let nested = format!("{{\"version\":1,\"mac\":{}", "[".repeat(100_000));
    let nested = format!("{nested}{}}}", "]".repeat(100_000));
    for text in [
        "\0\0\0\0",
        "{\"version\":1}{\"version\":1}",
        "{\"version\":1,\"version\":1}",
        "{\"version\":\"1\"}",
        "{\"version\":0}",
        "{\"version\":-1}",
        "{\"version\":1.0}",
        "{\"version\":null}",
        "{\"inode\":4026532459,\"cookie\":null,\"mac\":\"02:00:00:00:00:07\"}",
        "{\"version\":1,\"inode\":\"4026532459\",\"cookie\":null,\"mac\":\"02:00:00:00:00:07\"}",
        "{\"version\":1,\"inode\":-4026532459,\"cookie\":null,\"mac\":\"02:00:00:00:00:07\"}",
        "{\"version\":1,\"inode\":4026532459,\"cookie\":null,\"mac\":\"02:00:00:00:00\"}",
        "[1]",
        "null",
        "end\n",
        BOUND,
        OLD_BOUND,
        &nested,
    ] {
        let shown: String = text.chars().take(80).collect();
        let read = parse::<Record>(text);
        assert!(
            matches!(read, Err(Unusable::Damaged { .. })),
            "{shown}: {read:?}"
        );
    }
    for (from, to) in [
        ("10.77.50.227/16", "10.77.50.227/33"),
        ("10.77.50.227/16", "10.77.50.227"),
        ("10.9.0.0/16", "10.9.0.0"),
        ("\"t1_ms\":1800000", "\"t1_ms\":3200000"),
        ("\"t1_ms\":1800000", "\"t1_ms\":0"),
        ("\"t1_ms\":1800000,", ""),
        ("{\"finite\"", "{\"for_ever\""),
        ("\"bound\"", "\"offered\""),
        ("\"015ad4", "\"15ad4"),
        ("\"015ad4", "\"+15ad4"),
        ("\"015ad4", "\"€ad4"),
        ("1795808600208", "99999999999999999999"),
        ("\"5a:d4:", "\"zz:d4:"),
        ("\"dhcp4\"", "\"dhcp5\""),
    ] {
        assert!(BOUND.contains(from), "{from} is not in\n{BOUND}");
        let read = parse::<StoredLease>(&BOUND.replace(from, to))
            .and_then(|stored| stored.into_record(clock()).map_err(damaged::<StoredLease>));
        assert!(
            matches!(read, Err(Unusable::Damaged { .. })),
            "{to}: {read:?}"
        );
    }
    for (from, to) in [
        ("lifetime 3600000 1800000", "lifetime 3600000 3200000"),
        (
            "lifetime 3600000 1800000 3150000",
            "lifetime 3600000 1800000",
        ),
        ("client-id 015", "client-id 15"),
        ("requested 1", "requested 99999999999999999999"),
        ("route 10.9.0.0/16 0.0.0.0", "route 10.9.0.0/16"),
    ] {
        assert!(OLD_BOUND.contains(from), "{from} is not in\n{OLD_BOUND}");
        let read = parse::<StoredLease>(&OLD_BOUND.replace(from, to))
            .and_then(|stored| stored.into_record(clock()).map_err(damaged::<StoredLease>));
        assert!(read.is_err(), "{to}: {read:?}");
    }
}

#[test]
fn the_words_name_the_file_what_is_wrong_with_it_and_the_remedy() {
    let why = parse::<Record>("{\"version\":7,\"nodes\":[]}").expect_err("newer");
    let words = "was written by a newer lanherd, in version 7 of its format, and this one knows versions up to 1: use the newer one";
    assert_eq!(why.to_string(), words);
    assert_eq!(
        parse::<StoredLease>("").expect_err("empty").to_string(),
        "is cut short: remove it; the server keeps the lease until it expires"
    );
    let why = parse::<Record>("{\"version\":1,\"inode\":true}").expect_err("altered");
    assert_eq!(
        why.to_string(),
        "is no record of a namespace that lanherd wrote (invalid type: boolean `true`, expected u64 at line 1 column 25): \
         remove it, and with `ip netns delete` the namespace of its name, which `lanherd clean` does not find without it"
    );
}
