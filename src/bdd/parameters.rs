//! The types of what varies in a step, written `{clients}` or `{duration}` in its pattern.
//!
//! Every number may stand in quotes, as those who come from Behave write it: `"10"`.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Duration;

use super::Complaint;
use crate::activity::Kind;
use crate::family::{Families, Family};
use crate::fault::Fault;
use crate::identity::ClientNumber;
use crate::lan::linux::MacvlanMode;
use crate::pool::GroupName;
use crate::stats::Signal;
use crate::units::{self, Rate};

/// One type of parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// As it stands in patterns, without the braces.
    pub name: &'static str,
    /// What matches it: no group that captures.
    pub regex: Cow<'static, str>,
    /// What may be written, for people.
    pub accepts: Cow<'static, str>,
}

impl Parameter {
    const fn new(name: &'static str, regex: &'static str, accepts: &'static str) -> Self {
        Self {
            name,
            regex: Cow::Borrowed(regex),
            accepts: Cow::Borrowed(accepts),
        }
    }
}

/// All of them. `{string}` is cucumber's own: anything in single or double quotes.
pub static PARAMETERS: LazyLock<Vec<Parameter>> = LazyLock::new(|| {
    let fixed = FIXED.iter().cloned();
    let mut all: Vec<_> = fixed.collect();
    // What takes time stands before its causes and faults.
    let at = all.iter().position(|one| one.name == "cause");
    let at = at.unwrap_or(all.len());
    all.splice(at..at, [signal(), failures()]);
    all
});

/// What takes time.
fn signal() -> Parameter {
    let hint = |signal: Signal| match signal {
        Signal::Join => Some("from admission to online"),
        Signal::Dhcp => Some("from the first message to the lease"),
        Signal::Activity(kind) => kind.about().time.hint,
    };
    let told = |signal: Signal| match hint(signal) {
        Some(hint) => format!("{signal} ({hint})"),
        None => signal.to_string(),
    };
    let words: Vec<_> = Signal::all().map(|signal| signal.to_string()).collect();
    Parameter {
        name: "signal",
        regex: words.join("|").into(),
        accepts: Signal::all()
            .map(told)
            .collect::<Vec<_>>()
            .join(", ")
            .into(),
    }
}

/// Failures that may be bounded by number or share.
fn failures() -> Parameter {
    let kinds = Kind::ALL.iter().map(|kind| &kind.about().failures);
    let counted = kinds.filter(|failures| failures.are_counted);
    let words: Vec<_> = counted.map(|failures| failures.objective).collect();
    Parameter {
        name: "failures",
        regex: words.join("|").into(),
        accepts: words.join(", ").into(),
    }
}

/// Those that no kind of activity has part in.
const FIXED: &[Parameter] = &[
    Parameter::new(
        "count",
        r#"\d+|"\d+""#,
        "a whole number, also in quotes: 10, \"10\"",
    ),
    Parameter::new(
        "clients",
        concat!(
            r"(?:[Aa]ll|[Ee]very|[Ee]ach)(?: of the)? clients?",
            r"|[Tt]he same clients?",
            r#"|[Cc]lient "?\d+"?|[Cc]lients "?\d+"? to "?\d+"?"#,
            r#"|"?\d+"? random clients?"#,
            r#"|[Aa]t least "?\d+(?:\.\d+)? ?%"? of (?:all |the )?clients"#,
            r#"|[Tt]he "[^"]+" clients"#,
        ),
        "all clients, every client, each client, client 7, clients 1 to 5, 5 random clients, the same clients \
                  (those of the step before), the \"phones\" clients (a group); in a Then also: at least 99.5% of clients",
    ),
    Parameter::new(
        "target",
        concat!(
            r#"(?i:google[ _-]dns|cloudflare[ _-]dns|(?:the )?router|gateway|client[ _-]"?\d+"?)"#,
            r#"|"[^"]+"|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"#,
        ),
        "Google DNS (8.8.8.8), Cloudflare DNS (1.1.1.1), the router (each client's own, from its lease), an \
                  address, a host name (asked of the lease's resolver), client 3; in upper or lower case",
    ),
    Parameter::new(
        "duration",
        r#""?\d+ ?[a-z]+(?: \d+ ?[a-z]+)*"?"#,
        "a number and a unit: 500ms, 30s, 2 minutes, 24h",
    ),
    Parameter::new(
        "rate",
        r#""?\d+(?:\.\d+)?"?(?: [a-z]+)?(?: ?/ ?| per )[a-z]+"#,
        "a number for each second or minute: 20 clients/s, 100 queries/s, 10/m, 5 clients per second",
    ),
    Parameter::new("percent", r#""?\d+(?:\.\d+)? ?%"?"#, "99.5%, 1 %"),
    Parameter::new(
        "backend",
        "macvlan(?: in [a-z]+ mode)?",
        "macvlan; macvlan in private mode (or bridge, vepa, passthru)",
    ),
    Parameter::new(
        "family",
        "IPv[46]|dual-stack",
        "IPv4, IPv6; where clients are made or groups are listed also dual-stack (both)",
    ),
    Parameter::new(
        "stat",
        r"median|p\d+|95th percentile|99th percentile|maximum|minimum",
        "median, p95, p99, maximum (and minimum, p50)",
    ),
    Parameter::new(
        "goodput",
        r"(?:(?:median|p\d+|95th percentile|99th percentile|maximum|minimum) )?(?:(?:upload|download) )?goodput",
        "goodput (the mean of all), upload goodput, download goodput; before it, of one stream: median, p95, maximum, minimum",
    ),
    Parameter::new(
        "bitrate",
        r#""?\d+(?:\.\d+)? ?[kMG]?bit/s"?"#,
        "5 Mbit/s, 500 kbit/s, 1 Gbit/s",
    ),
    Parameter::new(
        "cause",
        "[a-z][a-z0-9_]*",
        "a cause as metrics and reports have it: no_offer, no_ack, nak, malformed, bad_lease, address_conflict, lease_expired, crashed, …, \
                  or of what was asked last: timeout, unreachable, offline, …",
    ),
    Parameter::new(
        "fault",
        "[a-z][a-z_-]*",
        "a fault as `lanherd chaos` has it: crash, delete_link, router_reboot, dhcp_mute, ping_loss, …",
    ),
];

/// A number, with or without quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountWord(pub u32);

impl FromStr for CountWord {
    type Err = Complaint;

    fn from_str(text: &str) -> Result<Self, Complaint> {
        let number = text.trim_matches('"').parse();
        number
            .map(Self)
            .map_err(|_| Complaint::of_word(text, "write a whole number below 4,294,967,296"))
    }
}

impl CountWord {
    /// As a number above zero.
    pub fn above_zero(self) -> Result<NonZeroU32, Complaint> {
        NonZeroU32::new(self.0).ok_or_else(|| Complaint::new("0 is too few: write at least 1"))
    }
}

/// Which clients a step is about.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientsWord {
    /// All there are.
    All,
    /// Those of the step before.
    Same,
    /// From one number to another, both included.
    Range(ClientNumber, ClientNumber),
    /// So many, drawn by the seed.
    Random(u32),
    /// All; but it is enough if so large a share, 0 to 1, is as it should be.
    AtLeast(f64),
    /// Those of a group.
    Group(GroupName),
}

impl FromStr for ClientsWord {
    type Err = Complaint;

    fn from_str(text: &str) -> Result<Self, Complaint> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let number = |word: &str| CountWord::from_str(word).map(|count| ClientNumber(count.0));
        Ok(match words.as_slice() {
            [first, .., "clients"] if first.eq_ignore_ascii_case("the") && text.contains('"') => {
                let name = text.split('"').nth(1).unwrap_or_default();
                Self::Group(
                    name.parse()
                        .map_err(|error| Complaint::of_word(name, error))?,
                )
            }
            [first, "same", ..] if first.eq_ignore_ascii_case("the") => Self::Same,
            [first, one] if first.eq_ignore_ascii_case("client") => {
                let one = number(one)?;
                Self::Range(one, one)
            }
            [first, from, "to", to] if first.eq_ignore_ascii_case("clients") => {
                let (from, to) = (number(from)?, number(to)?);
                if from > to {
                    return Err(Complaint::of_word(text, "write the smaller number first"));
                }
                Self::Range(from, to)
            }
            [count, "random", _] => Self::Random(CountWord::from_str(count)?.0),
            [at, "least", rest @ ..] if at.eq_ignore_ascii_case("at") => {
                let share = rest.split(|word| *word == "of").next().unwrap_or_default();
                let share = PercentWord::from_str(&share.concat())?.0;
                if share <= 0.0 {
                    let why = "at least 0% is so whatever happens: ask for more";
                    return Err(Complaint::of_word(text, why));
                }
                Self::AtLeast(share)
            }
            _ => Self::All,
        })
    }
}

/// A duration, as a step says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationWord(pub Duration);

impl FromStr for DurationWord {
    type Err = Complaint;

    fn from_str(text: &str) -> Result<Self, Complaint> {
        let duration = units::duration(text.trim_matches('"'));
        duration
            .map(Self)
            .map_err(|error| Complaint::new(error.to_string()))
    }
}

impl fmt::Display for DurationWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

/// How often something is done in a time, as a step says it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateWord(pub Rate);

impl FromStr for RateWord {
    type Err = Complaint;

    fn from_str(text: &str) -> Result<Self, Complaint> {
        let plain = text.replace(" per ", "/").replace('"', "");
        let (number, unit) = plain.split_once('/').unwrap_or((&plain, "s"));
        let number: String = number
            .chars()
            .take_while(|c| c.is_ascii_digit() || *c == '.')
            .collect();
        let unit = match unit.trim() {
            "s" | "second" => "s",
            "m" | "min" | "minute" => "m",
            _ => {
                return Err(Complaint::of_word(
                    text,
                    "count by the second or the minute: 20/s, 10/m",
                ));
            }
        };
        let rate = format!("{number}/{unit}").parse();
        rate.map(Self)
            .map_err(|error| Complaint::of_word(text, error))
    }
}

/// A share, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PercentWord(pub f64);

impl FromStr for PercentWord {
    type Err = Complaint;

    fn from_str(text: &str) -> Result<Self, Complaint> {
        let number = text.replace('"', "").trim_end_matches('%').trim().parse();
        match number {
            Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Self(percent / 100.0)),
            _ => Err(Complaint::of_word(text, "write a share of 0% to 100%")),
        }
    }
}

impl fmt::Display for PercentWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the noise of the division.
        write!(f, "{}%", (self.0 * 1e6).round() / 1e4)
    }
}

/// Of what clients are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackendWord(pub Option<MacvlanMode>);

impl FromStr for BackendWord {
    type Err = Complaint;

    fn from_str(text: &str) -> Result<Self, Complaint> {
        let mode = text.split_whitespace().nth(2).map(str::parse).transpose();
        mode.map(Self)
            .map_err(|error| Complaint::new(error.to_string()))
    }
}

/// The families of clients, as a step says them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FamiliesWord(pub Families);

impl FromStr for FamiliesWord {
    type Err = Complaint;

    fn from_str(text: &str) -> Result<Self, Complaint> {
        match text {
            "IPv4" | "ipv4" => Ok(Self(Families::Ipv4)),
            "IPv6" | "ipv6" => Ok(Self(Families::Ipv6)),
            "dual-stack" | "dual" => Ok(Self(Families::Dual)),
            _ => Err(Complaint::of_word(text, "write IPv4, IPv6 or dual-stack")),
        }
    }
}

/// One family, as a step says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FamilyWord(pub Family);

impl FromStr for FamilyWord {
    type Err = Complaint;

    fn from_str(text: &str) -> Result<Self, Complaint> {
        match FamiliesWord::from_str(text)?.0 {
            Families::Ipv4 => Ok(Self(Family::Ipv4)),
            Families::Ipv6 => Ok(Self(Family::Ipv6)),
            Families::Dual => Err(Complaint::of_word(
                text,
                "write IPv4 or IPv6: this is of one family",
            )),
        }
    }
}

impl FromStr for FaultWord {
    type Err = Complaint;

    fn from_str(text: &str) -> Result<Self, Complaint> {
        let fault = text.parse();
        fault
            .map(Self)
            .map_err(|error: crate::fault::FaultError| Complaint::new(error.to_string()))
    }
}

/// A fault, as a step says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultWord(pub Fault);
