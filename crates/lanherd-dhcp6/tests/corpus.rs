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
    mutants: 300,
};

// Field practice: no bytes make the DHCPv6 decoder panic, and an error names option and offset.
#[test]
fn wire_seeds_and_their_mutants_are_messages_or_errors() {
    CORPUS.replay("wire", bodies::wire);
}

// RFC 9915, 14.1: no more than 20 messages are sent in 20 s, whatever servers say.
#[test]
fn client_scripts_and_their_mutants_keep_the_clients_promises() {
    CORPUS.replay("client", |bytes| _ = bodies::client(bytes));
}

/// What the scripts lead to: all states, and nearly all that can happen.
const WANTED: &[&str] = &[
    "stopped",
    "delaying",
    "soliciting",
    "requesting",
    "probing",
    "bound",
    "renewing",
    "rebinding",
    "confirming",
    "informing",
    "informed",
    "declining",
    "releasing",
    "event: probe",
    "event: gone",
    "event: conflict",
    "event: informed",
    "event: reconfigured",
    "event: answered",
    "event: rate limited",
    "request",
    "rapid_commit",
    "renew",
    "rebind",
    "confirm",
    "silence",
    "expired",
    "withdrawn",
    "no_binding",
    "not_on_link",
    "released",
    "conflict",
    "declined",
    "unspec_fail",
    "no_addrs_avail",
    "no_prefix_avail",
    "use_multicast",
    "other",
    "confirming",
    "releasing",
    "declining",
    "nothing_offered",
    "no_rapid_commit",
    "foreign_xid",
    "foreign_server",
    "unauthenticated",
    "wrong_digest",
    "replayed",
    "busy",
    "lifetimes",
    "timers",
    "value",
    "length",
    "unasked",
];

#[test]
fn the_client_scripts_lead_to_every_state_and_every_event() {
    CORPUS.assert_leads_to("client", bodies::client, WANTED);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    // RFC 9915, 14.1: no more than 20 messages are sent in 20 s, whatever servers say.
    #[test]
    fn any_script_keeps_the_clients_promises(script in proptest::collection::vec(any::<u8>(), 0..600)) {
        _ = bodies::client(&script);
    }

    // Field practice: no bytes make the DHCPv6 decoder panic, and an error names option and offset.
    #[test]
    fn any_tail_after_a_type_is_a_message_or_an_error(
        kind in 1_u8..12,
        tail in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let mut bytes = vec![kind, 1, 2, 3];
        bytes.extend(tail);
        bodies::wire(&bytes);
    }
}
