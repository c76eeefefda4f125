//! ADVERTISEs of several servers.

use super::*;

fn advertise(harness: &Harness, number: u8, preference: Option<u8>, ias: &[Ia]) -> Message {
    let mut offer = harness.answer(MessageType::Advertise, number, ias);
    if let Some(preference) = preference {
        offer.options.push(code::PREFERENCE, [preference]);
    }
    offer
}

// RFC 9915, 18.2.1: ADVERTISEs are collected for the first wait, unless one has the preference 255; then the first is taken.
// RFC 9915, 18.2.9: the ADVERTISE with the highest preference is taken, then the one that offers most, then the first.
#[test]
fn advertises_are_collected_for_the_first_wait_and_the_most_preferred_is_taken() {
    let mut harness = Harness::soliciting();
    for (number, preference) in [(1, None), (2, Some(7)), (3, Some(7)), (4, Some(0))] {
        let offer = advertise(&harness, number, preference, &[leased(&[ADDRESS], HOUR)]);
        harness.receive(&offer);
    }
    assert_eq!(harness.sent.len(), 1);
    harness.until(1.1);
    assert_eq!(harness.times(MessageType::Request).len(), 1);
    assert!(harness.sent[1].0 > 1.0);
    assert_eq!(line(harness.last()), "request to 2 na[2001:db8:77::50]");

    // Nobody answers the REQUESTs: then the next, and the next.
    harness.forget();
    harness.until(1200.0);
    let asked: Vec<String> = harness.lines();
    let first = |text: &str| asked.iter().position(|line| line.starts_with(text));
    let order = [
        "request to 2",
        "request to 3",
        "request to 1",
        "request to 4",
        "solicit",
    ];
    let order: Vec<Option<usize>> = order.into_iter().map(first).collect();
    assert!(
        order.is_sorted() && order.iter().all(Option::is_some),
        "{asked:?}"
    );
}

// RFC 9915, 18.2.1: ADVERTISEs are collected for the first wait, unless one has the preference 255; then the first is taken.
#[test]
fn the_highest_preference_ends_the_wait_and_after_the_wait_the_first_advertise_is_taken() {
    let mut harness = Harness::soliciting();
    let slow = advertise(&harness, 1, Some(254), &[leased(&[ADDRESS], HOUR)]);
    harness.receive(&slow);
    assert_eq!(harness.state(), "soliciting");
    let best = advertise(&harness, 2, Some(255), &[leased(&[ADDRESS], HOUR)]);
    harness.receive(&best);
    assert_eq!(line(harness.last()), "request to 2 na[2001:db8:77::50]");
    assert!(harness.seconds() < 1e-9);

    let mut harness = Harness::soliciting();
    harness.until(2.0);
    let late = advertise(&harness, 3, None, &[leased(&[ADDRESS], HOUR)]);
    harness.receive(&late);
    assert_eq!(line(harness.last()), "request to 3 na[2001:db8:77::50]");
}

// RFC 9915, 18.2.9: the ADVERTISE with the highest preference is taken, then the one that offers most, then the first.
#[test]
fn who_offers_all_that_is_wanted_is_taken_before_who_offers_a_part() {
    let mut harness = Harness::soliciting_with(config().with_prefix(MAC, Some(56)));
    let part = advertise(&harness, 1, None, &[leased(&[ADDRESS], HOUR)]);
    harness.receive(&part);
    let all = [leased(&[ADDRESS], HOUR), delegated(&[PREFIX], HOUR)];
    let all = advertise(&harness, 2, None, &all);
    harness.receive(&all);
    harness.until(1.2);
    assert_eq!(
        line(harness.last()),
        "request to 2 na[2001:db8:77::50] pd[2001:db8:7700::/56]"
    );
}

#[test]
fn a_flood_of_advertises_is_cut() {
    let mut harness = Harness::soliciting();
    for number in 0..40 {
        let offer = advertise(&harness, number, None, &[leased(&[ADDRESS], HOUR)]);
        harness.receive(&offer);
    }
    assert_eq!(harness.ignored(), [Ignored::TooManyOffers; 8]);
}

// RFC 9915, 18.2.9: where ADVERTISEs set different times, those that are usual count.
#[test]
fn servers_that_set_different_longest_waits_are_not_believed() {
    let mut harness = Harness::soliciting();
    for (number, seconds) in [(1, 60_u32), (2, 61)] {
        let mut nothing = harness.answer(MessageType::Advertise, number, &[]);
        nothing
            .options
            .push(code::SOL_MAX_RT, seconds.to_be_bytes());
        harness.receive(&nothing);
    }
    harness.until(2000.0);
    let times = harness.times(MessageType::Solicit);
    let last = times[times.len() - 1] - times[times.len() - 2];
    assert!(last > 300.0, "{last}");
}
