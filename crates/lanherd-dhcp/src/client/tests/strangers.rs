//! Replies that are for others.

use super::*;

// RFC 2131, 4.4.1: a reply with another xid is not for this client.
// RFC 2131, 2: a reply has op 2 and the client's own chaddr.
#[test]
fn replies_that_are_not_for_this_transaction_are_passed_over() {
    let mut harness = Harness::selecting();
    let wrong = |change: fn(&mut Message)| {
        let mut offer = harness.offer(SERVER, ADDRESS);
        change(&mut offer);
        offer
    };
    let wrongs = [
        (wrong(|m| m.op = Op::Request), Ignored::NotAReply),
        (
            wrong(|m| m.chaddr = Mac([2, 0, 0x5e, 0x10, 0, 2])),
            Ignored::ForeignMac,
        ),
        (wrong(|m| m.xid ^= 1), Ignored::ForeignXid),
        (
            wrong(|m| _ = m.options.remove(code::MESSAGE_TYPE)),
            Ignored::NoMessageType,
        ),
        (
            wrong(|m| {
                m.options.set(code::MESSAGE_TYPE, [9]);
            }),
            Ignored::UnknownMessageType,
        ),
        (
            wrong(|m| {
                m.options.set(code::MESSAGE_TYPE, [1]);
            }),
            Ignored::Unexpected,
        ),
        (
            wrong(|m| _ = m.options.remove(code::SERVER_ID)),
            Ignored::NoServerId,
        ),
        (
            wrong(|m| _ = m.options.set(code::SERVER_ID, [255; 4])),
            Ignored::NoServerId,
        ),
        (
            wrong(|m| m.yiaddr = Ipv4Addr::UNSPECIFIED),
            Ignored::UnusableAddress,
        ),
        (
            wrong(|m| m.yiaddr = Ipv4Addr::new(224, 0, 0, 1)),
            Ignored::UnusableAddress,
        ),
        (harness.ack(SERVER, ADDRESS, HOUR), Ignored::Unexpected),
        (harness.nak(SERVER), Ignored::Unexpected),
    ];
    for (message, reason) in wrongs {
        harness.receive(&message);
        assert_eq!(harness.ignored(), [reason]);
        assert_eq!(
            (harness.state(), harness.sent.len()),
            ("selecting", 1),
            "{reason}"
        );
    }
}

// RFC 6842, 3: a client identifier that a server echoes must be the own one.
#[test]
fn a_client_identifier_that_is_echoed_must_be_the_one_that_was_sent() {
    for (client_id, ours) in [
        (ClientId::None, None),
        (ClientId::Mac, Some([1, 2, 0, 0x5e, 0x10, 0, 1])),
    ] {
        let mut harness = Harness::selecting_with(Config {
            client_id: client_id.clone(),
            ..config()
        });
        assert_eq!(
            harness
                .last()
                .message
                .options
                .get(code::CLIENT_ID)
                .as_deref(),
            ours.as_ref().map(<[u8; 7]>::as_slice)
        );

        let mut foreign = harness.offer(SERVER, ADDRESS);
        foreign
            .options
            .set(code::CLIENT_ID, [1, 2, 0, 0x5e, 0x10, 0, 2]);
        harness.receive(&foreign);
        assert_eq!(harness.ignored(), [Ignored::ForeignClientId]);

        let mut silent = harness.offer(SERVER, ADDRESS);
        silent.options.remove(code::CLIENT_ID);
        let mut twin = Harness::selecting_with(Config {
            client_id,
            ..config()
        });
        twin.receive(&silent);
        assert_eq!(
            twin.state(),
            "requesting",
            "servers before RFC 6842 echo none"
        );
        harness.receive(&harness.offer(SERVER, ADDRESS));
        assert_eq!(harness.state(), "requesting");
    }
}
