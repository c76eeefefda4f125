//! What clients ask of the network.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::bdd::complaint::Reason;
use crate::bdd::estate::Site;
use crate::bdd::parameters::{Clients, Count, Family, Often, Span};
use crate::bdd::vocabulary::{Definition, Keyword, Said};
use crate::bdd::world::{Answer, Answers, Chosen, standing};
use crate::bdd::{Complaint, World};
use crate::host_name::{HostName, HostNameError};
use crate::identity::ClientNumber;
use crate::pool::RunReport;
use crate::stats::{CommandStats, DnsStats, HttpStats, Outcomes, PingStats};
use crate::target::Target;
use crate::tester;
use crate::url::{Url, UrlError};
use crate::workload::Workload;
use crate::workload::command::CommandSpec;
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
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} run(s) the command {string}",
        example: "all clients run the command \"curl -sf https://example.org\"",
        meaning: "A line for sh in each client's namespace, with its resolver; $LANHERD_CLIENT, $LANHERD_ADDRESS and $LANHERD_ROUTER \
                  say whose it is. A success is exit code 0; it is killed after 30 s.",
        act: |world, said| Box::pin(command(world, said, false)),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} run(s) the command {string} within {duration}",
        example: "client 1 runs the command \"iperf3 -c 192.168.1.2 -t 60\" within 70s",
        meaning: "The same, but it is killed after this time.",
        act: |world, said| Box::pin(command(world, said, true)),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} run(s) this traffic mix for {duration}:",
        example: "all clients run this traffic mix for 60s:",
        meaning: "All of a table at the same time, by each client. Columns: activity (ping, resolve, fetch or run), of (the target, \
                  name, URL or command line), every (the time from one to the next).",
        act: |world, said| Box::pin(mix(world, said)),
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
    carry_out(world, &chosen, spec.into()).await
}

fn name(text: &str) -> Result<HostName, Complaint> {
    text.parse()
        .map_err(|error: HostNameError| Complaint::new(error.to_string()))
}

async fn resolve(world: &mut World, mut said: Said) -> Result<(), Complaint> {
    let (clients, name) = (said.next()?, name(&said.text()?)?);
    let chosen = world.choose_to_act(&clients).await?;
    carry_out(world, &chosen, DnsSpec::once(name).into()).await
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
    carry_out(world, &chosen, spec.into()).await
}

/// How often something is done in a time, from one to the next so long.
fn times(lasts: Duration, each: Duration) -> u32 {
    let times = lasts.as_secs_f64() / each.as_secs_f64().max(1e-3);
    // Saturates, which is as good as for ever.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let times = times.ceil() as u32;
    times.max(1)
}

async fn fetch(world: &mut World, mut said: Said) -> Result<(), Complaint> {
    let clients: Clients = said.next()?;
    let url = url(&said.text()?)?;
    let chosen = world.choose_to_act(&clients).await?;
    carry_out(world, &chosen, HttpSpec::once(url).into()).await
}

fn url(text: &str) -> Result<Url, Complaint> {
    text.parse()
        .map_err(|error: UrlError| Complaint::new(error.to_string()))
}

async fn command(world: &mut World, mut said: Said, in_time: bool) -> Result<(), Complaint> {
    let clients: Clients = said.next()?;
    let mut spec = CommandSpec::once(said.text()?);
    if in_time {
        spec.timeout = said.next::<Span>()?.0;
    }
    let chosen = world.choose_to_act(&clients).await?;
    carry_out(world, &chosen, spec.into()).await
}

async fn mix(world: &mut World, mut said: Said) -> Result<(), Complaint> {
    let (clients, lasts): (Clients, Span) = (said.next()?, said.next()?);
    let mut workloads = Vec::new();
    for row in said.rows()?.by_column(&["activity", "of", "every"], &[])? {
        let cell = |name: &str| row.get(name).copied().unwrap_or_default();
        let every: Span = cell("every").parse()?;
        let interval = every.0.max(Duration::from_millis(1));
        let count = times(lasts.0, interval);
        let workload: Workload = match cell("activity") {
            "ping" => PingSpec {
                interval,
                ..PingSpec::times(target(cell("of"))?, count)
            }
            .into(),
            "resolve" => DnsSpec {
                interval,
                ..DnsSpec::times(name(cell("of").trim_matches('"'))?, count)
            }
            .into(),
            "fetch" => HttpSpec {
                interval,
                ..HttpSpec::times(url(cell("of").trim_matches('"'))?, count)
            }
            .into(),
            "run" => CommandSpec {
                interval,
                ..CommandSpec::times(cell("of"), count)
            }
            .into(),
            other => {
                let why = "an activity is ping, resolve, fetch or run";
                return Err(Complaint::of_word(other, why));
            }
        };
        workloads.push(workload);
    }
    let chosen = world.choose_to_act(&clients).await?;
    let site = world.open_site()?.clone();
    let runs = workloads
        .iter()
        .map(|workload| run(&site, &chosen, workload.clone()));
    let runs = futures::future::try_join_all(runs).await?;
    let mut all = Answers {
        what: "traffic".to_owned(),
        clients: BTreeMap::new(),
    };
    for (number, answer) in runs.into_iter().flatten() {
        all.clients
            .entry(number)
            .or_insert_with(Answer::well)
            .add(answer);
    }
    note(world, all).await
}

/// Has clients do something, and notes what came of it, for the Thens.
async fn carry_out(
    world: &mut World,
    chosen: &Chosen,
    workload: Workload,
) -> Result<(), Complaint> {
    let what = match &workload {
        Workload::Ping(spec) => format!("pings of {}", spec.target),
        Workload::Dns(spec) => format!("lookups of {}", spec.name),
        Workload::Http(spec) => format!("fetches of {}", spec.url),
        Workload::Command(spec) => format!("{:?}", spec.line),
    };
    let site = world.open_site()?.clone();
    let clients = run(&site, chosen, workload).await?;
    note(world, Answers { what, clients }).await
}

/// What came of it for each client.
type ByClient = BTreeMap<ClientNumber, Answer>;

async fn run(site: &Site, chosen: &Chosen, workload: Workload) -> Result<ByClient, Complaint> {
    let (which, pool) = (chosen.selection(), &site.pool);
    let late = Late {
        since: Instant::now(),
        tester: &site.tester,
    };
    Ok(match workload {
        Workload::Ping(spec) => {
            let causes =
                |stats: &PingStats| stats.lost.keys().map(|cause| cause.as_str()).collect();
            answers(&pool.ping(which, spec).await?, &late, causes, |_| None)
        }
        Workload::Dns(spec) => {
            let causes = |stats: &DnsStats| {
                let codes = stats.rcodes.keys().filter(|code| **code != Rcode::NoError);
                let codes = codes.map(|code| code.as_str());
                codes
                    .chain(stats.failed.keys().map(|cause| cause.as_str()))
                    .collect()
            };
            answers(&pool.resolve(which, spec).await?, &late, causes, |_| None)
        }
        Workload::Http(spec) => {
            let causes =
                |stats: &HttpStats| stats.failed.keys().map(|cause| cause.as_str()).collect();
            answers(&pool.fetch(which, spec).await?, &late, causes, |_| None)
        }
        Workload::Command(spec) => {
            let causes =
                |stats: &CommandStats| stats.failed.keys().map(|cause| cause.as_str()).collect();
            let report = pool.command(which, spec).await?;
            answers(&report, &late, causes, |stats| Some(stats.output.clone()))
        }
    })
}

/// How late the tester was since a run began.
struct Late<'a> {
    since: Instant,
    tester: &'a tester::Figures,
}

/// What a report says: `causes` are the words of what went wrong, `output` is what was printed.
fn answers<S: Outcomes>(
    report: &RunReport<S>,
    late: &Late<'_>,
    causes: impl Fn(&S) -> Vec<&'static str>,
    output: impl Fn(&S) -> Option<String>,
) -> ByClient {
    let worst = late.tester.worst_of(late.since.elapsed());
    let answer = |number: ClientNumber, stats: &S| {
        let (failed, all) = (stats.attempts() - stats.successes(), stats.attempts());
        let last = stats
            .last_failure()
            .unwrap_or_else(|| "no answer".to_owned());
        let outcome = match (stats.is_success(), all) {
            (true, _) => Ok(()),
            (false, 1) => Err(last),
            (false, _) => Err(format!("{failed} of {all} failed, the last: {last}")),
        };
        let outcome = outcome.map_err(|text| Reason {
            text,
            tester: report.is_testers(number).then_some(worst),
        });
        Answer {
            outcome,
            causes: causes(stats),
            output: output(stats),
        }
    };
    let clients = report.clients.iter();
    clients
        .map(|(number, stats)| (*number, answer(*number, stats)))
        .collect()
}

/// Notes answers, with how each client stands that had no success.
async fn note(world: &mut World, mut answers: Answers) -> Result<(), Complaint> {
    let herd = world.herd().await?;
    let by_number = super::leases::by_number(&herd);
    for (number, answer) in &mut answers.clients {
        if let (Err(why), Some(client)) = (&mut answer.outcome, by_number.get(number)) {
            why.text = format!("{} ({})", why.text, standing(client));
        }
    }
    world.answers = Some(answers);
    Ok(())
}
