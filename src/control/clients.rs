//! Which clients a request is about, as people write it: `7`, `3-9`, `1,4,7`, `all`, or a group's name.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::identity::ClientNumber;
use crate::phase::Phase;
use crate::pool::{ClientStatus, GroupName, HerdStatus, Selection};

/// Which clients a request is about; not yet whether they exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientSelector {
    /// All that have not left.
    All,
    /// Those of a group.
    Group(GroupName),
    /// Those of these numbers.
    Numbers(Vec<RangeInclusive<u32>>),
}

/// Why a text names no clients.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no clients: use 7, 3-9, 1,4,7, all, or the name of a group")]
pub struct ClientSelectorError(String);

/// Why there is nobody to tell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotThere {
    /// No client has, or had, this number.
    #[error("client {number} does not exist; {there}")]
    Never {
        /// The number that was given.
        number: u32,
        /// Which there are.
        there: String,
    },
    /// The client has left.
    #[error("client {0} has left; its number is not used again")]
    Left(u32),
    /// None of a range is there.
    #[error("none of the clients {range} exists; {there}")]
    None {
        /// The range that was given.
        range: String,
        /// Which there are.
        there: String,
    },
    /// None is of that group.
    #[error("no client is of a group {wanted}; there are clients of {there}")]
    NoneOf {
        /// The group that was given.
        wanted: GroupName,
        /// The groups that have clients.
        there: String,
    },
    /// The herd is empty.
    #[error("there are no clients; add some: lanherd add 10")]
    Nobody,
}

lanherd_types::serde_as_text!(ClientSelector);

impl FromStr for ClientSelector {
    type Err = ClientSelectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ClientSelectorError(text.chars().take(64).collect());
        if text == "all" {
            return Ok(Self::All);
        }
        if text.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return text.parse().map(Self::Group).map_err(|_| refuse());
        }
        text.split(',')
            .map(|part| range(part.trim()))
            .collect::<Option<_>>()
            .map(Self::Numbers)
            .ok_or_else(refuse)
    }
}

fn range(text: &str) -> Option<RangeInclusive<u32>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some(first..=last)
}

/// A number from 1, of digits only: `parse` alone would take `+7`.
fn number(text: &str) -> Option<u32> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| is_number && *number > 0)
}

impl fmt::Display for ClientSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Group(name) => name.fmt(f),
            Self::Numbers(ranges) => ranges.iter().enumerate().try_for_each(|(at, range)| {
                let separator = if at == 0 { "" } else { "," };
                write!(f, "{separator}{}", range_text(range))
            }),
        }
    }
}

fn range_text(range: &RangeInclusive<u32>) -> String {
    if range.start() == range.end() {
        range.start().to_string()
    } else {
        format!("{}-{}", range.start(), range.end())
    }
}

impl ClientSelector {
    /// Those of `herd` that are meant. A single number must be there; of a range or a group, somebody.
    pub fn select(&self, herd: &HerdStatus) -> Result<Selection, NotThere> {
        match self {
            Self::All | Self::Group(_) if there(herd).next().is_none() => Err(NotThere::Nobody),
            Self::All => Ok(Selection::All),
            Self::Group(wanted) => {
                let groups: BTreeSet<&str> =
                    staying(herd).map(|client| client.group.as_str()).collect();
                if groups.contains(wanted.as_str()) {
                    Ok(Selection::Group(wanted.clone()))
                } else {
                    Err(NotThere::NoneOf {
                        wanted: wanted.clone(),
                        there: Vec::from_iter(groups).join(", "),
                    })
                }
            }
            Self::Numbers(ranges) => {
                // The herd is in the order of its numbers, so a hostile range costs no more than a short one.
                let all: Vec<u32> = there(herd).collect();
                let mut chosen = Vec::new();
                for range in ranges {
                    let first = all.partition_point(|number| number < range.start());
                    let beyond = all.partition_point(|number| number <= range.end());
                    let found = all.get(first..beyond).unwrap_or_default();
                    if found.is_empty() {
                        return Err(missing(range, &all, herd));
                    }
                    chosen.extend_from_slice(found);
                    // So many parts as a line can hold, each the whole herd: not kept more than once.
                    if chosen.len() > 2 * all.len() {
                        tidy(&mut chosen);
                    }
                }
                tidy(&mut chosen);
                Ok(Selection::Numbers(
                    chosen.into_iter().map(ClientNumber).collect(),
                ))
            }
        }
    }
}

fn tidy(numbers: &mut Vec<u32>) {
    numbers.sort_unstable();
    numbers.dedup();
}

/// The numbers of the clients that have not left, in order.
fn there(herd: &HerdStatus) -> impl Iterator<Item = u32> {
    staying(herd).map(number_of)
}

fn staying(herd: &HerdStatus) -> impl Iterator<Item = &ClientStatus> {
    herd.clients
        .iter()
        .filter(|client| client.phase != Phase::Gone)
}

fn number_of(client: &ClientStatus) -> u32 {
    client.identity.number.0
}

fn missing(range: &RangeInclusive<u32>, all: &[u32], herd: &HerdStatus) -> NotThere {
    let there = match all {
        [] => "there are none".to_owned(),
        [only] => format!("there is only client {only}"),
        [first, .., last] => format!("there are {} from {first} to {last}", all.len()),
    };
    let number = *range.start();
    if number != *range.end() {
        return NotThere::None {
            range: range_text(range),
            there,
        };
    }
    if herd
        .clients
        .iter()
        .any(|client| number_of(client) == number)
    {
        NotThere::Left(number)
    } else {
        NotThere::Never { number, there }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_reads_back() {
        for text in ["7", "3-9", "1,4,7", "1-3,8,20-30", "all", "phones"] {
            let clients: ClientSelector = text.parse().expect(text);
            assert_eq!(clients.to_string(), text);
        }
        assert_eq!(
            "3-3".parse::<ClientSelector>().map(|c| c.to_string()),
            Ok("3".to_owned())
        );
        assert_eq!(
            "1, 4".parse::<ClientSelector>().map(|c| c.to_string()),
            Ok("1,4".to_owned())
        );
    }

    #[test]
    fn what_names_nobody_is_refused_with_the_forms_that_do() {
        for text in [
            "",
            "0",
            "0-3",
            "9-3",
            "-3",
            "3-",
            "1,,2",
            "+7",
            "7 8",
            "3-4-5",
            "99999999999",
            "#",
        ] {
            let error = text.parse::<ClientSelector>().expect_err(text);
            assert!(error.to_string().contains("3-9"), "{error}");
        }
    }
}
