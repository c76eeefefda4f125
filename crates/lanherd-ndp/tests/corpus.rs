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
use std::net::Ipv6Addr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use proptest::prelude::*;

/// How many mutants of each seed are tried.
const MUTANTS: usize = 300;

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
        for _ in 0..MUTANTS {
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

#[test]
fn packet_seeds_and_their_mutants_are_packets_or_refused() {
    replay("packet", bodies::packet);
}

#[test]
fn host_scripts_and_their_mutants_keep_the_hosts_promises() {
    replay("host", |bytes| _ = bodies::host(bytes));
}

#[test]
fn the_host_scripts_lead_to_every_state_and_every_event() {
    let seen: BTreeSet<&str> = seeds("host")
        .iter()
        .flat_map(|(_, seed)| bodies::host(seed))
        .collect();
    for wanted in [
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
    ] {
        assert!(
            seen.contains(wanted),
            "no script leads to {wanted:?}: {seen:?}"
        );
    }
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
