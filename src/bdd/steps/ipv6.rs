//! IPv6: what clients hold of it, what they are told to do about it, and what routers advertise.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::disturbances::run_command;
use super::leases::holds_in;
use crate::bdd::complaint::ClientComplaint;
use crate::bdd::definition::{Definition, Keyword, StepArguments, act};
use crate::bdd::parameters::{ClientsWord, CountWord, DurationWord, FamilyWord};
use crate::bdd::waiting::hear;
use crate::bdd::world::{ClientResult, ClientResults, by_number, standing};
use crate::bdd::{Complaint, World};
use crate::client::Order;
use crate::client::ipv6::{AddressState, HeldAddress, Ipv6EventKind, Ipv6State};
use crate::family::{Families, Family};
use crate::identity::ClientNumber;
use crate::objective::wait::Wait;
use crate::pool::{ClientStatus, EventKind};
use crate::stats::Signal;
use lanherd_types::ipv6::Prefix;

pub(in crate::bdd) const STEPS: &[Definition] = &[
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} solicit(s) a router",
        example: "all clients solicit a router",
        meaning: "They ask for router advertisements now (RFC 4861, 6.3.7); waits until each has one, 15 s at most.",
        act: act!(|world, said| order(world, said, Order::Solicit).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} confirm(s) its/their address(es)",
        example: "all clients confirm their addresses",
        meaning: "They ask DHCPv6 servers whether their leased addresses are right on this link (RFC 9915, 18.2.3); waits for the \
                  answer, 15 s at most.",
        act: act!(|world, said| order(world, said, Order::Confirm).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "the router advertises another prefix",
        example: "the router advertises another prefix",
        meaning: "The lab's router gets another prefix and withdraws the old one (RFC 9096, 3.5). On a real router the command of \
                  --renumber is run.",
        act: act!(|world, _| of_the_line(world, LineEvent::Renumbered).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "the WAN goes down",
        example: "the WAN goes down",
        meaning: "The line of the lab's router is down, over IPv6, and the router says that it is no default router any more (RFC 7084, G-5). \
                  On a real router the command of --wan-down is run. It is down until the step that brings it back.",
        act: act!(|world, _| of_the_line(world, LineEvent::Down).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "the WAN comes back",
        example: "the WAN comes back",
        meaning: "It is up again. On a real router the command of --wan-up is run.",
        act: act!(|world, _| of_the_line(world, LineEvent::Up).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "{clients} should have no default router within {duration}",
        example: "all clients should have no default router within 10s",
        meaning: "Of IPv6: they have, or come to have, none within this time from now (RFC 7084, G-4 and G-5).",
        act: act!(|world, said| default_router(world, said, false).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "{clients} should have a default router within {duration}",
        example: "all clients should have a default router within 10s",
        meaning: "Of IPv6: they have, or come to have, one within this time from now.",
        act: act!(|world, said| default_router(world, said, true).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "{clients} should have kept its/their unique local prefix(es)",
        example: "all clients should have kept their unique local prefixes",
        meaning: "Every unique local prefix (fc00::/7) that was on their link before the latest disturbance, as a reboot, still is, and none is \
                  new (RFC 7084, ULA-2). Fails where there was none.",
        act: act!(|world, said| kept_unique_local(world, said).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "{clients} should hold a valid {family} address within {duration}",
        example: "all clients should hold a valid IPv6 address within 30s",
        meaning: "They are, or come to be, usable in this family within this time from now.",
        act: act!(|world, said| hold_within(world, said).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "{clients} should hold an address of {string} within {duration}",
        example: "all clients should hold an address of \"2001:db8:77::/64\" within 30s",
        meaning: "They have, or come to have, a preferred address of this prefix within this time from now.",
        act: act!(|world, said| of_prefix(world, said, PrefixWish::Held).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "{clients} should use no address of {string} within {duration}",
        example: "all clients should use no address of \"2001:db8:77::/64\" within 30s",
        meaning: "They have, or come to have, no preferred address of this prefix within this time from now: it is deprecated or gone.",
        act: act!(|world, said| of_prefix(world, said, PrefixWish::Unused).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "no client should have used a stale prefix for longer than {duration}",
        example: "no client should have used a stale prefix for longer than 10s",
        meaning: "In the whole scenario, from the advertisement that named another prefix until no address of the old one was preferred \
                  (RFC 9096, 3.5).",
        act: act!(|world, said| not_stale(world, said).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "{clients} should do without IPv4",
        example: "all clients should do without IPv4",
        meaning: "They were told to do without IPv4 (RFC 8925), and are usable over IPv6.",
        act: act!(|world, said| without_ipv4(world, said).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "every router advertisement should be well-formed",
        example: "every router advertisement should be well-formed",
        meaning: "In the whole scenario no client met an advertisement that breaks RFC 4861 or the RFCs of its options.",
        act: act!(|world, _| well_formed(world).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "every advertised prefix should have a length of {count}",
        example: "every advertised prefix should have a length of 64",
        meaning: "In bits; of all prefixes that are on the link of some client. A LAN has 64 (RFC 7084, L-2).",
        act: act!(|world, said| all_of_length(world, said).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "{clients} should have a delegated prefix of {count} bits",
        example: "all clients should have a delegated prefix of 60 bits",
        meaning: "Each has one of that length, and no two have the same or one within another's.",
        act: act!(|world, said| delegated_of_length(world, said).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "preferred lifetimes should be at most {duration} and valid lifetimes at most {duration}",
        example: "preferred lifetimes should be at most 45m and valid lifetimes at most 90m",
        meaning: "Of what is left of them now, of all addresses that were formed from advertisements (RFC 9096, 3.4).",
        act: act!(|world, said| lifetimes(world, said).await),
    },
];

/// How long routers and DHCPv6 servers may take: three solicitations, 4 s apart (RFC 4861, 10), and ten seconds for an answer to Confirm (RFC 9915, 18.2.3).
const ANSWERS_IPV6: Duration = Duration::from_secs(15);

async fn order(world: &mut World, mut said: StepArguments, order: Order) -> Result<(), Complaint> {
    let clients: ClientsWord = said.next()?;
    let chosen = world.choose_to_act(&clients).await?;
    let there = world.herd().await?;
    let by_number = by_number(&there);
    let lacks = |number: &&ClientNumber| {
        let client = by_number.get(number);
        client.is_some_and(|client| !client.families.include(Family::Ipv6))
    };
    if let Some(number) = chosen.numbers.iter().find(lacks) {
        return Err(Complaint::new(format!(
            "client {number} is to have no IPv6: make IPv6 or dual-stack clients"
        )));
    }
    world.disturb().await?;
    let pool = world.pool()?;
    let (events, begun) = (pool.events()?, Instant::now());
    pool.order(chosen.selection(), order).await?;
    let waiting = world.waiting(begun, Wait::new(ANSWERS_IPV6, Signal::Dhcp))?;
    let mut heard = hear(events, &chosen.numbers, &waiting, |what| {
        came_to(order, what)
    })
    .await;
    let excuse = waiting.excuse();
    let clients = chosen.numbers.iter().map(|number| {
        let answer = heard.remove(number).unwrap_or_else(|| ClientResult {
            outcome: Err(ClientComplaint {
                text: format!(
                    "nothing came of it within {}",
                    humantime::format_duration(ANSWERS_IPV6)
                ),
                tester: excuse,
            }),
            causes: vec!["timeout"],
            output: None,
        });
        (*number, answer)
    });
    let what = match order {
        Order::Solicit => "soliciting routers".to_owned(),
        other => format!("{other} of addresses"),
    };
    let clients = clients.collect();
    world.answers = Some(ClientResults { what, clients });
    Ok(())
}

/// What an order has come to for a client, if that is what it tells.
pub(super) fn came_to(order: Order, what: &EventKind) -> Option<ClientResult> {
    let EventKind::Ipv6 { kind, detail } = what else {
        return None;
    };
    let failed = |cause: &'static str| ClientResult {
        outcome: Err(detail.clone().into()),
        causes: vec![cause],
        output: None,
    };
    match (order, kind) {
        (Order::Solicit, Ipv6EventKind::RouterAnswered)
        | (
            Order::Confirm | Order::Renew | Order::Rebind,
            Ipv6EventKind::LeaseRenewed | Ipv6EventKind::LeaseBound,
        )
        | (Order::Decline, Ipv6EventKind::LeaseBound) => Some(ClientResult::well()),
        (Order::Solicit, Ipv6EventKind::RouterUnanswered) => Some(failed("no_router")),
        (
            Order::Confirm,
            Ipv6EventKind::LeaseLost | Ipv6EventKind::LeaseReduced | Ipv6EventKind::LeaseRefused,
        ) => Some(failed("not_on_link")),
        (
            Order::Renew | Order::Rebind,
            Ipv6EventKind::LeaseLost | Ipv6EventKind::LeaseReduced | Ipv6EventKind::LeaseRefused,
        ) => Some(failed("no_binding")),
        _ => None,
    }
}

/// What happens to the line of a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineEvent {
    Down,
    Up,
    Renumbered,
}

async fn of_the_line(world: &mut World, event: LineEvent) -> Result<(), Complaint> {
    world.disturb().await?;
    if let Some(lab) = &world.open_testbed()?.lab {
        match event {
            LineEvent::Down => lab.wan_down(),
            LineEvent::Up => lab.wan_up(),
            LineEvent::Renumbered => lab.renumber(),
        }
        return Ok(());
    }
    let settings = &world.testbeds.settings;
    let (line, option, what, example) = match event {
        LineEvent::Down => (
            &settings.wan_down,
            "--wan-down",
            "its line is taken down",
            "ssh root@192.168.1.1 ifdown wan6",
        ),
        LineEvent::Up => (
            &settings.wan_up,
            "--wan-up",
            "its line is brought up again",
            "ssh root@192.168.1.1 ifup wan6",
        ),
        LineEvent::Renumbered => (
            &settings.renumber,
            "--renumber",
            "it is given another prefix",
            "ssh root@192.168.1.1 ifup wan6",
        ),
    };
    let Some(line) = line.clone() else {
        return Err(Complaint::new(format!(
            "this router is not the lab's, and nobody has said how {what}: run with {option} '{example}', or the like"
        )));
    };
    run_command(&line).await
}

async fn default_router(
    world: &mut World,
    mut said: StepArguments,
    wanted: bool,
) -> Result<(), Complaint> {
    let clients: ClientsWord = said.next()?;
    let within: DurationWord = said.next()?;
    let what = if wanted {
        "had no default router"
    } else {
        "still had a default router"
    };
    judge_within(world, &clients, what, within, |client| {
        let state = client.ipv6.as_deref();
        state.is_some_and(|state| state.routers.is_empty() != wanted)
    })
    .await
}

/// The unique local prefixes that are on a client's link.
pub(in crate::bdd) fn unique_local(state: &Ipv6State) -> BTreeSet<Prefix> {
    let all = state.on_link.iter().copied();
    all.filter(|prefix| prefix.address().is_unique_local())
        .collect()
}

async fn kept_unique_local(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let clients: ClientsWord = said.next()?;
    let chosen = world.choose(&clients).await?;
    let herd = world.herd().await?;
    let by_number = by_number(&herd);
    let list = |all: &BTreeSet<Prefix>| {
        let all: Vec<_> = all.iter().map(ToString::to_string).collect();
        if all.is_empty() {
            "none".to_owned()
        } else {
            all.join(", ")
        }
    };
    chosen.judge("did not keep their unique local prefixes", |number| {
        let before = world.unique_local.get(&number);
        let before = before.filter(|before| !before.is_empty());
        let before = before.ok_or_else(|| "it had none before anything was done".to_owned())?;
        let client = by_number.get(&number);
        let client = client.ok_or_else(|| "it has left".to_owned())?;
        let now = client.ipv6.as_deref().map(unique_local);
        let now = now.unwrap_or_default();
        if now == *before {
            return Ok(());
        }
        Err(format!("{} before, and now {}", list(before), list(&now)))
    })
}

async fn hold_within(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let clients: ClientsWord = said.next()?;
    let FamilyWord(family) = said.next()?;
    let within: DurationWord = said.next()?;
    let what = format!("did not hold a valid {} address", family.name());
    judge_within(world, &clients, &what, within, |client| {
        holds_in(client, family)
    })
    .await
}

/// Waits until all of them are so, or the time is over; at once where there is no time to wait.
async fn judge_within(
    world: &mut World,
    clients: &ClientsWord,
    what: &str,
    within: DurationWord,
    is_so: impl Fn(&ClientStatus) -> bool,
) -> Result<(), Complaint> {
    let begun = Instant::now();
    let chosen = world.choose(clients).await?;
    let judge = |herd: &[ClientStatus]| {
        let by_number = by_number(herd);
        chosen.judge(
            &format!("{what} within {within}"),
            |number| match by_number.get(&number) {
                Some(client) if is_so(client) => Ok(()),
                Some(client) => Err(standing(client)),
                None => Err("it has left".to_owned()),
            },
        )
    };
    let waiting = world.waiting(begun, Wait::new(within.0, Signal::Join))?;
    let (herd, at) = world
        .watch(&waiting, |herd, is_over| {
            let mut theirs = herd
                .iter()
                .filter(|client| chosen.numbers.contains(&client.identity.number));
            theirs.all(&is_so) || is_over && judge(herd).is_ok()
        })
        .await?;
    match judge(&herd) {
        Ok(()) => waiting.came(at, "clients came to be so"),
        Err(complaint) => Err(waiting.missed(complaint)),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PrefixWish {
    Held,
    Unused,
}

async fn of_prefix(
    world: &mut World,
    mut said: StepArguments,
    wish: PrefixWish,
) -> Result<(), Complaint> {
    let clients: ClientsWord = said.next()?;
    let text = said.text()?;
    let within: DurationWord = said.next()?;
    let prefix: Prefix = text
        .trim_matches('"')
        .parse()
        .map_err(|_| Complaint::of_word(&text, "write a prefix, as 2001:db8:77::/64"))?;
    let what = match wish {
        PrefixWish::Held => format!("did not hold an address of {prefix}"),
        PrefixWish::Unused => format!("still used an address of {prefix}"),
    };
    judge_within(world, &clients, &what, within, |client| {
        let Some(state) = client.ipv6.as_deref() else {
            return false;
        };
        let mut all = state.addresses.iter();
        let is_used =
            all.any(|held| held.state == AddressState::Preferred && prefix.contains(held.address));
        match wish {
            PrefixWish::Held => is_used,
            PrefixWish::Unused => !is_used,
        }
    })
    .await
}

async fn not_stale(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let most: DurationWord = said.next()?;
    let figures = world.pool()?.figures().await?;
    if figures.uptime_by_family.is_empty() {
        return Err(no_ipv6());
    }
    let longest = figures.stale_prefix.longest;
    if longest <= most.0 {
        return Ok(());
    }
    let herd = world.herd().await?;
    let lines: Vec<_> = herd
        .iter()
        .filter(|client| client.stale_prefix > most.0)
        .map(|client| {
            let seconds = client.stale_prefix.as_secs_f64();
            (client.identity.number, format!("for {seconds:.1} s in all"))
        })
        .collect();
    let what = format!("used a stale prefix for longer than {most}");
    Err(Complaint::of_clients(&what, &lines, herd.len(), ""))
}

async fn without_ipv4(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let clients: ClientsWord = said.next()?;
    let chosen = world.choose(&clients).await?;
    let herd = world.herd().await?;
    let by_number = by_number(&herd);
    chosen.judge("did not do without IPv4", |number| {
        let client = by_number
            .get(&number)
            .ok_or_else(|| "it has left".to_owned())?;
        if client.families != Families::Dual {
            return Err("it is to have only one family".to_owned());
        }
        let rests = client.by_family.ipv4.as_ref().is_some_and(|it| it.rests);
        if rests && holds_in(client, Family::Ipv6) {
            return Ok(());
        }
        Err(standing(client))
    })
}

async fn well_formed(world: &mut World) -> Result<(), Complaint> {
    let figures = world.pool()?.figures().await?;
    if figures.uptime_by_family.is_empty() {
        return Err(no_ipv6());
    }
    if figures.ipv6_events.is_empty() {
        return Err(Complaint::new(
            "no client heard a router, so nothing can be said of advertisements",
        ));
    }
    let mut flaws = figures.advertisement_flaws.iter();
    match flaws.next() {
        None => Ok(()),
        Some((reason, flaw)) => Err(Complaint::new(format!(
            "{} advertisements were not well-formed ({reason} and the like); the last: {}",
            figures
                .advertisement_flaws
                .values()
                .map(|flaw| flaw.count)
                .sum::<u64>(),
            flaw.last
        ))),
    }
}

pub(super) fn no_ipv6() -> Complaint {
    Complaint::new("no client is to have IPv6: make IPv6 or dual-stack clients")
}

/// All that clients have of IPv6; a complaint where nobody has any.
async fn states(
    world: &World,
) -> Result<Vec<(ClientNumber, std::sync::Arc<Ipv6State>)>, Complaint> {
    let herd = world.herd().await?;
    let all = herd.iter().filter(|client| client.phase.has_address());
    let states: Vec<_> = all
        .filter_map(|client| Some((client.identity.number, client.ipv6.clone()?)))
        .collect();
    if states.is_empty() {
        return Err(no_ipv6());
    }
    Ok(states)
}

async fn all_of_length(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let CountWord(length) = said.next()?;
    let states = states(world).await?;
    let mut seen = 0_usize;
    let mut others: BTreeMap<ClientNumber, String> = BTreeMap::new();
    for (number, state) in &states {
        for prefix in state
            .on_link
            .iter()
            .filter(|prefix| !prefix.is_link_local())
        {
            seen += 1;
            if u32::from(prefix.length()) != length {
                others.insert(*number, format!("{prefix} is advertised as on the link"));
            }
        }
    }
    if seen == 0 {
        return Err(Complaint::new(
            "no prefix was advertised, so nothing can be said of their length",
        ));
    }
    if others.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = others.into_iter().collect();
    let what = "were advertised a prefix of another length";
    Err(Complaint::of_clients(what, &lines, states.len(), ""))
}

async fn delegated_of_length(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let (clients, CountWord(length)): (ClientsWord, CountWord) = (said.next()?, said.next()?);
    let chosen = world.choose(&clients).await?;
    let states: BTreeMap<_, _> = states(world).await?.into_iter().collect();
    let mut taken: Vec<(ClientNumber, Prefix)> = Vec::new();
    let mut wrong = Vec::new();
    for number in &chosen.numbers {
        let all = states.get(number).into_iter();
        let delegated: Vec<Prefix> = all
            .flat_map(|state| state.delegated().map(|it| it.prefix).collect::<Vec<_>>())
            .collect();
        let is_right = delegated.iter().any(|it| u32::from(it.length()) == length);
        let overlaps = |one: &Prefix, other: &Prefix| {
            one.contains(other.address()) || other.contains(one.address())
        };
        let mut of_others = delegated.iter().flat_map(|own| {
            let others = taken.iter().filter(|(_, other)| overlaps(own, other));
            others.map(move |(holder, other)| (own, holder, other))
        });
        if let Some((own, holder, other)) = of_others.next() {
            let line = format!("{own} is its own, and {other} is client {holder}'s");
            wrong.push((*number, line));
        } else if delegated.is_empty() {
            wrong.push((*number, "no prefix is delegated to it".to_owned()));
        } else if !is_right {
            let all: Vec<_> = delegated.iter().map(ToString::to_string).collect();
            wrong.push((*number, format!("it has {}", all.join(", "))));
        }
        taken.extend(delegated.into_iter().map(|prefix| (*number, prefix)));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let what = format!("had no delegated prefix of {length} bits of their own");
    Err(Complaint::of_clients(
        &what,
        &wrong,
        chosen.numbers.len(),
        "",
    ))
}

async fn lifetimes(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let (preferred, valid): (DurationWord, DurationWord) = (said.next()?, said.next()?);
    let states = states(world).await?;
    let now = Instant::now();
    let is_longer = |until: Option<Instant>, most: Duration| {
        until.is_none_or(|until| until.saturating_duration_since(now) > most)
    };
    let mut longer = Vec::new();
    for (number, state) in &states {
        let formed = state.global().filter(|held| held.origin.is_formed());
        let mut too_long = formed.filter(|held: &&HeldAddress| {
            is_longer(held.preferred_until, preferred.0) || is_longer(held.valid_until, valid.0)
        });
        if let Some(held) = too_long.next() {
            let left = |until: Option<Instant>| {
                until.map_or_else(
                    || "for ever".to_owned(),
                    |until| {
                        let left = until.saturating_duration_since(now).as_secs();
                        humantime::format_duration(Duration::from_secs(left)).to_string()
                    },
                )
            };
            longer.push((
                *number,
                format!(
                    "{} is preferred for {} and valid for {}",
                    held.address,
                    left(held.preferred_until),
                    left(held.valid_until)
                ),
            ));
        }
    }
    if longer.is_empty() {
        return Ok(());
    }
    let what = "were advertised longer lifetimes";
    Err(Complaint::of_clients(what, &longer, states.len(), ""))
}

/// What the table of `configured with` says of a client's IPv6, as it is written there; `None`: it is no option of IPv6.
pub(super) fn says(state: &Ipv6State, option: &str) -> Option<String> {
    fn list(all: impl Iterator<Item = impl ToString>) -> String {
        let all: Vec<_> = all.map(|one| one.to_string()).collect();
        if all.is_empty() {
            "none".to_owned()
        } else {
            all.join(", ")
        }
    }
    let none = || "none".to_owned();
    Some(match option {
        "prefix6" => {
            let on_link = state.on_link.iter();
            list(on_link.filter(|prefix| !prefix.is_link_local()))
        }
        "router6" => list(state.routers.iter().map(|router| router.address)),
        "dns6" => list(state.resolvers.iter().map(|address| IpAddr::from(*address))),
        "search" => list(state.search.iter()),
        "mtu6" => state.mtu.map_or_else(none, |mtu| mtu.to_string()),
        "pref64" => list(state.pref64.iter()),
        "delegated" => list(state.delegated().map(|leased| leased.prefix)),
        "flags" => match (state.managed, state.other) {
            (true, true) => "managed, other".to_owned(),
            (true, false) => "managed".to_owned(),
            (false, true) => "other".to_owned(),
            (false, false) => none(),
        },
        _ => return None,
    })
}

/// The options of IPv6 in that table.
pub(super) const OPTIONS: [&str; 8] = [
    "prefix6",
    "router6",
    "dns6",
    "search",
    "mtu6",
    "pref64",
    "delegated",
    "flags",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_of_the_table_says_something_and_others_are_none_of_ipv6() {
        let state = Ipv6State::default();
        for option in OPTIONS {
            assert_eq!(says(&state, option).as_deref(), Some("none"), "{option}");
        }
        assert_eq!(says(&state, "dns"), None);
    }
}
