//! The seeds of fuzz targets as ordinary tests: every seed, and every seed with bytes changed, removed and doubled.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// The seeds of a crate.
pub struct Corpus {
    /// The folder with a folder for each fuzz target.
    pub folder: &'static str,
    /// How many mutants of each seed are tried.
    pub mutants: usize,
}

impl Corpus {
    /// The seeds of `target`, each with its path.
    fn seeds(&self, target: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let folder = Path::new(self.folder).join(target);
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

    /// Runs `body` over every seed of `target` and over its mutants, the same ones in every run.
    pub fn replay(&self, target: &str, body: impl Fn(&[u8])) {
        let mut rng = fastrand::Rng::with_seed(1);
        for (path, seed) in self.seeds(target) {
            body(&seed);
            for _ in 0..self.mutants {
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

    /// Checks that the seeds of `target` lead to all that is `wanted`, going by what `body` says that each led to.
    pub fn assert_leads_to(
        &self,
        target: &str,
        body: impl Fn(&[u8]) -> BTreeSet<&'static str>,
        wanted: &[&str],
    ) {
        let seen: BTreeSet<&str> = self
            .seeds(target)
            .iter()
            .flat_map(|(_, seed)| body(seed))
            .collect();
        let is_missing = |word: &&&str| !seen.contains(**word);
        let missing: Vec<&&str> = wanted.iter().filter(is_missing).collect();
        assert!(
            missing.is_empty(),
            "no script leads to {missing:?}: {seen:?}"
        );
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
