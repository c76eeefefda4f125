//! The bodies of the fuzz targets as ordinary tests: over the seeds, over mutated seeds, and over random bytes.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "this is how a test fails"
)]

#[path = "corpus/bodies.rs"]
mod bodies;

use std::net::Ipv6Addr;

use lanherd_testkit::corpus::Corpus;
use proptest::prelude::*;

const CORPUS: Corpus = Corpus {
    folder: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/seeds"),
    mutants: 300,
};

#[test]
fn packet_seeds_and_their_mutants_are_packets_or_refused() {
    CORPUS.replay("packet", bodies::packet);
}

#[test]
fn host_scripts_and_their_mutants_keep_the_hosts_promises() {
    CORPUS.replay("host", |bytes| _ = bodies::host(bytes));
}

#[test]
fn the_host_scripts_lead_to_every_state_and_every_event() {
    let wanted = [
        "stopped",
        "delaying",
        "tentative",
        "soliciting",
        "listening",
        "configured",
        "disabled",
        "link_local",
        "stable",
        "temporary",
        "address: expired",
        "address: moved",
        "address: stopped",
        "event: usable",
        "event: deprecated",
        "event: preferred",
        "event: duplicate",
        "event: verification unanswered",
        "event: disabled",
        "event: found",
        "event: unreachable",
        "event: reachable",
        "event: answered",
        "event: unanswered",
        "event: the same link",
        "event: another link",
        "event: renumbered",
        "event: resolvers",
        "event: pref64",
        "event: flags",
        "event: portal",
        "event: encrypted",
        "event: delegation",
        "expired",
        "withdrawn",
        "not_router",
        "moved",
        "not_started",
        "link_local_prefix",
        "preferred_beyond_valid",
        "two_hour_rule",
        "mtu_out_of_range",
    ];
    CORPUS.assert_leads_to("host", bodies::host, &wanted);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn any_script_keeps_the_hosts_promises(script in proptest::collection::vec(any::<u8>(), 0..600)) {
        _ = bodies::host(&script);
    }

    #[test]
    fn any_options_after_the_fixed_fields_are_read_or_refused(
        options in proptest::collection::vec(any::<u8>(), 0..600),
        kind in 133..138_u8,
    ) {
        let mut bytes = vec![0x60, 0, 0, 0, 0, 0, 58, 255];
        let source: Ipv6Addr = "fe80::1".parse().expect("an address");
        let destination: Ipv6Addr = "fe80::50".parse().expect("an address");
        bytes.extend(source.octets());
        bytes.extend(destination.octets());
        bytes.extend([kind, 0, 0, 0]);
        bytes.extend(options);
        let length = u16::try_from(bytes.len() - 40).expect("short");
        bytes[4..6].copy_from_slice(&length.to_be_bytes());
        bodies::packet(&bytes);
    }
}
