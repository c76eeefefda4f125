//! What prefixes, delegated ones and lifetimes clients were given.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::no_ipv6;
use crate::bdd::definition::StepArguments;
use crate::bdd::parameters::{ClientsWord, CountWord, DurationWord};
use crate::bdd::{Complaint, World};
use crate::client::ipv6::{HeldAddress, Ipv6State};
use crate::identity::ClientNumber;
use lanherd_types::ipv6::Prefix;

/// All that clients have of IPv6; a complaint where nobody has any.
async fn states(world: &World) -> Result<Vec<(ClientNumber, Arc<Ipv6State>)>, Complaint> {
    let herd = world.herd().await?;
    let all = herd.iter().filter(|client| client.phase.has_address());
    let states: Vec<_> = all
        .filter_map(|client| Some((client.identity.number, client.ipv6.clone()?)))
        .collect();
    if states.is_empty() {
        return Err(no_ipv6());
    }
    Ok(states)
}

pub(super) async fn all_of_length(
    world: &mut World,
    mut said: StepArguments,
) -> Result<(), Complaint> {
    let CountWord(length) = said.next()?;
    let states = states(world).await?;
    let mut seen = 0_usize;
    let mut others: BTreeMap<ClientNumber, String> = BTreeMap::new();
    for (number, state) in &states {
        for prefix in state
            .on_link
            .iter()
            .filter(|prefix| !prefix.is_link_local())
        {
            seen += 1;
            if u32::from(prefix.length()) != length {
                others.insert(*number, format!("{prefix} is advertised as on the link"));
            }
        }
    }
    if seen == 0 {
        return Err(Complaint::new(
            "no prefix was advertised, so nothing can be said of their length",
        ));
    }
    if others.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = others.into_iter().collect();
    let what = "were advertised a prefix of another length";
    Err(Complaint::of_clients(what, &lines, states.len(), ""))
}

pub(super) async fn delegated_of_length(
    world: &mut World,
    mut said: StepArguments,
) -> Result<(), Complaint> {
    let (clients, CountWord(length)): (ClientsWord, CountWord) = (said.next()?, said.next()?);
    let chosen = world.choose(&clients).await?;
    let states: BTreeMap<_, _> = states(world).await?.into_iter().collect();
    let mut taken: Vec<(ClientNumber, Prefix)> = Vec::new();
    let mut wrong = Vec::new();
    for number in &chosen.numbers {
        let all = states.get(number).into_iter();
        let delegated: Vec<Prefix> = all
            .flat_map(|state| state.delegated().map(|it| it.prefix).collect::<Vec<_>>())
            .collect();
        let is_right = delegated.iter().any(|it| u32::from(it.length()) == length);
        let overlaps = |one: &Prefix, other: &Prefix| {
            one.contains(other.address()) || other.contains(one.address())
        };
        let mut of_others = delegated.iter().flat_map(|own| {
            let others = taken.iter().filter(|(_, other)| overlaps(own, other));
            others.map(move |(holder, other)| (own, holder, other))
        });
        if let Some((own, holder, other)) = of_others.next() {
            let line = format!("{own} is its own, and {other} is client {holder}'s");
            wrong.push((*number, line));
        } else if delegated.is_empty() {
            wrong.push((*number, "no prefix is delegated to it".to_owned()));
        } else if !is_right {
            let all: Vec<_> = delegated.iter().map(ToString::to_string).collect();
            wrong.push((*number, format!("it has {}", all.join(", "))));
        }
        taken.extend(delegated.into_iter().map(|prefix| (*number, prefix)));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let what = format!("had no delegated prefix of {length} bits of their own");
    Err(Complaint::of_clients(
        &what,
        &wrong,
        chosen.numbers.len(),
        "",
    ))
}

pub(super) async fn lifetimes(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let (preferred, valid): (DurationWord, DurationWord) = (said.next()?, said.next()?);
    let states = states(world).await?;
    let now = Instant::now();
    let is_longer = |until: Option<Instant>, most: Duration| {
        until.is_none_or(|until| until.saturating_duration_since(now) > most)
    };
    let mut longer = Vec::new();
    for (number, state) in &states {
        let formed = state.global().filter(|held| held.origin.is_formed());
        let mut too_long = formed.filter(|held: &&HeldAddress| {
            is_longer(held.preferred_until, preferred.0) || is_longer(held.valid_until, valid.0)
        });
        if let Some(held) = too_long.next() {
            let left = |until: Option<Instant>| {
                until.map_or_else(
                    || "for ever".to_owned(),
                    |until| {
                        let left = until.saturating_duration_since(now).as_secs();
                        humantime::format_duration(Duration::from_secs(left)).to_string()
                    },
                )
            };
            longer.push((
                *number,
                format!(
                    "{} is preferred for {} and valid for {}",
                    held.address,
                    left(held.preferred_until),
                    left(held.valid_until)
                ),
            ));
        }
    }
    if longer.is_empty() {
        return Ok(());
    }
    let what = "were advertised longer lifetimes";
    Err(Complaint::of_clients(what, &longer, states.len(), ""))
}
