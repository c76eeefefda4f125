//! Delegated prefixes: what is set of them, when that is told anew, and what becomes of it.

use super::*;
use crate::lan::ipv6::Delegated6;
use lanherd_types::ipv6::Prefix;

const BEHIND: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0x8000, 0, 0, 0, 1);

fn prefix() -> Prefix {
    Prefix::new(BEHIND, 60).expect("a prefix")
}

/// A client to which a prefix is delegated for 100 and 200 seconds.
fn as_router(at: Instant) -> Addressing6 {
    Addressing6 {
        delegated: vec![Delegated6 {
            prefix: prefix(),
            address: Some(BEHIND),
            preferred_until: Some(at + secs(100)),
            valid_until: Some(at + secs(200)),
        }],
        ..Addressing6::default()
    }
}

const SET: [&str; 2] = [
    "+ route that makes 2001:db8:0:8000::/60 unreachable",
    "+ address 2001:db8:0:8000::1/128",
];
const REMOVED: [&str; 2] = [
    "- address 2001:db8:0:8000::1/128",
    "- route that makes 2001:db8:0:8000::/60 unreachable",
];

fn on_loopback() -> FoundAddress {
    FoundAddress {
        prefix_len: 128,
        ..found(BEHIND, AddressFlags::Permanent)
    }
}

// RFC 7084, 4.2: what of a delegated prefix is on no link of the router's leads nowhere.
#[test]
fn a_prefix_is_set_once_prolonged_when_half_of_it_is_left_and_removed_with_its_lease() {
    let now = Instant::now();
    let plan = Standing6::default().plan(&as_router(now), now);
    assert_eq!(words(&plan), SET);
    assert!(plan.standing.has_delegated() && !plan.standing.is_empty());
    let own: Vec<_> = plan.standing.addresses().collect();
    assert_eq!(own, [BEHIND], "no other client may have it");
    // A renewal a little later is no news to the kernel yet, and will be.
    let later = now + secs(20);
    let again = plan.standing.plan(&as_router(later), later);
    assert_eq!(words(&again), [""; 0]);
    assert!(again.again_by.is_some_and(|by| by < now + secs(100)));
    let later = now + secs(80);
    let again = plan.standing.plan(&as_router(later), later);
    assert_eq!(words(&again), SET);
    // What is over is wanted no more, though nobody has said so.
    let over = plan.standing.plan(&as_router(now), now + secs(200));
    assert_eq!(words(&over), REMOVED);
    let gone = plan.standing.plan(&Addressing6::default(), now);
    assert_eq!(words(&gone), REMOVED);
    assert!(gone.standing.is_empty());
}

#[test]
fn another_address_of_the_prefix_takes_the_place_of_the_first() {
    let now = Instant::now();
    let standing = Standing6::default().plan(&as_router(now), now).standing;
    let mut other = as_router(now);
    other.delegated[0].address = None;
    let plan = standing.plan(&other, now);
    assert_eq!(words(&plan), [REMOVED[0], REMOVED[1], SET[0]]);
}

#[test]
fn what_somebody_removes_is_told_once_and_what_ends_by_itself_is_not() {
    let now = Instant::now();
    let standing = Standing6::default().plan(&as_router(now), now).standing;
    let examined = |standing: &Standing6, addresses: &[FoundAddress], routes: &[Prefix], at| {
        let mut examined = standing.examine(&[], &[], at);
        examined.compare_delegated(addresses, routes, at);
        examined
    };
    let whole = examined(&standing, &[on_loopback()], &[prefix()], now);
    assert_eq!((whole.lost, whole.standing), (vec![], standing.clone()));
    for (addresses, routes, lost) in [
        (&[][..], &[prefix()][..], &REMOVED[0][2..]),
        (&[on_loopback()][..], &[][..], &REMOVED[1][2..]),
    ] {
        let first = examined(&standing, addresses, routes, now);
        assert_eq!(first.lost, [lost]);
        let second = examined(&first.standing, addresses, routes, now);
        assert_eq!(second.lost, [""; 0]);
        assert_eq!(words(&second.standing.plan(&as_router(now), now)), SET);
        let gone = second.standing.plan(&Addressing6::default(), now);
        assert_eq!(words(&gone), REMOVED);
    }
    let end = examined(&standing, &[], &[prefix()], now + secs(199));
    assert_eq!(end.lost, [""; 0]);
    // The route has no end of its own.
    let after = end.standing.plan(&Addressing6::default(), now + secs(199));
    assert_eq!(words(&after), REMOVED);
}

#[test]
fn what_a_killed_process_has_set_stays_until_it_is_known_what_is_right() {
    let now = Instant::now();
    let foreign = FoundAddress {
        is_ours: false,
        ..found(OTHER, AddressFlags::Permanent)
    };
    let standing =
        Standing6::default().with_delegated_found(&[foreign, on_loopback()], &[prefix()], now);
    let kept = Addressing6 {
        keeps_found: true,
        ..Addressing6::default()
    };
    let plan = standing.plan(&kept, now);
    assert_eq!((words(&plan), plan.keeps_found), (vec![], true));
    assert_eq!(plan.standing, standing);
    // What is wanted of it is told anew, as its end is not known.
    assert_eq!(words(&standing.plan(&as_router(now), now)), SET);
    let plan = standing.plan(&Addressing6::default(), now);
    assert_eq!(words(&plan), REMOVED);
}
