//! What clients ask of the network.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::activity::command::CommandSpec;
use crate::activity::{Activity, Kind};
use crate::bdd::complaint::ClientComplaint;
use crate::bdd::definition::{Definition, Keyword, StepArguments, act};
use crate::bdd::parameters::{ClientsWord, CountWord, DurationWord, FamilyWord, RateWord};
use crate::bdd::testbeds::ScenarioTestbed;
use crate::bdd::world::{Chosen, ClientResult, ClientResults, by_number, standing};
use crate::bdd::{Complaint, World};
use crate::identity::ClientNumber;
use crate::pool::RunReport;
use crate::stats::ActivityStats;
use crate::tester;

pub(in crate::bdd) const STEPS: &[Definition] = &[
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} attempt(s) to ping {target}",
        example: "all clients attempt to ping Google DNS",
        meaning: "One ping each, all at the same time; an answer may take 2 s.",
        act: act!(|world, said| ping(world, said, false).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} attempt(s) to ping {target} over {family}",
        example: "all clients attempt to ping the router over IPv6",
        meaning: "The same over this family. Where none is named, the router, an alias and a client of the herd are pinged over IPv4, \
                  unless the clients have only IPv6; a name over whichever family it has, IPv6 first.",
        act: act!(|world, said| ping(world, said, true).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} attempt(s) to ping {target} from its/their delegated prefix",
        example: "all clients attempt to ping Google DNS from their delegated prefix",
        meaning: "The same over IPv6, from the link behind each: an answer comes back where the router knows the way to what it has delegated.",
        act: act!(|world, said| ping_from_delegated(world, said).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} ping(s) {target} {count} time(s) every {duration}",
        example: "all clients ping the router 20 times every 100ms",
        meaning: "So many pings each, so far apart, whether or not the one before was answered.",
        act: act!(|world, said| ping_often(world, said).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} resolve(s) {string}",
        example: "all clients resolve \"dns.google\"",
        meaning: "One query each, all at the same time, to the first resolver of its lease; an answer may take 5 s. A success is an \
                  answer with an address. Behind the name may stand A or AAAA, and over IPv4 or over IPv6: which records, and \
                  the resolver of which family.",
        act: act!(|world, said| resolve(world, said).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} resolve(s) {string} over {family}",
        example: "all clients resolve \"dns.google AAAA\" over IPv6",
        meaning: "The same, asked of a resolver that is reached over this family. AAAA behind the name asks for its IPv6 address.",
        act: act!(|world, said| once_over(world, said, Kind::Dns).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} resolve(s) {string} at {rate} for {duration}",
        example: "all clients resolve \"dns.google\" at 100 queries/s for 10s",
        meaning: "So many queries in a time by all of them together, spread evenly.",
        act: act!(|world, said| resolve_at_rate(world, said).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} fetch(es) {string}",
        example: "all clients fetch \"http://www.example.org/\"",
        meaning: "One GET each, all at the same time, of a page over http://, to its last byte; it may take 10 s. A success is a \
                  status below 400. Behind the URL may stand over IPv4 or over IPv6. For https, run curl as a command.",
        act: act!(|world, said| fetch(world, said).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} fetch(es) {string} over {family}",
        example: "all clients fetch \"http://www.example.org/\" over IPv6",
        meaning: "The same, over this family alone.",
        act: act!(|world, said| once_over(world, said, Kind::Http).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} run(s) the command {string}",
        example: "all clients run the command \"curl -sf https://example.org\"",
        meaning: "A line for sh in each client's namespace, with its resolver; $LANHERD_CLIENT, $LANHERD_ADDRESS and $LANHERD_ROUTER \
                  say whose it is, and $LANHERD_ADDRESS6 and $LANHERD_ROUTER6 where it has IPv6. It begins when the \
                  client's families are usable, or known not to be. A success is exit code 0; it is killed after 30 s.",
        act: act!(|world, said| command(world, said, false).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} run(s) the command {string} within {duration}",
        example: "client 1 runs the command \"iperf3 -c 192.168.1.2 -t 60\" within 70s",
        meaning: "The same, but it is killed after this time.",
        act: act!(|world, said| command(world, said, true).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} connect(s) to {string}",
        example: "all clients connect to \"router:80\"",
        meaning: "One TCP connection each, all at the same time, to a target and port, which is closed as soon as it stands; it may \
                  take 5 s. A success is a connection. Behind the port may stand over IPv4 or over IPv6.",
        act: act!(|world, said| connect(world, said, false).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} connect(s) to {string} over {family}",
        example: "all clients connect to \"www.lab.test:80\" over IPv6",
        meaning: "The same, over this family alone.",
        act: act!(|world, said| once_over(world, said, Kind::Connect).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} connect(s) to {string} within {duration}",
        example: "all clients connect to \"www.lab.test:80\" within 500ms",
        meaning: "The same, but it may take no longer than this.",
        act: act!(|world, said| connect(world, said, true).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} connect(s) to {string} {count} time(s) every {duration}",
        example: "all clients connect to \"router:80\" 20 times every 100ms",
        meaning: "So many connections each, so far apart, whether or not the one before has come about.",
        act: act!(|world, said| often(world, said, Kind::Connect).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} connect(s) to {string} at {rate} for {duration}",
        example: "all clients connect to \"router:80\" at 100 connections/s for 10s",
        meaning: "So many connections in a time by all of them together, spread evenly.",
        act: act!(|world, said| at_rate(world, said, Kind::Connect).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} stream(s) {string}",
        example: "all clients stream \"down 2 Mbit/s to sink.lab.test for 5s\"",
        meaning: "One stream of TCP each, all at the same time: up, down or both, at a rate or as fast as it goes, to a sink (`lanherd \
                  sink`, or the lab's, sink.lab.test), for a time (10s if none is said), and behind that the congestion control, as \
                  with bbr. A success is a stream that came to its end, of which both ends counted the same; how fast it was is \
                  for a Then about goodput.",
        act: act!(|world, said| stream(world, said).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} stream(s) {string} over {family}",
        example: "all clients stream \"up to sink.lab.test for 5s\" over IPv6",
        meaning: "The same, over this family alone.",
        act: act!(|world, said| once_over(world, said, Kind::Stream).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} run(s) this traffic mix for {duration}:",
        example: "all clients run this traffic mix for 60s:",
        meaning: "All of a table at the same time, by each client. Columns: activity (ping, resolve, fetch, run, connect or stream), of (the \
                  target, name, URL, command line, target and port, or plan), every (the time from one to the next).",
        act: act!(|world, said| mix(world, said).await),
    },
];

/// Has the clients that a step names do something once.
async fn once(
    world: &mut World,
    clients: &ClientsWord,
    activity: impl Into<Activity>,
) -> Result<(), Complaint> {
    let chosen = world.choose_to_act(clients).await?;
    carry_out(world, &chosen, activity.into()).await
}

/// What something is done to, over one family alone.
fn over(of: &str, FamilyWord(family): FamilyWord) -> String {
    format!("{} over {family}", of.trim_matches('"'))
}

/// What an activity of a kind is done to, as a step or a table says it.
fn read(kind: Kind, text: &str) -> Result<Activity, Complaint> {
    let plain = text.trim_matches('"').replace('"', "");
    kind.read(&plain).map(Activity::new).map_err(Complaint::new)
}

async fn ping(
    world: &mut World,
    mut said: StepArguments,
    in_family: bool,
) -> Result<(), Complaint> {
    let (clients, mut of): (ClientsWord, String) = (said.next()?, said.text()?);
    if in_family {
        of = over(&of, said.next()?);
    }
    let ping = read(Kind::Ping, &of)?;
    once(world, &clients, ping).await
}

async fn ping_from_delegated(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let (clients, of): (ClientsWord, String) = (said.next()?, said.text()?);
    let ping = read(Kind::Ping, &format!("{of} from the delegated prefix"))?;
    once(world, &clients, ping).await
}

/// Once each, over one family alone.
async fn once_over(
    world: &mut World,
    mut said: StepArguments,
    kind: Kind,
) -> Result<(), Complaint> {
    let (clients, of): (ClientsWord, String) = (said.next()?, said.text()?);
    let activity = read(kind, &over(&of, said.next()?))?;
    once(world, &clients, activity).await
}

async fn ping_often(world: &mut World, said: StepArguments) -> Result<(), Complaint> {
    often(world, said, Kind::Ping).await
}

/// So many times each, so far apart.
async fn often(world: &mut World, mut said: StepArguments, kind: Kind) -> Result<(), Complaint> {
    let (clients, activity): (ClientsWord, _) = (said.next()?, read(kind, &said.text()?)?);
    let (count, every): (CountWord, DurationWord) = (said.next()?, said.next()?);
    if count.0 == 0 {
        let many = kind.about().many;
        let why = format!("0 {many} say nothing: ask for at least 1");
        return Err(Complaint::new(why));
    }
    let activity = Activity {
        count: Some(count.0),
        interval: every.0.max(Duration::from_millis(1)),
        ..activity
    };
    once(world, &clients, activity).await
}

async fn resolve(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let (clients, lookup) = (said.next()?, read(Kind::Dns, &said.text()?)?);
    once(world, &clients, lookup).await
}

async fn resolve_at_rate(world: &mut World, said: StepArguments) -> Result<(), Complaint> {
    at_rate(world, said, Kind::Dns).await
}

/// So often in a time by all of them together.
async fn at_rate(world: &mut World, mut said: StepArguments, kind: Kind) -> Result<(), Complaint> {
    let (clients, activity): (ClientsWord, _) = (said.next()?, read(kind, &said.text()?)?);
    let (rate, lasts): (RateWord, DurationWord) = (said.next()?, said.next()?);
    let chosen = world.choose_to_act(&clients).await?;
    let interval = rate.0.interval().mul_f64(chosen.numbers.len() as f64);
    let activity = Activity {
        count: Some(times(lasts.0, interval)),
        interval,
        ..activity
    };
    carry_out(world, &chosen, activity).await
}

/// How often something is done in a time, from one to the next so long.
fn times(lasts: Duration, each: Duration) -> u32 {
    let times = lasts.as_secs_f64() / each.as_secs_f64().max(1e-3);
    // Saturates, which is as good as for ever.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let times = times.ceil() as u32;
    times.max(1)
}

async fn fetch(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let (clients, fetch) = (said.next()?, read(Kind::Http, &said.text()?)?);
    once(world, &clients, fetch).await
}

async fn command(
    world: &mut World,
    mut said: StepArguments,
    in_time: bool,
) -> Result<(), Complaint> {
    let (clients, mut spec) = (said.next()?, CommandSpec::once(said.text()?));
    if in_time {
        spec.timeout = said.next::<DurationWord>()?.0;
    }
    once(world, &clients, spec).await
}

async fn connect(
    world: &mut World,
    mut said: StepArguments,
    in_time: bool,
) -> Result<(), Complaint> {
    let (clients, mut connection) = (said.next()?, read(Kind::Connect, &said.text()?)?);
    if in_time {
        connection.timeout = said.next::<DurationWord>()?.0;
    }
    once(world, &clients, connection).await
}

async fn stream(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let (clients, stream) = (said.next()?, read(Kind::Stream, &said.text()?)?);
    once(world, &clients, stream).await
}

async fn mix(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let (clients, lasts): (ClientsWord, DurationWord) = (said.next()?, said.next()?);
    let mut activities = Vec::new();
    for row in said.rows()?.by_column(&["activity", "of", "every"], &[])? {
        let cell = |name: &str| row.get(name).copied().unwrap_or_default();
        let every: DurationWord = cell("every").parse()?;
        let interval = every.0.max(Duration::from_millis(1));
        let verb = cell("activity");
        let mut kinds = Kind::ALL.iter().copied();
        let Some(kind) = kinds.find(|kind| kind.about().verb == verb) else {
            let verbs: Vec<_> = Kind::ALL.iter().map(|kind| kind.about().verb).collect();
            let why = format!("an activity is {}", any_of(&verbs));
            return Err(Complaint::of_word(verb, why));
        };
        // A command line has quotes of its own.
        let activity = match kind.about().output {
            Some(_) => kind
                .read(cell("of"))
                .map(Activity::new)
                .map_err(Complaint::new)?,
            None => read(kind, cell("of"))?,
        };
        activities.push(Activity {
            count: Some(times(lasts.0, interval)),
            interval,
            ..activity
        });
    }
    let chosen = world.choose_to_act(&clients).await?;
    let testbed = world.open_testbed()?.clone();
    let runs = activities
        .into_iter()
        .map(|one| run(&testbed, &chosen, one));
    let runs = futures::future::try_join_all(runs).await?;
    let mut all = ClientResults {
        what: "traffic".to_owned(),
        clients: BTreeMap::new(),
    };
    for (number, answer) in runs.into_iter().flatten() {
        all.clients
            .entry(number)
            .or_insert_with(ClientResult::well)
            .add(answer);
    }
    note(world, all).await
}

/// `ping, resolve, fetch or run`.
fn any_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [others @ .., last] => format!("{} or {last}", others.join(", ")),
    }
}

/// Has clients do something, and notes what came of it, for the Thens.
async fn carry_out(
    world: &mut World,
    chosen: &Chosen,
    activity: Activity,
) -> Result<(), Complaint> {
    let what = match activity.subject.kind().about().of {
        "" => activity.subject.quoted(),
        of => format!("{of} {}", activity.subject),
    };
    let testbed = world.open_testbed()?.clone();
    let clients = run(&testbed, chosen, activity).await?;
    note(world, ClientResults { what, clients }).await
}

/// What came of it for each client.
type ByClient = BTreeMap<ClientNumber, ClientResult>;

async fn run(
    testbed: &ScenarioTestbed,
    chosen: &Chosen,
    activity: Activity,
) -> Result<ByClient, Complaint> {
    let late = TesterWatch {
        since: Instant::now(),
        tester: &testbed.tester,
    };
    let report = testbed.pool.run(chosen.selection(), activity).await?;
    Ok(answers(&report, &late))
}

/// How late the tester was since a run began.
struct TesterWatch<'a> {
    since: Instant,
    tester: &'a tester::TesterFigures,
}

/// What a report says of each client.
fn answers(report: &RunReport, late: &TesterWatch<'_>) -> ByClient {
    let worst = late.tester.worst_of(late.since.elapsed());
    let answer = |number: ClientNumber, stats: &ActivityStats| {
        let (failed, all) = (stats.failures(), stats.attempts());
        let last = stats.last_failure().unwrap_or("no answer");
        let outcome = match (stats.is_success(), all) {
            (true, _) => Ok(()),
            (false, 1) => Err(last.to_owned()),
            (false, _) => Err(format!("{failed} of {all} failed, the last: {last}")),
        };
        let outcome = outcome.map_err(|text| ClientComplaint {
            text,
            tester: report.is_testers(number).then_some(worst),
        });
        let output = stats.kind().about().output;
        ClientResult {
            outcome,
            causes: stats.complaints(),
            output: output.map(|output| output(&stats.detail).to_owned()),
        }
    };
    let clients = report.clients.iter();
    clients
        .map(|(number, stats)| (*number, answer(*number, stats)))
        .collect()
}

/// Notes answers, with how each client stands that had no success.
async fn note(world: &mut World, mut answers: ClientResults) -> Result<(), Complaint> {
    let herd = world.herd().await?;
    let by_number = by_number(&herd);
    for (number, answer) in &mut answers.clients {
        if let (Err(why), Some(client)) = (&mut answer.outcome, by_number.get(number)) {
            why.text = format!("{} ({})", why.text, standing(client));
        }
    }
    world.answers = Some(answers);
    Ok(())
}
