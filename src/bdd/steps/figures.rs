//! Figures of the whole scenario, and their bounds.

use std::fmt::Display;
use std::time::Duration;

use crate::bdd::parameters::{Count, Percent, Signal, Span, Stat};
use crate::bdd::vocabulary::{Definition, Keyword, Said};
use crate::bdd::{Complaint, World};
use crate::pool::Figures;
use crate::stats::Distribution;

pub(in crate::bdd) const STEPS: &[Definition] = &[
    Definition {
        keyword: Keyword::Then,
        pattern: "the {stat} {signal} should be below {duration}",
        example: "the p99 ping round trip should be below 20ms",
        meaning: "Of all clients and all that they did in the scenario.",
        act: |world, mut said| {
            Box::pin(async move {
                let (stat, signal, bound): (Stat, Signal, Span) =
                    (said.next()?, said.next()?, said.next()?);
                let figures = world.pool()?.figures().await?;
                below(&figures, stat, signal, bound)
            })
        },
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "packet loss should stay below {percent}",
        example: "packet loss should stay below 1%",
        meaning: "Of all pings of the scenario, those that could not be sent included.",
        act: |world, mut said| {
            Box::pin(async move {
                let bound: Percent = said.next()?;
                let figures = world.pool()?.figures().await?;
                loss_below(&figures, bound)
            })
        },
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "these objectives should hold:",
        example: "these objectives should hold:",
        meaning: "A table of objective and below: 'p99 ping round trip', 'median DHCP time', … with a duration; 'packet loss' with \
                  a percentage; 'duplicate pings' and 'restarts' with a number. All that do not hold are named.",
        act: |world, said| Box::pin(objectives(world, said)),
    },
];

fn distribution(figures: &Figures, signal: Signal) -> Distribution {
    match signal {
        Signal::Join => figures.join.clone(),
        Signal::Dhcp => figures.dhcp.clone(),
        Signal::Ping => figures.pings.values().map(|stats| &stats.rtt).sum(),
        Signal::Dns => figures.dns.values().map(|stats| &stats.time).sum(),
        Signal::Http => figures.http.values().map(|stats| &stats.time).sum(),
        Signal::Command => figures.commands.values().map(|stats| &stats.time).sum(),
    }
}

fn below(figures: &Figures, stat: Stat, signal: Signal, bound: Span) -> Result<(), Complaint> {
    let all = distribution(figures, signal);
    let Some(value) = all.quantile(stat.quantile) else {
        return Err(Complaint::new(format!(
            "there is no {signal} in this scenario to compare with {bound}"
        )));
    };
    if value < bound.0 {
        return Ok(());
    }
    let of = all.count();
    Err(Complaint::new(format!(
        "the {stat} {signal} is {}, of {of}: it should be below {bound}",
        rounded(value)
    )))
}

/// To three digits or so.
fn rounded(value: Duration) -> impl Display {
    format!("{value:.2?}")
}

fn loss_below(figures: &Figures, bound: Percent) -> Result<(), Complaint> {
    let (mut lost, mut asked) = (0, 0);
    let mut worst = Vec::new();
    for (target, stats) in &figures.pings {
        lost += stats.unanswered();
        asked += stats.unanswered() + stats.received;
        let causes = stats
            .lost
            .iter()
            .map(|(cause, count)| format!("{target}: {cause} {count} times"));
        worst.extend(causes);
    }
    if asked == 0 {
        return Err(Complaint::new(
            "nobody pinged anything in this scenario, so nothing can be said of packet loss",
        ));
    }
    let share = Percent(lost as f64 / asked as f64);
    // A bound of 0 means that none may be lost.
    if share.0 < bound.0 || lost == 0 {
        return Ok(());
    }
    Err(Complaint::new(format!(
        "packet loss is {share}, {lost} of {asked} pings: it should stay below {bound}\n  {}",
        worst.join("\n  ")
    )))
}

fn fewer(are: u64, what: &str, bound: Count) -> Result<(), Complaint> {
    if are < u64::from(bound.0) {
        return Ok(());
    }
    Err(Complaint::new(format!(
        "there were {are} {what}: there should be fewer than {}",
        bound.0
    )))
}

async fn objectives(world: &mut World, said: Said) -> Result<(), Complaint> {
    let figures = world.pool()?.figures().await?;
    let mut misses = Vec::new();
    for row in said.rows()?.by_column(&["objective", "below"], &[])? {
        let cell = |name: &str| row.get(name).copied().unwrap_or_default();
        let (objective, bound) = (cell("objective"), cell("below"));
        let held = match objective {
            "packet loss" => loss_below(&figures, bound.parse()?),
            "restarts" => fewer(figures.restarts, "restarts", bound.parse()?),
            "duplicate pings" => {
                let duplicates = figures.pings.values().map(|stats| stats.duplicates).sum();
                fewer(
                    duplicates,
                    "answers to pings that had been answered already",
                    bound.parse()?,
                )
            }
            timed => {
                let (stat, signal) = timed.split_once(' ').ok_or_else(|| {
                    let known =
                        "write 'p99 ping round trip', or the like, 'packet loss', 'duplicate pings' or 'restarts'";
                    Complaint::of_word(timed, known)
                })?;
                below(&figures, stat.parse()?, signal.parse()?, bound.parse()?)
            }
        };
        misses.extend(held.err());
    }
    match misses.as_slice() {
        [] => Ok(()),
        [one] => Err(one.clone()),
        many => {
            let lines: Vec<_> = many.iter().map(|miss| format!("\n  {miss}")).collect();
            Err(Complaint::new(format!(
                "{} objectives do not hold:{}",
                many.len(),
                lines.concat()
            )))
        }
    }
}
