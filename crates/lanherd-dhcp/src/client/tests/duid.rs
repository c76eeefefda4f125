//! How a client calls itself (RFC 4361).

use super::*;

fn client_id(client_id: ClientId, mac: Mac) -> Option<Vec<u8>> {
    let mut harness = Harness::selecting_with(Config {
        mac,
        client_id,
        ..config()
    });
    let (_, discover) = harness.sent.pop().expect("a DISCOVER");
    let value = discover.message.options.get(code::CLIENT_ID)?;
    Some(value.into_owned())
}

#[test]
fn a_duid_is_of_type_255_with_the_end_of_the_mac_as_iaid_and_the_mac_as_duid_ll() {
    assert_eq!(
        client_id(ClientId::Duid, MAC),
        Some(vec![
            255, 0x5e, 0x10, 0, 1, 0, 3, 0, 1, 2, 0, 0x5e, 0x10, 0, 1
        ])
    );
}

// RFC 4361, 6.1: a client identifier of type 255 has an IAID and a DUID, the same after a restart.
#[test]
fn a_duid_is_the_same_after_every_restart_and_another_for_every_client() {
    let of = |number: u8| client_id(ClientId::Duid, Mac([2, 0, 0x5e, 0x10, 0, number]));
    assert_eq!(of(1), of(1));
    assert_ne!(of(1), of(2));
}

// RFC 2132, 9.14: a client identifier of type 1 is the hardware address.
#[test]
fn the_other_client_ids_are_the_mac_bytes_given_or_none() {
    assert_eq!(
        client_id(ClientId::Mac, MAC),
        Some(vec![1, 2, 0, 0x5e, 0x10, 0, 1])
    );
    assert_eq!(
        client_id(ClientId::Raw(vec![0, b'x']), MAC),
        Some(vec![0, b'x'])
    );
    assert_eq!(client_id(ClientId::None, MAC), None);
}

// RFC 6842, 3: a client identifier that a server echoes must be the own one.
#[test]
fn a_reply_that_echoes_another_duid_is_for_somebody_else() {
    let mut harness = Harness::selecting_with(Config {
        client_id: ClientId::Duid,
        ..config()
    });
    let mut offer = harness.offer(SERVER, ADDRESS);
    let mut theirs = offer
        .options
        .get(code::CLIENT_ID)
        .expect("echoed")
        .into_owned();
    theirs[4] ^= 1;
    offer.options.set(code::CLIENT_ID, theirs);
    harness.receive(&offer);
    assert_eq!(harness.ignored(), [Ignored::ForeignClientId]);
    harness.receive(&harness.offer(SERVER, ADDRESS));
    assert_eq!(harness.state(), "requesting");
}
