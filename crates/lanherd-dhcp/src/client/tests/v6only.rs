//! Option 108: without IPv4 for a while (RFC 8925).

use super::*;

fn willing() -> Config {
    Config {
        v6_only: true,
        ..config()
    }
}

fn with_108(mut message: Message, seconds: u32) -> Message {
    message.options.push(code::V6_ONLY, seconds.to_be_bytes());
    message
}

const fn v6_only(seconds: u64) -> Event {
    Event::V6Only {
        wait: Duration::from_secs(seconds),
    }
}

const RELEASE: &str = "release ciaddr=192.168.1.50 54=192.168.1.1 192.168.1.50 > 192.168.1.1";

#[test]
fn a_client_that_can_do_without_ipv4_asks_in_every_message_that_has_a_list() {
    let mut harness = Harness::requesting_with(willing());
    harness.receive(&harness.ack(SERVER, ADDRESS, HOUR));
    harness.until(1800.0);
    harness.tell(Client::inform);
    assert_eq!(harness.sent.len(), 4);
    for (_, transmit) in &harness.sent {
        let list = transmit
            .message
            .options
            .get(code::PARAMETER_REQUESTS)
            .expect("a list");
        assert_eq!(list.last(), Some(&code::V6_ONLY));
    }
}

// RFC 8925, 3.2: an OFFER with option 108 is not requested by a client that asked for it.
#[test]
fn an_offer_with_the_option_is_not_requested_and_init_comes_after_the_wait() {
    let mut harness = Harness::selecting_with(willing());
    let offer = with_108(harness.offer(SERVER, ADDRESS), 1800);
    harness.forget();
    harness.receive(&offer);
    assert_eq!(harness.happened(), [v6_only(1800)]);
    assert_eq!((harness.state(), harness.sent.len()), ("v6_only", 0));
    harness.until(1800.0);
    assert_eq!(
        (lines(&harness), harness.times()),
        (
            vec!["discover ciaddr=0.0.0.0 0.0.0.0 > 255.255.255.255".to_owned()],
            vec![1800.0]
        )
    );
    assert_eq!(harness.last().message.secs, 0);
}

// RFC 8925, 3.4: the time without IPv4 is 300 s at least.
#[test]
fn the_wait_is_five_minutes_at_least_and_may_last_for_ever() {
    for (seconds, expected) in [
        (0, 300),
        (299, 300),
        (300, 300),
        (301, 301),
        (u32::MAX, 4_294_967_295),
    ] {
        let mut harness = Harness::selecting_with(willing());
        harness.receive(&with_108(harness.offer(SERVER, ADDRESS), seconds));
        assert_eq!(harness.happened(), [v6_only(expected)]);
    }
}

#[test]
fn an_offer_without_an_address_says_it_as_well() {
    let mut harness = Harness::selecting_with(willing());
    harness.receive(&with_108(harness.offer(SERVER, Ipv4Addr::UNSPECIFIED), 600));
    assert_eq!(
        (harness.happened(), harness.state()),
        (vec![v6_only(600)], "v6_only")
    );
}

// RFC 8925, 3.1: option 108 is nothing to a client that did not ask, or of another length.
#[test]
fn the_option_is_nothing_to_a_client_that_did_not_ask_and_of_another_length_to_none() {
    let mut harness = Harness::selecting();
    harness.receive(&with_108(harness.offer(SERVER, ADDRESS), 600));
    assert_eq!(harness.state(), "requesting");

    let listed = Config {
        parameter_requests: vec![code::SUBNET_MASK, code::V6_ONLY],
        ..config()
    };
    let mut harness = Harness::selecting_with(listed);
    harness.receive(&with_108(harness.offer(SERVER, ADDRESS), 600));
    assert_eq!(harness.state(), "requesting", "a list alone is only looks");

    let mut harness = Harness::selecting_with(willing());
    let mut offer = harness.offer(SERVER, ADDRESS);
    offer.options.push(code::V6_ONLY, [1, 2, 3]);
    harness.receive(&Message::decode(&offer.encode()).expect("a message"));
    assert_eq!(harness.state(), "requesting");
}

#[test]
fn the_option_counts_in_the_ack_of_a_reboot_whose_lease_goes_back() {
    let mut harness = Harness::rebooting_with(willing());
    let ack = with_108(harness.ack(SERVER, ADDRESS, HOUR), 600);
    harness.forget();
    harness.receive(&ack);
    assert_eq!(
        (harness.happened(), harness.state()),
        (vec![v6_only(600)], "v6_only")
    );
    assert_eq!(lines(&harness), [RELEASE]);
}

#[test]
fn a_lease_in_use_is_given_up_when_it_is_confirmed_with_the_option() {
    let mut harness = Harness::requesting_with(willing());
    harness.receive(&harness.ack(SERVER, ADDRESS, HOUR));
    harness.tell(Client::reconnect);
    let ack = with_108(harness.ack(SERVER, ADDRESS, HOUR), 600);
    harness.forget();
    harness.receive(&ack);
    assert_eq!(
        harness.happened(),
        [Event::Lost(LossReason::V6Only), v6_only(600)]
    );
    assert_eq!(
        (lines(&harness), harness.client.lease()),
        (vec![RELEASE.to_owned()], None)
    );
}

// RFC 8925, 3.2: an address that was requested already, or is being extended, is used on.
#[test]
fn an_address_that_was_requested_or_is_extended_is_used_on() {
    let mut harness = Harness::requesting_with(willing());
    harness.receive(&with_108(harness.ack(SERVER, ADDRESS, HOUR), 600));
    assert_eq!(harness.state(), "bound");
    for (second, state) in [(1800.0, "renewing"), (1800.0 + 3150.0, "rebinding")] {
        harness.until(second);
        assert_eq!(harness.state(), state);
        harness.receive(&with_108(harness.ack(SERVER, ADDRESS, HOUR), 600));
        assert_eq!(harness.state(), "bound");
    }
}

#[test]
fn a_committed_lease_goes_back() {
    let mut harness = Harness::selecting_with(Config {
        rapid_commit: true,
        ..willing()
    });
    let mut ack = with_108(harness.ack(SERVER, ADDRESS, HOUR), 600);
    ack.options.push(code::RAPID_COMMIT, []);
    harness.forget();
    harness.receive(&ack);
    assert_eq!(
        (harness.happened(), harness.state()),
        (vec![v6_only(600)], "v6_only")
    );
    assert_eq!(lines(&harness), [RELEASE]);
}

/// A client that has been told to do without IPv4 for ten minutes.
fn waiting() -> Harness {
    let mut harness = Harness::selecting_with(willing());
    harness.receive(&with_108(harness.offer(SERVER, ADDRESS), 600));
    harness.until(10.0);
    harness.forget();
    harness
}

// RFC 8925, 3.2: a new link ends the wait.
#[test]
fn a_new_link_ends_the_wait_and_so_does_release() {
    let mut harness = waiting();
    harness.tell(Client::reconnect);
    assert_eq!(
        (harness.state(), harness.times()),
        ("selecting", vec![10.0])
    );

    let mut harness = waiting();
    harness.tell(Client::release);
    assert_eq!(
        (harness.state(), harness.client.poll_timeout()),
        ("stopped", None)
    );
}

#[test]
fn nothing_else_ends_the_wait() {
    let mut harness = waiting();
    let late = Harness::selecting_with(willing()).offer(SERVER, ADDRESS);
    harness.receive(&late);
    assert_eq!(harness.ignored(), [Ignored::Unexpected]);
    for order in [
        Client::start,
        Client::renew,
        Client::rebind,
        Client::decline,
        Client::inform,
    ] {
        harness.tell(order);
    }
    harness.until(599.0);
    assert_eq!((harness.state(), harness.sent.len()), ("v6_only", 0));
}
