//! What clients ask of the network.

use std::time::Duration;

use crate::bdd::parameters::{Clients, Count, Family, Often, Span};
use crate::bdd::vocabulary::{Definition, Keyword, Said};
use crate::bdd::world::{Answer, Answers, Chosen, standing};
use crate::bdd::{Complaint, World};
use crate::host_name::{HostName, HostNameError};
use crate::identity::ClientNumber;
use crate::pool::RunReport;
use crate::stats::{DnsStats, HttpStats, Outcomes, PingStats};
use crate::target::Target;
use crate::url::{Url, UrlError};
use crate::workload::dns::{DnsSpec, Rcode};
use crate::workload::http::HttpSpec;
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
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} resolve(s) {string}",
        example: "all clients resolve \"dns.google\"",
        meaning: "One query each, all at the same time, to the first resolver of its lease; an answer may take 5 s. A success is an \
                  answer with an address.",
        act: |world, said| Box::pin(resolve(world, said)),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} resolve(s) {string} at {rate} for {duration}",
        example: "all clients resolve \"dns.google\" at 100 queries/s for 10s",
        meaning: "So many queries in a time by all of them together, spread evenly.",
        act: |world, said| Box::pin(resolve_at_rate(world, said)),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} fetch(es) {string}",
        example: "all clients fetch \"http://www.example.org/\"",
        meaning: "One GET each, all at the same time, of a page over http://, to its last byte; it may take 10 s. A success is a \
                  status below 400. For https, run curl as a command.",
        act: |world, said| Box::pin(fetch(world, said)),
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

fn name(text: &str) -> Result<HostName, Complaint> {
    text.parse()
        .map_err(|error: HostNameError| Complaint::new(error.to_string()))
}

async fn resolve(world: &mut World, mut said: Said) -> Result<(), Complaint> {
    let (clients, name) = (said.next()?, name(&said.text()?)?);
    let chosen = world.choose_to_act(&clients).await?;
    look_up(world, &chosen, DnsSpec::once(name)).await
}

async fn resolve_at_rate(world: &mut World, mut said: Said) -> Result<(), Complaint> {
    let (clients, name): (Clients, _) = (said.next()?, name(&said.text()?)?);
    let (rate, lasts): (Often, Span) = (said.next()?, said.next()?);
    let chosen = world.choose_to_act(&clients).await?;
    let each = rate.0.interval().mul_f64(chosen.numbers.len() as f64);
    let spec = DnsSpec {
        interval: each,
        ..DnsSpec::times(name, times(lasts.0, each))
    };
    look_up(world, &chosen, spec).await
}

/// How often something is done in a time, from one to the next so long.
fn times(lasts: Duration, each: Duration) -> u32 {
    let times = lasts.as_secs_f64() / each.as_secs_f64().max(1e-3);
    // Saturates, which is as good as for ever.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let times = times.ceil() as u32;
    times.max(1)
}

async fn look_up(world: &mut World, chosen: &Chosen, spec: DnsSpec) -> Result<(), Complaint> {
    let what = format!("lookups of {}", spec.name);
    let report = world.pool()?.resolve(chosen.selection(), spec).await?;
    let causes = |stats: &DnsStats| {
        let codes = stats.rcodes.keys().filter(|code| **code != Rcode::NoError);
        let codes = codes.map(|code| code.as_str());
        codes
            .chain(stats.failed.keys().map(|cause| cause.as_str()))
            .collect()
    };
    take_in(world, what, &report, causes, |_| None).await
}

async fn fetch(world: &mut World, mut said: Said) -> Result<(), Complaint> {
    let clients: Clients = said.next()?;
    let url = url(&said.text()?)?;
    let chosen = world.choose_to_act(&clients).await?;
    let what = format!("fetches of {url}");
    let report = world
        .pool()?
        .fetch(chosen.selection(), HttpSpec::once(url))
        .await?;
    let causes = |stats: &HttpStats| stats.failed.keys().map(|cause| cause.as_str()).collect();
    take_in(world, what, &report, causes, |_| None).await
}

fn url(text: &str) -> Result<Url, Complaint> {
    text.parse()
        .map_err(|error: UrlError| Complaint::new(error.to_string()))
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
            let (failed, all) = (stats.attempts() - stats.successes(), stats.attempts());
            let last = stats
                .last_failure()
                .unwrap_or_else(|| "no answer".to_owned());
            let client = by_number.get(number);
            let client = client.map(|client| format!(" ({})", standing(client)));
            let client = client.unwrap_or_default();
            Err(match all {
                1 => format!("{last}{client}"),
                _ => format!("{failed} of {all} failed, the last: {last}{client}"),
            })
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
