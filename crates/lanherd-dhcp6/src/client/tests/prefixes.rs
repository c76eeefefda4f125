//! Prefixes, alone and beside addresses.

use super::*;

fn wants(length: Option<u8>) -> Config {
    config().with_prefix(MAC, length)
}

// RFC 9915, 21.22: a client that wants a prefix of some length asks for :: with that length.
#[test]
fn a_length_is_asked_for_until_there_is_a_prefix() {
    let harness = Harness::soliciting_with(wants(Some(56)));
    assert_eq!(line(harness.last()), "solicit na[] pd[::/56]");
    let hint = harness.last().options.ias().nth(1).expect("an IA");
    assert_eq!(hint.prefixes().next().map(|it| it.valid), Some(0));
    let harness = Harness::soliciting_with(wants(None));
    assert_eq!(line(harness.last()), "solicit na[] pd[]");
    let harness = Harness::soliciting_with(wants(Some(0)));
    assert_eq!(line(harness.last()), "solicit na[] pd[]");

    // A server that knows of no prefixes, as dnsmasq: the address is used, and the prefix asked for on.
    let mut harness = Harness::holding(wants(Some(56)), &[leased(&[ADDRESS], HOUR)]);
    assert_eq!(harness.state(), "bound");
    harness.until(1800.0);
    assert_eq!(
        line(harness.last()),
        "renew to 1 na[2001:db8:77::50] pd[::/56]"
    );
    harness.reply(1, &[leased(&[ADDRESS], HOUR), delegated(&[PREFIX], HOUR)]);
    let lease = harness.client.lease().expect("a lease");
    assert_eq!(lease.prefixes().count(), 1);
}

#[test]
fn several_prefixes_of_several_identity_associations_are_one_lease() {
    let mut config = wants(None);
    config.ias.push(WantedIa::prefixes(9, Some(64)));
    let mut second = delegated(&["2001:db8:9::/64"], HOUR);
    second.iaid = 9;
    let first = delegated(&[PREFIX, "2001:db8:8::/48"], HOUR);
    let harness = Harness::holding(config, &[leased(&[ADDRESS], HOUR), first, second]);
    let lease = harness.client.lease().expect("a lease");
    let prefixes: Vec<String> = lease.prefixes().map(|it| it.prefix.to_string()).collect();
    assert_eq!(
        prefixes,
        ["2001:db8:7700::/56", "2001:db8:8::/48", "2001:db8:9::/64"]
    );
}

// RFC 6603, 4.1: the excluded prefix goes on no link behind the client.
// RFC 6603, 4.2: an excluded prefix is longer than the delegated one, and only the bits between stand in the option.
#[test]
fn the_excluded_prefix_is_no_part_for_links_behind_the_client() {
    let with = |excluded: &[u8]| {
        let mut whole = IaPrefix::new(prefix("2001:db8:7700:4::/62"), 3600, 7200);
        whole.options.push(code::PREFIX_EXCLUDE, excluded);
        let mut pd = delegated(&[], HOUR);
        pd.options.push_prefix(&whole);
        let mut harness = Harness::requesting_with(wants(None));
        harness.reply(1, &[pd]);
        harness
    };
    let parts = |harness: &Harness| -> Vec<String> {
        let lease = harness.client.lease().expect("a lease");
        let leased = lease.prefixes().next().expect("a prefix");
        leased.parts(64).map(|part| part.to_string()).collect()
    };
    let mut harness = with(&[64, 0x40]);
    assert_eq!(
        parts(&harness),
        [
            "2001:db8:7700:4::/64",
            "2001:db8:7700:6::/64",
            "2001:db8:7700:7::/64"
        ]
    );
    assert_eq!(harness.remarked(), []);
    // One that is no part of it excludes nothing, and is named.
    let mut harness = with(&[62, 0x40]);
    assert_eq!(parts(&harness).len(), 4);
    assert_eq!(
        harness.remarked(),
        [(code::PREFIX_EXCLUDE, RemarkReason::Value)]
    );
}

// RFC 9915, 21.6: an address makes no prefix but one of 128 bits.
#[test]
fn an_address_says_nothing_of_who_else_is_on_the_link() {
    assert_eq!(crate::LeasedAddress::<Instant>::PREFIX_LEN, 128);
}

#[test]
fn prefixes_that_nobody_can_use_are_passed_over() {
    let mut harness = Harness::requesting_with(wants(None));
    let pd = delegated(&["::/0", "ff00::/8", "fe80::/64", "::/48", PREFIX], HOUR);
    harness.reply(1, &[leased(&[ADDRESS], HOUR), pd]);
    let lease = harness.client.lease().expect("a lease").clone();
    assert_eq!(lease.prefixes().count(), 1);
    assert_eq!(
        harness.remarked(),
        [(code::IA_PREFIX, RemarkReason::Value); 4]
    );
}
