//! What is not leased, alone and beside a lease.

use super::*;

fn informing_with(config: Config) -> Harness {
    let mut harness = Harness::new(config, 1);
    harness.tell(Client::inform);
    harness.until(0.0);
    harness
}

fn information(harness: &Harness, refresh: Option<u32>) -> Message {
    let mut reply = harness.answer(MessageType::Reply, 1, &[]);
    reply
        .options
        .push_addresses(code::DNS_SERVERS, &[address("2001:db8::53")]);
    if let Some(refresh) = refresh {
        reply
            .options
            .push(code::INFORMATION_REFRESH_TIME, refresh.to_be_bytes());
    }
    reply
}

// RFC 9915, 21.23: information is refreshed after option 32, 600 s at least, or a day where there is none.
#[test]
fn information_is_refreshed_when_the_server_says_or_after_a_day() {
    for (refresh, expected) in [
        (None, Some(86_400.0)),
        (Some(0), Some(600.0)),
        (Some(599), Some(600.0)),
        (Some(7200), Some(7200.0)),
        (Some(u32::MAX), None),
    ] {
        let mut harness = informing_with(config());
        let reply = information(&harness, refresh);
        harness.receive(&reply);
        let Some(Event::Informed(information)) = harness.happened().pop() else {
            panic!("not informed");
        };
        assert_eq!(information.parameters.dns, [address("2001:db8::53")]);
        assert_eq!(
            information.refresh_at,
            expected.map(|after| harness.at(after))
        );
        assert_eq!(harness.state(), "informed");
        harness.forget();
        if let Some(expected) = expected {
            harness.until(expected);
            assert_eq!(harness.times(MessageType::InformationRequest), [expected]);
            assert!(harness.client.state().information().is_some());
        } else {
            assert_eq!(harness.client.poll_timeout(), None);
        }
    }
}

// RFC 9915, 18.2.6: INFORMATION-REQUEST is sent again after 1 s, doubled up to INF_MAX_RT, without an end.
// RFC 9915, 21.24: SOL_MAX_RT and INF_MAX_RT count within 60 to 86400 s, and from a message that is ignored, too.
#[test]
fn a_mute_link_is_asked_on_and_on_and_a_server_may_say_how_rarely() {
    let mut harness = informing_with(config());
    harness.until(10_000.0);
    let times = harness.times(MessageType::InformationRequest);
    assert_waits(&times[..8], &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0], 0.4);

    let mut harness = informing_with(config());
    let mut reply = harness.answer(MessageType::Reply, 1, &[]);
    reply
        .options
        .push_status(&status(StatusCode::UnspecFail))
        .push(code::INF_MAX_RT, 60_u32.to_be_bytes());
    harness.receive(&reply);
    assert_eq!(harness.refusals(), [(None, StatusCode::UnspecFail)]);
    assert_eq!(harness.state(), "informing");
    harness.until(1000.0);
    let times = harness.times(MessageType::InformationRequest);
    let last = times[times.len() - 1] - times[times.len() - 2];
    assert!((54.0..=66.0).contains(&last), "{last}");
}

// RFC 9915, 16.10: a server's message without its DUID, or without the client's, is dropped.
#[test]
fn who_does_not_say_who_it_is_gets_answers_that_do_not_either() {
    let anonymous = Config {
        is_anonymous: true,
        ..config()
    };
    let mut harness = informing_with(anonymous);
    assert!(!harness.last().options.contains(code::CLIENT_ID));
    let mut named = information(&harness, None);
    named
        .options
        .push(code::CLIENT_ID, Duid::link_layer(MAC).as_bytes());
    harness.receive(&named);
    assert_eq!(harness.ignored(), [Ignored::ForeignClientId]);
    let reply = information(&harness, None);
    harness.receive(&reply);
    assert_eq!(harness.state(), "informed");

    let mut harness = informing_with(config());
    let mut nameless = information(&harness, None);
    nameless.options.remove(code::CLIENT_ID);
    harness.receive(&nameless);
    assert_eq!(harness.ignored(), [Ignored::NoClientId]);
}

// RFC 9915, 18.2.10.5: what a server does not tell any more is used no more.
#[test]
fn a_lease_goes_on_while_information_is_asked_for_beside_it() {
    let mut harness = Harness::bound();
    harness.until(10.0);
    harness.tell(Client::inform);
    assert_eq!(harness.state(), "bound");
    assert_eq!(harness.last().message_type, MessageType::InformationRequest);
    harness.until(14.0);
    assert!(harness.sent.len() >= 2, "it is sent again");
    let reply = information(&harness, None);
    harness.receive(&reply);
    assert!(matches!(harness.happened()[..], [Event::Informed(_)]));
    let lease = harness.client.lease().expect("a lease");
    assert_eq!(lease.parameters.dns, [address("2001:db8::53")]);
    harness.forget();
    harness.until(1700.0);
    assert!(harness.sent.is_empty(), "it was answered");
    harness.receive(&reply);
    assert_eq!(harness.ignored(), [Ignored::Unexpected]);
    harness.until(1800.0);
    assert_eq!(harness.state(), "renewing");
}

// RFC 9915, 18.2.12: a client with only information asks for it again when the link was away.
#[test]
fn information_is_asked_for_again_when_the_link_was_away_or_when_told() {
    for order in [Client::reconnect, Client::inform] {
        let mut harness = informing_with(config());
        let reply = information(&harness, None);
        harness.receive(&reply);
        harness.until(100.0);
        harness.forget();
        harness.tell(order);
        harness.until(100.0);
        assert_eq!(harness.times(MessageType::InformationRequest), [100.0]);
        assert!(harness.client.state().information().is_some());
    }
}

#[test]
fn a_client_with_information_looks_for_a_lease_when_it_is_told_to_start() {
    let mut harness = informing_with(config());
    let reply = information(&harness, None);
    harness.receive(&reply);
    harness.tell(Client::start);
    harness.until(0.0);
    assert_eq!(line(harness.last()), "solicit na[]");
    // One that wants nothing leased never does.
    let nothing = Config {
        ias: Vec::new(),
        ..config()
    };
    let mut harness = Harness::new(nothing, 1);
    harness.tell(Client::start);
    harness.until(0.0);
    assert_eq!(harness.last().message_type, MessageType::InformationRequest);
    harness.tell(Client::release);
    assert_eq!(harness.state(), "stopped");
}
