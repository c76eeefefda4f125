//! What clients hear and send of neighbour discovery and DHCPv6.

use super::*;

#[test]
fn an_advertisement_is_taken_once_for_all_who_speak_ipv6_and_the_kernel_makes_nothing_of_it() {
    behind_router6(MacvlanMode::Private, async |lan, router| {
        let (_one, first) = attach(lan, Families::Dual, 1).await;
        let (_other, second) = attach(lan, Families::Ipv6, 2).await;
        let (ipv4, third) = attach(lan, Families::Ipv4, 3).await;
        send(router, ALL_NODES, &advertisement());
        until("both hear it", || {
            packets(&first).len() == 1 && packets(&second).len() == 1
        })
        .await;
        let packet = packets(&first).remove(0);
        assert!(Arc::ptr_eq(&packet, &packets(&second)[0]));
        assert_eq!(packet.link_source, router.mac());
        assert_eq!((packet.source, packet.destination), (ROUTER6, ALL_NODES));
        assert_eq!(packet.hop_limit, 255);
        assert!(packet.is_sound && !packet.is_fragment);
        assert_eq!(packet.content()[4..], advertisement()[4..]);
        assert_eq!(packets(&third), []);
        // Time enough for the kernel to make an address of it, if it were to.
        tokio::time::sleep(Duration::from_millis(300)).await;
        for number in 1..=3 {
            assert_eq!(addresses(number), "");
            assert!(!routes(number).contains("default"), "{}", routes(number));
        }
        let refused = ipv4.configure6(addressing(3)).await.expect_err("refused");
        assert!(refused.detail.contains("speaks IPv4 only"), "{refused}");
        assert_eq!(
            ipv4.ping(echo_request(ROUTER6, 1), PATIENCE).await,
            PingOutcome::Lost(PingCause::NoRoute)
        );
    });
}

#[test]
fn frames_of_a_client_are_heard_and_a_dhcpv6_server_is_not_told_that_nobody_listens() {
    behind_router6(MacvlanMode::Bridge, async |lan, router| {
        let number = far0(router);
        let server = router.run(|| {
            let server = UdpSocket::bind("[::]:547").expect("port 547");
            server
                .join_multicast_v6(&ALL_DHCP_SERVERS, number)
                .expect("joined");
            server.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            server
        });
        let (port, told) = attach(lan, Families::Dual, 1).await;
        port.configure6(addressing(7)).await.expect("set");
        let mac = client(1).mac;
        let solicit = Ends6::to_group(mac, link_local(7), ALL_DHCP_SERVERS);
        let solicit = dhcp6_frame(&solicit, b"solicit").expect("fits");
        let unreachables = || {
            let text = ip("netns exec ns1 cat /proc/net/snmp6");
            let line = text
                .lines()
                .find(|line| line.starts_with("Icmp6OutDestUnreachs"));
            let count = line.and_then(|line| line.split_whitespace().nth(1));
            count.expect("a count").parse::<u64>().expect("a number")
        };
        let exchange = |answer: &'static [u8]| {
            port.transmit6(&solicit).expect("sent");
            let mut message = [0; 64];
            let (length, from) = server.recv_from(&mut message).expect("a message");
            assert_eq!(&message[..length], b"solicit");
            assert_eq!((from.ip(), from.port()), (link_local(7).into(), 546));
            server.send_to(answer, from).expect("answered");
        };
        let heard = |content: &[u8]| {
            told.events().into_iter().find_map(|event| match event {
                PortEvent::Dhcp6(packet) if packet.content() == content => Some(packet),
                _ => None,
            })
        };
        // The kernel limits how many errors it sends, and may keep one to itself.
        let deadline = Instant::now() + Duration::from_secs(20);
        while unreachables() == 0 {
            assert!(
                Instant::now() < deadline,
                "nobody listens, and the server is not told"
            );
            exchange(b"advertise");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        until("it is heard", || heard(b"advertise").is_some()).await;
        port.hear_dhcp6().await.expect("open");
        port.hear_dhcp6().await.expect("open already");
        let before = unreachables();
        for _ in 0..3 {
            exchange(b"reply");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        until("it is heard", || heard(b"reply").is_some()).await;
        let answer = heard(b"reply").expect("one");
        assert_eq!(answer.source, ROUTER6);
        assert_eq!(answer.link_source, router.mac());
        assert!(answer.is_sound);
        assert_eq!(unreachables(), before);

        // In the name of a client that has died.
        drop(port);
        assert_eq!(lan.detach(&client(1)).await, []);
        lan.transmit6_for(&client(1), &solicit).expect("sent");
        let mut message = [0; 64];
        let (length, _) = server.recv_from(&mut message).expect("a message");
        assert_eq!(&message[..length], b"solicit");
        lan.transmit6_for(&client(2), &solicit)
            .expect_err("another's MAC");
    });
}

#[test]
fn a_solicitation_goes_out_and_fragments_and_other_chatter_do_not_pass_for_answers() {
    behind_router6(MacvlanMode::Bridge, async |lan, router| {
        let solicited = icmp6(router);
        solicited
            .join_multicast_v6(&ALL_ROUTERS, far0(router))
            .expect("joined");
        let (port, told) = attach(lan, Families::Dual, 1).await;
        let ends = Ends6::to_group(client(1).mac, Ipv6Addr::UNSPECIFIED, ALL_ROUTERS);
        let solicitation = discovery_frame(&ends, &[133, 0, 0, 0, 0, 0, 0, 0]).expect("fits");
        port.transmit6(&solicitation).expect("sent");
        let mut message = [0; 64];
        loop {
            let length = (&solicited).read(&mut message).expect("a message");
            if message[0] == 133 {
                assert_eq!(length, 8);
                break;
            }
        }
        // An echo request for everybody, and a datagram for another port.
        send(router, ALL_NODES, &[128, 0, 0, 0, 0, 1, 0, 1]);
        let whole = router.run(|| Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::from(255))));
        let whole = whole.expect("a raw socket");
        let sends = |offset: u16, more: u16| {
            let content = advertisement();
            let fragment = [
                &[58, 0][..],
                &(offset << 3 | more).to_be_bytes(),
                &[0, 0, 0, 7],
                &content,
            ]
            .concat();
            let length = u16::try_from(fragment.len()).expect("short").to_be_bytes();
            let packet = [
                &[0x60, 0, 0, 0][..],
                &length,
                &[44, 255],
                &ROUTER6.octets(),
                &ALL_NODES.octets(),
                &fragment,
            ]
            .concat();
            let to = SocketAddrV6::new(ALL_NODES, 0, 0, far0(router));
            whole
                .send_to(&packet, &SocketAddr::from(to).into())
                .expect("sent");
        };
        sends(5, 0);
        sends(0, 1);
        sends(0, 0);
        send(router, ALL_NODES, &advertisement());
        until("the last is heard", || {
            packets(&told).iter().any(|packet| !packet.is_fragment)
        })
        .await;
        let heard: Vec<_> = packets(&told)
            .iter()
            .map(|packet| (packet.content()[0], packet.is_fragment, packet.is_sound))
            .collect();
        assert_eq!(
            heard,
            [(134, true, false), (134, true, false), (134, false, true)]
        );
    });
}

#[test]
fn who_says_that_it_is_no_router_any_more_is_heard_by_those_whose_router_it_is() {
    behind_router6(MacvlanMode::Private, async |lan, router| {
        let (one, told) = attach(lan, Families::Dual, 1).await;
        let (other, others) = attach(lan, Families::Dual, 2).await;
        one.configure6(addressing(7)).await.expect("set");
        let mut without = addressing(8);
        without.routes.clear();
        other.configure6(without).await.expect("set");
        let advertisement =
            |target: Ipv6Addr| [&[136, 0, 0, 0, 0x20, 0, 0, 0][..], &target.octets()].concat();
        send(router, ALL_NODES, &advertisement(global(0x55)));
        send(router, ALL_NODES, &advertisement(ROUTER6));
        let about_router = |told: &Told| {
            let mut packets = packets(told);
            packets.retain(|packet| packet.destination == ALL_NODES);
            packets.len()
        };
        until("it is heard", || about_router(&told) == 1).await;
        assert_eq!(about_router(&others), 0);
    });
}
