//! How many clients a router carries.

use std::time::{Duration, Instant};

use super::herd::{greet, join};
use crate::bdd::definition::{Definition, Keyword, StepArguments, act};
use crate::bdd::parameters::{CountWord, DurationWord};
use crate::bdd::results::ScenarioFinding;
use crate::bdd::world::standing;
use crate::bdd::{Complaint, World};
use crate::objective::wait::Wait;
use crate::phase::{Cause, Phase};
use crate::pool::ClientStatus;
use crate::stats::Signal;

pub(in crate::bdd) const STEPS: &[Definition] = &[
    Definition {
        keyword: Keyword::When,
        pattern: "I add {count} client(s) every {duration} until one fails",
        example: "I add 10 clients every 5s until one fails",
        meaning: "Makes more and more clients until one does not get a lease within the lease timeout, or another one loses \
                  its own; 500 at most, at which it ends without a failure. How many were served is in all results. It takes \
                  all addresses that a router has: tag such a scenario @destructive.",
        act: act!(|world, said| add_until_one_fails(world, said, ClientLimit::Usual).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "I add {count} client(s) every {duration} until one fails, {count} at most",
        example: "I add 10 clients every 5s until one fails, 200 at most",
        meaning: "The same with another end than 500 clients.",
        act: act!(|world, said| add_until_one_fails(world, said, ClientLimit::Said).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "at least {count} client(s) should have been served",
        example: "at least 50 clients should have been served",
        meaning: "So many clients have been online, at one time or another.",
        act: act!(|world, said| served(world, said).await),
    },
];

/// Where the step ends that says no end: further than most home routers go.
const USUAL_BOUND: u32 = 500;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientLimit {
    Usual,
    Said,
}

async fn add_until_one_fails(
    world: &mut World,
    mut said: StepArguments,
    limit: ClientLimit,
) -> Result<(), Complaint> {
    let count: CountWord = said.next()?;
    let every: DurationWord = said.next()?;
    let most = match limit {
        ClientLimit::Usual => USUAL_BOUND,
        ClientLimit::Said => said.next::<CountWord>()?.0,
    };
    if count.0 == 0 {
        return Err(Complaint::new(
            "0 clients are never too many: add at least 1",
        ));
    }
    let testbed = world.testbed().await?;
    world.answers = None;
    // It goes on until one fails.
    world.expect_failures();
    loop {
        let started = Instant::now();
        let there = u32::try_from(world.herd().await?.len()).unwrap_or(u32::MAX);
        let more = count.0.min(most.saturating_sub(there));
        if more == 0 {
            let text = format!(
                "at least {there} clients were served, and none failed: this is where the step ends"
            );
            found(world, there, text);
            return Ok(());
        }
        let numbers = testbed.pool.create(more).await?;
        let answers = join(world, &testbed, &numbers).await?;
        greet(world, &answers).await?;
        world.answers = Some(answers);
        let herd = world.herd().await?;
        if let Some(failed) = herd.iter().find(|client| client.phase != Phase::Online) {
            let wait = Wait::new(testbed.lease_timeout, Signal::Join);
            let late = world.waiting(started, wait)?.excuse();
            return came_to(world, &herd, failed, late);
        }
        tokio::time::sleep(every.0.saturating_sub(started.elapsed())).await;
    }
}

/// Notes how many were served until one failed; inconclusive if it was the tester that did, or that may be why. `late`: how late it
/// was at worst, if so late that it may be why nothing came in time.
fn came_to(
    world: &mut World,
    herd: &[ClientStatus],
    failed: &ClientStatus,
    late: Option<Duration>,
) -> Result<(), Complaint> {
    let online = herd.iter().filter(|client| client.phase == Phase::Online);
    let online = u32::try_from(online.count()).unwrap_or(u32::MAX);
    let cause = |client: &ClientStatus| client.failure.as_ref().map(|failure| failure.cause);
    let in_trouble = || herd.iter().filter(|client| client.phase != Phase::Online);
    let of_tester = in_trouble().find(|client| cause(client).is_some_and(Cause::is_of_the_tester));
    if let Some(client) = of_tester {
        return Err(Complaint::inconclusive(format!(
            "{online} clients were served, and then the tester itself failed, so nothing is known of the router's limit\n  client \
             {}: {}",
            client.identity.number,
            standing(client)
        )));
    }
    let is_timeout = |client: &ClientStatus| cause(client).is_none_or(Cause::is_a_timeout);
    if let Some(worst) = late.filter(|_| in_trouble().all(is_timeout)) {
        let text = format!(
            "{online} clients were served, and then one failed:\n  client {}: {}",
            failed.identity.number,
            standing(failed)
        );
        return Err(Complaint::new(text).doubted(worst));
    }
    let number = failed.identity.number;
    let why = cause(failed).map_or("no lease in time", Cause::as_str);
    let text = if failed.join.is_some() {
        format!(
            "at least {online} clients were served; client {number}, which had been online, failed: {why}"
        )
    } else {
        let next = online.saturating_add(1);
        format!(
            "at least {online} clients were served; the {} failed: {why} (client {number})",
            ordinal(next)
        )
    };
    found(world, online, text);
    Ok(())
}

fn found(world: &mut World, clients: u32, text: String) {
    world.find(ScenarioFinding {
        name: "capacity",
        value: clients.into(),
        text,
    });
}

/// An ordinal number in figures: `41st`.
fn ordinal(number: u32) -> String {
    let ending = match (number % 10, number % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{number}{ending}")
}

async fn served(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let wanted: CountWord = said.next()?;
    let figures = world.pool()?.figures().await?;
    let served = figures.join.count();
    if served >= u64::from(wanted.0) {
        return Ok(());
    }
    let herd = world.herd().await?;
    let first = herd.iter().find(|client| client.phase != Phase::Online);
    let why =
        first.map(|client| format!("; client {}: {}", client.identity.number, standing(client)));
    Err(Complaint::new(format!(
        "{served} clients have been online, and at least {} should{}",
        wanted.0,
        why.unwrap_or_default()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_tester_did_is_never_the_routers_limit() {
        let of_router = [
            Cause::NoCarrier,
            Cause::NoOffer,
            Cause::NoAck,
            Cause::Nak,
            Cause::AddressConflict,
            Cause::LeaseExpired,
            Cause::NoRouter,
            Cause::NoAddresses,
        ];
        for cause in of_router {
            assert!(!cause.is_of_the_tester(), "{cause}");
        }
        for cause in [
            Cause::Kernel,
            Cause::NameTaken,
            Cause::NoPrivilege,
            Cause::ParentGone,
        ] {
            assert!(cause.is_of_the_tester(), "{cause}");
        }
    }

    #[test]
    fn the_one_too_many_is_counted_in_english() {
        let counted = [1, 2, 3, 4, 11, 12, 13, 21, 111, 122].map(ordinal);
        let english = [
            "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "111th", "122nd",
        ];
        assert_eq!(counted, english);
    }
}
