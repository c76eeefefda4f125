use parking_lot::Mutex;

use super::*;
use crate::Ipv6Config;
use lanherd_ndp::slaac::{
    AddressKind, Change, Config, Event as SlaacEvent, Output, Secret, Verification,
};
use lanherd_ndp::{Host, Packet as NdPacket};
use lanherd_net::frame6::{Ends6, discovery_frame};
use lanherd_net::lan::ipv6::Address6;
use lanherd_net::lan::{Lan, Port};
use lanherd_types::identity::{PoolName, Seed};

const ONE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const OTHER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);

fn client(number: u32) -> Identity {
    Identity::derive(&PoolName::default(), ClientNumber(number), Seed(7))
}

fn with(addresses: &[Ipv6Addr]) -> Addressing6 {
    let addresses = addresses.iter();
    Addressing6 {
        addresses: addresses
            .map(|address| Address6::link_local(*address, true))
            .collect(),
        ..Addressing6::default()
    }
}

#[tokio::test(start_paused = true)]
async fn addresses_are_asked_for_and_siblings_never_have_the_same() {
    let lan = FakeLan::new(&LabConfig::default());
    let told = Arc::new(Mutex::new(Vec::new()));
    let attach = async |number: u32| {
        let told = Arc::clone(&told);
        let inbox = move |event| told.lock().push((number, event));
        let identity = client(number);
        let attached = lan.attach_speaking(Families::Dual, &identity, Box::new(inbox));
        attached.await.expect("attached")
    };
    let (one, other) = (attach(1).await, attach(2).await);
    told.lock().clear();
    let stranger = Mac([2, 0, 0, 0, 0, 9]);
    lan.squat6(OTHER, stranger);
    one.configure6(with(&[ONE, OTHER])).await.expect("set");
    other.configure6(with(&[ONE])).await.expect("set");
    tokio::time::sleep(2 * DETECTION).await;
    let duplicate = |holder| DadOutcome::Duplicate {
        holder: Some(holder),
    };
    let expected = [
        (2, PortEvent::Address6(ONE, duplicate(client(1).mac))),
        (1, PortEvent::Address6(ONE, DadOutcome::Unique)),
        (1, PortEvent::Address6(OTHER, duplicate(stranger))),
    ];
    assert_eq!(*told.lock(), expected);
    assert_eq!(lan.addressing6(client(1).mac), Some(with(&[ONE])));
    assert_eq!(lan.addressing6(client(2).mac), Some(with(&[])));
}

#[tokio::test(start_paused = true)]
async fn frames_are_answered_and_advertisements_reach_who_speaks_ipv6() {
    let lan = FakeLan::new(&LabConfig::default());
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let inbox = |number: u32| {
        let tell = tell.clone();
        Box::new(move |event| drop(tell.send((number, event))))
    };
    let dual = lan
        .attach_speaking(Families::Dual, &client(1), inbox(1))
        .await;
    let dual = dual.expect("attached");
    let ipv4 = lan.attach(&client(2), inbox(2)).await.expect("attached");
    while told.try_recv().is_ok() {}
    let router = Ends6::to_group(
        Mac([2, 0, 0, 0, 0, 1]),
        ONE,
        Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1),
    );
    let advertisement = discovery_frame(&router, &[134, 0, 0, 0, 0, 0, 0, 0]).expect("fits");
    let packet = Packet6::from_frame(&advertisement, Instant::now()).expect("one");
    lan.discover6(packet.clone());
    let advertised = PortEvent::Icmp6(Arc::new(packet.clone()));
    assert_eq!(told.try_recv().ok(), Some((1, advertised.clone())));

    lan.serve6(move |_, _| vec![PortEvent::Icmp6(Arc::new(packet.clone()))]);
    let routers = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
    let ends = Ends6::to_group(client(1).mac, OTHER, routers);
    let solicitation = discovery_frame(&ends, &[133, 0, 0, 0, 0, 0, 0, 0]).expect("fits");
    dual.transmit6(&solicitation).expect("sent");
    assert_eq!(told.recv().await, Some((1, advertised)));
    assert_eq!(
        lan.frames_of(client(1).mac),
        std::slice::from_ref(&solicitation)
    );
    ipv4.transmit6(&solicitation).expect_err("another's");
    ipv4.configure6(with(&[ONE])).await.expect_err("IPv4 only");
    assert_eq!(told.try_recv().ok(), None);
}

#[tokio::test(start_paused = true)]
async fn the_labs_router_answers_solicitations_advertises_and_renumbers() {
    let lan = FakeLan::new(&LabConfig {
        ipv6: Some(Ipv6Config::default()),
        ..LabConfig::default()
    });
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let identity = client(1);
    let inbox = Box::new(move |event| drop(tell.send(event)));
    let attached = lan.attach_speaking(Families::Dual, &identity, inbox);
    let port = attached.await.expect("attached");
    let mut host = Host::new(
        Config::new(client(1).mac, Secret([7; 16])),
        fastrand::Rng::with_seed(1),
    );
    host.start(now());
    let mut prefixes = Vec::new();
    let began = tokio::time::Instant::now();
    let mut is_renumbered = false;
    while prefixes.len() < 3 {
        assert!(began.elapsed() < Duration::from_secs(3600), "{prefixes:?}");
        host.handle_timeout(now());
        while let Some(output) = host.poll_output() {
            match output {
                Output::Transmit(packet) => {
                    port.transmit6(&packet.to_frame().expect("a frame"))
                        .expect("sent");
                }
                Output::Configure(Change::SetAddress(it)) if it.is_tentative => {
                    host.handle_verification(it.address, Verification::Unique, now());
                }
                Output::Event(SlaacEvent::AddressFormed {
                    address,
                    kind: AddressKind::Stable,
                }) => {
                    prefixes.push(address.segments()[2]);
                }
                Output::Configure(_) | Output::Event(_) => {}
            }
        }
        if prefixes.len() == 2 && !is_renumbered {
            is_renumbered = true;
            lan.renumber6();
        }
        let until = host
            .poll_timeout()
            .unwrap_or(now() + Duration::from_secs(1));
        if let Ok(Some(PortEvent::Icmp6(packet))) =
            tokio::time::timeout_at(until.into(), told.recv()).await
        {
            host.handle_packet(&NdPacket::from_frame(&packet.frame).expect("valid"), now());
        }
    }
    assert_eq!(
        prefixes,
        [0x77, 0, 0x78],
        "the provider's, the site's, and the new one"
    );
}
