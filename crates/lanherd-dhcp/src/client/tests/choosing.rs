//! Which of several OFFERs is taken.

use super::*;

// RFC 2131, 4.4.1: which OFFER is taken follows a stated policy.
#[test]
fn the_first_offer_is_taken_and_later_ones_are_passed_over() {
    let mut harness = Harness::selecting();
    let late = harness.offer(OTHER_SERVER, OTHER_ADDRESS);
    harness.receive(&harness.offer(SERVER, ADDRESS));
    harness.receive(&late);
    assert_eq!(harness.ignored(), [Ignored::Unexpected]);
    assert_eq!(
        harness.last().message.options.address(code::SERVER_ID),
        Some(SERVER)
    );
}

// RFC 2131, 4.4.1: which OFFER is taken follows a stated policy.
#[test]
fn a_window_collects_offers_and_takes_the_longest_lease() {
    let offers = OfferPolicy::Window(Duration::from_secs(2));
    let mut harness = Harness::selecting_with(Config { offers, ..config() });
    harness.until(3.0);
    let mut longer = harness.offer(OTHER_SERVER, OTHER_ADDRESS);
    longer.options.set(code::LEASE_TIME, 7200_u32.to_be_bytes());
    harness.receive(&harness.offer(SERVER, ADDRESS));
    harness.until(4.5);
    harness.receive(&longer);
    assert_eq!(
        harness.sent.len(),
        1,
        "no DISCOVER while offers are at hand"
    );
    harness.until(6.0);
    assert_eq!(harness.times(), [0.0, 5.0]);
    assert_eq!(
        harness.last().message.options.address(code::SERVER_ID),
        Some(OTHER_SERVER)
    );
    assert_eq!(
        harness
            .last()
            .message
            .options
            .address(code::REQUESTED_ADDRESS),
        Some(OTHER_ADDRESS)
    );
}

#[test]
fn a_window_prefers_the_address_that_was_held_before() {
    let offers = OfferPolicy::Window(Duration::from_secs(2));
    let mut harness = Harness::new(Config { offers, ..config() }, 1);
    harness.tell(|client, now| client.reboot(ADDRESS, now));
    harness.until(14.0);
    assert_eq!(
        line(harness.last()),
        "discover ciaddr=0.0.0.0 50=192.168.1.50 0.0.0.0 > 255.255.255.255"
    );
    let mut longer = harness.offer(OTHER_SERVER, OTHER_ADDRESS);
    longer.options.set(code::LEASE_TIME, 7200_u32.to_be_bytes());
    harness.receive(&longer);
    harness.receive(&harness.offer(SERVER, ADDRESS));
    harness.until(16.0);
    assert_eq!(
        harness
            .last()
            .message
            .options
            .address(code::REQUESTED_ADDRESS),
        Some(ADDRESS)
    );
}

#[test]
fn a_flood_of_offers_is_cut() {
    let offers = OfferPolicy::Window(Duration::from_secs(2));
    let mut harness = Harness::selecting_with(Config { offers, ..config() });
    let offer = harness.offer(SERVER, ADDRESS);
    for _ in 0..40 {
        harness.receive(&offer);
    }
    assert_eq!(harness.ignored(), [Ignored::TooManyOffers; 8]);
}
