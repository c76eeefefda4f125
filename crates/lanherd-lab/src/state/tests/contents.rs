//! A server whose answers say what is wrong, or are none.

use super::*;

#[test]
fn the_router_and_the_dns_server_that_are_named_are_nobody() {
    let nobody = vec![Ipv4Addr::new(10, 77, 255, 254)];
    let faults = [
        (Fault::DhcpWrongRouter, code::ROUTERS),
        (Fault::DhcpWrongDns, code::DNS_SERVERS),
    ];
    let mut lan = StateLan::new();
    for (fault, wrong) in faults {
        lan.inject(fault, 10);
        let messages = [
            discover(1),
            request(1, FIRST, Some(ROUTER)),
            holding(MessageType::Inform, 1, FIRST),
        ];
        for message in &messages {
            let reply = lan.send(message).expect("an answer");
            for (_, code) in faults {
                let named = reply.options.addresses(code);
                let right = vec![ROUTER];
                assert_eq!(named, if code == wrong { &nobody } else { &right }.clone());
            }
        }
        assert_eq!(lan.effects(fault), 3);
        // Who does not ask for it is not told it.
        let mut modest = discover(2);
        modest
            .options
            .push(code::PARAMETER_REQUESTS, [code::SUBNET_MASK]);
        let reply = lan.send(&modest).expect("an offer");
        assert!(!reply.options.contains(wrong));
        assert_eq!(lan.effects(fault), 3);
        lan.wait(10_000);
        let reply = lan.send(&messages[0]).expect("an offer");
        assert_eq!(reply.options.addresses(wrong), [ROUTER]);
    }
}

#[test]
fn exactly_one_option_is_malformed_and_it_is_one_that_clients_can_do_without() {
    let mut lan = StateLan::new();
    lan.inject(Fault::DhcpMalformedOption, 60);
    let mut asks = discover(1);
    asks.options
        .set(code::PARAMETER_REQUESTS, [code::DNS_SERVERS]);
    lan.state.hear(&asks, lan.now);
    let sent: Vec<_> = lan.out().into_iter().collect();
    let [out] = &sent[..] else {
        panic!("{sent:?}");
    };
    let message = Message::decode(&out.bytes).expect("a message");
    let codes: Vec<u8> = message
        .notes
        .malformed()
        .iter()
        .map(|remark| remark.option)
        .collect();
    assert_eq!(codes, [code::DNS_SERVERS]);
    assert_eq!(lan.effects(Fault::DhcpMalformedOption), 1);
    lan.wait(60_000);
    assert_eq!(lan.join(1), FIRST);
}

#[test]
fn garbage_is_sent_in_every_shape_and_nothing_is_wrong_with_the_books() {
    let mut lan = StateLan::new();
    lan.inject(Fault::DhcpGarbage, 60);
    let mut sent = Vec::new();
    for _ in 0..100 {
        lan.state.hear(&discover(1), lan.now);
        sent.extend(lan.out());
    }
    assert_eq!((sent.len(), lan.effects(Fault::DhcpGarbage)), (100, 100));
    for out in &sent {
        assert!(
            Message::decode(&out.bytes).is_ok_and(|message| message.xid != 7)
                || Message::decode(&out.bytes).is_err()
        );
    }
    assert!(sent.iter().any(|out| out.bytes.is_empty()));
    assert!(sent.iter().any(|out| out.bytes.len() >= 300));
    lan.wait(60_000);
    assert_eq!(lan.join(1), FIRST);
}
