use proptest::prelude::*;

use super::*;
use lanherd_types::identity::Mac;

fn clock() -> Clock {
    Clock {
        instant: Instant::now(),
        wall: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
    }
}

/// A lease whose address is valid for `valid` seconds after the clock, and whose prefix for ever.
fn lease(clock: Clock, valid: u64) -> Lease {
    let at = |seconds| clock.instant.checked_add(Duration::from_secs(seconds));
    Lease {
        server: Duid::link_layer(Mac([2, 0, 0, 0, 0, 1])),
        ias: vec![
            LeasedIa {
                kind: IaKind::Addresses,
                iaid: 7,
                renew_at: at(valid / 4),
                rebind_at: at(valid / 2),
                addresses: vec![LeasedAddress {
                    address: "2001:db8::7".parse().expect("an address"),
                    lifetimes: Lifetimes {
                        preferred_until: at(valid / 2),
                        valid_until: at(valid),
                    },
                }],
                prefixes: Vec::new(),
            },
            LeasedIa {
                kind: IaKind::Prefixes,
                iaid: 7,
                renew_at: None,
                rebind_at: None,
                addresses: Vec::new(),
                prefixes: vec![LeasedPrefix {
                    prefix: "2001:db8:77::/56".parse().expect("a prefix"),
                    excluded: "2001:db8:77:1::/64".parse().ok().map(ExcludedPrefix),
                    lifetimes: Lifetimes {
                        preferred_until: None,
                        valid_until: None,
                    },
                }],
            },
        ],
        parameters: Parameters {
            search: vec!["lan.test".into()],
            ..Parameters::default()
        },
        reconfigure: Some(ServerKey {
            key: ReconfigureKey([9; 16]),
            replay: 3,
        }),
    }
}

fn text(lease: &Lease, clock: Clock) -> String {
    serde_json::to_string(&lease.store(clock)).expect("JSON")
}

fn restored(text: &str, clock: Clock) -> Option<Lease> {
    let stored: StoredLease = serde_json::from_str(text).expect("a lease");
    stored.restore(clock)
}

#[test]
fn a_lease_in_a_file_says_what_it_is_and_until_when() {
    let clock = clock();
    let text = text(&lease(clock, 4000), clock);
    for expected in [
        r#""server":"00:03:00:01:02:00:00:00:00:01""#,
        r#""kind":"na","iaid":7,"renew_at":1800001000000,"rebind_at":1800002000000"#,
        r#"{"address":"2001:db8::7","preferred_until":1800002000000,"valid_until":1800004000000}"#,
        r#"{"prefix":"2001:db8:77::/56","excluded":"2001:db8:77:1::/64","preferred_until":null,"valid_until":null}"#,
        r#""parameters":{"search":["lan.test"]}"#,
    ] {
        assert!(text.contains(expected), "no {expected} in {text}");
    }
}

// RFC 9915, 18.2.12: a client begins again with the lease of before, and uses it when it is confirmed.
#[test]
fn a_stored_lease_goes_on_after_a_restart_with_what_is_still_valid() {
    let before = clock();
    let held = lease(before, 4000);
    let text = text(&held, before);
    assert_eq!(restored(&text, before), Some(held.clone()));
    // Another process, whose clock began elsewhere.
    let later = |seconds| Clock {
        instant: before.instant + Duration::from_secs(77),
        wall: before.wall + Duration::from_secs(seconds),
    };
    let lease = restored(&text, later(1000)).expect("a lease");
    let left = lease.next_end().expect("an end") - later(1000).instant;
    assert_eq!(left, Duration::from_secs(3000));
    assert_eq!(lease.renew_at(), Some(later(1000).instant));
    let rest = restored(&text, later(4000)).expect("a prefix");
    assert_eq!((rest.addresses().count(), rest.prefixes().count()), (0, 1));
    assert_eq!((rest.next_end(), rest.expires_at()), (None, None));
    let mut mortal = held;
    mortal.ias.pop();
    let text = self::text(&mortal, before);
    assert_eq!(restored(&text, later(4000)), None);
}

proptest! {
    // RFC 9915, 18.2.10.1: what is not valid any more is used no more, each address and prefix by itself.
    #[test]
    fn no_clock_makes_a_stored_lease_last_longer_than_it_was_granted(valid in 1_u64..100_000, age in 0_u64..200_000) {
        let before = clock();
        let text = text(&lease(before, valid), before);
        let now = Clock { instant: before.instant, wall: before.wall + Duration::from_secs(age) };
        let lease = restored(&text, now).expect("a prefix");
        let left = lease.next_end().map(|end| end - now.instant);
        prop_assert_eq!(left, valid.checked_sub(age).filter(|left| *left > 0).map(Duration::from_secs));
    }

    #[test]
    fn no_text_of_a_lease_panics(millis: u64, wall in 0_u64..4_000_000_000) {
        let now = Clock { instant: Instant::now(), wall: UNIX_EPOCH + Duration::from_secs(wall) };
        let mut stored = lease(now, 60).store(now);
        stored.ias[0].addresses[0].lifetimes.valid_until = Some(UnixTime(millis));
        stored.ias[0].renew_at = Some(UnixTime(u64::MAX - millis));
        if let Some(lease) = stored.restore(now) {
            _ = (lease.renew_at(), lease.next_end(), lease.store(now));
        }
    }
}
