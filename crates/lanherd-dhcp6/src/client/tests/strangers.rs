//! Messages that are not for this client, or not for this moment.

use super::*;

// RFC 9915, 16.2: a message that clients send is dropped.
// RFC 9915, 16: a message to a group of hosts is dropped.
// RFC 9915, 16.3: an answer with another transaction id is dropped.
// RFC 9915, 16.10: a server's message without its DUID, or without the client's, is dropped.
#[test]
fn each_kind_of_message_that_is_not_for_this_client_is_named() {
    let mut harness = Harness::requesting();
    let good = harness.answer(MessageType::Reply, 1, &[leased(&[ADDRESS], HOUR)]);
    let changed = |change: &dyn Fn(&mut Message)| {
        let mut message = good.clone();
        change(&mut message);
        message
    };
    let set = |code: u16, value: &'static [u8]| {
        changed(&move |message| {
            message.options.set(code, value);
        })
    };
    for (message, reason) in [
        (changed(&|it| it.xid ^= 1), Ignored::ForeignXid),
        (
            changed(&|it| it.message_type = MessageType::Advertise),
            Ignored::Unexpected,
        ),
        (
            changed(&|it| it.message_type = MessageType::Request),
            Ignored::NotForClients,
        ),
        (
            changed(&|it| {
                it.options.remove(code::SERVER_ID);
            }),
            Ignored::NoServerId,
        ),
        (set(code::SERVER_ID, &[1, 2]), Ignored::NoServerId),
        (
            changed(&|it| {
                it.options.remove(code::CLIENT_ID);
            }),
            Ignored::NoClientId,
        ),
        (
            set(code::CLIENT_ID, &[0, 3, 0, 1, 9]),
            Ignored::ForeignClientId,
        ),
        (
            set(code::SERVER_ID, &[0, 3, 0, 1, 9]),
            Ignored::ForeignServer,
        ),
    ] {
        harness.receive(&message);
        assert_eq!(harness.ignored(), [reason], "{}", line(&message));
        assert_eq!(harness.state(), "requesting");
    }
    let group = Arrival {
        destination: address("ff02::1:2"),
        ..arrival()
    };
    harness.receive_from(&good, group);
    assert_eq!(harness.ignored(), [Ignored::Multicast]);
    for &kind in MessageType::ALL.iter().filter(|kind| !kind.is_servers()) {
        harness.receive(&changed(&|it| it.message_type = kind));
        assert_eq!(harness.ignored(), [Ignored::NotForClients]);
    }
    harness.receive(&good);
    assert_eq!(harness.state(), "bound");
    // Twice is once.
    harness.forget();
    harness.receive(&good);
    assert_eq!(harness.ignored(), [Ignored::Unexpected]);
}

#[test]
fn a_server_from_afar_is_believed_and_told_of() {
    let mut harness = Harness::requesting();
    let reply = harness.answer(MessageType::Reply, 1, &[leased(&[ADDRESS], HOUR)]);
    let afar = Arrival {
        source: address("2001:db8::1"),
        ..arrival()
    };
    harness.receive_from(&reply, afar);
    assert!(matches!(
        harness.happened()[..],
        [Event::FromAfar { .. }, Event::Bound { .. }]
    ));
}

#[test]
fn what_was_not_asked_for_is_not_taken() {
    let mut harness = Harness::requesting();
    let mut other = leased(&[OTHER_ADDRESS], HOUR);
    other.iaid = 9;
    let prefixes = delegated(&[PREFIX], HOUR);
    harness.reply(1, &[other, leased(&[ADDRESS], HOUR), prefixes]);
    assert_eq!(harness.used(), [address(ADDRESS)]);
    let unasked = RemarkReason::Unasked;
    assert_eq!(
        harness.remarked(),
        [(code::IA_NA, unasked), (code::IA_PD, unasked)]
    );
}

#[test]
fn more_than_is_kept_of_one_identity_association_is_cut_and_named() {
    let mut harness = Harness::requesting();
    let many: Vec<String> = (1..=20)
        .map(|host| format!("2001:db8:77::{host:x}"))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    harness.reply(1, &[leased(&many, HOUR)]);
    assert_eq!(harness.used().len(), crate::MAX_LEASES);
    assert_eq!(
        harness.remarked(),
        [(code::IA_ADDRESS, RemarkReason::OverLimit); 4]
    );
}

// Field practice: a malformed DHCPv6 option costs that option alone.
#[test]
fn what_the_decoder_passed_over_is_told_of_messages_that_are_taken_and_of_no_others() {
    let mut harness = Harness::requesting();
    let mut reply = harness.answer(MessageType::Reply, 1, &[leased(&[ADDRESS], HOUR)]);
    reply.options.push(code::DNS_SERVERS, [1, 2, 3]);
    let mut foreign = reply.clone();
    foreign.xid ^= 1;
    harness.receive(&foreign);
    assert!(matches!(
        harness.happened()[..],
        [Event::Ignored {
            reason: Ignored::ForeignXid,
            ..
        }]
    ));
    harness.receive(&reply);
    assert_eq!(
        harness.remarked(),
        [(code::DNS_SERVERS, RemarkReason::Length)]
    );
    assert_eq!(harness.state(), "bound");
}
