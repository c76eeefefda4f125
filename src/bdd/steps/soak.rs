//! Long runs, and whether the end of one is as its beginning was.

use std::time::{Duration, Instant};

use crate::activity::ping::PingSpec;
use crate::bdd::definition::{Definition, Keyword, StepArguments, act};
use crate::bdd::parameters::{CountWord, DurationWord, RateWord};
use crate::bdd::testbeds::ScenarioTestbed;
use crate::bdd::{Complaint, World};
use crate::chaos::{ChaosPlan, Engine, RunningEngine, UplinkKind};
use crate::identity::ClientNumber;
use crate::report::Ended;
use crate::run::{Announcer, NoObserver, Rest, Signals, SoakLoop, SoakPlan};
use crate::scenario::{ClientCount, SoakDraft, Timespan};
use crate::soak::{SoakSettings, Verdict};
use crate::target::Target;

pub(in crate::bdd) const STEPS: &[Definition] = &[
    Definition {
        keyword: Keyword::When,
        pattern: "the soak runs for {duration}",
        example: "the soak runs for 24h",
        meaning: "All clients ping their router and Google DNS once a second for this time; the first hour of it (of less than \
                  three hours, the first third) is compared with the last.",
        act: act!(|world, mut said| {
            let lasts = said.next()?;
            soak(world, lasts, &SoakDraft::default(), None).await
        }),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "the soak runs for {duration} with churn of {rate}",
        example: "the soak runs for 24h with churn of 10 clients/m",
        meaning: "The same, while clients leave at random moments, so many in a time: each releases its lease and goes, and when it \
                  has gone a client with a new number and MAC takes its place.",
        act: act!(|world, mut said| {
            let (lasts, churn): (_, RateWord) = (said.next()?, said.next()?);
            let draft = SoakDraft {
                churn: Some(churn.0),
                ..SoakDraft::default()
            };
            soak(world, lasts, &draft, None).await
        }),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "the soak runs for {duration} with a storm of {count} clients every {duration}",
        example: "the soak runs for 24h with a storm of 50 clients every 10m",
        meaning: "The same, while again and again so many clients leave at once, and as many new ones join together when those have \
                  gone.",
        act: act!(|world, mut said| {
            let (lasts, storm): (_, CountWord) = (said.next()?, said.next()?);
            let every: DurationWord = said.next()?;
            let draft = SoakDraft {
                storm: Some(storm.above_zero()?),
                storm_every: Some(Timespan(every.0)),
                ..SoakDraft::default()
            };
            soak(world, lasts, &draft, None).await
        }),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "the soak runs for {duration} with:",
        example: "the soak runs for 24h with:",
        meaning: "The same with all that `lanherd soak` can do meanwhile, in a table of one row. Columns, as they are needed: churn \
                  (10/m), storm (how many clients) and storm every (10m), vanish (how many clients in a time fall silent without \
                  releasing their leases, each with a new one that takes its place: 2/m), chaos (faults by a plan, as after \
                  --chaos: every 10s: crash, delete-link; those of the router need the lab).",
        act: act!(|world, said| soak_with(world, said).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "nothing should have drifted",
        example: "nothing should have drifted",
        meaning: "In the soak no figure became worse from its beginning to its end: availability, round trips, loss, times to join \
                  and to lease, restarts, lanherd's own memory and open files. The rules are those of `lanherd soak`.",
        act: act!(|world, _| nothing_drifted(world)),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "at least {count} client(s) should have come and gone",
        example: "at least 20 clients should have come and gone",
        meaning: "In the soak so many left, by churn, in storms or without a word, and as many new ones were made in their place.",
        act: act!(|world, mut said| {
            let CountWord(least) = said.next()?;
            came_and_went(world, least)
        }),
    },
];

/// The columns of the table of a soak.
const COLUMNS: [&str; 5] = ["churn", "storm", "storm every", "vanish", "chaos"];

async fn soak_with(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let lasts = said.next()?;
    let mut draft = SoakDraft::default();
    let mut chaos = None;
    let rows = said.rows()?.by_column(&[], &COLUMNS)?;
    let [row] = rows.as_slice() else {
        return Err(Complaint::new(
            "a soak has one row of settings: write one row below the header",
        ));
    };
    for (column, cell) in row {
        let cell = cell.trim_matches('"');
        match *column {
            "churn" => draft.churn = Some(cell.parse::<RateWord>()?.0),
            "storm" => draft.storm = Some(cell.parse::<CountWord>()?.above_zero()?),
            "storm every" => draft.storm_every = Some(Timespan(cell.parse::<DurationWord>()?.0)),
            "vanish" => draft.vanish = Some(cell.parse::<RateWord>()?.0),
            // The last of the columns.
            _ => chaos = Some(plan(cell)?),
        }
    }
    soak(world, lasts, &draft, chaos).await
}

fn plan(text: &str) -> Result<ChaosPlan, Complaint> {
    text.parse()
        .map_err(|error: crate::chaos::PlanTextError| Complaint::of_word(text, error))
}

/// Soaks the scenario's clients: the same soak as that of `lanherd soak`.
async fn soak(
    world: &mut World,
    DurationWord(lasts): DurationWord,
    draft: &SoakDraft,
    chaos: Option<ChaosPlan>,
) -> Result<(), Complaint> {
    /// From one ping to the next.
    const EVERY: Duration = Duration::from_secs(1);
    let herd = world.herd().await?;
    let clients: Vec<_> = herd.iter().map(|client| client.identity.number).collect();
    let settings = settings(draft, clients.len(), lasts)?;
    let testbed = world.open_testbed()?.clone();
    let chaos = chaos.map(|plan| engine(&testbed, &plan)).transpose()?;
    let makes_faults = chaos.is_some() || settings.vanish.is_some();
    if makes_faults {
        world.disturb().await?;
    }
    let pings = [Target::Router, Target::GoogleDns].map(|target| PingSpec::every(target, EVERY));
    let longest = pings.iter().map(|ping| ping.timeout).max();
    let plan = SoakPlan {
        settings,
        seed: testbed.seed,
        lasts: Some(lasts),
        rest: Rest::of(
            testbed.lease_timeout,
            pings.len(),
            EVERY,
            longest.unwrap_or_default(),
        ),
        started: Instant::now(),
    };
    let pool = &testbed.pool;
    pool.set_extra_activities(pings.map(Into::into).into())
        .await?;
    let soaked = run(&testbed, plan, clients, chaos).await;
    pool.set_extra_activities(Vec::new()).await?;
    let soaked = soaked?;
    if makes_faults {
        // The last fault was made by now.
        world.disturbed = Some(Instant::now());
    }
    world.comparison = soaked.record.comparison;
    world.turnover = Some(soaked.record.turnover);
    match soaked.ended {
        Ended::EveryClientFailed => Err(Complaint::new(
            "every client has failed for good in the middle of the soak",
        )),
        Ended::TimeOver | Ended::Stopped | Ended::Interrupted => Ok(()),
    }
}

async fn run(
    testbed: &ScenarioTestbed,
    plan: SoakPlan,
    clients: Vec<ClientNumber>,
    chaos: Option<Engine>,
) -> Result<crate::run::Soaked, Complaint> {
    // A scenario that is given up drops this in the middle.
    let announcer = Announcer::new(Box::new(NoObserver));
    let soak = SoakLoop::new(
        testbed.pool.clone(),
        plan,
        clients,
        Signals::default(),
        announcer,
    );
    let chaos: Option<RunningEngine> = chaos.map(Engine::start);
    Ok(soak.await?.with_chaos(chaos).run().await?)
}

/// The settings of a soak of so many clients, which is looked at 600 times, or once a second where there is not the time.
fn settings(draft: &SoakDraft, clients: usize, lasts: Duration) -> Result<SoakSettings, Complaint> {
    const LOOKS: u32 = 600;
    const SHORTEST: Duration = Duration::from_secs(1);
    let because = |error: &dyn std::fmt::Display| Complaint::new(error.to_string());
    let clients = i64::try_from(clients).unwrap_or(i64::MAX);
    let clients = ClientCount::try_from(clients).map_err(|error| because(&error))?;
    let settings = draft.check(clients).map_err(|error| because(&error))?;
    Ok(SoakSettings {
        interval: SHORTEST.max(lasts / LOOKS),
        ..settings
    })
}

/// What makes the faults of a plan.
fn engine(testbed: &ScenarioTestbed, plan: &ChaosPlan) -> Result<Engine, Complaint> {
    let uplink = match &testbed.lab {
        Some(lab) if lab.speaks_ipv6() => UplinkKind::Ipv6Lab,
        Some(_) => UplinkKind::Lab,
        None => UplinkKind::Parent,
    };
    let schedule = plan
        .schedule(uplink, testbed.seed)
        .map_err(|error| Complaint::new(error.to_string()))?;
    Ok(Engine::new(
        testbed.pool.clone(),
        testbed.lab.clone(),
        schedule,
    ))
}

fn came_and_went(world: &World, least: u32) -> Result<(), Complaint> {
    let turnover = world
        .turnover
        .ok_or_else(|| Complaint::new("no soak ran in this scenario"))?;
    let left = turnover.left + turnover.vanished;
    let both = left.min(turnover.came);
    if both >= u64::from(least) {
        return Ok(());
    }
    let skipped = match turnover.skipped {
        0 => String::new(),
        skipped => format!("; {skipped} could not leave when it was their turn"),
    };
    Err(Complaint::new(format!(
        "{left} clients have left, {} of them without a word, and {} have come in their place{skipped}",
        turnover.vanished, turnover.came
    )))
}

fn nothing_drifted(world: &World) -> Result<(), Complaint> {
    let comparison = world.comparison.as_ref().ok_or_else(|| {
        Complaint::new("no soak ran in this scenario, or it was too short to compare its beginning with its end")
    })?;
    if comparison
        .rows
        .iter()
        .all(|row| row.verdict == Verdict::TooFew)
    {
        return Err(Complaint::new(
            "the soak was too short: there are too few samples to compare its beginning with its end",
        ));
    }
    let drifts: Vec<_> = comparison
        .drifts()
        .map(|row| format!("\n  {row}"))
        .collect();
    let open: Vec<_> = comparison
        .inconclusive()
        .map(|row| format!("\n  {row}"))
        .collect();
    if drifts.is_empty() && !open.is_empty() {
        return Err(Complaint::inconclusive(format!(
            "the tester itself was later at the end of the soak than at its beginning, so that nothing can be said of{}",
            open.concat()
        )));
    }
    if drifts.is_empty() {
        return Ok(());
    }
    let window = humantime::format_duration(Duration::from_secs_f64(
        (comparison.window_ms / 1_000.0).round(),
    ));
    Err(Complaint::new(format!(
        "from the first {window} to the last {} figure{} drifted:{}",
        drifts.len(),
        if drifts.len() == 1 { "" } else { "s" },
        drifts.concat()
    )))
}
