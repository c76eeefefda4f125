//! RECONFIGURE, genuine and not.

use super::*;
use crate::ReconfigureKey;

const KEY: ReconfigureKey = ReconfigureKey([7; 16]);

fn accepting() -> Config {
    Config {
        reconfigure: true,
        ..config()
    }
}

/// A client with a lease and the key of its server.
fn bound() -> Harness {
    let mut harness = Harness::requesting_with(accepting());
    assert!(harness.last().options.contains(code::RECONFIGURE_ACCEPT));
    let mut reply = harness.answer(MessageType::Reply, 1, &[leased(&[ADDRESS], HOUR)]);
    reply.options.push_option(KEY.to_option(10));
    harness.receive(&reply);
    harness.forget();
    harness
}

/// A RECONFIGURE of server `number`.
fn reconfigure(number: u8, kind: u8, key: ReconfigureKey, replay: u64) -> Message {
    let mut message = Message::new(MessageType::Reconfigure, 0);
    message
        .options
        .push(code::SERVER_ID, server(number).as_bytes())
        .push(code::CLIENT_ID, Duid::link_layer(MAC).as_bytes())
        .push(code::RECONFIGURE_MESSAGE, [kind]);
    key.sign(&mut message, replay).expect("short");
    message
}

// RFC 9915, 18.2.11: a RECONFIGURE makes the client renew, rebind, or ask that server for information.
#[test]
fn a_genuine_reconfigure_is_done() {
    for (kind, word, expected) in [
        (5, ReconfigureKind::Renew, "renew to 1 na[2001:db8:77::50]"),
        (6, ReconfigureKind::Rebind, "rebind na[2001:db8:77::50]"),
        (
            11,
            ReconfigureKind::InformationRequest,
            "information_request to 1",
        ),
    ] {
        let mut harness = bound();
        harness.receive(&reconfigure(1, kind, KEY, 11));
        assert_eq!(harness.lines(), [expected]);
        assert_eq!(
            harness.happened(),
            [Event::Reconfigured {
                kind: word,
                server: server(1)
            }]
        );
    }
}

// RFC 9915, 16.11: a RECONFIGURE counts only where it is accepted, says what to do, and is authentic.
#[test]
fn any_other_reconfigure_is_dropped_and_counted() {
    let other = ReconfigureKey([8; 16]);
    let plain = |kind| {
        let mut message = reconfigure(1, kind, KEY, 11);
        message.options.remove(code::AUTHENTICATION);
        message
    };
    let without = |code| {
        let mut message = reconfigure(1, 5, KEY, 11);
        message.options.remove(code);
        message
    };
    for (message, reason) in [
        (reconfigure(1, 5, other, 11), Ignored::WrongDigest),
        (reconfigure(1, 5, KEY, 10), Ignored::Replayed),
        (reconfigure(1, 5, KEY, 0), Ignored::Replayed),
        (reconfigure(2, 5, KEY, 11), Ignored::Unauthenticated),
        (plain(5), Ignored::Unauthenticated),
        (reconfigure(1, 7, KEY, 11), Ignored::NoReconfigureMessage),
        (reconfigure(1, 99, KEY, 11), Ignored::NoReconfigureMessage),
        (
            without(code::RECONFIGURE_MESSAGE),
            Ignored::NoReconfigureMessage,
        ),
        (without(code::SERVER_ID), Ignored::NoServerId),
        (without(code::CLIENT_ID), Ignored::NoClientId),
    ] {
        let mut harness = bound();
        harness.receive(&message);
        assert_eq!(harness.ignored(), [reason], "{message:?}");
        assert!(harness.sent.is_empty());
    }
    let mut harness = bound();
    let group = Arrival {
        destination: address("ff02::1"),
        ..arrival()
    };
    harness.receive_from(&reconfigure(1, 5, KEY, 11), group);
    assert_eq!(harness.ignored(), [Ignored::Multicast]);

    // Who does not accept it takes no key for a reason.
    let mut harness = Harness::requesting();
    assert!(!harness.last().options.contains(code::RECONFIGURE_ACCEPT));
    let mut reply = harness.answer(MessageType::Reply, 1, &[leased(&[ADDRESS], HOUR)]);
    reply.options.push_option(KEY.to_option(10));
    harness.receive(&reply);
    harness.forget();
    harness.receive(&reconfigure(1, 5, KEY, 11));
    assert_eq!(harness.ignored(), [Ignored::ReconfigureRefused]);
}

// RFC 9915, 20.3: a RECONFIGURE that is no newer than the last of its server is dropped.
// RFC 9915, 18.2.11: while an exchange is under way a RECONFIGURE is dropped.
#[test]
fn a_reconfigure_counts_once_and_not_while_another_is_being_done() {
    let mut harness = bound();
    harness.receive(&reconfigure(1, 5, KEY, 11));
    harness.receive(&reconfigure(1, 6, KEY, 12));
    assert_eq!(harness.ignored(), [Ignored::Busy]);
    assert_eq!(harness.state(), "renewing");
    harness.reply(1, &[leased(&[ADDRESS], HOUR)]);
    assert_eq!(harness.state(), "bound");
    harness.forget();
    // Also the one that came at the wrong time is used up.
    for replay in [11, 12] {
        harness.receive(&reconfigure(1, 5, KEY, replay));
        assert_eq!(harness.ignored(), [Ignored::Replayed]);
    }
    harness.receive(&reconfigure(1, 11, KEY, 13));
    assert_eq!(harness.lines(), ["information_request to 1"]);
    harness.forget();
    harness.receive(&reconfigure(1, 5, KEY, 14));
    assert_eq!(harness.ignored(), [Ignored::Busy]);
}

// RFC 9915, 16.11: a RECONFIGURE counts only where it is accepted, says what to do, and is authentic.
#[test]
fn who_minds_no_replay_still_minds_the_digest() {
    let config = Config {
        detects_replay: false,
        ..accepting()
    };
    let mut harness = Harness::requesting_with(config);
    let mut reply = harness.answer(MessageType::Reply, 1, &[leased(&[ADDRESS], HOUR)]);
    reply.options.push_option(KEY.to_option(0));
    harness.receive(&reply);
    harness.forget();
    harness.receive(&reconfigure(1, 5, ReconfigureKey([8; 16]), 0));
    assert_eq!(harness.ignored(), [Ignored::WrongDigest]);
    harness.receive(&reconfigure(1, 5, KEY, 0));
    assert_eq!(harness.state(), "renewing");
}

// RFC 9915, 20.4.3: the digest is over the whole message, with zeros in its own place.
#[test]
fn a_newer_key_replaces_the_one_before_and_an_older_one_does_not() {
    let other = ReconfigureKey([8; 16]);
    let mut harness = bound();
    harness.until(1800.0);
    let renewed = |harness: &mut Harness, replay| {
        let mut reply = harness.answer(MessageType::Reply, 1, &[leased(&[ADDRESS], HOUR)]);
        reply.options.push_option(other.to_option(replay));
        harness.receive(&reply);
    };
    renewed(&mut harness, 9);
    harness.receive(&reconfigure(1, 5, other, 20));
    assert_eq!(harness.ignored(), [Ignored::WrongDigest]);
    harness.tell(Client::renew);
    renewed(&mut harness, 20);
    harness.receive(&reconfigure(1, 5, other, 21));
    assert_eq!(harness.ignored(), []);
    assert_eq!(harness.state(), "renewing");
}

// RFC 9915, 18.2.11: a RECONFIGURE makes the client renew, rebind, or ask that server for information.
#[test]
fn a_client_without_a_lease_asks_for_information_and_has_nothing_to_renew() {
    let mut harness = Harness::new(accepting(), 1);
    harness.tell(Client::inform);
    harness.until(0.0);
    let mut reply = harness.answer(MessageType::Reply, 1, &[]);
    reply.options.push_option(KEY.to_option(1));
    harness.receive(&reply);
    harness.forget();
    harness.receive(&reconfigure(1, 5, KEY, 2));
    assert_eq!(harness.ignored(), [Ignored::Unexpected]);
    harness.receive(&reconfigure(1, 11, KEY, 3));
    assert_eq!(harness.lines(), ["information_request to 1"]);
    assert_eq!(harness.state(), "informing");
}
