//! The manifest of a pool: the file `about` in the pool's folder, by which the next start, or `lanherd clean`, knows on which
//! interface the pool stood.

use std::fmt;

use super::state_file::{END, field, optional, or_none};
use crate::config::{LanConfig, MacvlanMode};
use lanherd_types::identity::Seed;

/// The manifest of a pool: where it stands, and under which seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PoolManifest {
    /// The version of the lanherd that runs it: for whoever reads the file.
    pub version: String,
    /// The interface on which its macvlans stand.
    pub parent: String,
    /// That interface's number, which stays with it when it is given another name; never used twice until a reboot, and
    /// these files do not outlive one.
    pub parent_index: Option<u32>,
    /// The mode of its macvlans: which of them reach each other.
    pub mode: MacvlanMode,
    /// The seed from which its MACs are derived, where one was given.
    pub seed: Option<Seed>,
}

impl PoolManifest {
    /// Makes a pool's manifest from its settings, without the number of the interface.
    pub fn of(config: &LanConfig) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            parent: config.parent.clone(),
            parent_index: None,
            mode: config.mode,
            seed: config.seed,
        }
    }

    /// Makes a pool's manifest with the number of the interface.
    pub fn on(config: &LanConfig, parent_index: Option<u32>) -> Self {
        Self {
            parent_index,
            ..Self::of(config)
        }
    }

    /// What keeps the clients of this pool from being taken over by one that is to be like `wanted`.
    pub fn misfit(&self, wanted: &Self) -> Option<String> {
        if self.parent != wanted.parent {
            let (was, is) = (&self.parent, &wanted.parent);
            Some(format!(
                "it stood on {was}, and this one is to stand on {is}"
            ))
        } else if self.mode != wanted.mode {
            let (was, is) = (self.mode, wanted.mode);
            Some(format!("its mode was {was}, and this one's is {is}"))
        } else if self.seed != wanted.seed {
            let (was, is) = (or_none(self.seed), or_none(wanted.seed));
            Some(format!("its seed was {was}, and this one's is {is}"))
        } else {
            None
        }
    }

    /// Parses a manifest; `None` where the text is cut short or is none.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.ends_with(END) {
            return None;
        }
        Some(Self {
            version: field(text, "lanherd")?.to_owned(),
            parent: field(text, "parent")?.to_owned(),
            // Of an earlier version that did not write it down.
            parent_index: match field(text, "parent-index") {
                None => None,
                Some(index) => optional(index).ok()?,
            },
            mode: field(text, "mode")?.parse().ok()?,
            seed: optional(field(text, "seed")?).ok()?.map(Seed),
        })
    }
}

impl fmt::Display for PoolManifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "lanherd {}", self.version)?;
        writeln!(f, "parent {}", self.parent)?;
        writeln!(f, "parent-index {}", or_none(self.parent_index))?;
        writeln!(f, "mode {}", self.mode)?;
        writeln!(f, "seed {}", or_none(self.seed))?;
        f.write_str(END)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> PoolManifest {
        PoolManifest {
            version: "1.2.3".into(),
            parent: "eth0".into(),
            parent_index: Some(7),
            mode: MacvlanMode::Private,
            seed: Some(Seed(17)),
        }
    }

    #[test]
    fn it_reads_back_as_it_is_written_with_and_without_a_seed() {
        for seed in [Some(Seed(u64::MAX)), None] {
            let manifest = PoolManifest { seed, ..manifest() };
            assert_eq!(PoolManifest::parse(&manifest.to_string()), Some(manifest));
        }
    }

    #[test]
    fn cut_short_anywhere_it_is_none() {
        let text = manifest().to_string();
        for length in 0..text.len() {
            assert_eq!(PoolManifest::parse(&text[..length]), None, "{length}");
        }
    }

    #[test]
    fn only_a_pool_on_the_same_parent_in_the_same_mode_under_the_same_seed_fits() {
        type Alter = fn(&mut PoolManifest);
        assert_eq!(manifest().misfit(&manifest()), None);
        let mut newer = manifest();
        newer.version = "9.9.9".into();
        assert_eq!(
            manifest().misfit(&newer),
            None,
            "the version does not matter"
        );
        let others: [(Alter, &str); 4] = [
            (|other| other.parent = "eth1".into(), "eth1"),
            (|other| other.mode = MacvlanMode::Bridge, "bridge"),
            (|other| other.seed = Some(Seed(18)), "18"),
            (|other| other.seed = None, "none"),
        ];
        for (alter, word) in others {
            let mut other = manifest();
            alter(&mut other);
            let why = manifest().misfit(&other).expect("a misfit");
            assert!(why.contains(word), "{why}");
        }
    }
}
