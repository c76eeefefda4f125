//! Long runs, and whether the end of one is as its beginning was.

use std::time::{Duration, Instant};

use crate::bdd::parameters::Span;
use crate::bdd::vocabulary::{Definition, Keyword, Said};
use crate::bdd::{Complaint, World};
use crate::pool::{HerdStatus, Selection};
use crate::soak::{Footprint, Recorder, Verdict};
use crate::target::Target;
use crate::workload::ping::PingSpec;

pub(in crate::bdd) const STEPS: &[Definition] = &[
    Definition {
        keyword: Keyword::When,
        pattern: "the soak runs for {duration}",
        example: "the soak runs for 24h",
        meaning: "All clients ping their router and Google DNS once a second for this time; the first hour of it (of less than \
                  three hours, the first third) is compared with the last.",
        act: |world, said| Box::pin(soak(world, said)),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "nothing should have drifted",
        example: "nothing should have drifted",
        meaning: "In the soak no figure became worse from its beginning to its end: availability, round trips, loss, times to join \
                  and to lease, restarts, lanherd's own memory and open files. The rules are those of `lanherd soak`.",
        act: |world, _| Box::pin(async { nothing_drifted(world) }),
    },
];

async fn soak(world: &mut World, mut said: Said) -> Result<(), Complaint> {
    /// So many looks, or one a second where there is not the time.
    const LOOKS: u32 = 600;
    /// From one ping to the next.
    const EVERY: Duration = Duration::from_secs(1);
    let lasts: Span = said.next()?;
    let count = u32::try_from(lasts.0.as_secs()).unwrap_or(u32::MAX).max(1);
    let pool = world.pool()?.clone();
    let mut recorder = Recorder::new(pool.figures().await?);
    let begun = Instant::now();
    let ping = |target| {
        let pool = pool.clone();
        let spec = PingSpec {
            interval: EVERY,
            ..PingSpec::times(target, count)
        };
        async move { pool.ping(Selection::All, spec).await }
    };
    let traffic = async { tokio::join!(ping(Target::Router), ping(Target::GoogleDns)) };
    let mut traffic = std::pin::pin!(traffic);
    let mut look = tokio::time::interval(EVERY.max(lasts.0 / LOOKS));
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    look.tick().await;
    loop {
        tokio::select! {
            (router, internet) = &mut traffic => {
                router?;
                internet?;
                break;
            }
            _ = look.tick() => {
                let herd = HerdStatus { clients: world.herd().await?, ..HerdStatus::default() };
                recorder.look(begun.elapsed(), &herd, pool.figures().await?, footprint().await);
            }
        }
    }
    let herd = HerdStatus {
        clients: world.herd().await?,
        ..HerdStatus::default()
    };
    recorder.look(
        begun.elapsed(),
        &herd,
        pool.figures().await?,
        footprint().await,
    );
    world.comparison = recorder.record().comparison;
    Ok(())
}

async fn footprint() -> Footprint {
    match tokio::task::spawn_blocking(Footprint::of_self).await {
        Ok(Ok(footprint)) => footprint,
        _ => Footprint::default(),
    }
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
