//! The line of a router to its provider: what happens to it, and what is to follow on the LAN.

use std::collections::BTreeSet;

use super::judge_within;
use crate::bdd::definition::StepArguments;
use crate::bdd::parameters::{ClientsWord, DurationWord};
use crate::bdd::steps::disturbances::run_command;
use crate::bdd::world::by_number;
use crate::bdd::{Complaint, World};
use crate::client::ipv6::Ipv6State;
use lanherd_types::ipv6::Prefix;

/// What happens to the line of a router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineEvent {
    Down,
    Up,
    Renumbered,
}

pub(super) async fn of_the_line(world: &mut World, event: LineEvent) -> Result<(), Complaint> {
    world.disturb().await?;
    if let Some(lab) = &world.open_testbed()?.lab {
        match event {
            LineEvent::Down => lab.wan_down(),
            LineEvent::Up => lab.wan_up(),
            LineEvent::Renumbered => lab.renumber(),
        }
        return Ok(());
    }
    let settings = &world.testbeds.settings;
    let (line, option, what, example) = match event {
        LineEvent::Down => (
            &settings.wan_down,
            "--wan-down",
            "its line is taken down",
            "ssh root@192.168.1.1 ifdown wan6",
        ),
        LineEvent::Up => (
            &settings.wan_up,
            "--wan-up",
            "its line is brought up again",
            "ssh root@192.168.1.1 ifup wan6",
        ),
        LineEvent::Renumbered => (
            &settings.renumber,
            "--renumber",
            "it is given another prefix",
            "ssh root@192.168.1.1 ifup wan6",
        ),
    };
    let Some(line) = line.clone() else {
        return Err(Complaint::new(format!(
            "this router is not the lab's, and nobody has said how {what}: run with {option} '{example}', or the like"
        )));
    };
    run_command(&line).await
}

pub(super) async fn default_router(
    world: &mut World,
    mut said: StepArguments,
    wanted: bool,
) -> Result<(), Complaint> {
    let clients: ClientsWord = said.next()?;
    let within: DurationWord = said.next()?;
    let what = if wanted {
        "had no default router"
    } else {
        "still had a default router"
    };
    judge_within(world, &clients, what, within, |client| {
        let state = client.ipv6.as_deref();
        state.is_some_and(|state| state.routers.is_empty() != wanted)
    })
    .await
}

/// The unique local prefixes that are on a client's link.
pub(in crate::bdd) fn unique_local(state: &Ipv6State) -> BTreeSet<Prefix> {
    let all = state.on_link.iter().copied();
    all.filter(|prefix| prefix.address().is_unique_local())
        .collect()
}

pub(super) async fn kept_unique_local(
    world: &mut World,
    mut said: StepArguments,
) -> Result<(), Complaint> {
    let clients: ClientsWord = said.next()?;
    let chosen = world.choose(&clients).await?;
    let herd = world.herd().await?;
    let by_number = by_number(&herd);
    let list = |all: &BTreeSet<Prefix>| {
        let all: Vec<_> = all.iter().map(ToString::to_string).collect();
        if all.is_empty() {
            "none".to_owned()
        } else {
            all.join(", ")
        }
    };
    chosen.judge("did not keep their unique local prefixes", |number| {
        let before = world.unique_local.get(&number);
        let before = before.filter(|before| !before.is_empty());
        let before = before.ok_or_else(|| "it had none before anything was done".to_owned())?;
        let client = by_number.get(&number);
        let client = client.ok_or_else(|| "it has left".to_owned())?;
        let now = client.ipv6.as_deref().map(unique_local);
        let now = now.unwrap_or_default();
        if now == *before {
            return Ok(());
        }
        Err(format!("{} before, and now {}", list(before), list(&now)))
    })
}
