//! The bodies of the fuzz targets as ordinary tests: over the seeds, over mutated seeds, and over random bytes.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "this is how a test fails"
)]

#[path = "corpus/bodies.rs"]
mod bodies;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use proptest::prelude::*;

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/seeds")
        .join(target)
}

fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = folder(target);
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 5, "{} has lost its seeds", folder.display());
    paths
        .into_iter()
        .map(|path| (path.clone(), fs::read(path).expect("a seed")))
        .collect()
}

/// Runs `body` over every seed, and over every seed with bytes changed, removed and doubled, the same ones in every run.
fn replay(target: &str, body: impl Fn(&[u8])) {
    let mut rng = fastrand::Rng::with_seed(1);
    for (path, seed) in seeds(target) {
        body(&seed);
        for _ in 0..300 {
            let mut mutant = seed.clone();
            for _ in 0..rng.usize(1..8) {
                mutate(&mut mutant, &mut rng);
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| body(&mutant)));
            assert!(
                outcome.is_ok(),
                "a mutant of {}: {mutant:?}",
                path.display()
            );
        }
    }
}

fn mutate(bytes: &mut Vec<u8>, rng: &mut fastrand::Rng) {
    if bytes.is_empty() {
        return bytes.push(rng.u8(..));
    }
    let place = rng.usize(..bytes.len());
    match rng.u8(..5) {
        0 => bytes[place] = rng.u8(..),
        1 => bytes[place] ^= 1 << rng.u8(..8),
        2 => bytes.truncate(place),
        3 => bytes.insert(place, rng.u8(..)),
        _ => {
            let tail = bytes[place..].to_vec();
            bytes.extend(tail.into_iter().take(64));
        }
    }
}

// Field practice: no bytes make the DHCPv6 decoder panic, and an error names option and offset.
#[test]
fn wire_seeds_and_their_mutants_are_messages_or_errors() {
    replay("wire", bodies::wire);
}

// RFC 9915, 14.1: no more than 20 messages are sent in 20 s, whatever servers say.
#[test]
fn client_scripts_and_their_mutants_keep_the_clients_promises() {
    replay("client", |bytes| _ = bodies::client(bytes));
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
    let seen: BTreeSet<&str> = seeds("client")
        .iter()
        .flat_map(|(_, seed)| bodies::client(seed))
        .collect();
    let missing: Vec<&&str> = WANTED
        .iter()
        .filter(|word| !seen.contains(**word))
        .collect();
    assert!(
        missing.is_empty(),
        "no script leads to {missing:?}: {seen:?}"
    );
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
