//! What leases say.

use std::net::Ipv4Addr;

use super::ipv6;
use super::leases::{holds, holds_in};
use crate::bdd::definition::{Definition, Keyword, StepArguments, act};
use crate::bdd::parameters::ClientsWord;
use crate::bdd::world::{by_number, standing};
use crate::bdd::{Complaint, World};
use crate::dhcp::{Lease, Lifetime};
use crate::family::Family;

pub(in crate::bdd) const STEPS: &[Definition] = &[
    Definition {
        keyword: Keyword::Then,
        pattern: "every lease should be inside {string}",
        example: "every lease should be inside \"10.77.0.0/16\"",
        meaning: "Every address is in this network, or in this range: \"10.77.0.10-10.77.0.250\".",
        act: act!(|world, said| inside(world, said).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "{clients} should be configured with:",
        example: "all clients should be configured with:",
        meaning: "What their leases and routers say, in a table of option and value: router, dns, domain, prefix, mtu, lease, server; \
                  of IPv6 prefix6, router6, dns6, search, mtu6, pref64, delegated, flags (managed, other). Several are written with commas; 'none': it is not there.",
        act: act!(|world, said| configured(world, said).await),
    },
];

async fn inside(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let text = said.text()?;
    let (first, last) = range(&text).ok_or_else(|| {
        Complaint::of_word(
            &text,
            "write a network, 10.77.0.0/16, or a range, 10.77.0.10-10.77.0.250",
        )
    })?;
    let chosen = world.choose(&ClientsWord::All).await?;
    let herd = world.herd().await?;
    let by_number = by_number(&herd);
    chosen.judge(&format!("held no lease inside {text}"), |number| {
        let client = by_number
            .get(&number)
            .ok_or_else(|| "it has left".to_owned())?;
        let lease = client.lease.as_ref().filter(|_| holds(client));
        match lease {
            Some(lease) if (first..=last).contains(&u32::from(lease.address)) => Ok(()),
            _ => Err(standing(client)),
        }
    })
}

/// The first and the last address of a network or a range.
fn range(text: &str) -> Option<(u32, u32)> {
    if let Some((first, last)) = text.split_once('-') {
        let address = |text: &str| text.trim().parse::<Ipv4Addr>().ok().map(u32::from);
        let (first, last) = (address(first)?, address(last)?);
        return (first <= last).then_some((first, last));
    }
    let (address, length) = text.split_once('/')?;
    let address = u32::from(address.parse::<Ipv4Addr>().ok()?);
    let length: u32 = length.parse().ok().filter(|length| *length <= 32)?;
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or_default();
    Some((address & mask, address | !mask))
}

async fn configured(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let clients: ClientsWord = said.next()?;
    let wanted: Vec<(String, String)> = said
        .rows()?
        .by_column(&["option", "value"], &[])?
        .into_iter()
        .map(|row| {
            let cell = |name| {
                row.get(name)
                    .copied()
                    .unwrap_or_default()
                    .trim_matches('"')
                    .to_owned()
            };
            (cell("option"), cell("value"))
        })
        .collect();
    let chosen = world.choose(&clients).await?;
    let herd = world.herd().await?;
    let by_number = by_number(&herd);
    for (option, value) in wanted {
        let is_ipv6 = ipv6::OPTIONS.contains(&option.as_str());
        if !is_ipv6 && !OPTIONS.contains(&option.as_str()) {
            let all = [&OPTIONS[..], &ipv6::OPTIONS[..]].concat();
            let why = format!("there is no such option here: use {}", all.join(", "));
            return Err(Complaint::of_word(&option, why));
        }
        chosen.judge(&format!("had another {option} than {value}"), |number| {
            let client = by_number
                .get(&number)
                .ok_or_else(|| "it has left".to_owned())?;
            if is_ipv6 {
                let state = client.ipv6.as_deref();
                let state = state.filter(|_| holds_in(client, Family::Ipv6));
                let is = state.and_then(|state| ipv6::says(state, &option));
                return match is {
                    Some(is) if is_same(&is, &value) => Ok(()),
                    Some(is) => Err(format!("of IPv6 it has {option} {is}")),
                    None => Err(standing(client)),
                };
            }
            let lease = client
                .lease
                .as_ref()
                .filter(|_| holds_in(client, Family::Ipv4));
            let lease = lease.ok_or_else(|| standing(client))?;
            let is = says(lease, &option);
            if is_same(&is, &value) {
                return Ok(());
            }
            Err(format!(
                "its lease from {} says {option} {is}",
                lease.server_id
            ))
        })?;
    }
    Ok(())
}

const OPTIONS: [&str; 7] = [
    "router", "dns", "domain", "prefix", "mtu", "server", "lease",
];

/// What a lease says of an option, as it is written in a table.
fn says(lease: &Lease, option: &str) -> String {
    let none = || "none".to_owned();
    let list = |addresses: &[Ipv4Addr]| match addresses {
        [] => none(),
        some => some
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    };
    match option {
        "router" => list(&lease.routers),
        "dns" => list(&lease.dns),
        "domain" => lease.domain.clone().unwrap_or_else(none),
        "prefix" => format!("/{}", lease.prefix_len),
        "mtu" => lease.mtu.map_or_else(none, |mtu| mtu.to_string()),
        "server" => lease.server_id.to_string(),
        // The last of the list.
        _ => match lease.lifetime {
            Lifetime::Infinite => "infinite".to_owned(),
            Lifetime::Finite { lease, .. } => humantime::format_duration(lease).to_string(),
        },
    }
}

fn is_same(is: &str, wanted: &str) -> bool {
    let plain = |text: &str| {
        text.replace(char::is_whitespace, "")
            .trim_start_matches('/')
            .to_ascii_lowercase()
    };
    let duration = |text: &str| crate::units::duration(text).ok();
    plain(is) == plain(wanted) || duration(is).is_some_and(|is| duration(wanted) == Some(is))
}
