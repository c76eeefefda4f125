//! What something is done to over the network, and over which family, where that is said.

use std::fmt;

use super::FamilyChoice;
use crate::family::{Families, Family};

/// What something is done to, and over which family: `router over IPv6`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OverFamily<T> {
    /// What it is done to.
    pub to: T,
    /// Over which family; `None`: that is not said.
    pub family: Option<Family>,
}

/// Something that stands on the network.
pub trait HasFamilies {
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

impl<T> OverFamily<T> {
    /// Over this family.
    pub const fn new(to: T, family: Family) -> Self {
        Self {
            to,
            family: Some(family),
        }
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
        let (rest, family) = without_family(text);
        let to = read(rest)?;
        match (to.standing(), family) {
            (InFamilies::Only(own), Some(said)) if own != said => Err(format!(
                "{to} is an address of {}, and nothing goes to it over {}: leave out which family",
                own.name(),
                said.name()
            )),
            // Which one it is nobody has to say.
            (InFamilies::Only(_), Some(_)) => Ok(Self { to, family: None }),
            _ => Ok(Self { to, family }),
        }
    }

    /// Over which family it is done by a client that is to have these.
    pub(super) fn choice(&self, families: Families) -> FamilyChoice
    where
        T: HasFamilies,
    {
        match (self.family, self.to.standing()) {
            (Some(family), _) | (None, InFamilies::Only(family)) => FamilyChoice::Only(family),
            (None, InFamilies::Named) => FamilyChoice::open(families),
            (None, InFamilies::Each) => FamilyChoice::usual(families),
        }
    }
}

impl<T> From<T> for OverFamily<T> {
    fn from(to: T) -> Self {
        Self { to, family: None }
    }
}

impl<T: fmt::Display> fmt::Display for OverFamily<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.family {
            None => self.to.fmt(f),
            Some(family) => f.pad(&format!("{} {}", self.to, OverSuffix(family))),
        }
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
        ] {
            let target = read(text).expect(text);
            assert_eq!(target.to_string(), told);
            assert_eq!(read(told), Ok(target), "it reads what it tells");
        }
        let error = read("192.0.2.1 over IPv6").expect_err("the other family");
        assert!(error.contains("an address of IPv4"), "{error}");
        for bad in ["router over", "router over ipv5", "over ipv6", "ipv6"] {
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
