//! The body of the fuzz target of the reader of DNS answers as ordinary tests: over the seeds, over mutated seeds, and over random
//! bytes.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "this is how a test fails"
)]

#[path = "dns_corpus/bodies.rs"]
mod bodies;

use lanherd_testkit::corpus::Corpus;
use proptest::prelude::*;

const CORPUS: Corpus = Corpus {
    folder: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/seeds"),
    mutants: 2_000,
};

#[test]
fn dns_seeds_and_their_mutants_are_replies_or_errors() {
    CORPUS.replay("dns", |bytes| _ = bodies::dns(bytes));
}

#[test]
fn the_dns_seeds_lead_to_everything_that_an_answer_can_be() {
    let wanted = [
        "noerror",
        "nodata",
        "formerr",
        "servfail",
        "nxdomain",
        "notimp",
        "refused",
        "other",
        "truncated",
        "malformed",
        "wrong_question",
    ];
    CORPUS.assert_leads_to("dns", bodies::dns, &wanted);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_reply_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        _ = bodies::dns(&bytes);
    }
}
