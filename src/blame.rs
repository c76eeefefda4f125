//! Whose fault a cause is, for each cause of each closed list; docs/causes.md says the same for people to read. The causes of
//! activities stand, with whose fault they are, in the file of each kind.

pub use lanherd_types::blame::Blame;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::activity::{Kind, SkipReason};
    use crate::phase::Cause;

    /// The rows of the table below a heading: the word, and who is to blame.
    fn told(heading: &str) -> BTreeMap<String, String> {
        let page = include_str!("../docs/causes.md");
        let section = page.split("\n## ").find(|part| part.starts_with(heading));
        let rows = section.expect(heading).lines().filter_map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            match cells[..] {
                ["", word, _, blame, ""] if word.starts_with('`') => {
                    Some((word.trim_matches('`').to_owned(), blame.to_owned()))
                }
                _ => None,
            }
        });
        rows.collect()
    }

    fn listed<'a>(all: impl Iterator<Item = (&'a str, Blame)>) -> BTreeMap<String, String> {
        let row = |(word, blame): (&str, Blame)| (word.to_owned(), blame.as_str().to_owned());
        all.map(row).collect()
    }

    #[test]
    fn the_page_has_every_cause_and_who_is_to_blame_for_it() {
        let of_clients = Cause::ALL.iter();
        let of_clients = of_clients.map(|cause| (cause.as_str(), cause.blame()));
        assert_eq!(told("Clients"), listed(of_clients));
        for kind in Kind::ALL {
            let many = kind.about().many;
            let heading = many[..1].to_uppercase() + &many[1..];
            let causes = kind.about().causes.iter();
            let causes = causes.map(|cause| (cause.word, cause.blame));
            assert_eq!(told(&heading), listed(causes), "{heading}");
        }
    }

    #[test]
    fn every_kind_has_the_causes_by_which_an_attempt_is_excused() {
        for kind in Kind::ALL {
            for reason in [SkipReason::Offline, SkipReason::Tester] {
                let cause = kind.about().cause(reason.cause());
                let blame = cause.expect("among its causes").blame;
                assert!(matches!(blame, Blame::Client | Blame::Tester), "{kind:?}");
            }
        }
    }
}
