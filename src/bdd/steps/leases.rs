//! Leases: what clients hold, and what is done about it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use crate::activity::ping::PingSpec;
use crate::bdd::complaint::ClientComplaint;
use crate::bdd::definition::{Definition, Keyword, StepArguments, act};
use crate::bdd::parameters::{ClientsWord, DurationWord, FamilyWord};
use crate::bdd::waiting::hear;
use crate::bdd::world::{Chosen, ClientResult, ClientResults, by_number, standing};
use crate::bdd::{Complaint, World};
use crate::client::Order;
use crate::dhcp::Lease;
use crate::family::Family;
use crate::identity::ClientNumber;
use crate::objective::wait::Wait;
use crate::phase::{Cause, Phase};
use crate::pool::{ClientStatus, EventKind, Selection};
use crate::stats::Signal;
use crate::target::Target;

pub(in crate::bdd) const STEPS: &[Definition] = &[
    Definition {
        keyword: Keyword::Given,
        pattern: "the router is reachable at {string}",
        example: "the router is reachable at \"10.77.0.1\"",
        meaning: "Every client can ping this address, now or, where there are none yet, as soon as they have joined.",
        act: act!(|world, said| reachable(world, said).await),
    },
    Definition {
        keyword: Keyword::Given,
        pattern: "{clients} hold(s) a valid {family} address",
        example: "all clients hold a valid IPv4 address",
        meaning: "They are usable in this family: in IPv4 with a lease that has not run out, in IPv6 with a router and a preferred \
                  address beyond the link.",
        act: act!(|world, mut said| {
            let clients = said.next()?;
            let FamilyWord(family) = said.next()?;
            hold_now(world, &clients, family).await
        }),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} renew(s) its/their lease(s)",
        example: "all clients renew their leases",
        meaning: "They ask their server for more time now (RENEWING), or for a lease if they have none; waits for the answer, 10 s at most.",
        act: act!(|world, said| order(world, said, Order::Renew).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} rebind(s) its/their lease(s)",
        example: "client 3 rebinds its lease",
        meaning: "They ask any server for more time now (REBINDING); waits for the answer, 10 s at most.",
        act: act!(|world, said| order(world, said, Order::Rebind).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} release(s) its/their lease(s)",
        example: "clients 1 to 5 release their leases",
        meaning: "They give their addresses back, and stay without until told to renew.",
        act: act!(|world, said| order(world, said, Order::Release).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} decline(s) its/their address(es)",
        example: "client 3 declines its address",
        meaning: "They refuse their addresses as if these were in use, and ask for others; waits until they have some.",
        act: act!(|world, said| order(world, said, Order::Decline).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "{clients} should hold a valid lease within {duration}",
        example: "all clients should hold a valid lease within 30s",
        meaning: "They are, or come, online with a lease that has not run out, within this time from now.",
        act: act!(|world, mut said| {
            let clients = said.next()?;
            let within: DurationWord = said.next()?;
            hold(world, &clients, within).await
        }),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "{clients} should hold no lease",
        example: "clients 1 to 5 should hold no lease",
        meaning: "They are there and without an address.",
        act: act!(|world, said| hold_none(world, said).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "{clients} should have kept its/their address(es)",
        example: "all clients should have kept their addresses",
        meaning: "They hold the addresses that they held before the last thing that was done to them.",
        act: act!(|world, said| kept(world, said).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "no lease should have been lost",
        example: "no lease should have been lost",
        meaning: "In the whole scenario no lease ran out, was refused, or was found to be another's while a client held it.",
        act: act!(|world, _| none_lost(world).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "no two clients should have the same IP address",
        example: "no two clients should have the same IP address",
        meaning: "No two hold one address now, of whichever family, nobody was given another client's address, and none met an address conflict.",
        act: act!(|world, _| unique(world).await),
    },
];

async fn reachable(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let text = said.text()?;
    let address: Ipv4Addr = text
        .parse()
        .map_err(|_| Complaint::of_word(&text, "write the router's IPv4 address"))?;
    if world.open_testbed().is_err() {
        world.router = Some(address);
        return Ok(());
    }
    let chosen = world.choose(&ClientsWord::All).await?;
    reach(world, address, &chosen.numbers).await
}

/// Fails unless each of these clients can ping the router there.
pub(super) async fn reach(
    world: &World,
    router: Ipv4Addr,
    clients: &[ClientNumber],
) -> Result<(), Complaint> {
    let spec = PingSpec::once(Target::Address(router.into()));
    let which = Selection::Numbers(clients.to_vec());
    let (begun, tester) = (Instant::now(), world.open_testbed()?.tester.clone());
    let report = world.pool()?.ping(which, spec).await?;
    let culprits: BTreeMap<_, _> = report
        .failed()
        .map(|(number, stats)| (number, stats.main_cause().unwrap_or("no answer").to_owned()))
        .collect();
    let what = format!("cannot reach the router at {router}");
    let asked = Chosen {
        numbers: report.clients.keys().copied().collect(),
        quota: 1.0,
    };
    asked.judge(&what, |number| match culprits.get(&number) {
        None => Ok(()),
        Some(why) => Err(ClientComplaint {
            text: why.clone(),
            tester: report
                .is_testers(number)
                .then(|| tester.worst_of(begun.elapsed())),
        }),
    })
}

/// How long the answer to an order may take: a server that is well answers at once, and a client that is not answered asks
/// again after a minute (RFC 2131, 4.4.5).
const ANSWERS: Duration = Duration::from_secs(10);

/// Whether it is online, with what it is to have in each family.
pub(super) fn holds(client: &ClientStatus) -> bool {
    let rests = |family: Family| {
        let status = client.by_family.get(family).as_ref();
        status.is_some_and(|status| status.rests)
    };
    let mut wanted = client.families.each();
    client.phase == Phase::Online && wanted.all(|family| rests(family) || holds_in(client, family))
}

/// Whether it is usable in a family.
pub(super) fn holds_in(client: &ClientStatus, family: Family) -> bool {
    let is_valid = |lease: &Lease| lease.expires_at().is_none_or(|end| end > Instant::now());
    let is_up = matches!(client.by_family.get(family), Some(status) if status.is_up);
    match family {
        Family::Ipv4 => is_up && client.lease.as_ref().is_some_and(is_valid),
        Family::Ipv6 => is_up && client.ipv6.as_ref().is_some_and(|state| state.is_usable),
    }
}

async fn hold_now(
    world: &mut World,
    clients: &ClientsWord,
    family: Family,
) -> Result<(), Complaint> {
    let chosen = world.choose(clients).await?;
    let herd = world.herd().await?;
    let by_number = by_number(&herd);
    let what = format!("did not hold a valid {} address", family.name());
    chosen.judge(&what, |number| match by_number.get(&number) {
        Some(client) if holds_in(client, family) => Ok(()),
        Some(client) => Err(standing(client)),
        None => Err("it has left".to_owned()),
    })
}

async fn hold(
    world: &mut World,
    clients: &ClientsWord,
    within: DurationWord,
) -> Result<(), Complaint> {
    let begun = Instant::now();
    let chosen = world.choose(clients).await?;
    let what = format!("did not hold a valid lease within {within}");
    let judge = |herd: &[ClientStatus], what: &str| {
        let by_number = by_number(herd);
        chosen.judge(what, |number| match by_number.get(&number) {
            Some(client) if holds(client) => Ok(()),
            Some(client) => Err(standing(client)),
            None => Err("it has left".to_owned()),
        })
    };
    let waiting = world.waiting(begun, Wait::new(within.0, Signal::Join))?;
    let (herd, at) = world
        .watch(&waiting, |herd, is_over| {
            let mut theirs = herd
                .iter()
                .filter(|client| chosen.numbers.contains(&client.identity.number));
            theirs.all(holds) || is_over && judge(herd, "").is_ok()
        })
        .await?;
    match judge(&herd, &what) {
        Ok(()) => waiting.came(at, "clients came to hold valid leases"),
        Err(complaint) => Err(waiting.missed(complaint)),
    }
}

async fn hold_none(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let clients: ClientsWord = said.next()?;
    let chosen = world.choose(&clients).await?;
    let herd = world.herd().await?;
    let by_number = by_number(&herd);
    chosen.judge("held a lease", |number| match by_number.get(&number) {
        Some(client) if client.phase == Phase::Online => Err(standing(client)),
        _ => Ok(()),
    })
}

async fn kept(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let clients: ClientsWord = said.next()?;
    let chosen = world.choose(&clients).await?;
    let herd = world.herd().await?;
    let by_number = by_number(&herd);
    let before = &world.held;
    if before.is_empty() {
        return Err(Complaint::new(
            "nothing was done to the clients in this scenario that could change their addresses",
        ));
    }
    chosen.judge("did not keep their addresses", |number| {
        let before = before
            .get(&number)
            .ok_or_else(|| "it held none before".to_owned())?;
        match by_number.get(&number) {
            Some(client) if client.phase == Phase::Online => match &client.lease {
                Some(lease) if lease.address == *before => Ok(()),
                _ => Err(format!("it held {before}, and is {}", standing(client))),
            },
            Some(client) => Err(format!("it held {before}, and is {}", standing(client))),
            None => Err("it has left".to_owned()),
        }
    })
}

async fn none_lost(world: &mut World) -> Result<(), Complaint> {
    let testbed = world.open_testbed()?;
    let lost = testbed.pool.figures().await?.leases_lost;
    if lost == 0 {
        return Ok(());
    }
    let losses: Vec<_> = testbed
        .losses()
        .into_iter()
        .map(|(number, why)| (number, why.to_string()))
        .collect();
    let all = world.herd().await?.len();
    let what = format!("lost a lease that they held ({lost} times in all)");
    Err(Complaint::of_clients(
        &what,
        &losses,
        all.max(losses.len()),
        "",
    ))
}

async fn unique(world: &mut World) -> Result<(), Complaint> {
    let herd = world.herd().await?;
    let mut holders: BTreeMap<IpAddr, Vec<ClientNumber>> = BTreeMap::new();
    for client in &herd {
        let ipv4 = client.lease.as_ref().map(|lease| lease.address.into());
        let ipv4 = ipv4.filter(|_| holds_in(client, Family::Ipv4));
        // Link-local ones included: the herd's clients stand on one link.
        let ipv6 = client.ipv6.iter().filter(|_| client.phase.has_address());
        let ipv6 = ipv6.flat_map(|state| state.addresses.iter());
        let ipv6 = ipv6.filter(|held| held.is_assigned());
        let all = ipv4.into_iter().chain(ipv6.map(|held| held.address.into()));
        for address in all {
            let numbers = holders.entry(address).or_default();
            numbers.push(client.identity.number);
        }
    }
    if holders.is_empty() {
        return Err(Complaint::new(
            "no client holds a lease, so nothing can be said of their addresses",
        ));
    }
    if let Some((address, numbers)) = holders.iter().find(|(_, numbers)| numbers.len() > 1) {
        let numbers: Vec<_> = numbers.iter().map(ToString::to_string).collect();
        return Err(Complaint::new(format!(
            "{address} is held by clients {}",
            numbers.join(" and ")
        )));
    }
    let figures = world.pool()?.figures().await?;
    let conflicts = figures
        .failures
        .get(&Cause::AddressConflict)
        .copied()
        .unwrap_or_default();
    if conflicts > 0 {
        let is_one = |client: &&ClientStatus| {
            client
                .failure
                .as_ref()
                .is_some_and(|failure| failure.cause == Cause::AddressConflict)
        };
        let lines: Vec<_> = herd
            .iter()
            .filter(is_one)
            .filter_map(|client| {
                Some((client.identity.number, client.failure.as_ref()?.to_string()))
            })
            .collect();
        if lines.is_empty() {
            return Err(Complaint::new(format!(
                "address_conflict: {conflicts} times an address was given that another held"
            )));
        }
        return Err(Complaint::of_clients(
            "met an address conflict",
            &lines,
            herd.len(),
            "",
        ));
    }
    Ok(())
}

async fn order(world: &mut World, mut said: StepArguments, order: Order) -> Result<(), Complaint> {
    let clients: ClientsWord = said.next()?;
    let chosen = world.choose_to_act(&clients).await?;
    world.disturb().await?;
    let pool = world.pool()?;
    let (events, begun) = (pool.events()?, Instant::now());
    pool.order(chosen.selection(), order).await?;
    let waiting = world.waiting(begun, Wait::new(ANSWERS, Signal::Dhcp))?;
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
                    humantime::format_duration(ANSWERS)
                ),
                tester: excuse,
            }),
            causes: vec!["timeout"],
            output: None,
        });
        (*number, answer)
    });
    let what = format!("{order} of leases");
    let clients = clients.collect();
    world.answers = Some(ClientResults { what, clients });
    Ok(())
}

/// What an order has come to for a client, if that is what it tells.
fn came_to(order: Order, what: &EventKind) -> Option<ClientResult> {
    let failed = |cause: &'static str, why: String| ClientResult {
        outcome: Err(why.into()),
        causes: vec![cause],
        output: None,
    };
    if let Some(result) = super::ipv6::came_to(order, what) {
        return Some(result);
    }
    match (order, what) {
        (Order::Renew | Order::Rebind, EventKind::Renewed { .. } | EventKind::Bound { .. })
        | (Order::Decline, EventKind::Bound { .. }) => Some(ClientResult::well()),
        (Order::Release, EventKind::Phase { to, .. }) if *to == Phase::Released => {
            Some(ClientResult::well())
        }
        (Order::Renew | Order::Rebind, EventKind::Lost { reason, .. }) => {
            Some(failed(reason.as_str(), what.to_string()))
        }
        (_, EventKind::Failed { cause, .. }) => Some(failed(cause.as_str(), what.to_string())),
        _ => None,
    }
}
