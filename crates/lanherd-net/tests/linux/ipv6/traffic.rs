//! Pings, connections, datagrams and lookups over IPv6.

use super::*;

/// An error of this type and code that quotes an echo request from the client to the router.
fn error_about(kind: u8, code: u8, request: &[u8], client: Ipv6Addr) -> Vec<u8> {
    let length = u16::try_from(request.len()).expect("short").to_be_bytes();
    let mut error = vec![kind, code, 0, 0, 0, 0, 5, 0];
    error.extend([0x60, 0, 0, 0, length[0], length[1], 58, 64]);
    error.extend(client.octets());
    error.extend(ROUTERS_GLOBAL.octets());
    error.extend(request);
    error
}

#[test]
fn a_router_that_refuses_the_source_or_the_size_of_a_ping_is_told_as_that() {
    behind_router6(MacvlanMode::Private, async |lan, router| {
        router.run(|| {
            let ignored = "/proc/sys/net/ipv6/icmp/echo_ignore_all";
            std::fs::write(ignored, "1").expect("written");
        });
        let raw = UdpSocket::from(icmp6(router));
        raw.set_read_timeout(Some(PATIENCE)).expect("a limit");
        let (port, _) = attach(lan, Families::Ipv6, 1).await;
        port.configure6(addressing(7)).await.expect("set");
        let answering = thread::spawn(move || {
            let mut errors = [(1, 5), (2, 0), (3, 0), (1, 3)].into_iter();
            let mut message = [0; 256];
            while let Ok((length, from)) = raw.recv_from(&mut message) {
                if message[0] != 128 {
                    continue;
                }
                let Some((kind, code)) = errors.next() else {
                    return;
                };
                let error = error_about(kind, code, &message[..length], global(7));
                raw.send_to(&error, from).expect("sent");
                if errors.len() == 0 {
                    return;
                }
            }
        });
        for (sequence, cause) in [
            PingCause::SourceRefused,
            PingCause::TooBig,
            PingCause::TtlExceeded,
            PingCause::Unreachable,
        ]
        .into_iter()
        .enumerate()
        {
            let sequence = u16::try_from(sequence).expect("few");
            assert_eq!(
                port.ping(echo_request(ROUTERS_GLOBAL, sequence), PATIENCE)
                    .await,
                PingOutcome::Lost(cause)
            );
        }
        answering.join().expect("answered");
    });
}

#[test]
fn connections_and_datagrams_go_over_ipv6_and_errors_say_what_was_seen() {
    behind_router6(MacvlanMode::Bridge, async |lan, router| {
        router.ip(&format!("route add unreachable {}/128", beyond(2)));
        let listener = router.run(|| TcpListener::bind("[::]:80").expect("port 80"));
        let echo = router.run(|| UdpSocket::bind("[::]:53").expect("port 53"));
        let (port, _) = attach(lan, Families::Ipv6, 1).await;
        port.configure6(addressing(7)).await.expect("set");
        let server = thread::spawn(move || {
            let (mut stream, from) = listener.accept().expect("a connection");
            let mut word = [0; 4];
            stream.read_exact(&mut word).expect("a word");
            stream.write_all(&word).expect("sent");
            let mut datagram = [0; 64];
            for _ in 0..2 {
                let (length, asked_by) = echo.recv_from(&mut datagram).expect("a datagram");
                echo.send_to(&datagram[..length], asked_by).expect("sent");
            }
            from.ip()
        });
        let mut connected = port
            .connect(SocketAddr::from((BEYOND, 80)), PATIENCE)
            .await
            .expect("connected");
        assert!(!connected.took.is_zero() && connected.took < PATIENCE);
        connected.stream.write_all(b"word").await.expect("sent");
        let mut word = [0; 4];
        connected.stream.read_exact(&mut word).await.expect("read");
        assert_eq!(&word, b"word");
        // A link-local address needs no word of the link: there is one.
        for server in [ROUTERS_GLOBAL, ROUTER6] {
            let to = SocketAddr::from((server, 53));
            let udp = port.udp(to).await.expect("open");
            udp.send(b"ask").await.expect("sent");
            let mut answer = [0; 64];
            let came = udp.recv(&mut answer).await.expect("an answer");
            assert_eq!((&answer[..came.length], came.from), (&b"ask"[..], to));
            assert!(!came.took.is_zero() && came.took < PATIENCE);
        }
        assert_eq!(server.join().expect("a server"), global(7));
        let refused = port.connect(SocketAddr::from((BEYOND, 81)), PATIENCE).await;
        let refused = refused.map(drop).expect_err("nobody listens");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let udp = port.udp((beyond(2), 53).into()).await.expect("open");
        udp.send(b"ask").await.expect("sent");
        let lost = udp.recv(&mut [0; 64]).await.map(drop);
        let lost = lost.expect_err("unreachable");
        assert_eq!(lost.kind(), ErrorKind::HostUnreachable, "{lost}");
    });
}

/// The client's resolver file, without its heading.
fn resolver(number: u32) -> String {
    let file = std::fs::read_to_string(format!("/etc/netns/ns{number}/resolv.conf"));
    let file = file.expect("a resolver file");
    file.lines().skip(1).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_resolver_file_has_both_families_and_a_link_local_resolver_is_asked() {
    behind_router6(MacvlanMode::Private, async |lan, router| {
        let dns = router.run(|| UdpSocket::bind("[::]:53").expect("port 53"));
        dns.set_read_timeout(Some(4 * PATIENCE)).expect("a limit");
        let served = thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((length, from)) = dns.recv_from(&mut query) {
                let mut answer = query[..length].to_vec();
                answer[2] |= 0x80;
                let is_aaaa = answer.ends_with(&[0, 28, 0, 1]);
                if is_aaaa {
                    answer[7] = 1;
                    answer.extend([0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 9, 0, 16]);
                    answer.extend(BEYOND.octets());
                }
                dns.send_to(&answer, from).expect("sent");
                if is_aaaa {
                    return Some(from.ip());
                }
            }
            None
        });
        let (port, _) = attach(lan, Families::Dual, 1).await;
        let wanted = Addressing6 {
            resolvers: vec![ROUTER6, ROUTERS_GLOBAL],
            search: vec!["six.example".into()],
            ..addressing(7)
        };
        port.configure6(wanted.clone()).await.expect("set");
        let of_ipv6 = "nameserver fe80::1%lan0\nnameserver 2001:db8:9::1";
        assert_eq!(resolver(1), format!("search six.example\n{of_ipv6}"));
        let request = CommandRequest {
            line: "getent ahostsv6 www.test.example".to_owned(),
            environment: Vec::new(),
            timeout: 4 * PATIENCE,
        };
        let ran = port.command(request).await;
        assert_eq!(ran.end, CommandEnd::Exit(0), "{}", ran.output);
        assert!(ran.output.contains(&BEYOND.to_string()), "{}", ran.output);
        assert_eq!(
            served.join().expect("a server"),
            Some(link_local(7).into()),
            "the first was asked, over the link"
        );
        // The lease's stand before them, and either goes with its family.
        port.configure(&lease(7)).await.expect("configured");
        assert_eq!(
            resolver(1),
            format!("search lan.example six.example\nnameserver {ROUTER}\n{of_ipv6}")
        );
        port.configure6(addressing(7)).await.expect("set");
        assert_eq!(
            resolver(1),
            format!("search lan.example\nnameserver {ROUTER}")
        );
        port.configure6(wanted).await.expect("set");
        port.deconfigure().await.expect("deconfigured");
        assert_eq!(resolver(1), format!("search six.example\n{of_ipv6}"));
        port.configure6(Addressing6::default()).await.expect("set");
        assert_eq!(resolver(1), "");
    });
}
