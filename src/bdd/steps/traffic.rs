//! What clients ask of the network.

use std::time::Duration;

use crate::bdd::parameters::{Clients, Count, Family, Span};
use crate::bdd::vocabulary::{Definition, Keyword, Said};
use crate::bdd::world::{Answer, Answers, standing};
use crate::bdd::{Complaint, World};
use crate::pool::PingReport;
use crate::target::Target;
use crate::workload::ping::PingSpec;

pub(in crate::bdd) const STEPS: &[Definition] = &[
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} attempt(s) to ping {target}",
        example: "all clients attempt to ping Google DNS",
        meaning: "One ping each, all at the same time; an answer may take 2 s.",
        act: |world, mut said| {
            Box::pin(async move {
                let (clients, target) = (said.next()?, target(&said.text()?)?);
                ping(world, &clients, PingSpec::once(target)).await
            })
        },
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} attempt(s) to ping {target} over {family}",
        example: "all clients attempt to ping the router over IPv4",
        meaning: "The same, with the address family named.",
        act: |world, mut said| {
            Box::pin(async move {
                let (clients, target) = (said.next()?, target(&said.text()?)?);
                let Family = said.next()?;
                ping(world, &clients, PingSpec::once(target)).await
            })
        },
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} ping(s) {target} {count} time(s) every {duration}",
        example: "all clients ping the router 20 times every 100ms",
        meaning: "So many pings each, so far apart, whether or not the one before was answered.",
        act: |world, said| Box::pin(ping_often(world, said)),
    },
];

/// What is pinged.
fn target(text: &str) -> Result<Target, Complaint> {
    let plain = text.trim_matches('"').replace('"', "");
    plain
        .parse()
        .map_err(|error: crate::target::TargetError| Complaint::new(error.to_string()))
}

async fn ping_often(world: &mut World, mut said: Said) -> Result<(), Complaint> {
    let (clients, target) = (said.next()?, target(&said.text()?)?);
    let (count, every): (Count, Span) = (said.next()?, said.next()?);
    if count.0 == 0 {
        return Err(Complaint::new("0 pings say nothing: ask for at least 1"));
    }
    let spec = PingSpec {
        interval: every.0.max(Duration::from_millis(1)),
        ..PingSpec::times(target, count.0)
    };
    ping(world, &clients, spec).await
}

async fn ping(world: &mut World, clients: &Clients, spec: PingSpec) -> Result<(), Complaint> {
    let chosen = world.choose_to_act(clients).await?;
    let what = format!("pings of {}", spec.target);
    let report = world.pool()?.ping(chosen.selection(), spec).await?;
    take_in(world, what, &report).await
}

/// Notes what came of a run, for the Thens.
async fn take_in(world: &mut World, what: String, report: &PingReport) -> Result<(), Complaint> {
    let herd = world.herd().await?;
    let mut answers = Answers {
        what,
        clients: std::collections::BTreeMap::new(),
    };
    for (number, stats) in &report.clients {
        let outcome = if stats.is_lossless() {
            Ok(())
        } else {
            let asked = stats.received + stats.unanswered();
            let lost: Vec<_> = stats
                .lost
                .iter()
                .map(|(cause, n)| counted(*cause, *n))
                .collect();
            let mut why = format!(
                "{} of {asked} answered: {}",
                stats.received,
                lost.join(", ")
            );
            let client = herd.iter().find(|client| client.identity.number == *number);
            if let Some(client) = client {
                why.push_str(&format!("; it is {}", standing(client)));
            }
            Err(why)
        };
        let answer = Answer {
            outcome,
            causes: stats.lost.keys().map(|cause| cause.as_str()).collect(),
            output: None,
        };
        answers.clients.insert(*number, answer);
    }
    world.answers = Some(answers);
    Ok(())
}
