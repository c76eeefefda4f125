//! What clients ask of the network.

use std::time::Duration;

use crate::bdd::parameters::{Clients, Count, Family, Span};
use crate::bdd::vocabulary::{Definition, Keyword, Said};
use crate::bdd::world::{Answer, Answers, standing};
use crate::bdd::{Complaint, World};
use crate::identity::ClientNumber;
use crate::pool::RunReport;
use crate::stats::{Outcomes, PingStats};
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
    let causes = |stats: &PingStats| stats.lost.keys().map(|cause| cause.as_str()).collect();
    take_in(world, what, &report, causes, |_| None).await
}

/// Notes what came of a run, for the Thens: `causes` are the words of what went wrong, `output` is what was printed.
async fn take_in<S: Outcomes>(
    world: &mut World,
    what: String,
    report: &RunReport<S>,
    causes: impl Fn(&S) -> Vec<&'static str>,
    output: impl Fn(&S) -> Option<String>,
) -> Result<(), Complaint> {
    let herd = world.herd().await?;
    let by_number = super::leases::by_number(&herd);
    let answer = |number: &ClientNumber, stats: &S| {
        let outcome = if stats.is_success() {
            Ok(())
        } else {
            let (well, all) = (stats.successes(), stats.attempts());
            let last = stats
                .last_failure()
                .map(|last| format!("; the last that failed: {last}"));
            let client = by_number.get(number);
            let client = client.map(|client| format!("; it is {}", standing(client)));
            Err(format!(
                "{well} of {all} succeeded{}{}",
                last.unwrap_or_default(),
                client.unwrap_or_default()
            ))
        };
        Answer {
            outcome,
            causes: causes(stats),
            output: output(stats),
        }
    };
    let clients = report.clients.iter();
    let clients = clients
        .map(|(number, stats)| (*number, answer(number, stats)))
        .collect();
    world.answers = Some(Answers { what, clients });
    Ok(())
}
