//! What befalls clients and routers, and whether they get over it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::process::Command;

use crate::activity::Kind;
use crate::activity::ping::PingSpec;
use crate::bdd::complaint::ClientComplaint;
use crate::bdd::definition::{Definition, Keyword, StepArguments, act};
use crate::bdd::parameters::{ClientsWord, DurationWord, FaultWord};
use crate::bdd::testbeds::ScenarioTestbed;
use crate::bdd::waiting::hear;
use crate::bdd::world::{Chosen, ClientResult, ClientResults, by_number, standing};
use crate::bdd::{Complaint, World};
use crate::client::Order;
use crate::fault::{Aim, Fault};
use crate::identity::ClientNumber;
use crate::objective::wait::Wait;
use crate::phase::{Cause, Phase};
use crate::pool::{Pool, Selection};
use crate::stats::Signal;
use crate::target::Target;

pub(in crate::bdd) const STEPS: &[Definition] = &[
    Definition {
        keyword: Keyword::When,
        pattern: "the actor of {clients} crashes",
        example: "the actor of client 3 crashes",
        meaning: "The part of lanherd that is this client dies; its supervisor is to start it again.",
        act: act!(|world, mut said| {
            let clients = said.next()?;
            suffer(world, &clients, Fault::Crash).await
        }),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} vanish(es) without releasing",
        example: "5 random clients vanish without releasing",
        meaning: "As if their plugs were pulled and put back: they forget their leases without a word to the server, and join again \
                  as the same devices.",
        act: act!(|world, mut said| {
            let clients = said.next()?;
            suffer(world, &clients, Fault::Vanish).await
        }),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} suffer(s) from {fault}",
        example: "client 3 suffers from delete_link",
        meaning: "A fault of clients: crash, kill_sockets, remove_address, delete_link, delete_namespace, vanish.",
        act: act!(|world, mut said| {
            let clients = said.next()?;
            let FaultWord(fault) = said.next()?;
            suffer(world, &clients, fault).await
        }),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "the parent interface loses its link for {duration}",
        example: "the parent interface loses its link for 5s",
        meaning: "As if the cable of all clients were pulled, and put back after this time.",
        act: act!(|world, said| flap(world, said).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "the router reboots",
        example: "the router reboots",
        meaning: "The lab's router is down for 3 s and keeps its leases. On a real router the command of --reboot is run, and the \
                  step waits until the router is seen to be down.",
        act: act!(|world, _| reboot(world).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "the router suffers from {fault} for {duration}",
        example: "the router suffers from dhcp_mute for 10s",
        meaning: "A fault of the lab's router, for this time from now on; the step does not wait for its end. Fails on a real \
                  router: tag such a scenario @lab.",
        act: act!(|world, said| break_router(world, said).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} leave(s) and rejoin(s) every {duration} for {duration}",
        example: "all clients leave and rejoin every 2s for 20s",
        meaning: "Again and again they release their leases, stay away for half of the first time, and ask for leases anew.",
        act: act!(|world, said| come_and_go(world, said).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{duration} pass(es)",
        example: "30s pass",
        meaning: "Waits.",
        act: act!(|_, mut said| {
            tokio::time::sleep(said.next::<DurationWord>()?.0).await;
            Ok(())
        }),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "{clients} should recover within {duration}",
        example: "all clients should recover within 30s",
        meaning: "Counted from the last thing that was done to clients or router: they are online, and their router answers their \
                  pings.",
        act: act!(|world, said| recover(world, said).await),
    },
];

/// How long the lab's router is down when it reboots.
const DOWN: Duration = Duration::from_secs(3);
/// How long a client may take to notice what was done to it.
const NOTICE: Duration = Duration::from_secs(5);
/// How long a real router may answer after it was told to reboot.
const REBOOTS: Duration = Duration::from_secs(120);
/// How long the command that reboots it may take.
const COMMAND: Duration = Duration::from_secs(60);

async fn suffer(world: &mut World, clients: &ClientsWord, fault: Fault) -> Result<(), Complaint> {
    if fault.aim() != Aim::Client {
        let why = match fault.aim() {
            Aim::Router => "it is a fault of the router: write 'the router suffers from … for 10s'",
            Aim::Parent | Aim::Client => "write 'the parent interface loses its link for 5s'",
        };
        return Err(Complaint::of_word(fault.as_str(), why));
    }
    let chosen = world.choose_to_act(clients).await?;
    world.disturb().await?;
    let pool = world.pool()?;
    let (events, begun) = (pool.events()?, Instant::now());
    let results = pool.inject_fault(chosen.selection(), fault).await?;
    let refused = |(number, result): &(ClientNumber, Result<(), _>)| {
        let error = result.as_ref().err()?;
        Some((*number, ToString::to_string(error)))
    };
    let refused: Vec<_> = results.iter().filter_map(refused).collect();
    if !refused.is_empty() {
        let what = format!("could not be made to suffer from {fault}");
        return Err(Complaint::of_clients(
            &what,
            &refused,
            chosen.numbers.len(),
            "",
        ));
    }
    // What a Then sees is to be what comes of it, not what was before.
    let waiting = world.waiting(begun, Wait::new(NOTICE, Signal::Join))?;
    hear(events, &chosen.numbers, &waiting, |_| Some(())).await;
    Ok(())
}

async fn flap(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let pause: DurationWord = said.next()?;
    world.disturb().await?;
    world.pool()?.flap(pause.0).await??;
    Ok(())
}

async fn reboot(world: &mut World) -> Result<(), Complaint> {
    world.disturb().await?;
    let testbed = world.open_testbed()?.clone();
    if let Some(lab) = &testbed.lab {
        lab.inject(Fault::RouterReboot, DOWN)
            .map_err(|error| Complaint::new(error.to_string()))?;
        testbed
            .pool
            .fault_injected(Fault::RouterReboot, DOWN)
            .await?;
        tokio::time::sleep(DOWN).await;
        return Ok(());
    }
    let Some(line) = world.testbeds.settings.reboot.clone() else {
        return Err(Complaint::new(
            "nobody has said how this router is rebooted: run with --reboot 'ssh root@192.168.1.1 reboot', or the like",
        ));
    };
    let herd = world.herd().await?;
    let probe = herd.iter().find(|client| client.phase == Phase::Online);
    let probe =
        probe.ok_or_else(|| Complaint::new("no client is online to see the router go down"))?;
    run_command(&line).await?;
    // One that has gone offline meanwhile has seen it, too: it is answered by nobody.
    let waiting = world.waiting(
        Instant::now(),
        Wait::new(REBOOTS, Signal::Activity(Kind::Ping)),
    )?;
    let probe = probe.identity.number;
    while waiting.goes_on() {
        let asked = answers(&testbed.pool, &[probe]).await?;
        // A tester that was late may have missed the answer.
        if asked.well.is_empty() && !asked.of_the_tester.contains(&probe) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Err(waiting.missed(Complaint::new(format!(
        "the router still answers pings {} after {line:?}: it was not rebooted",
        humantime::format_duration(REBOOTS)
    ))))
}

/// Runs a command of the tester's own, outside of all clients.
pub(super) async fn run_command(line: &str) -> Result<(), Complaint> {
    let because = |why: &dyn std::fmt::Display| Complaint::new(format!("{line:?} {why}"));
    let mut command = Command::new("/bin/sh");
    command
        .arg("-c")
        .arg(line)
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true);
    let output = match tokio::time::timeout(COMMAND, command.output()).await {
        Ok(output) => output.map_err(|error| because(&format!("cannot be run: {error}")))?,
        Err(_) => return Err(because(&"does not end: it was killed after 60 s")),
    };
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(because(&format!(
        "failed with {}: {}",
        output.status,
        said.trim()
    )))
}

/// Clients that pinged their router once.
struct Pinged {
    /// Those that it answered.
    well: BTreeSet<ClientNumber>,
    /// Those that may have missed its answer, as the tester was late.
    of_the_tester: BTreeSet<ClientNumber>,
}

/// Has clients ping their router.
async fn answers(pool: &Pool, clients: &[ClientNumber]) -> Result<Pinged, Complaint> {
    let spec = PingSpec {
        timeout: Duration::from_secs(1),
        ..PingSpec::once(Target::Router)
    };
    let which = Selection::Numbers(clients.to_vec());
    let report = pool.ping(which, spec).await?;
    let (mut well, mut of_the_tester) = (BTreeSet::new(), BTreeSet::new());
    for (number, stats) in &report.clients {
        if stats.is_success() {
            well.insert(*number);
        } else if report.is_testers(*number) {
            of_the_tester.insert(*number);
        }
    }
    Ok(Pinged {
        well,
        of_the_tester,
    })
}

async fn break_router(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let FaultWord(fault) = said.next()?;
    let lasts: DurationWord = said.next()?;
    world.disturb().await?;
    let testbed = world.open_testbed()?;
    let lab = testbed.lab.as_ref().ok_or_else(|| {
        Complaint::new(
            "this router is not the lab's and cannot be broken on purpose: run with --lab, or leave the scenario out with \
             --tags 'not @lab'",
        )
    })?;
    lab.inject(fault, lasts.0)
        .map_err(|error| Complaint::new(error.to_string()))?;
    testbed.pool.fault_injected(fault, lasts.0).await?;
    Ok(())
}

async fn come_and_go(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let clients: ClientsWord = said.next()?;
    let (every, lasts): (DurationWord, DurationWord) = (said.next()?, said.next()?);
    if every.0.is_zero() {
        return Err(Complaint::new(
            "0s is no time to leave and rejoin in: write 2s, or the like",
        ));
    }
    let chosen = world.choose_to_act(&clients).await?;
    world.disturb().await?;
    let testbed = world.open_testbed()?.clone();
    let end = Instant::now() + lasts.0;
    let mut answers = ClientResults {
        what: "rejoining".to_owned(),
        clients: std::collections::BTreeMap::new(),
    };
    while Instant::now() < end {
        let begun = Instant::now();
        testbed
            .pool
            .order(chosen.selection(), Order::Release)
            .await?;
        tokio::time::sleep(every.0 / 2).await;
        testbed.pool.order(chosen.selection(), Order::Renew).await?;
        note_rejoined(world, &testbed, &chosen, &mut answers).await?;
        tokio::time::sleep(every.0.saturating_sub(begun.elapsed())).await;
    }
    world.answers = Some(answers);
    Ok(())
}

async fn note_rejoined(
    world: &World,
    testbed: &ScenarioTestbed,
    chosen: &Chosen,
    answers: &mut ClientResults,
) -> Result<(), Complaint> {
    let wait = Wait::new(testbed.lease_timeout, Signal::Join);
    let waiting = world.waiting(Instant::now(), wait)?;
    let (herd, _) = world
        .watch(&waiting, |herd, _| {
            let theirs = herd
                .iter()
                .filter(|c| chosen.numbers.contains(&c.identity.number));
            theirs
                .map(|client| client.phase)
                .all(|phase| phase == Phase::Online)
        })
        .await?;
    let excuse = waiting.excuse();
    for client in herd
        .iter()
        .filter(|c| chosen.numbers.contains(&c.identity.number))
    {
        let answer = answers
            .clients
            .entry(client.identity.number)
            .or_insert_with(ClientResult::well);
        if client.phase != Phase::Online {
            let cause = client.failure.as_ref().map(|failure| failure.cause);
            answer.outcome = Err(ClientComplaint {
                text: standing(client),
                tester: excuse.filter(|_| cause.is_none_or(Cause::is_a_timeout)),
            });
            answer.causes.extend(cause.map(Cause::as_str));
        }
    }
    Ok(())
}

async fn recover(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    /// From one try to the next.
    const PAUSE: Duration = Duration::from_millis(100);
    let clients: ClientsWord = said.next()?;
    let within: DurationWord = said.next()?;
    let chosen = world.choose(&clients).await?;
    let since = world.disturbed.ok_or_else(|| {
        Complaint::new(
            "nothing was done to clients or router in this scenario that they could recover from",
        )
    })?;
    let waiting = world.waiting(since, Wait::new(within.0, Signal::Join))?;
    let pool = world.pool()?.clone();
    let mut back = BTreeSet::new();
    loop {
        let herd = world.herd().await?;
        let online: Vec<_> = herd
            .iter()
            .filter(|client| client.phase == Phase::Online)
            .map(|client| client.identity.number)
            .filter(|number| chosen.numbers.contains(number) && !back.contains(number))
            .collect();
        let asked = Instant::now();
        if !online.is_empty() && (!waiting.is_over(asked) || waiting.goes_on()) {
            back.extend(answers(&pool, &online).await?.well);
        }
        if back.len() == chosen.numbers.len() {
            return waiting.came(asked, "all recovered");
        }
        if waiting.is_over(Instant::now()) {
            let by_number = by_number(&herd);
            let within = format!("did not recover within {within}");
            let judged = chosen.judge(&within, |number| match by_number.get(&number) {
                _ if back.contains(&number) => Ok(()),
                Some(client) if client.phase == Phase::Online => Err(format!(
                    "its router does not answer its pings; it is {}",
                    standing(client)
                )),
                Some(client) => Err(standing(client)),
                None => Err("it has left".to_owned()),
            });
            match judged {
                Ok(()) => return waiting.came(asked, "enough recovered"),
                Err(complaint) if !waiting.goes_on() => return Err(waiting.missed(complaint)),
                Err(_) => {}
            }
        }
        tokio::time::sleep(waiting.next_look(PAUSE)).await;
    }
}
