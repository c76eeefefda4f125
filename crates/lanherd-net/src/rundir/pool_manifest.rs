//! The manifest of a pool: the file `about` in the pool's folder, by which the next start, or `lanherd clean`, knows on which
//! interface the pool stood.

use serde::{Deserialize, Serialize};

use super::state_file::Content;
use super::text_format;
use crate::config::{LanConfig, MacvlanMode};
use lanherd_types::identity::Seed;

/// The manifest of a pool: where it stands, and under which seed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PoolManifest {
    /// The version of the lanherd that runs it: for whoever reads the file.
    pub lanherd: String,
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
            lanherd: env!("CARGO_PKG_VERSION").to_owned(),
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
            let [was, is] = [self.seed, wanted.seed]
                .map(|seed| seed.map_or_else(|| "none".to_owned(), |seed| seed.to_string()));
            Some(format!("its seed was {was}, and this one's is {is}"))
        } else {
            None
        }
    }
}

impl Content for PoolManifest {
    const KIND: &'static str = "manifest of a pool";
    const REMEDY: &'static str =
        "remove it; the server keeps the leases of the pool until they expire";
    const FIRST_KEY: &'static str = "lanherd ";

    fn parse_text_format(text: &str) -> Option<Self> {
        text_format::manifest(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> PoolManifest {
        PoolManifest {
            lanherd: "1.2.3".into(),
            parent: "eth0".into(),
            parent_index: Some(7),
            mode: MacvlanMode::Private,
            seed: Some(Seed(17)),
        }
    }

    #[test]
    fn only_a_pool_on_the_same_parent_in_the_same_mode_under_the_same_seed_fits() {
        type Alter = fn(&mut PoolManifest);
        assert_eq!(manifest().misfit(&manifest()), None);
        let mut newer = manifest();
        newer.lanherd = "9.9.9".into();
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
