//! IPv6: what clients hold of it, what they are told to do about it, and what routers advertise.

mod advertised;
mod line;
mod options;

use std::time::{Duration, Instant};

pub(in crate::bdd) use self::line::unique_local;
pub(super) use self::options::{OPTIONS, says};

use self::advertised::{all_of_length, delegated_of_length, lifetimes};
use self::line::{LineEvent, default_router, kept_unique_local, of_the_line};
use super::leases::holds_in;
use crate::bdd::complaint::ClientComplaint;
use crate::bdd::definition::{Definition, Keyword, StepArguments, act};
use crate::bdd::parameters::{ClientsWord, DurationWord, FamilyWord};
use crate::bdd::waiting::hear;
use crate::bdd::world::{ClientResult, ClientResults, by_number, standing};
use crate::bdd::{Complaint, World};
use crate::client::Order;
use crate::client::ipv6::{AddressState, Ipv6EventKind};
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
        meaning: "They ask for router advertisements now (RFC 4861, 6.3.7); waits until each has one, 20 s at most.",
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

/// How long DHCPv6 servers may take: ten seconds for an answer to Confirm (RFC 9915, 18.2.3), and some more.
const ANSWERS_OF_SERVERS: Duration = Duration::from_secs(15);
/// How long routers may take: that none answers is told a second after the third solicitation, 14.7 s after the first at most (RFC 7559, 2).
const ANSWERS_OF_ROUTERS: Duration = Duration::from_secs(20);

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
    let patience = match order {
        Order::Solicit => ANSWERS_OF_ROUTERS,
        _ => ANSWERS_OF_SERVERS,
    };
    let waiting = world.waiting(begun, Wait::new(patience, Signal::Dhcp))?;
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
                    humantime::format_duration(patience)
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
