//! What routers advertise, how often, and whether they keep to the RFCs: of the whole link, in the whole scenario.

use std::time::Duration;

use lanherd_audit::requirement::{self, Requirement};
use lanherd_audit::{Breach, Level, PrefixFound, RouterFindings, RouterFound};

use super::ipv6::no_ipv6;
use crate::bdd::definition::{Definition, Keyword, StepArguments, act};
use crate::bdd::parameters::DurationWord;
use crate::bdd::{Complaint, World};
use crate::client::ipv6::Ipv6EventKind;
use lanherd_types::closest;
use lanherd_types::ipv6::Prefix;

pub(in crate::bdd) const STEPS: &[Definition] = &[
    Definition {
        keyword: Keyword::Then,
        pattern: "routers should have answered every solicitation within {duration}",
        example: "routers should have answered every solicitation within 4s",
        meaning: "In the whole scenario, from a client's first solicitation to the first advertisement that it had then. RFC 4861, \
                  6.2.6 allows half a second, and 3 s since the latest to all.",
        act: act!(|world, said| answered_within(world, said).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "router advertisements to all should be at least {duration} apart",
        example: "router advertisements to all should be at least 3s apart",
        meaning: "Of each router, in the whole scenario (RFC 4861, 6.2.6: MIN_DELAY_BETWEEN_RAS). Fails where no router was heard at all.",
        act: act!(|world, said| at_least_apart(world, said).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "router advertisements to all should be at most {duration} apart",
        example: "router advertisements to all should be at most 30m apart",
        meaning: "Of each router, in the whole scenario (RFC 4861, 6.2.1: MaxRtrAdvInterval). Fails where no router sent two.",
        act: act!(|world, said| at_most_apart(world, said).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "no router should have broken a requirement",
        example: "no router should have broken a requirement",
        meaning: "In the whole scenario no advertisement broke a MUST of those that audit.md lists.",
        act: act!(|world, _| kept(world, |breach| breach.level == Level::Must).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "no router should have broken {string}",
        example: "no router should have broken \"ra-resolver-lifetime\"",
        meaning: "A requirement, recommendation or remark by its name in audit.md, or several, with commas, in the whole scenario.",
        act: act!(|world, said| kept_by_name(world, said).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "every advertised prefix should have the flags on-link and autonomous",
        example: "every advertised prefix should have the flags on-link and autonomous",
        meaning: "Of the latest advertisement of each router (RFC 7084, L-6); of a prefix that is deprecated nothing is demanded.",
        act: act!(|world, _| flags(world).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "a router should advertise a route to {string}",
        example: "a router should advertise a route to \"2001:db8:77::/48\"",
        meaning: "A route information option for this prefix, or for one that covers it, in the latest advertisement (RFC 7084, L-3).",
        act: act!(|world, said| routed(world, said).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "no client should have found its IPv6 address in use",
        example: "no client should have found its IPv6 address in use",
        meaning: "In the whole scenario nobody else said that it has an address that a client was about to take (RFC 4862, 5.4).",
        act: act!(|world, _| no_duplicates(world).await),
    },
];

/// What clients heard of routers; a complaint where that is nothing.
pub(super) async fn heard(world: &World) -> Result<RouterFindings, Complaint> {
    let figures = world.pool()?.figures().await?;
    if figures.uptime_by_family.is_empty() {
        return Err(no_ipv6());
    }
    let heard = world.pool()?.routers().await?.findings;
    if heard.routers.is_empty() && heard.breaches.is_empty() {
        return Err(Complaint::new(
            "no client heard a router, so nothing can be said of advertisements",
        ));
    }
    Ok(heard)
}

async fn answered_within(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let within: DurationWord = said.next()?;
    let figures = world.pool()?.figures().await?;
    if figures.uptime_by_family.is_empty() {
        return Err(no_ipv6());
    }
    let count = |kind| figures.ipv6_events.get(&kind).copied().unwrap_or_default();
    let unanswered = count(Ipv6EventKind::RouterUnanswered);
    if unanswered > 0 {
        return Err(Complaint::new(format!(
            "no_router: {unanswered} times no router answered a client's solicitations, or none that is a default router"
        )));
    }
    let Some(slowest) = world.pool()?.routers().await?.slowest_answer else {
        return Err(Complaint::new(
            "no_router: no client's solicitation was answered",
        ));
    };
    if slowest.after <= within.0 {
        return Ok(());
    }
    let after = slowest.after.as_secs_f64();
    let complaint = Complaint::new(format!(
        "the first advertisement after a solicitation came {after:.1} s later, and should come within {within}"
    ));
    Err(if slowest.at_least() > within.0 {
        complaint
    } else {
        complaint.doubted(slowest.late)
    })
}

async fn at_least_apart(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    /// How much nearer two may come to be on their way.
    const JITTER: f64 = 0.1;
    let least: DurationWord = said.next()?;
    let found = heard(world).await?;
    let bound = least.0.as_secs_f64() - JITTER;
    let late = world.open_testbed()?.tester.worst_of(MOST_WATCHED);
    for router in &found.routers {
        if let Some(gap) = router.shortest_gap_seconds.filter(|gap| *gap < bound) {
            let complaint = Complaint::new(format!(
                "two advertisements of {} to all came {gap:.1} s apart, and {least} should lie between them",
                router.name
            ));
            let is_testers = gap + late.as_secs_f64() >= bound;
            return Err(if is_testers {
                complaint.doubted(late)
            } else {
                complaint
            });
        }
    }
    Ok(())
}

/// How late the tester was is asked for of this time: of all that a scenario lasts, as far as that is remembered.
const MOST_WATCHED: Duration = Duration::from_secs(3600);

async fn at_most_apart(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let most: DurationWord = said.next()?;
    let found = heard(world).await?;
    let late = world.open_testbed()?.tester.worst_of(MOST_WATCHED);
    let gaps = found.routers.iter();
    let gaps = gaps.filter_map(|router| Some((router, router.longest_gap_seconds?)));
    let gaps: Vec<(&RouterFound, f64)> = gaps.collect();
    if gaps.is_empty() {
        return Err(Complaint::new(
            "no router advertised to all twice while clients listened, so nothing can be said of the time between: wait longer",
        ));
    }
    for (router, gap) in gaps {
        if gap > most.0.as_secs_f64() {
            let complaint = Complaint::new(format!(
                "two advertisements of {} to all came {gap:.1} s apart, and should come {most} apart at most",
                router.name
            ));
            let is_testers = gap - late.as_secs_f64() <= most.0.as_secs_f64();
            return Err(if is_testers {
                complaint.doubted(late)
            } else {
                complaint
            });
        }
    }
    Ok(())
}

/// That no router breaks anything of which this is so.
async fn kept(world: &World, counts: impl Fn(&Breach) -> bool) -> Result<(), Complaint> {
    let found = heard(world).await?;
    let lines: Vec<String> = found
        .breaches
        .iter()
        .filter(|breach| counts(breach))
        .map(|breach| {
            let times = match breach.times {
                1 => String::new(),
                times => format!(" ({times} times, the first)"),
            };
            format!(
                "\n  {} ({}): {}: {}{times}",
                breach.requirement, breach.source, breach.sender, breach.what
            )
        })
        .collect();
    match lines.len() {
        0 => Ok(()),
        1 => Err(Complaint::new(format!(
            "a router broke a requirement:{}",
            lines.concat()
        ))),
        many => Err(Complaint::new(format!(
            "routers broke requirements in {many} ways:{}",
            lines.concat()
        ))),
    }
}

async fn kept_by_name(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let text = said.text()?;
    let mut names = Vec::new();
    for word in text.trim_matches('"').split(',').map(str::trim) {
        let known = requirement::ALL.iter().find(|known| known.name == word);
        names.push(known.ok_or_else(|| unknown(word))?.name);
    }
    kept(world, |breach| names.contains(&breach.requirement)).await
}

/// That a word is the name of no requirement that routers are held against.
fn unknown(word: &str) -> Complaint {
    let of_routers = |requirement: &&Requirement| requirement.name.starts_with("ra-");
    let names = requirement::ALL.iter().filter(of_routers);
    let names = names.map(|requirement| requirement.name);
    let why = match closest(word, names) {
        Some(meant) => format!("no requirement has this name: did you mean {meant}?"),
        None => "no requirement has this name: docs/audit.md lists them, as ra-rate".to_owned(),
    };
    Complaint::of_word(word, why)
}

async fn flags(world: &mut World) -> Result<(), Complaint> {
    let found = heard(world).await?;
    let of_routers = |router: &RouterFound| {
        let all = router.prefixes.iter();
        let wanted = all.filter(|prefix| prefix.preferred_seconds != Some(0));
        wanted.cloned().collect::<Vec<PrefixFound>>()
    };
    let all: Vec<PrefixFound> = found.routers.iter().flat_map(of_routers).collect();
    if all.is_empty() {
        return Err(Complaint::new(
            "no prefix was advertised, so nothing can be said of their flags",
        ));
    }
    let lacking: Vec<String> = all
        .iter()
        .filter(|prefix| !prefix.on_link || !prefix.autonomous)
        .map(|prefix| {
            let lacks = match (prefix.on_link, prefix.autonomous) {
                (false, false) => "neither",
                (true, _) => "the flag L, and not A",
                (false, true) => "the flag A, and not L",
            };
            format!("{} has {lacks}", prefix.prefix)
        })
        .collect();
    if lacking.is_empty() {
        return Ok(());
    }
    Err(Complaint::new(format!(
        "not every prefix has the flags L and A: {}",
        lacking.join("; ")
    )))
}

async fn routed(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let text = said.text()?;
    let wanted: Prefix = text
        .trim_matches('"')
        .parse()
        .map_err(|_| Complaint::of_word(&text, "write a prefix, as 2001:db8:77::/48"))?;
    let found = heard(world).await?;
    let routes: Vec<&str> = found
        .routers
        .iter()
        .flat_map(|router| &router.route_information)
        .filter(|route| route.seconds != Some(0))
        .map(|route| route.prefix.as_str())
        .collect();
    let covers = |route: &&str| {
        let route = route.parse::<Prefix>();
        route.is_ok_and(|it| it.length() <= wanted.length() && it.contains(wanted.address()))
    };
    if routes.iter().any(covers) {
        return Ok(());
    }
    let told = if routes.is_empty() {
        "none".to_owned()
    } else {
        routes.join(", ")
    };
    Err(Complaint::new(format!(
        "no router advertises a route to {wanted}; routes that are advertised: {told}"
    )))
}

async fn no_duplicates(world: &mut World) -> Result<(), Complaint> {
    let figures = world.pool()?.figures().await?;
    if figures.uptime_by_family.is_empty() {
        return Err(no_ipv6());
    }
    let duplicates = figures.ipv6_events.get(&Ipv6EventKind::AddressDuplicate);
    match duplicates.copied().unwrap_or_default() {
        0 => Ok(()),
        1 => Err(Complaint::new(
            "address_conflict: somebody else had an IPv6 address that a client was about to take: `lanherd events` names it",
        )),
        times => Err(Complaint::new(format!(
            "address_conflict: {times} times somebody else had an IPv6 address that a client was about to take"
        ))),
    }
}
