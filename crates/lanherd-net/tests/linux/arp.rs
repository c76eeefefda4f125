//! ARP packets of address conflict detection (RFC 5227), on the wire and from it.

use std::io::Read;
use std::net::Ipv4Addr;
use std::time::Duration;

use lanherd_dhcp::{Arp, ArpOp};
use lanherd_net::lan::{Lan, Port};
use lanherd_net::linux::{LanConfig, LinuxLan, MacvlanMode};
use socket2::{Domain, Protocol, Socket, Type};

use lanherd_testkit::world::{
    ROUTER, Router, attach_told, behind_a_router, client, config, end, in_a_world, ip, lease,
    on_a_lan, run, soon,
};

const SQUATTED: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 50);

/// All ARP packets that come to the router's end of the cable.
fn capture(router: &Router) -> Socket {
    let arp = Protocol::from(i32::from(0x0806_u16.to_be()));
    let socket = router.run(|| Socket::new(Domain::PACKET, Type::RAW, Some(arp)));
    let socket = socket.expect("a raw socket");
    socket
        .set_read_timeout(Some(Duration::from_secs(1)))
        .expect("a timeout");
    socket
}

fn next(socket: &Socket) -> Vec<u8> {
    let mut frame = [0; 100];
    let length = (&*socket).read(&mut frame).expect("a frame");
    frame[..length].to_vec()
}

// RFC 2131, 4.4.4: a conflict makes the client DECLINE, to everybody, with 50 and 54 and ciaddr 0.
#[test]
fn a_squatters_answer_to_a_probe_comes_to_the_client_that_listens() {
    behind_a_router(async |lan, router| {
        router.ip(&format!("addr add {SQUATTED}/24 dev far0"));
        let (port, told) = attach_told(lan, 1).await;
        let (bystander, others) = attach_told(lan, 2).await;
        let probe = Arp::probe(client(1).mac, SQUATTED);
        port.transmit_arp(&probe).expect("sent");
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(told.arps(), [], "nobody listens yet");

        port.listen_arp(Some(SQUATTED));
        bystander.listen_arp(Some(Ipv4Addr::new(10, 9, 0, 51)));
        port.transmit_arp(&probe).expect("sent");
        soon("it is told", || !told.arps().is_empty()).await;
        let answer = told.arps()[0];
        assert_eq!(answer.op, ArpOp::Reply);
        assert_eq!((answer.sender_mac, answer.sender), (router.mac(), SQUATTED));
        assert_eq!(answer.target_mac, client(1).mac);

        port.listen_arp(None);
        bystander.listen_arp(None);
        port.transmit_arp(&probe).expect("sent");
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(told.arps().len(), 1, "it does not listen any more");
        assert_eq!(others.arps(), []);
    });
}

// RFC 5227, 1.1: a probe says no sender's address, and an announcement the own one twice.
#[test]
fn probe_and_announcement_stand_on_the_wire_as_rfc_5227_has_them() {
    behind_a_router(async |lan, router| {
        let wire = capture(router);
        let (port, _) = attach_told(lan, 1).await;
        let mac = client(1).mac.octets();
        let header = [&[0xff; 6][..], &mac, &[8, 6]].concat();
        let packet = |sender: [u8; 4]| {
            [
                &header[..],
                &[0, 1, 8, 0, 6, 4, 0, 1],
                &mac,
                &sender,
                &[0; 6],
                &SQUATTED.octets(),
            ]
            .concat()
        };
        port.transmit_arp(&Arp::probe(client(1).mac, SQUATTED))
            .expect("sent");
        assert_eq!(next(&wire), packet([0; 4]), "the probe");
        port.transmit_arp(&Arp::announcement(client(1).mac, SQUATTED))
            .expect("sent");
        assert_eq!(next(&wire), packet(SQUATTED.octets()), "the announcement");
    });
}

#[test]
fn somebody_elses_probes_and_claims_are_heard_of_ones_own_address_only() {
    on_a_lan(async |lan| {
        let (port, told) = attach_told(lan, 1).await;
        port.configure(&lease(10)).await.expect("configured");
        let own = lease(10).address;
        port.listen_arp(Some(own));
        // A herd at the other end of the cable has a mouth for what no well-behaved host says.
        let config = LanConfig {
            parent: "far0".into(),
            pool: "other".parse().expect("a name"),
            ..config()
        };
        let (far, _) = LinuxLan::open(config).await.expect("opened");
        let (stranger, _) = attach_told(&far, 9).await;
        let mac = client(9).mac;
        let claim = Arp::announcement(mac, own);
        let said = [
            Arp::probe(mac, SQUATTED),
            Arp::announcement(mac, SQUATTED),
            // It asks for our address, as anybody may, without a claim to it.
            Arp {
                sender: SQUATTED,
                ..Arp::probe(mac, own)
            },
            Arp::announcement(client(1).mac, own),
            Arp::probe(mac, own),
            claim,
            Arp {
                op: ArpOp::Reply,
                target_mac: client(1).mac,
                ..claim
            },
        ];
        for arp in &said {
            stranger.transmit_arp(arp).expect("sent");
        }
        soon("the last is heard", || told.arps().last() == said.last()).await;
        assert_eq!(told.arps(), said[4..]);
        drop(stranger);
        assert_eq!(far.detach(&client(9)).await, []);
        assert_eq!(far.close().await, []);
    });
}

#[test]
fn two_clients_with_one_address_hear_of_each_other_in_every_mode() {
    in_a_world(|| async {
        ip("link add switch0 type bridge");
        ip("link set switch0 up");
        ip("link set far0 master switch0");
        for mode in [MacvlanMode::Bridge, MacvlanMode::Private, MacvlanMode::Vepa] {
            if mode == MacvlanMode::Vepa {
                // It needs a switch that sends frames back.
                ip("link set far0 type bridge_slave hairpin on");
            }
            let config = LanConfig { mode, ..config() };
            let (lan, _) = LinuxLan::open(config).await.expect("opened");
            let (first, told_first) = attach_told(&lan, 1).await;
            let (second, told_second) = attach_told(&lan, 2).await;
            first.listen_arp(Some(SQUATTED));
            second.listen_arp(Some(SQUATTED));
            let probe = Arp::probe(client(2).mac, SQUATTED);
            second.transmit_arp(&probe).expect("sent");
            soon("the probe is heard", || told_first.arps() == [probe]).await;
            let defence = Arp::announcement(client(1).mac, SQUATTED);
            first.transmit_arp(&defence).expect("sent");
            soon("the defence is heard", || told_second.arps() == [defence]).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert_eq!(told_first.arps(), [probe], "once, and not its own");
            assert_eq!(told_second.arps(), [defence], "once, and not its own");
            drop(second);
            first.transmit_arp(&defence).expect("sent");
            assert_eq!(told_second.arps(), [defence], "it is gone");
            drop(first);
            end(&lan).await;
        }
    });
}

#[test]
fn the_kernel_hands_arp_packets_over_only_while_somebody_listens() {
    on_a_lan(async |lan| {
        let filter = || {
            let text = run("ss --packet --bpf --numeric");
            assert!(text.contains("bpf filter"), "{text}");
            text
        };
        let usual = filter();
        let (first, _) = attach_told(lan, 1).await;
        let (second, _) = attach_told(lan, 2).await;
        assert_eq!(filter(), usual);
        first.listen_arp(Some(ROUTER));
        let open = filter();
        assert_ne!(open, usual);
        second.listen_arp(Some(SQUATTED));
        first.listen_arp(Some(SQUATTED));
        first.listen_arp(None);
        assert_eq!(filter(), open, "one listens still");
        drop(second);
        assert_eq!(filter(), usual);
    });
}
