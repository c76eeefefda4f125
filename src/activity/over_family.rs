//! What something is done to over the network, and over which family, where that is said.

use std::fmt;

use super::FamilyChoice;
use crate::family::{Families, Family};

/// What something is done to, over which family, and from which of the client's addresses: `router over IPv6`, `Google DNS from the
/// delegated prefix`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OverFamily<T> {
    /// What it is done to.
    pub to: T,
    /// Over which family; `None`: that is not said.
    pub family: Option<Family>,
    /// Which of the client's addresses it is done from.
    pub source: SourceChoice,
}

/// Which of a client's addresses something is done from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum SourceChoice {
    /// The one that the kernel chooses (RFC 6724, 5).
    #[default]
    Chosen,
    /// That of the link behind the client, which is of a prefix delegated to it: whoever answers has to know the way to that prefix.
    Delegated,
}

/// Something that stands on the network.
pub trait HasFamilies {
    /// Whether the address can be chosen that it is done from.
    const HAS_SOURCE: bool = false;

    /// In which families it stands.
    fn standing(&self) -> InFamilies;
}

/// In which families something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InFamilies {
    /// In this one: it is an address.
    Only(Family),
    /// In those that its name has addresses of.
    Named,
    /// In each: a client's router.
    Each,
}

/// What stands before the family.
const OVER: &str = "over";
/// What stands behind it where it is done from a delegated prefix,
const FROM_DELEGATED: &str = "from the delegated prefix";
/// and how people may write that.
const FROM_DELEGATED_WRITTEN: [&str; 3] = [
    FROM_DELEGATED,
    "from its delegated prefix",
    "from their delegated prefix",
];

impl<T> OverFamily<T> {
    /// Over this family.
    pub const fn new(to: T, family: Family) -> Self {
        Self {
            to,
            family: Some(family),
            source: SourceChoice::Chosen,
        }
    }

    /// The same, from the link behind the client.
    #[must_use]
    pub fn from_delegated(mut self) -> Self {
        self.source = SourceChoice::Delegated;
        self
    }

    /// Reads what it is done to by `read`, and the family where one stands behind it.
    ///
    /// # Errors
    /// Why `read` refuses it; or that it is an address of the other family.
    pub(super) fn read(
        text: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Self, String>
    where
        T: HasFamilies + fmt::Display,
    {
        let (rest, source) = without_source(text);
        let (rest, family) = without_family(rest);
        let to = read(rest)?;
        if source == SourceChoice::Delegated {
            if !T::HAS_SOURCE {
                return Err(format!(
                    "{to}: only a ping can come from the delegated prefix; of other things run a command, which has $LANHERD_DELEGATED_ADDRESS"
                ));
            }
            let of_ipv4 = match to.standing() {
                InFamilies::Only(own) => own == Family::Ipv4,
                InFamilies::Named | InFamilies::Each => family == Some(Family::Ipv4),
            };
            if of_ipv4 {
                return Err(format!(
                    "{to}: a delegated prefix is one of IPv6, and nothing goes from it over IPv4: leave out one of the two"
                ));
            }
        }
        match (to.standing(), family) {
            (InFamilies::Only(own), Some(said)) if own != said => Err(format!(
                "{to} is an address of {}, and nothing goes to it over {}: leave out which family",
                own.name(),
                said.name()
            )),
            // Which one it is nobody has to say.
            (InFamilies::Only(_), Some(_)) => Ok(Self {
                to,
                family: None,
                source,
            }),
            _ => Ok(Self { to, family, source }),
        }
    }

    /// Over which family it is done by a client that is to have these.
    pub(super) fn choice(&self, families: Families) -> FamilyChoice
    where
        T: HasFamilies,
    {
        if self.source == SourceChoice::Delegated {
            return FamilyChoice::Only(Family::Ipv6);
        }
        match (self.family, self.to.standing()) {
            (Some(family), _) | (None, InFamilies::Only(family)) => FamilyChoice::Only(family),
            (None, InFamilies::Named) => FamilyChoice::open(families),
            (None, InFamilies::Each) => FamilyChoice::usual(families),
        }
    }
}

impl<T> From<T> for OverFamily<T> {
    fn from(to: T) -> Self {
        Self {
            to,
            family: None,
            source: SourceChoice::Chosen,
        }
    }
}

impl<T: fmt::Display> fmt::Display for OverFamily<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = match self.source {
            SourceChoice::Chosen => String::new(),
            SourceChoice::Delegated => format!(" {FROM_DELEGATED}"),
        };
        match self.family {
            None if from.is_empty() => self.to.fmt(f),
            None => f.pad(&format!("{}{from}", self.to)),
            Some(family) => f.pad(&format!("{} {}{from}", self.to, OverSuffix(family))),
        }
    }
}

/// A text without the source that it ends with, in whatever case, and the source.
fn without_source(text: &str) -> (&str, SourceChoice) {
    let text = text.trim();
    let found = FROM_DELEGATED_WRITTEN.iter().find_map(|written| {
        let at = text.len().checked_sub(written.len())?;
        let (rest, end) = text.split_at_checked(at)?;
        let is_apart = rest.ends_with(char::is_whitespace);
        (is_apart && end.eq_ignore_ascii_case(written)).then(|| rest.trim_end())
    });
    match found {
        Some(rest) => (rest, SourceChoice::Delegated),
        None => (text, SourceChoice::Chosen),
    }
}

/// A family as it stands behind what something is done to: `over IPv6`.
pub(super) struct OverSuffix(pub Family);

impl fmt::Display for OverSuffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{OVER} {}", self.0.name()))
    }
}

/// A text without the family that it ends with, and the family: `over IPv6`, in whatever case.
pub(super) fn without_family(text: &str) -> (&str, Option<Family>) {
    let text = text.trim();
    let found = || {
        let (rest, last) = text.rsplit_once(char::is_whitespace)?;
        let family = Family::ALL
            .iter()
            .find(|family| last.eq_ignore_ascii_case(family.as_str()))?;
        let (rest, over) = rest.trim_end().rsplit_once(char::is_whitespace)?;
        over.eq_ignore_ascii_case(OVER)
            .then_some((rest.trim_end(), *family))
    };
    match found() {
        Some((rest, family)) => (rest, Some(family)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Target;

    fn read(text: &str) -> Result<OverFamily<Target>, String> {
        OverFamily::read(text, |text| {
            text.parse()
                .map_err(|error: crate::target::TargetError| error.to_string())
        })
    }

    #[test]
    fn a_family_stands_behind_what_something_is_done_to_and_is_told_so() {
        for (text, told) in [
            ("router over ipv6", "the router over IPv6"),
            ("Google DNS  OVER IPv4", "Google DNS over IPv4"),
            ("client 3 over IPv6", "client 3 over IPv6"),
            ("www.lab.test over IPv6", "www.lab.test over IPv6"),
            ("2001:db8::1 over ipv6", "2001:db8::1"),
            ("192.0.2.1", "192.0.2.1"),
            (
                "Google DNS From Their Delegated Prefix",
                "Google DNS from the delegated prefix",
            ),
            (
                "router over ipv6 from the delegated prefix",
                "the router over IPv6 from the delegated prefix",
            ),
            (
                "2001:db8::1 from the delegated prefix",
                "2001:db8::1 from the delegated prefix",
            ),
        ] {
            let target = read(text).expect(text);
            assert_eq!(target.to_string(), told);
            assert_eq!(read(told), Ok(target), "it reads what it tells");
        }
        let error = read("192.0.2.1 over IPv6").expect_err("the other family");
        assert!(error.contains("an address of IPv4"), "{error}");
        for bad in ["192.0.2.1", "router over IPv4"] {
            let error = read(&format!("{bad} from the delegated prefix")).expect_err(bad);
            assert!(error.contains("over IPv4"), "{error}");
        }
        for bad in [
            "router over",
            "router over ipv5",
            "over ipv6",
            "ipv6",
            "from the delegated prefix",
            "router from the delegated prefix over ipv6",
        ] {
            read(bad).expect_err(bad);
        }
    }

    #[test]
    fn what_names_no_family_goes_over_ipv4_where_the_client_has_it_and_names_over_either() {
        use Families::{Dual, Ipv4, Ipv6};
        use FamilyChoice::{Either, Only};
        let only = |family| [Only(family); 3];
        for (text, choices) in [
            (
                "router",
                [Only(Family::Ipv4), Only(Family::Ipv6), Only(Family::Ipv4)],
            ),
            (
                "Google DNS",
                [Only(Family::Ipv4), Only(Family::Ipv6), Only(Family::Ipv4)],
            ),
            (
                "client 3",
                [Only(Family::Ipv4), Only(Family::Ipv6), Only(Family::Ipv4)],
            ),
            (
                "www.lab.test",
                [Only(Family::Ipv4), Only(Family::Ipv6), Either],
            ),
            ("www.lab.test over IPv4", only(Family::Ipv4)),
            ("router over IPv6", only(Family::Ipv6)),
            ("2001:db8::1", only(Family::Ipv6)),
            ("router from the delegated prefix", only(Family::Ipv6)),
            ("192.0.2.1", only(Family::Ipv4)),
        ] {
            let target = read(text).expect(text);
            assert_eq!(
                [Ipv4, Ipv6, Dual].map(|families| target.choice(families)),
                choices,
                "{text}"
            );
        }
    }
}
