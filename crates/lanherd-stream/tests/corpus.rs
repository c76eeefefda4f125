//! The body of the fuzz target as an ordinary test: over the seeds, and over mutated seeds.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "this is how a test fails"
)]

#[path = "corpus/bodies.rs"]
mod bodies;

use lanherd_testkit::corpus::Corpus;

const CORPUS: Corpus = Corpus {
    folder: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/seeds"),
    mutants: 300,
};

#[test]
fn seeds_and_their_mutants_are_messages_or_refused() {
    CORPUS.replay("message", bodies::message);
}
