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

fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/seeds")
        .join(target);
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
        for _ in 0..1000 {
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

// Field practice: no bytes make the decoder panic, and an error names option and offset.
#[test]
fn wire_seeds_and_their_mutants_are_messages_or_errors() {
    replay("wire", bodies::wire);
}

#[test]
fn client_scripts_and_their_mutants_keep_the_clients_promises() {
    replay("client", |bytes| _ = bodies::client(bytes));
}

#[test]
fn the_client_scripts_lead_to_every_state_and_every_event() {
    let seen: BTreeSet<&str> = seeds("client")
        .iter()
        .flat_map(|(_, seed)| bodies::client(seed))
        .collect();
    for wanted in [
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
    ] {
        assert!(
            seen.contains(wanted),
            "no script leads to {wanted:?}: {seen:?}"
        );
    }
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
