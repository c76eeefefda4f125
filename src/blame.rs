//! Whose fault a cause is, for each cause of each closed list; docs/causes.md says the same for people to read.

use crate::workload::command::CommandCause;
use crate::workload::dns::DnsCause;
use crate::workload::http::HttpCause;

pub use lanherd_types::blame::Blame;

impl DnsCause {
    /// Who is to blame.
    pub const fn blame(self) -> Blame {
        match self {
            Self::Timeout | Self::Unreachable => Blame::Network,
            Self::Refused
            | Self::Malformed
            | Self::WrongSource
            | Self::WrongId
            | Self::WrongQuestion
            | Self::Truncated => Blame::Target,
            Self::NoRoute | Self::OwnAddress | Self::NoResolver => Blame::Router,
            Self::Offline => Blame::Client,
            Self::Tester => Blame::Tester,
        }
    }
}

impl HttpCause {
    /// Who is to blame.
    pub const fn blame(self) -> Blame {
        match self {
            Self::Timeout | Self::Reset | Self::Unreachable => Blame::Network,
            Self::Refused | Self::Malformed | Self::TooLarge => Blame::Target,
            Self::NoRoute | Self::NoName | Self::OwnAddress => Blame::Router,
            Self::Offline => Blame::Client,
            Self::Tester => Blame::Tester,
        }
    }
}

impl CommandCause {
    /// Who is to blame.
    pub const fn blame(self) -> Blame {
        match self {
            Self::Timeout => Blame::Target,
            Self::Offline => Blame::Client,
            Self::Tester => Blame::Tester,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::lan::PingCause;
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

    fn listed<T: Copy>(
        all: &[T],
        word: impl Fn(T) -> &'static str,
        blame: impl Fn(T) -> Blame,
    ) -> BTreeMap<String, String> {
        let row = |cause: &T| (word(*cause).to_owned(), blame(*cause).as_str().to_owned());
        all.iter().map(row).collect()
    }

    #[test]
    fn the_page_has_every_cause_and_who_is_to_blame_for_it() {
        for (heading, listed) in [
            ("Clients", listed(Cause::ALL, Cause::as_str, Cause::blame)),
            (
                "Pings",
                listed(PingCause::ALL, PingCause::as_str, PingCause::blame),
            ),
            (
                "Lookups",
                listed(DnsCause::ALL, DnsCause::as_str, DnsCause::blame),
            ),
            (
                "Fetches",
                listed(HttpCause::ALL, HttpCause::as_str, HttpCause::blame),
            ),
            (
                "Commands",
                listed(CommandCause::ALL, CommandCause::as_str, CommandCause::blame),
            ),
        ] {
            assert_eq!(told(heading), listed, "{heading}");
        }
    }
}
