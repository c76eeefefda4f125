//! The words of figures and bounds.

use std::time::Duration;

use super::{Bound, Figure, ObjectiveError, Quantile, Should};
use crate::activity::Kind;
use crate::activity::kind::RateFigure;
use crate::family::Family;
use crate::stats::Signal;
use crate::units;

/// Names of values of a distribution; the first of each is told.
const QUANTILES: &[(&str, f64, &str)] = &[
    ("median", 0.5, "median"),
    ("p50", 0.5, "median"),
    ("p90", 0.9, "p90"),
    ("90th percentile", 0.9, "p90"),
    ("p95", 0.95, "p95"),
    ("95th percentile", 0.95, "p95"),
    ("p99", 0.99, "p99"),
    ("99th percentile", 0.99, "p99"),
    ("maximum", 1.0, "maximum"),
    ("max", 1.0, "maximum"),
    ("p100", 1.0, "maximum"),
    ("minimum", 0.0, "minimum"),
    ("min", 0.0, "minimum"),
];

/// Other names of what takes time, beside its own.
fn aliases() -> impl Iterator<Item = (&'static str, Signal)> {
    let acquisitions = [
        ("join", Signal::Join),
        ("dhcp", Signal::Dhcp),
        ("lease", Signal::Dhcp),
        ("time to lease", Signal::Dhcp),
        ("time to join", Signal::Join),
    ];
    let of_kinds = Kind::ALL.iter().flat_map(|kind| {
        let aliases = kind.about().time.aliases.iter();
        aliases.map(|alias| (*alias, Signal::Activity(*kind)))
    });
    acquisitions.into_iter().chain(of_kinds)
}

/// All figures but times, with their names: first the shares, then the numbers.
fn figures() -> impl Iterator<Item = (&'static str, Figure)> {
    let kinds = || Kind::ALL.iter().copied();
    let failed = |kind: Kind| (kind.about().failures.objective, Figure::Failed(kind));
    let shares_first = kinds().filter(|kind| !kind.about().failures.are_counted);
    let counted = kinds().filter(|kind| kind.about().failures.are_counted);
    let counts = kinds().flat_map(|kind| {
        let counts = kind.about().counts.iter();
        let objectives = counts.filter_map(|count| count.objective.as_ref());
        objectives.map(move |count| (count.name, Figure::Counted(kind, count)))
    });
    shares_first
        .map(failed)
        .chain([
            ("availability", Figure::Availability),
            (
                "ipv4 availability",
                Figure::FamilyAvailability(Family::Ipv4),
            ),
            (
                "ipv6 availability",
                Figure::FamilyAvailability(Family::Ipv6),
            ),
        ])
        .chain(counted.map(failed))
        .chain([("restarts", Figure::Restarts)])
        .chain(counts)
        .chain([
            ("malformed messages", Figure::MalformedMessages),
            ("outages", Figure::Outages),
            ("stale prefix time", Figure::StalePrefix),
        ])
        .chain(rates().map(|(kind, rate)| (rate.name, Figure::Rate(None, kind, rate))))
}

/// What stands between a figure and a bound where a run is to fail; longer before what they begin with.
const FAILURES: &[(&str, Should)] = &[
    (">=", Should::BeBelow),
    ("<=", Should::BeAbove),
    ("≥", Should::BeBelow),
    ("≤", Should::BeAbove),
    (">", Should::BeAtMost),
    ("<", Should::BeAtLeast),
    (" above ", Should::BeAtMost),
    (" over ", Should::BeAtMost),
    (" below ", Should::BeAtLeast),
    (" under ", Should::BeAtLeast),
];

/// Takes apart when a run is to fail: a figure, how it should stand to its bound, which is the opposite, and the bound.
pub(super) fn failure(text: &str) -> Result<(&str, Should, &str), ObjectiveError> {
    for (sign, should) in FAILURES {
        if let Some((figure, bound)) = text.split_once(sign) {
            return Ok((figure, *should, bound.trim()));
        }
    }
    Err(ObjectiveError(format!(
        "{text:?} does not say when to fail: write a figure, < or >, and a bound, as 'packet loss > 0.1 %', 'restarts > 3' \
         or 'p95 dns > 50 ms'"
    )))
}

/// The figure of this name.
pub(super) fn figure(text: &str) -> Result<Figure, ObjectiveError> {
    let plain = plain(text);
    if let Some((_, figure)) = figures().find(|(name, _)| *name == plain) {
        return Ok(figure);
    }
    let of_time = QUANTILES.iter().find_map(|(name, share, told)| {
        let signal = signal(plain.strip_prefix(name)?.strip_prefix(' ')?)?;
        let quantile = Quantile {
            share: *share,
            name: told,
        };
        Some(Figure::Time(quantile, signal))
    });
    let of_rate = || {
        QUANTILES.iter().find_map(|(name, share, told)| {
            let (kind, figure) = rate(plain.strip_prefix(name)?.strip_prefix(' ')?)?;
            let quantile = Quantile {
                share: *share,
                name: told,
            };
            Some(Figure::Rate(Some(quantile), kind, figure))
        })
    };
    of_time.or_else(of_rate).ok_or_else(|| {
        if signal(&plain).is_some() {
            return ObjectiveError(format!(
                "{plain:?} says of no value of many: write 'median {plain}', 'p95 {plain}', 'p99 {plain}' or 'maximum {plain}'"
            ));
        }
        ObjectiveError(format!("there is no figure {plain:?}: {}", remedy(&plain)))
    })
}

/// All rates, each with its kind.
fn rates() -> impl Iterator<Item = (Kind, &'static RateFigure)> {
    let kinds = Kind::ALL.iter().copied();
    kinds.flat_map(|kind| kind.about().rates.iter().map(move |rate| (kind, rate)))
}

fn rate(name: &str) -> Option<(Kind, &'static RateFigure)> {
    rates().find(|(_, rate)| rate.name == name)
}

fn signal(name: &str) -> Option<Signal> {
    let mut own = Signal::all().filter(|signal| signal.as_str().eq_ignore_ascii_case(name));
    let alias = || aliases().find(|(alias, _)| *alias == name);
    own.next().or_else(|| alias().map(|(_, signal)| signal))
}

/// In small letters, with one space between two words, without what only makes it a sentence.
fn plain(text: &str) -> String {
    let words: Vec<_> = text
        .split_whitespace()
        .map(|word| word.trim_matches('"').to_lowercase())
        .filter(|word| !matches!(word.as_str(), "the" | "is" | "are" | ""))
        .collect();
    words.join(" ")
}

/// What is most like it, or what there is.
fn remedy(plain: &str) -> String {
    /// What is less like it is no suggestion.
    const LIKE: f64 = 0.6;
    let signals = || {
        let own = Signal::all().map(Signal::as_str);
        own.chain(aliases().map(|(name, _)| name))
    };
    let of_time = QUANTILES
        .iter()
        .flat_map(|(stat, ..)| signals().map(move |signal| format!("{stat} {signal}")));
    let all = figures().map(|(name, _)| name.to_owned());
    let likeness =
        |name: &String| strsim::normalized_damerau_levenshtein(plain, &name.to_lowercase());
    let best = all
        .chain(of_time)
        .map(|name| (likeness(&name), name))
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .filter(|(likeness, _)| *likeness >= LIKE);
    if let Some((_, name)) = best {
        return format!("did you mean {name:?}?");
    }
    let counted: Vec<_> = figures().map(|(name, _)| name).collect();
    let times: Vec<_> = Signal::all().map(Signal::as_str).collect();
    format!(
        "use {}, or median, p90, p95, p99, maximum or minimum of {}, as 'p95 dns'",
        counted.join(", "),
        times.join(", ")
    )
}

/// A bound of this figure.
pub(super) fn bound(figure: Figure, text: &str) -> Result<Bound, ObjectiveError> {
    let refuse = |how: &str| ObjectiveError(format!("{text:?} is no bound of {figure}: {how}"));
    match figure {
        Figure::Time(..) | Figure::StalePrefix => span(text)
            .map(Bound::Time)
            .ok_or_else(|| refuse("write a time with its unit, as 50 ms or 2s")),
        Figure::Availability | Figure::FamilyAvailability(_) => percent(text)
            .map(Bound::Share)
            .ok_or_else(|| refuse("write a share of 0 % to 100 %, as 99.9 %")),
        Figure::Failed(kind) if !kind.about().failures.are_counted => percent(text)
            .map(Bound::Share)
            .ok_or_else(|| refuse("write a share of 0 % to 100 %, as 0.1 %")),
        Figure::Failed(_) => percent(text)
            .map(Bound::Share)
            .or_else(|| text.parse().ok().map(Bound::Number))
            .ok_or_else(|| refuse("write a whole number, as 3, or a share, as 0.1 %")),
        Figure::Rate(..) => text
            .parse()
            .map(Bound::Rate)
            .map_err(|_| refuse("write a rate with its unit, as 5 Mbit/s or 500 kbit/s")),
        Figure::Restarts | Figure::Counted(..) | Figure::MalformedMessages | Figure::Outages => {
            text.parse()
                .map(Bound::Number)
                .map_err(|_| refuse("write a whole number, as 3"))
        }
    }
}

fn percent(text: &str) -> Option<f64> {
    let number: f64 = text.strip_suffix('%')?.trim().parse().ok()?;
    (0.0..=100.0).contains(&number).then_some(number / 100.0)
}

/// A time as [`units::duration`] reads it, or with a fraction: `0.5 ms`.
fn span(text: &str) -> Option<Duration> {
    if let Ok(time) = units::duration(text) {
        return Some(time);
    }
    let unit_at = text.find(|c: char| c.is_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.trim().parse().ok()?;
    let unit = units::duration(&format!("1{}", unit.trim())).ok()?;
    (0.0..1e9)
        .contains(&number)
        .then(|| Duration::try_from_secs_f64(unit.as_secs_f64() * number).ok())?
}

/// As people read it: `0.61 ms`, `61 ms`, `2.4 s`, `1h 30m`.
pub(super) fn time(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        60_000.0.. => {
            let whole = Duration::from_secs(time.as_secs());
            humantime::format_duration(whole).to_string()
        }
        1_000.0.. => format!("{} s", trimmed(format!("{:.2}", ms / 1e3))),
        10.0.. => format!("{} ms", trimmed(format!("{ms:.1}"))),
        _ => format!("{} ms", trimmed(format!("{ms:.3}"))),
    }
}

/// As people read it, without the noise of the division: `0.1 %`.
pub(super) fn share(share: f64) -> String {
    format!("{} %", trimmed(format!("{:.4}", share * 100.0)))
}

fn trimmed(number: String) -> String {
    if number.contains('.') {
        number
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned()
    } else {
        number
    }
}
