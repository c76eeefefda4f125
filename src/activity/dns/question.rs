//! What is looked up: a name, records of which type, and over which family the resolver is asked.

use std::fmt;

use crate::activity::FamilyChoice;
use crate::activity::over_family::{OverSuffix, without_family};
use crate::family::{Families, Family};
use crate::host_name::HostName;
use lanherd_types::words;

words! {
    /// The type of the records that are asked for.
    RecordType {
        /// Addresses of IPv4 (RFC 1035, 3.4.1).
        A = "A",
        /// Addresses of IPv6 (RFC 3596, 2.1).
        Aaaa = "AAAA",
    }
}

impl RecordType {
    /// That of the addresses of a family.
    pub const fn of(family: Family) -> Self {
        match family {
            Family::Ipv4 => Self::A,
            Family::Ipv6 => Self::Aaaa,
        }
    }
}

/// What is looked up: `www.lab.test`, `www.lab.test AAAA`, `www.lab.test AAAA over IPv6`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// The name that is looked up.
    pub name: HostName,
    /// The type of its records; `None`: that of the family which the client uses for what names none.
    pub record: Option<RecordType>,
    /// The family over which the resolver is asked; `None`: that of the client's first resolver.
    pub family: Option<Family>,
}

impl Question {
    /// Reads it as it is told.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let (rest, family) = without_family(text);
        let last = rest.rsplit_once(char::is_whitespace);
        let typed = last.and_then(|(name, last)| {
            let mut all = RecordType::ALL.iter();
            let record = all.find(|record| record.as_str().eq_ignore_ascii_case(last))?;
            Some((name.trim_end(), *record))
        });
        let (name, record) = match typed {
            Some((name, record)) => (name, Some(record)),
            None => (rest, None),
        };
        let name = name.parse().map_err(|error: crate::host_name::HostNameError| {
            if record.is_some() || !rest.contains(char::is_whitespace) {
                error.to_string()
            } else {
                format!(
                    "{error}; behind it may stand A or AAAA, and then the family of the resolver, as www.example.org AAAA over IPv6"
                )
            }
        })?;
        Ok(Self {
            name,
            record,
            family,
        })
    }

    /// The type of the records that a client asks for that is to have these families.
    pub(super) fn record(&self, families: Families) -> RecordType {
        self.record.unwrap_or(match families {
            Families::Ipv4 | Families::Dual => RecordType::A,
            Families::Ipv6 => RecordType::Aaaa,
        })
    }

    /// Over which family such a client asks.
    pub(super) fn choice(&self, families: Families) -> FamilyChoice {
        match self.family {
            Some(family) => FamilyChoice::Only(family),
            None => FamilyChoice::open(families),
        }
    }
}

impl From<HostName> for Question {
    fn from(name: HostName) -> Self {
        Self {
            name,
            record: None,
            family: None,
        }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.name.to_string();
        if let Some(record) = self.record {
            text = format!("{text} {record}");
        }
        if let Some(family) = self.family {
            text = format!("{text} {}", OverSuffix(family));
        }
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_a_name_a_type_and_a_family_and_is_told_as_such() {
        for (text, told) in [
            ("WWW.lab.test", "www.lab.test"),
            ("www.lab.test aaaa", "www.lab.test AAAA"),
            ("www.lab.test  A", "www.lab.test A"),
            ("www.lab.test over ipv6", "www.lab.test over IPv6"),
            ("nas AAAA  over IPv4", "nas AAAA over IPv4"),
        ] {
            let question = Question::read(text).expect(text);
            assert_eq!(question.to_string(), told);
            assert_eq!(Question::read(told), Ok(question), "it reads what it tells");
        }
        for bad in ["", "AAAA over ipv6 x", "www.lab.test MX", "1.2.3.4 AAAA"] {
            Question::read(bad).expect_err(bad);
        }
        let error = Question::read("www.lab.test MX").expect_err("no such type");
        assert!(error.contains("A or AAAA"), "{error}");
    }

    #[test]
    fn the_type_is_that_of_ipv4_where_the_client_has_it() {
        use Families::{Dual, Ipv4, Ipv6};
        let record = |text: &str, families| Question::read(text).expect(text).record(families);
        assert_eq!(
            [Ipv4, Dual, Ipv6].map(|families| record("nas", families)),
            [RecordType::A, RecordType::A, RecordType::Aaaa]
        );
        assert_eq!(record("nas A", Ipv6), RecordType::A);
        assert_eq!(record("nas AAAA over IPv4", Ipv4), RecordType::Aaaa);
    }
}
