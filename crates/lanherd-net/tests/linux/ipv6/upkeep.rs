//! What others do to a client's IPv6, what a takeover finds, and what is set again.

use super::*;

#[test]
fn what_somebody_removes_is_told_and_set_again_and_what_ends_is_no_news() {
    behind_router6(MacvlanMode::Bridge, async |lan, _| {
        let (port, told) = attach(lan, Families::Dual, 1).await;
        port.configure(&lease(7)).await.expect("configured");
        let mut wanted = addressing(7);
        wanted.addresses.push(Address6 {
            valid_until: Some(until_in(2)),
            preferred_until: Some(until_in(1)),
            ..address(8, false)
        });
        port.configure6(wanted.clone()).await.expect("set");
        ip("-n ns1 -6 address del 2001:db8:9::7/64 dev lan0");
        soon("it is told", || !unconfigured(&told).is_empty()).await;
        assert_eq!(
            unconfigured(&told),
            ["address 2001:db8:9::7/64 was removed by somebody else"]
        );
        port.configure6(wanted).await.expect("set");
        assert!(
            addresses(1).contains("::7/64 scope global"),
            "{}",
            addresses(1)
        );
        answered(&port, BEYOND, 1).await;
        until("the lifetime ends", || !addresses(1).contains("::8/64")).await;
        // Longer than the kernel's notification takes.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(unconfigured(&told).len(), 1, "{:?}", told.events());
        assert_eq!(told.unconfigured(), [""; 0], "IPv4 is as it was");
    });
}

#[test]
fn a_carrier_that_is_lost_takes_the_neighbours_and_the_next_addressing_brings_them_back() {
    behind_router6(MacvlanMode::Bridge, async |lan, router| {
        let (port, told) = attach(lan, Families::Dual, 1).await;
        let mut wanted = addressing(7);
        wanted.neighbours[0].mac = Some(router.mac());
        port.configure6(wanted.clone()).await.expect("set");
        let learned = || ip("-n ns1 -6 neigh show dev lan0").contains("extern_learn");
        assert!(learned());
        router.ip("link set far0 down");
        until("it is told", || {
            told.events().contains(&PortEvent::CarrierLost)
        })
        .await;
        until("they are gone", || !learned()).await;
        let before = addresses(1);
        assert!(before.contains("::7/64"), "{before}");
        router.ip("link set far0 up");
        until("it is told", || {
            told.events().contains(&PortEvent::CarrierBack)
        })
        .await;
        assert!(!learned());
        port.configure6(wanted).await.expect("set");
        assert!(learned());
        assert_eq!(unconfigured(&told), [""; 0]);
    });
}

#[test]
fn a_router_that_does_not_answer_any_more_is_told_and_so_is_its_return() {
    behind_router6(MacvlanMode::Private, async |lan, router| {
        let (port, told) = attach(lan, Families::Dual, 1).await;
        let (other, others) = attach(lan, Families::Dual, 2).await;
        for (port, last) in [(&port, 7), (&other, 8)] {
            let mut wanted = addressing(last);
            wanted.neighbours[0].mac = Some(router.mac());
            port.configure6(wanted).await.expect("set");
        }
        let reached = |told: &Told| -> Vec<_> {
            let events = told.events().into_iter();
            let known = events.filter_map(|event| match event {
                PortEvent::Router6(router, reachability) => Some((router, reachability)),
                _ => None,
            });
            known.collect()
        };
        router.ip(&format!("addr del {ROUTER6}/64 dev far0"));
        // The kernel waits for five seconds until it asks, and asks three times, a second apart.
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut sequence = 0;
        while reached(&told).is_empty() {
            assert!(
                Instant::now() < deadline,
                "waited in vain: {:?}",
                told.events()
            );
            sequence += 1;
            let _ = port
                .ping(echo_request(BEYOND, sequence), Duration::from_millis(300))
                .await;
            // One that the kernel refuses is refused at once.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(reached(&told), [(ROUTER6, Reachability::Unreachable)]);
        router.ip(&format!("addr add {ROUTER6}/64 dev far0 nodad"));
        while reached(&told).len() < 2 {
            assert!(
                Instant::now() < deadline,
                "waited in vain: {:?}",
                told.events()
            );
            sequence += 1;
            let _ = port
                .ping(echo_request(BEYOND, sequence), Duration::from_millis(300))
                .await;
            // One that the kernel refuses is refused at once.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(reached(&told)[1], (ROUTER6, Reachability::Reachable));
        assert_eq!(reached(&others), [], "it has sent nothing");
        assert_eq!(unconfigured(&told), [""; 0]);
    });
}

#[test]
fn a_herd_that_is_taken_over_keeps_its_ipv6_or_loses_all_of_it_where_it_is_to_speak_ipv4_only() {
    in_a_world(|| async {
        let router = router6();
        let adopt = || async {
            let config = LanConfig {
                adopt: Some(2),
                ..config()
            };
            LinuxLan::open(config).await.expect("opened")
        };
        {
            let lan = open().await;
            let (one, _) = attach(&lan, Families::Dual, 1).await;
            let (other, _) = attach(&lan, Families::Ipv4, 2).await;
            one.configure6(addressing(7)).await.expect("set");
            for port in [&one, &other] {
                let last = if std::ptr::eq(port, &raw const one) {
                    7
                } else {
                    8
                };
                port.configure(&lease(last)).await.expect("configured");
            }
            // And killed: dropped without being closed.
        }
        let before = addresses(1);
        let (lan, cleared) = adopt().await;
        assert_eq!(cleared.adopted, 2);
        let (one, told) = attach(&lan, Families::Dual, 1).await;
        let (other, others) = attach(&lan, Families::Dual, 2).await;
        let kept = addresses(1);
        assert!(
            kept.contains("2001:db8:9::7/64") && before.contains("::7/64"),
            "{kept}"
        );
        answered(&one, BEYOND, 1).await;
        // Whoever was IPv4 only is not any more, and takes nothing by itself.
        send(&router, ALL_NODES, &advertisement());
        until("it is heard", || packets(&others).len() == 1).await;
        assert_eq!(addresses(2), "");
        other.configure6(addressing(7)).await.expect("set");
        assert_eq!(outcomes(&others).len(), 2, "the first has these");
        other.configure6(addressing(8)).await.expect("set");
        answered(&other, BEYOND, 1).await;
        // What is not wanted any more is removed.
        let mut wanted = addressing(9);
        wanted.addresses.remove(0);
        wanted
            .addresses
            .push(Address6::link_local(link_local(7), false));
        one.configure6(wanted).await.expect("set");
        let left = addresses(1);
        assert!(
            left.contains("::9/64") && !left.contains("9::7/64"),
            "{left}"
        );
        assert_eq!(unconfigured(&told), [""; 0]);
        drop((one, other, lan));

        let (lan, _) = adopt().await;
        let (one, told) = attach(&lan, Families::Ipv4, 1).await;
        assert_eq!((addresses(1), routes(1)), (String::new(), String::new()));
        send(&router, ALL_NODES, &advertisement());
        let ipv4 = one.ping(echo_request(ROUTER, 1), PATIENCE).await;
        assert!(matches!(ipv4, PingOutcome::Reply(_)), "{ipv4:?}");
        assert_eq!((addresses(1), packets(&told)), (String::new(), Vec::new()));
        drop(one);
        end(&lan).await;
    });
}
