//! Whoever stands on the link and means ill: what is malformed, or from another, changes nothing and is told with its byte; what is
//! well-formed and too much is bounded.

use super::*;
use crate::ndp::Preference;
use crate::ndp::options::{Resolvers, RouteInformation};

/// Where these stand in the frame of a message of neighbour discovery.
const HOP_LIMIT: usize = 14 + 7;
const CODE: usize = 14 + 40 + 1;
const CHECKSUM: usize = 14 + 40 + 2;
const PAYLOAD_LENGTH: usize = 14 + 4;
const FIRST_OPTION: usize = 14 + 40 + 16;

/// A client with an address of its own and a leased one.
fn usable() -> Timeline {
    let router = advertised(true, false, &[prefix(PREFIX, 1_800, 3_600)]);
    let mut timeline = Timeline::beside(router, Serves::Leases);
    timeline.run(10.0);
    assert_eq!(timeline.ups().len(), 1);
    timeline
}

/// What the client has, but for whatever moves with time.
fn standing(timeline: &Timeline) -> (Arc<Ipv6State>, Addressing6) {
    (timeline.stack.state().clone(), timeline.set.clone())
}

/// How often something of no use was told since.
fn told(timeline: &mut Timeline) -> Vec<String> {
    let said = std::mem::take(&mut timeline.said);
    let events = said.into_iter().filter_map(|(_, said)| match said {
        Output6::Event(event) => Some(event.to_string()),
        Output6::Lost(failure) | Output6::Overdue(failure) => panic!("{failure}"),
        _ => None,
    });
    events.collect()
}

/// The same frame with a right checksum.
fn checked(mut frame: Vec<u8>) -> Vec<u8> {
    frame[CHECKSUM..CHECKSUM + 2].fill(0);
    let (addresses, content) = (&frame[14 + 8..14 + 40], &frame[14 + 40..]);
    let length = u32::try_from(content.len()).expect("short").to_be_bytes();
    let all = [addresses, &length, &[0, 0, 0, 58], content].concat();
    let mut sum: u32 = 0;
    for pair in all.chunks(2) {
        sum += u32::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u32::from);
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let sum = !u16::try_from(sum).expect("folded");
    frame[CHECKSUM..CHECKSUM + 2].copy_from_slice(&sum.to_be_bytes());
    frame
}

/// The advertisement of a router that takes everything over.
fn hijack() -> Vec<u8> {
    let mut router = advertised(true, true, &[prefix("2001:db8:bad::/64", 9_000, 9_000)]);
    router.body.preference = Preference::High;
    router.options.push(NdOption::Mtu(1_280));
    advertisement(&router)
}

fn with(mut frame: Vec<u8>, at: usize, byte: u8) -> Vec<u8> {
    frame[at] = byte;
    frame
}

/// The first so many bytes of its message, as a whole packet.
fn cut(frame: &[u8], length: usize) -> Vec<u8> {
    let mut frame = frame[..14 + 40 + length].to_vec();
    let length = u16::try_from(length).expect("short").to_be_bytes();
    frame[PAYLOAD_LENGTH..PAYLOAD_LENGTH + 2].copy_from_slice(&length);
    frame
}

#[test]
fn an_advertisement_that_hosts_must_drop_changes_nothing_and_is_told_with_its_byte() {
    let right = hijack();
    let mut global = right.clone();
    global[14 + 8..14 + 24].copy_from_slice(&LEASED.octets());
    // Cut within what has to be there, and within an option; the others end where an option does.
    let content = right.len() - 14 - 40;
    let cuts = (4..content).filter(|length| *length < 16 || (length - 16) % 8 != 0);
    let mut attacks: Vec<_> = cuts.map(|length| checked(cut(&right, length))).collect();
    attacks.extend([
        with(right.clone(), HOP_LIMIT, 64),
        with(right.clone(), HOP_LIMIT, 0),
        checked(global),
        checked(with(right.clone(), CODE, 1)),
        with(right.clone(), CHECKSUM, right[CHECKSUM] ^ 1),
        checked(with(right.clone(), FIRST_OPTION + 1, 0)),
        checked(with(right.clone(), FIRST_OPTION + 1, 255)),
    ]);
    let mut timeline = usable();
    for (number, attack) in attacks.into_iter().enumerate() {
        told(&mut timeline);
        let before = standing(&timeline);
        timeline.arrive(Coming::Discovery(attack.clone()));
        timeline.drain();
        assert_eq!(standing(&timeline), before, "{number}: {attack:x?}");
        let words = told(&mut timeline);
        assert_eq!(words.len(), 1, "{number}: {words:?}");
        assert!(words[0].contains("byte"), "{number}: {words:?}");
    }
}

#[test]
fn a_prefix_of_impossible_length_is_passed_over_and_told_with_its_byte() {
    for length in [129, 200, 255] {
        // Of one router the same is told once.
        let mut timeline = usable();
        told(&mut timeline);
        let before = timeline.global();
        let attack = checked(with(hijack(), FIRST_OPTION + 2, length));
        timeline.arrive(Coming::Discovery(attack));
        timeline.drain();
        timeline.run(2.0);
        assert_eq!(timeline.global(), before);
        let words = told(&mut timeline);
        // Behind the header and the fixed part.
        let is_told = |words: &String| words.contains("option 3 at byte 56");
        assert!(words.iter().any(is_told), "{words:?}");
    }
}

#[test]
fn a_flood_of_routers_prefixes_and_resolvers_is_bounded_and_what_was_there_stays() {
    let mut timeline = usable();
    let own = timeline.global();
    for number in 0..1_000_u16 {
        let own = |last| Ipv6Addr::new(0x2001, 0xdb8, 0xf100, number, 0, 0, 0, last);
        let prefix_of = |number: u16, part: u16| {
            let address = Ipv6Addr::new(0x2001, 0xdb8, 0xf000 | part, number, 0, 0, 0, 0);
            Prefix::new(address, 64).expect("a prefix")
        };
        let mut options = Vec::new();
        for part in 0..20 {
            options.push(prefix(&prefix_of(number, part).to_string(), 9_000, 9_000));
            options.push(NdOption::Route(RouteInformation {
                prefix: prefix_of(number, 0x100 | part),
                preference: Preference::High,
                lifetime: Lifetime::INFINITE,
            }));
        }
        options.push(NdOption::Resolvers(Resolvers {
            lifetime: Lifetime::INFINITE,
            servers: (1..8).map(own).collect(),
        }));
        let body = RouterAdvertisement {
            lifetime: 9_000,
            preference: Preference::High,
            ..RouterAdvertisement::default()
        };
        let source = Ipv6Addr::new(0xfe80, 0, 0, 0, 0xbad, 0, 0, number);
        let packet = Packet::router_advertisement(ROUTER_MAC, source, body, options);
        let frame = packet.to_frame().expect("a frame");
        timeline.arrive(Coming::Discovery(frame));
        timeline.drain();
    }
    timeline.run(5.0);
    assert!(timeline.failures().is_empty(), "{:?}", timeline.failures());
    let state = timeline.stack.state().clone();
    assert!(state.routers.len() <= 16, "{}", state.routers.len());
    assert!(state.on_link.len() <= 17, "{}", state.on_link.len());
    assert!(state.addresses.len() <= 40, "{}", state.addresses.len());
    assert!(state.resolvers.len() <= 16, "{}", state.resolvers.len());
    assert!(
        timeline.set.routes.len() <= 100,
        "{}",
        timeline.set.routes.len()
    );
    assert!(state.is_usable);
    let now = timeline.global();
    assert!(own.iter().all(|address| now.contains(address)), "{now:?}");
}

/// A REPLY that the server would give to this question, changed.
fn replies(timeline: &Timeline, change: impl Fn(&mut Message)) -> Vec<u8> {
    let mut question = Message::new(MessageType::Renew, 0x00c0_ffee);
    question
        .options
        .set(code::CLIENT_ID, Duid::link_layer(MAC).as_bytes());
    let mut ia = Ia::new(IaKind::Addresses, 1);
    ia.options.push_address(&IaAddress::new(LEASED, 0, 0));
    question.options.push_ia(&ia);
    let mut answer = Message::answer_to(&question, MessageType::Reply);
    answer
        .options
        .set(code::SERVER_ID, Duid::link_layer(ROUTER_MAC).as_bytes());
    answer.options.push_ia(&ia);
    change(&mut answer);
    datagram(timeline, &answer.encode().expect("short"))
}

/// These bytes from the server to the client.
fn datagram(timeline: &Timeline, bytes: &[u8]) -> Vec<u8> {
    let ends = Ends6 {
        link_source: ROUTER_MAC,
        link_destination: MAC,
        source: ROUTER,
        destination: timeline.stack.host.link_local().expect("an address"),
    };
    turned(crate::lan::frame6::dhcp6_frame(&ends, bytes).expect("fits"))
}

#[test]
fn a_dhcp6_message_that_is_no_answer_or_cannot_be_read_takes_no_lease_away() {
    let mut timeline = usable();
    let whole = replies(&timeline, |_| {});
    let bytes = whole[DHCP6_AT..].to_vec();
    let mut attacks = vec![
        // Nothing was asked with that number; and one for somebody else.
        whole.clone(),
        replies(&timeline, |answer| {
            let other = Duid::link_layer(Mac([2, 0, 0, 0, 0, 0x66]));
            answer.options.set(code::CLIENT_ID, other.as_bytes());
        }),
        // A RECONFIGURE that nobody has signed.
        replies(&timeline, |answer| {
            answer.message_type = MessageType::Reconfigure;
            answer.xid = 0;
            answer.options.set(code::RECONFIGURE_MESSAGE, [5]);
        }),
    ];
    // Cut at every byte; and with a length that leads beyond the end.
    attacks.extend((0..bytes.len()).map(|length| datagram(&timeline, &bytes[..length])));
    attacks.push(datagram(
        &timeline,
        &[&bytes[..], &[0, 3, 0xff, 0xff, 0]].concat(),
    ));
    // Options within options, as deep as a datagram has room for.
    let mut nest = Vec::new();
    while nest.len() < 1_200 {
        let length = u16::try_from(nest.len() + 12).expect("short").to_be_bytes();
        nest = [&[0, 3][..], &length, &[0; 12], &nest].concat();
    }
    attacks.push(datagram(&timeline, &[&bytes[..4], &nest].concat()));
    let before = (timeline.global(), timeline.stack.state().lease.clone());
    for (number, attack) in attacks.into_iter().enumerate() {
        told(&mut timeline);
        timeline.arrive(Coming::Dhcp6(attack));
        timeline.drain();
        let now = (timeline.global(), timeline.stack.state().lease.clone());
        assert_eq!(now, before, "{number}");
        let words = told(&mut timeline);
        assert_eq!(words.len(), 1, "{number}: {words:?}");
    }
    assert!(timeline.stack.state().is_usable);
    // Nor is it asked for sooner than at T1, half an hour after it was given.
    timeline.run(1_700.0);
    assert!(timeline.failures().is_empty(), "{:?}", timeline.failures());
    let renews = timeline.sent(Sent6::Dhcp6(MessageType::Renew));
    assert!(renews.is_empty(), "{renews:?}");
}
