use super::*;
use crate::{MessageType, Op};
use lanherd_types::identity::Mac;

const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 50);

fn ack(seconds: u32) -> Message {
    let mut ack = Message::request(MessageType::Ack, Mac([2, 0, 0, 0, 0, 1]), 7);
    ack.op = Op::Reply;
    ack.yiaddr = ADDRESS;
    ack.options
        .push(code::SERVER_ID, SERVER.octets())
        .push(code::LEASE_TIME, seconds.to_be_bytes());
    ack
}

fn grant(ack: &Message) -> Result<Grant, Ignored> {
    Lease::from_ack(ack, Instant::now(), &mut fastrand::Rng::with_seed(1))
}

/// What an ACK gives whose options were changed so.
fn with(change: impl FnOnce(&mut Message)) -> Grant {
    let mut ack = ack(3600);
    change(&mut ack);
    grant(&ack).expect("a lease")
}

fn reasons(grant: &Grant) -> Vec<(u8, RemarkReason)> {
    let remarks = grant.remarks.iter();
    remarks.map(|it| (it.option, it.reason)).collect()
}

fn seconds_of(lifetime: Lifetime) -> (f64, f64, f64) {
    match lifetime {
        Lifetime::Finite { lease, t1, t2 } => {
            (t1.as_secs_f64(), t2.as_secs_f64(), lease.as_secs_f64())
        }
        Lifetime::Infinite => panic!("an infinite lease"),
    }
}

// RFC 2131, 4.4.5: T1 is 0.5 and T2 0.875 of the lease, with fuzz, where the server names none.
#[test]
fn t1_and_t2_default_to_a_half_and_seven_eighths_with_fuzz() {
    let mut rng = fastrand::Rng::with_seed(1);
    let timers: Vec<(f64, f64, f64)> = (0..500)
        .map(|_| Lease::from_ack(&ack(1000), Instant::now(), &mut rng).expect("a lease"))
        .inspect(|grant| assert_eq!(grant.remarks, []))
        .map(|grant| seconds_of(grant.lease.lifetime))
        .collect();
    assert!(
        timers
            .iter()
            .all(|(t1, t2, _)| (490.0..=510.0).contains(t1) && (865.0..=885.0).contains(t2))
    );
    let spread = |pick: fn(&(f64, f64, f64)) -> f64| {
        let values = timers.iter().map(pick);
        values.clone().fold(f64::MIN, f64::max) - values.fold(f64::MAX, f64::min)
    };
    assert!(
        spread(|t| t.0) > 15.0 && spread(|t| t.1) > 15.0,
        "too little fuzz"
    );
}

#[test]
fn the_servers_t1_and_t2_are_taken_exactly() {
    let grant = with(|ack| {
        ack.options
            .push(code::RENEWAL_TIME, 600_u32.to_be_bytes())
            .push(code::REBINDING_TIME, 900_u32.to_be_bytes());
    });
    assert_eq!(seconds_of(grant.lease.lifetime), (600.0, 900.0, 3600.0));
    let lease = &grant.lease;
    assert_eq!(
        lease.renew_at(),
        Some(lease.requested_at + Duration::from_secs(600))
    );
    assert_eq!(
        lease.rebind_at(),
        Some(lease.requested_at + Duration::from_secs(900))
    );
    assert_eq!(
        lease.expires_at(),
        Some(lease.requested_at + Duration::from_secs(3600))
    );
}

// RFC 2131, 4.4.5: T1 comes before T2, and T2 before the end.
#[test]
fn timers_that_break_their_order_are_replaced_by_the_defaults() {
    for (t1, t2) in [
        (900_u32, 600_u32),
        (600, 600),
        (600, 3600),
        (0, 600),
        (5000, 6000),
        (u32::MAX, u32::MAX),
    ] {
        let grant = with(|ack| {
            ack.options
                .push(code::RENEWAL_TIME, t1.to_be_bytes())
                .push(code::REBINDING_TIME, t2.to_be_bytes());
        });
        assert_eq!(reasons(&grant), [(code::RENEWAL_TIME, RemarkReason::Value)]);
        let (t1, t2, lease) = seconds_of(grant.lease.lifetime);
        assert!(0.0 < t1 && t1 < t2 && t2 < lease);
    }
    let only_t2_before_half = with(|ack| {
        ack.options
            .push(code::REBINDING_TIME, 600_u32.to_be_bytes());
    });
    assert_eq!(
        reasons(&only_t2_before_half),
        [(code::REBINDING_TIME, RemarkReason::Value)]
    );
}

// RFC 2131, 4.4.5: T1 comes before T2, and T2 before the end.
#[test]
fn the_shortest_lease_still_has_its_timers_in_order() {
    let (t1, t2, lease) = seconds_of(grant(&ack(1)).expect("a lease").lease.lifetime);
    assert!(0.0 < t1 && t1 < t2 && t2 < lease);
}

// RFC 2131, 3.3: a lease of 0xffffffff never ends and has no timers.
#[test]
fn an_infinite_lease_has_no_timers() {
    let lease = grant(&ack(u32::MAX)).expect("a lease").lease;
    assert_eq!(lease.lifetime, Lifetime::Infinite);
    assert_eq!(
        (lease.renew_at(), lease.rebind_at(), lease.expires_at()),
        (None, None, None)
    );
}

// RFC 2131, table 3: an OFFER or ACK names its server, and an ACK has a lease time.
#[test]
fn an_ack_that_grants_nothing_usable_says_why() {
    let refused = |change: fn(&mut Message)| {
        let mut ack = ack(3600);
        change(&mut ack);
        grant(&ack).expect_err("a lease")
    };
    assert_eq!(
        refused(|ack| _ = ack.options.remove(code::LEASE_TIME)),
        Ignored::NoLeaseTime
    );
    assert_eq!(
        refused(|ack| _ = ack.options.remove(code::SERVER_ID)),
        Ignored::NoServerId
    );
    assert_eq!(
        refused(|ack| _ = ack.options.set(code::SERVER_ID, [255; 4])),
        Ignored::NoServerId
    );
    assert_eq!(grant(&ack(0)), Err(Ignored::ZeroLeaseTime));
    for address in [
        [0, 0, 0, 0],
        [0, 1, 2, 3],
        [127, 0, 0, 1],
        [224, 0, 0, 1],
        [240, 0, 0, 1],
        [255, 255, 255, 255],
    ] {
        let mut ack = ack(3600);
        ack.yiaddr = address.into();
        assert_eq!(grant(&ack), Err(Ignored::UnusableAddress), "{address:?}");
    }
}

#[test]
fn the_prefix_is_option_1_or_else_the_natural_one_of_the_class() {
    let masked = |mask: [u8; 4]| with(|ack| _ = ack.options.push(code::SUBNET_MASK, mask));
    assert_eq!(masked([255, 255, 255, 128]).lease.prefix_len, 25);
    assert_eq!(masked([255, 255, 255, 255]).lease.prefix_len, 32);
    for bad in [[255, 0, 255, 0], [0, 0, 0, 0], [0, 255, 255, 255]] {
        let grant = masked(bad);
        assert_eq!(
            (grant.lease.prefix_len, reasons(&grant)),
            (24, vec![(code::SUBNET_MASK, RemarkReason::Value)])
        );
    }
    for (address, natural) in [
        ([10, 1, 2, 3], 8),
        ([172, 16, 0, 1], 16),
        ([192, 168, 1, 2], 24),
    ] {
        assert_eq!(
            with(|ack| ack.yiaddr = address.into()).lease.prefix_len,
            natural
        );
    }
}

#[test]
fn the_first_router_becomes_the_default_route() {
    let second = Ipv4Addr::new(192, 168, 1, 2);
    let grant = with(|ack| {
        ack.options
            .push_addresses(code::ROUTERS, &[Ipv4Addr::UNSPECIFIED, SERVER, second]);
    });
    assert_eq!(grant.lease.routers, [SERVER, second]);
    assert_eq!(grant.lease.routes, [Route::default_through(SERVER)]);
    assert_eq!(grant.lease.router(), Some(SERVER));
    assert_eq!(reasons(&grant), [(code::ROUTERS, RemarkReason::Value)]);
}

// RFC 3442: option 121 overrides option 3.
#[test]
fn classless_routes_override_the_routers_even_without_a_default_route() {
    let destination = Ipv4Addr::new(10, 0, 0, 0);
    let route = Route {
        destination,
        prefix_len: 8,
        gateway: Ipv4Addr::new(192, 168, 1, 9),
    };
    let grant = with(|ack| {
        ack.options
            .push_addresses(code::ROUTERS, &[SERVER])
            .push_routes(&[route]);
    });
    assert_eq!(
        (grant.lease.routes.as_slice(), grant.lease.router()),
        ([route].as_slice(), None)
    );

    let default = Route::default_through(Ipv4Addr::new(192, 168, 1, 9));
    let grant = with(|ack| {
        ack.options
            .push_addresses(code::ROUTERS, &[SERVER])
            .push_routes(&[route, default]);
    });
    assert_eq!(grant.lease.router(), Some(default.gateway));
}

#[test]
fn routes_that_repeat_or_lead_nowhere_are_passed_over() {
    let destination = Ipv4Addr::new(10, 0, 0, 0);
    let on_link = Route {
        destination,
        prefix_len: 8,
        gateway: Ipv4Addr::UNSPECIFIED,
    };
    let again = Route {
        gateway: SERVER,
        ..on_link
    };
    let nowhere = Route {
        prefix_len: 9,
        gateway: Ipv4Addr::BROADCAST,
        ..on_link
    };
    let grant = with(|ack| _ = ack.options.push_routes(&[on_link, again, nowhere]));
    assert_eq!(grant.lease.routes, [on_link]);
    assert_eq!(
        reasons(&grant),
        [(code::CLASSLESS_ROUTES, RemarkReason::Value)]
    );
}

#[test]
fn names_and_mtu_are_taken_only_when_they_are_safe() {
    let good = with(|ack| {
        ack.options
            .push(code::DOMAIN_NAME, *b"home.arpa\0")
            .push(code::DOMAIN_SEARCH, *b"\x03lan\0");
        ack.options
            .push(code::MTU, 1400_u16.to_be_bytes())
            .push_addresses(code::DNS_SERVERS, &[SERVER]);
    });
    assert_eq!(good.lease.domain.as_deref(), Some("home.arpa"));
    assert_eq!(
        (good.lease.search, good.lease.mtu),
        (vec!["lan".to_owned()], Some(1400))
    );
    assert_eq!((good.lease.dns, good.remarks), (vec![SERVER], vec![]));

    let bad = with(|ack| {
        ack.options
            .push(code::DOMAIN_NAME, *b"a\nnameserver 1.1.1.1")
            .push(code::DOMAIN_SEARCH, *b"\xc0\0");
        ack.options
            .push(code::MTU, 68_u16.to_be_bytes())
            .push_addresses(code::DNS_SERVERS, &[Ipv4Addr::BROADCAST]);
    });
    let value = RemarkReason::Value;
    assert_eq!(
        reasons(&bad),
        [
            (code::DNS_SERVERS, value),
            (code::DOMAIN_NAME, value),
            (code::DOMAIN_SEARCH, value),
            (code::MTU, value)
        ]
    );
    assert_eq!(
        (bad.lease.domain, bad.lease.search, bad.lease.mtu),
        (None, vec![], None)
    );
}

#[test]
fn several_names_in_option_15_are_the_domain_and_the_search_list_and_are_told() {
    let named = |option_119: Option<&'static [u8]>| {
        with(|ack| {
            ack.options
                .push(code::DOMAIN_NAME, *b"lan.test test example");
            if let Some(list) = option_119 {
                ack.options.push(code::DOMAIN_SEARCH, list);
            }
        })
    };
    let grant = named(None);
    assert_eq!(grant.lease.domain.as_deref(), Some("lan.test"));
    assert_eq!(grant.lease.search, ["lan.test", "test", "example"]);
    assert_eq!(
        reasons(&grant),
        [(code::DOMAIN_NAME, RemarkReason::SeveralNames)]
    );
    let grant = named(Some(b"\x03lan\0"));
    assert_eq!(grant.lease.domain.as_deref(), Some("lan.test"));
    assert_eq!(grant.lease.search, ["lan"], "option 119 says it better");
}

// RFC 1122, 3.2.1.3: no address is used that no host can have.
// RFC 3927, 1.6: no link-local address is taken from a server.
#[test]
fn an_address_that_no_client_can_use_grants_nothing() {
    let refused = |address: [u8; 4], mask: [u8; 4]| {
        let mut ack = ack(3600);
        ack.yiaddr = address.into();
        ack.options.push(code::SUBNET_MASK, mask);
        grant(&ack).err()
    };
    let wide = [255, 255, 0, 0];
    for (address, mask, reason) in [
        ([192, 168, 0, 0], wide, Ignored::NetworkAddress),
        ([192, 168, 255, 255], wide, Ignored::BroadcastAddress),
        ([192, 168, 1, 1], wide, Ignored::ServersAddress),
        ([169, 254, 1, 2], wide, Ignored::UnusableAddress),
        ([10, 0, 0, 4], [255, 255, 255, 252], Ignored::NetworkAddress),
        (
            [10, 0, 0, 7],
            [255, 255, 255, 252],
            Ignored::BroadcastAddress,
        ),
    ] {
        assert_eq!(refused(address, mask), Some(reason), "{address:?}");
        assert!(reason.is_bad_address() && reason.is_malformed());
    }
    for (address, mask) in [
        ([192, 168, 1, 0], wide),
        ([192, 168, 1, 255], wide),
        ([10, 0, 0, 4], [255, 255, 255, 254]),
        ([10, 0, 0, 5], [255, 255, 255, 254]),
        ([10, 0, 0, 5], [255; 4]),
    ] {
        assert_eq!(refused(address, mask), None, "{address:?}");
    }
    let mut relays = ack(3600);
    relays.giaddr = ADDRESS;
    assert_eq!(grant(&relays), Err(Ignored::ServersAddress));
    // Without a mask, that of the class says which is the broadcast address.
    let mut broadcast = ack(3600);
    broadcast.yiaddr = [192, 168, 1, 255].into();
    assert_eq!(grant(&broadcast), Err(Ignored::BroadcastAddress));
}

#[test]
fn a_client_that_is_named_as_its_own_router_has_none_or_the_next() {
    let second = Ipv4Addr::new(192, 168, 1, 2);
    for (routers, default) in [(vec![ADDRESS], None), (vec![ADDRESS, second], Some(second))] {
        let grant = with(|ack| _ = ack.options.push_addresses(code::ROUTERS, &routers));
        assert_eq!(grant.lease.router(), default);
        assert_eq!(reasons(&grant), [(code::ROUTERS, RemarkReason::OwnAddress)]);
    }
    let grant = with(|ack| {
        ack.options.push_routes(&[Route::default_through(ADDRESS)]);
    });
    assert_eq!(grant.lease.routes, []);
    assert_eq!(
        reasons(&grant),
        [(code::CLASSLESS_ROUTES, RemarkReason::OwnAddress)]
    );
}

#[test]
fn every_list_has_a_bound_and_what_is_beyond_it_is_told() {
    let many: Vec<Ipv4Addr> = (1..=200)
        .map(|host| Ipv4Addr::new(10, 9, 0, host))
        .collect();
    let routes: Vec<Route> = (0..=255)
        .map(|third| Route {
            destination: Ipv4Addr::new(100, 100, third, 0),
            prefix_len: 24,
            gateway: SERVER,
        })
        .collect();
    let grant = with(|ack| {
        ack.options
            .push_addresses(code::ROUTERS, &many)
            .push_addresses(code::DNS_SERVERS, &many)
            .push_routes(&routes)
            .push(code::DOMAIN_NAME, "a ".repeat(100))
            .push(code::DOMAIN_SEARCH, b"\x01a\0".repeat(100));
    });
    let lease = &grant.lease;
    assert_eq!(lease.routers, many[..MAX_HOSTS]);
    assert_eq!(lease.dns, many[..MAX_HOSTS]);
    assert_eq!(lease.routes, routes[..MAX_ROUTES]);
    assert_eq!(lease.search.len(), 32);
    let over: Vec<u8> = grant
        .remarks
        .iter()
        .filter(|remark| remark.reason == RemarkReason::OverLimit)
        .map(|remark| remark.option)
        .collect();
    assert_eq!(
        over,
        [
            code::ROUTERS,
            code::CLASSLESS_ROUTES,
            code::DNS_SERVERS,
            code::DOMAIN_NAME,
            code::DOMAIN_SEARCH
        ]
    );
}

#[test]
fn what_is_remarked_has_the_offset_of_the_option_on_the_wire() {
    let mut ack = ack(3600);
    ack.options.push(code::MTU, 68_u16.to_be_bytes());
    let bytes = ack.encode();
    let grant = grant(&Message::decode(&bytes).expect("a message")).expect("a lease");
    let [remark] = grant.remarks[..] else {
        panic!("{:?}", grant.remarks);
    };
    let offset = remark.offset.expect("an offset");
    assert_eq!(bytes[offset..offset + 4], [code::MTU, 2, 0, 68]);
}
