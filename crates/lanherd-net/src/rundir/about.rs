//! What is written down of a pool as a whole, so that the next start, or `lanherd clean`, knows where it stood.

use std::fmt;

use super::state_file::{END, field, optional, or_none};
use crate::config::{LanConfig, MacvlanMode};
use lanherd_types::identity::Seed;

/// Where a pool stands, and under which seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct About {
    /// The version of the lanherd that runs it: for whoever reads the file.
    pub version: String,
    /// The interface on which its macvlans stand.
    pub parent: String,
    /// That interface's number, which stays with it when it is given another name; never used twice until a reboot, and
    /// these files do not outlive one.
    pub parent_index: Option<u32>,
    /// How they see each other.
    pub mode: MacvlanMode,
    /// From which its MACs are derived, where that was said.
    pub seed: Option<Seed>,
}

impl About {
    pub fn of(config: &LanConfig) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            parent: config.parent.clone(),
            parent_index: None,
            mode: config.mode,
            seed: config.seed,
        }
    }

    /// The same, with the number of the interface.
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

    /// Reads it back; `None` where it is not a whole one.
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

impl fmt::Display for About {
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

    fn about() -> About {
        About {
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
            let about = About { seed, ..about() };
            assert_eq!(About::parse(&about.to_string()), Some(about));
        }
    }

    #[test]
    fn cut_short_anywhere_it_is_none() {
        let text = about().to_string();
        for length in 0..text.len() {
            assert_eq!(About::parse(&text[..length]), None, "{length}");
        }
    }

    #[test]
    fn only_a_pool_on_the_same_parent_in_the_same_mode_under_the_same_seed_fits() {
        type Alter = fn(&mut About);
        assert_eq!(about().misfit(&about()), None);
        let mut newer = about();
        newer.version = "9.9.9".into();
        assert_eq!(about().misfit(&newer), None, "the version does not matter");
        let others: [(Alter, &str); 4] = [
            (|other| other.parent = "eth1".into(), "eth1"),
            (|other| other.mode = MacvlanMode::Bridge, "bridge"),
            (|other| other.seed = Some(Seed(18)), "18"),
            (|other| other.seed = None, "none"),
        ];
        for (alter, word) in others {
            let mut other = about();
            alter(&mut other);
            let why = about().misfit(&other).expect("a misfit");
            assert!(why.contains(word), "{why}");
        }
    }
}
