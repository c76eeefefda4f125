//! The bodies of the fuzz targets as ordinary tests: over the seeds, over mutated seeds, and over random bytes.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "this is how a test fails"
)]

#[path = "corpus/bodies.rs"]
mod bodies;

use lanherd_testkit::corpus::Corpus;
use proptest::prelude::*;

const CORPUS: Corpus = Corpus {
    folder: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/seeds"),
    mutants: 1000,
};

// Field practice: no bytes make the decoder panic, and an error names option and offset.
#[test]
fn wire_seeds_and_their_mutants_are_messages_or_errors() {
    CORPUS.replay("wire", bodies::wire);
}

#[test]
fn client_scripts_and_their_mutants_keep_the_clients_promises() {
    CORPUS.replay("client", |bytes| _ = bodies::client(bytes));
}

#[test]
fn the_client_scripts_lead_to_every_state_and_every_event() {
    let wanted = [
        "stopped",
        "init",
        "selecting",
        "requesting",
        "init_reboot",
        "rebooting",
        "bound",
        "renewing",
        "rebinding",
        "probing",
        "confirming",
        "v6_only",
        "event: bound",
        "event: rebooted",
        "event: refused",
        "event: conflict",
        "event: defended",
        "event: informed",
        "event: v6_only",
        "event: lost v6_only",
        "renew",
        "rebind",
        "reboot",
        "expired",
        "nak",
        "released",
        "conflict",
        "declined",
        "informing",
        "lease_run_out",
        "length",
        "no_lease_time",
        "servers_address",
    ];
    CORPUS.assert_leads_to("client", bodies::client, &wanted);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    #[test]
    fn any_script_keeps_the_clients_promises(script in proptest::collection::vec(any::<u8>(), 0..600)) {
        _ = bodies::client(&script);
    }

    #[test]
    fn any_tail_after_the_fixed_fields_is_a_message_or_an_error(
        tail in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let mut bytes = vec![0; 236];
        bytes[..3].copy_from_slice(&[2, 1, 6]);
        bytes.extend([99, 130, 83, 99]);
        bytes.extend(tail);
        bodies::wire(&bytes);
    }
}
