//! Making clients, and letting them go.

use std::time::{Duration, Instant};

use crate::bdd::complaint::ClientComplaint;
use crate::bdd::definition::{Definition, Keyword, StepArguments, act};
use crate::bdd::parameters::{
    BackendWord, ClientsWord, CountWord, DurationWord, FamiliesWord, RateWord,
};
use crate::bdd::testbeds::{ScenarioTestbed, SuiteUplink};
use crate::bdd::world::{Chosen, ClientResult, ClientResults, standing};
use crate::bdd::{Complaint, World};
use crate::dhcp::Device;
use crate::identity::{ClientNumber, Seed};
use crate::lab::LabConfig;
use crate::objective::wait::Wait;
use crate::phase::{Cause, Phase};
use crate::pool::{ClientStatus, GroupName};
use crate::scenario::{ClientCount, GroupDraft, Timespan};
use crate::stats::Signal;
use lanherd_types::ipv6::{AddressFormation, WantedPrefix};

pub(in crate::bdd) const STEPS: &[Definition] = &[
    Definition {
        keyword: Keyword::Given,
        pattern: "I create {count} virtual client(s) using {backend}",
        example: "I create 10 virtual clients using macvlan",
        meaning: "Makes so many clients, and waits until each holds a lease. Fails if one has none when the lease timeout \
                  (2m 30s) is over. Said again, it makes more.",
        act: act!(|world, said| create(world, said, false).await),
    },
    Definition {
        keyword: Keyword::Given,
        pattern: "I create {count} virtual client(s) using {backend} on interface {string}",
        example: "I create 10 virtual clients using macvlan on interface \"eth0\"",
        meaning: "The same on this interface, whatever --parent says; on the lab, with --lab.",
        act: act!(|world, said| create(world, said, true).await),
    },
    Definition {
        keyword: Keyword::Given,
        pattern: "I create {count} {family} virtual client(s) using {backend}",
        example: "I create 10 dual-stack virtual clients using macvlan",
        meaning: "Makes clients that are to have IPv4, IPv6 or both (dual-stack), and waits until each is usable in all of that.",
        act: act!(|world, said| create_of_family(world, said, false).await),
    },
    Definition {
        keyword: Keyword::Given,
        pattern: "I create {count} {family} virtual client(s) using {backend} on interface {string}",
        example: "I create 10 IPv6 virtual clients using macvlan on interface \"eth0\"",
        meaning: "The same on this interface, whatever --parent says; on the lab, with --lab.",
        act: act!(|world, said| create_of_family(world, said, true).await),
    },
    Definition {
        keyword: Keyword::Given,
        pattern: "I create the following client groups:",
        example: "I create the following client groups:",
        meaning: "Makes groups of clients, and waits until each holds a lease. Columns: group, count, and where wanted families (IPv4, IPv6, \
                  dual-stack), device (android, ios, macos, windows, printer, …), restart (permanent, transient, temporary), delegated prefix \
                  (any, or a length as 56: they are routers) and IPv6 addresses (stable, eui64, temporary).",
        act: act!(|world, said| create_groups(world, said).await),
    },
    Definition {
        keyword: Keyword::Given,
        pattern: "clients are routers that ask for a delegated prefix",
        example: "clients are routers that ask for a delegated prefix",
        meaning: "With IPv6: each asks for a prefix (DHCPv6 IA_PD), of which a link of its own behind it has the first 64 bits, and is online \
                  once it has one.",
        act: act!(|world, _| {
            world.draft()?.delegated_prefix = Some(WantedPrefix::ANY);
            Ok(())
        }),
    },
    Definition {
        keyword: Keyword::Given,
        pattern: "clients are routers that ask for a delegated prefix of {count} bits",
        example: "clients are routers that ask for a delegated prefix of 56 bits",
        meaning: "The same, of so many bits if that can be had.",
        act: act!(|world, mut said| {
            let length: CountWord = said.next()?;
            let wanted = length.0.to_string().parse::<WantedPrefix>();
            let wanted = wanted.map_err(|error| Complaint::new(error.to_string()))?;
            world.draft()?.delegated_prefix = Some(wanted);
            Ok(())
        }),
    },
    Definition {
        keyword: Keyword::Given,
        pattern: "clients form {string} IPv6 addresses",
        example: "clients form \"temporary\" IPv6 addresses",
        meaning: "Which addresses of advertised prefixes: stable (RFC 7217), eui64 (of the MAC), or temporary (RFC 8981, beside stable ones).",
        act: act!(|world, mut said| {
            let word = said.text()?;
            world.draft()?.ipv6_addresses = Some(formation(&word)?);
            Ok(())
        }),
    },
    Definition {
        keyword: Keyword::Given,
        pattern: "clients use IPv6 addresses without duplicate address detection",
        example: "clients use IPv6 addresses without duplicate address detection",
        meaning: "Nobody is asked whether he has an address (RFC 4862, 5.4), which takes a second of each join.",
        act: act!(|world, _| {
            world.draft()?.no_dad = true;
            Ok(())
        }),
    },
    Definition {
        keyword: Keyword::Given,
        pattern: "clients join at {rate}",
        example: "clients join at 20 clients/s",
        meaning: "So many clients may begin to join in a time; without it, 64 are joining at one time.",
        act: act!(|world, mut said| {
            world.draft()?.join_rate = Some(said.next::<RateWord>()?.0);
            Ok(())
        }),
    },
    Definition {
        keyword: Keyword::Given,
        pattern: "a client may take {duration} to get a lease",
        example: "a client may take 20s to get a lease",
        meaning: "The lease timeout: a client without a lease after this time has failed. RFC 2131 lets a client ask for 2 \
                  minutes, so be generous with real routers.",
        act: act!(|world, mut said| {
            world.draft()?.lease_timeout = Some(Timespan(said.next::<DurationWord>()?.0));
            Ok(())
        }),
    },
    Definition {
        keyword: Keyword::Given,
        pattern: "the random seed is {count}",
        example: "the random seed is 7",
        meaning: "The same seed gives the same MAC addresses and the same random choices.",
        act: act!(|world, mut said| {
            world.draft()?.seed = Some(Seed(said.next::<CountWord>()?.0.into()));
            Ok(())
        }),
    },
    Definition {
        keyword: Keyword::Given,
        pattern: "the lab configuration:",
        example: "the lab configuration:",
        meaning: "What the lab is to be like, as TOML in a docstring (range, lease, dns, domain, mtu, faults, …). Fails on a \
                  real router: tag such a scenario @lab.",
        act: act!(|world, said| configure_lab(world, said)),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "I add {count} client(s)",
        example: "I add 5 clients",
        meaning: "Makes more clients and waits until each holds a lease or the lease timeout is over; some may fail, which a \
                  Then can ask for.",
        act: act!(|world, said| add(world, said).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} leave(s)",
        example: "clients 1 to 5 leave",
        meaning: "They release their leases and are gone for good.",
        act: act!(|world, said| leave(world, said, LeaveKind::Released).await),
    },
    Definition {
        keyword: Keyword::When,
        pattern: "{clients} leave(s) without releasing",
        example: "clients 1 to 5 leave without releasing",
        meaning: "They are gone for good, and the server goes on thinking that they hold their leases.",
        act: act!(|world, said| leave(world, said, LeaveKind::Vanished).await),
    },
    Definition {
        keyword: Keyword::Then,
        pattern: "nothing should be left behind on the host",
        example: "nothing should be left behind on the host",
        meaning: "Tears everything down now, and fails if something that was made could not be removed. Every scenario is \
                  torn down at its end in any case.",
        act: act!(|world, _| leave_nothing(world).await),
    },
];

fn formation(word: &str) -> Result<AddressFormation, Complaint> {
    let mut all = AddressFormation::ALL.iter().copied();
    all.find(|known| known.as_str() == word)
        .ok_or_else(|| Complaint::of_word(word, "choose stable, eui64 or temporary"))
}

/// What the machinery may add to the time that a lease takes.
const SLACK: Duration = Duration::from_secs(10);

async fn create_of_family(
    world: &mut World,
    mut said: StepArguments,
    on_interface: bool,
) -> Result<(), Complaint> {
    let count: CountWord = said.next()?;
    let FamiliesWord(families) = said.next()?;
    let is_open = world.open_testbed().is_ok();
    // Clients of one pool's own group have the same families.
    match world.draft.as_mut() {
        Some(draft) if is_open => {
            if draft.families.unwrap_or_default() != families {
                return Err(Complaint::new(
                    "the scenario's clients have other families already: make groups, each with its families",
                ));
            }
        }
        _ => world.draft()?.families = Some(families),
    }
    create_so_many(world, said, count, on_interface).await
}

async fn create(
    world: &mut World,
    mut said: StepArguments,
    on_interface: bool,
) -> Result<(), Complaint> {
    let count: CountWord = said.next()?;
    create_so_many(world, said, count, on_interface).await
}

async fn create_so_many(
    world: &mut World,
    mut said: StepArguments,
    count: CountWord,
    on_interface: bool,
) -> Result<(), Complaint> {
    let BackendWord(mode) = said.next()?;
    let parent = if on_interface {
        Some(said.text()?)
    } else {
        None
    };
    if world.open_testbed().is_ok() {
        // The interface of a scenario is one, and so is the mode.
        if let (SuiteUplink::Parent(_), Some(parent)) = (&world.testbeds.settings.uplink, &parent) {
            let stands_on = world.draft.as_ref().and_then(|draft| draft.parent.clone());
            if stands_on.as_ref() != Some(parent) {
                let why = "the scenario's clients stand on another interface already";
                return Err(Complaint::of_word(parent, why));
            }
        }
    } else {
        let on_lab = matches!(world.testbeds.settings.uplink, SuiteUplink::Lab(_));
        let draft = world.draft()?;
        draft.mode = mode.or(draft.mode);
        if let Some(parent) = parent.filter(|_| !on_lab) {
            draft.parent = Some(parent);
        }
    }
    let testbed = world.testbed().await?;
    let numbers = testbed.pool.create(count.0).await?;
    all_join(world, &testbed, &numbers).await
}

async fn create_groups(world: &mut World, said: StepArguments) -> Result<(), Complaint> {
    let rows = said.rows()?;
    let mut groups: Vec<GroupDraft> = Vec::new();
    for row in rows.by_column(
        &["group", "count"],
        &[
            "families",
            "device",
            "restart",
            "delegated prefix",
            "IPv6 addresses",
        ],
    )? {
        let cell = |name: &str| row.get(name).copied().unwrap_or_default();
        let name: GroupName = cell("group")
            .parse()
            .map_err(|error| Complaint::of_word(cell("group"), error))?;
        let clients: ClientCount = cell("count")
            .trim_matches('"')
            .parse()
            .map_err(|error| Complaint::of_word(cell("count"), error))?;
        let mut group = GroupDraft::new(name, clients);
        let families = row.get("families").map(|word| word.parse::<FamiliesWord>());
        group.families = families.transpose()?.map(|word| word.0);
        group.device = row.get("device").map(|word| device(word)).transpose()?;
        let restart = row.get("restart").map(|word| {
            word.parse()
                .map_err(|error| Complaint::of_word(word, error))
        });
        group.restart = restart.transpose()?;
        let wanted = row.get("delegated prefix").filter(|word| **word != "none");
        let wanted = wanted.map(|word| {
            word.parse::<WantedPrefix>()
                .map_err(|error| Complaint::of_word(word, error))
        });
        group.delegated_prefix = wanted.transpose()?;
        let formed = row.get("IPv6 addresses").map(|word| formation(word));
        group.ipv6_addresses = formed.transpose()?;
        groups.push(group);
    }
    world.draft()?.group.clone_from(&groups);
    let testbed = world.testbed().await?;
    let mut numbers = Vec::new();
    for group in groups {
        numbers.extend(
            testbed
                .pool
                .create_in(group.name, group.clients.get())
                .await?,
        );
    }
    all_join(world, &testbed, &numbers).await
}

fn device(word: &str) -> Result<Device, Complaint> {
    let found = Device::ALL.iter().find(|device| device.as_str() == word);
    found.copied().ok_or_else(|| {
        let all: Vec<_> = Device::ALL.iter().map(|device| device.as_str()).collect();
        Complaint::of_word(
            word,
            format!("there is no such device: use {}", all.join(", ")),
        )
    })
}

fn configure_lab(world: &mut World, said: StepArguments) -> Result<(), Complaint> {
    world.draft()?;
    if let SuiteUplink::Parent(_) = world.testbeds.settings.uplink {
        return Err(Complaint::new(
            "there is no lab here but a real router: run with --lab, or leave the scenario out with --tags 'not @lab'",
        ));
    }
    let text = said.docstring.unwrap_or_default();
    let config = LabConfig::from_toml(&text)
        .map_err(|error| Complaint::new(format!("the lab configuration, {error}")))?;
    if !config.faults.is_empty() {
        world.expect_failures();
    }
    world.lab = Some(config);
    Ok(())
}

/// How long clients may take to join.
fn patience(world: &World, testbed: &ScenarioTestbed, clients: usize) -> Duration {
    let rate = world.draft.as_ref().and_then(|draft| draft.join_rate);
    let queue = rate.map_or(Duration::ZERO, |rate| {
        rate.interval().mul_f64(clients as f64)
    });
    testbed.lease_timeout + queue + SLACK
}

/// Waits until they are online, and fails if they are not in time.
async fn all_join(
    world: &mut World,
    testbed: &ScenarioTestbed,
    numbers: &[ClientNumber],
) -> Result<(), Complaint> {
    let answers = join(world, testbed, numbers).await?;
    let timeout = humantime::format_duration(testbed.lease_timeout);
    let what = format!("did not get online (a client may take {timeout} to get a lease)");
    let all = Chosen {
        numbers: numbers.to_vec(),
        quota: 1.0,
    };
    all.judge(&what, |number| match answers.clients.get(&number) {
        Some(answer) => answer.outcome.clone(),
        None => Err("it has left".to_owned().into()),
    })?;
    world.note_held().await?;
    greet(world, &answers).await
}

/// Has those that came online reach the router where it was said to be.
pub(super) async fn greet(world: &World, answers: &ClientResults) -> Result<(), Complaint> {
    let online = answers
        .clients
        .iter()
        .filter(|(_, answer)| answer.outcome.is_ok());
    let online: Vec<_> = online.map(|(number, _)| *number).collect();
    match world.router {
        Some(router) if !online.is_empty() => super::leases::reach(world, router, &online).await,
        Some(_) | None => Ok(()),
    }
}

/// Waits until they are online, or have failed, or have had time enough.
pub(super) async fn join(
    world: &World,
    testbed: &ScenarioTestbed,
    numbers: &[ClientNumber],
) -> Result<ClientResults, Complaint> {
    let patience = patience(world, testbed, numbers.len());
    let begun = Instant::now();
    let waiting = world.waiting(begun, Wait::new(patience, Signal::Join))?;
    let (herd, _) = world
        .watch(&waiting, |herd, _| {
            let theirs =
                |client: &&ClientStatus| numbers.binary_search(&client.identity.number).is_ok();
            let is_final = |phase| {
                matches!(
                    phase,
                    Phase::Online | Phase::Partial | Phase::Failed | Phase::V6Only
                )
            };
            herd.iter()
                .filter(theirs)
                .all(|client| is_final(client.phase))
        })
        .await?;
    // What it is held against is the time that each had for itself.
    let wait = Wait::new(testbed.lease_timeout, Signal::Join);
    let excuse = world.waiting(begun, wait)?.excuse();
    let answer = |client: &ClientStatus| {
        let failure = client.failure.as_ref().map(|failure| failure.cause);
        let cause = failure.map(Cause::as_str);
        let answer = match client.phase {
            Phase::Online => Ok(()),
            _ => Err(ClientComplaint {
                text: standing(client),
                tester: excuse.filter(|_| failure.is_none_or(Cause::is_a_timeout)),
            }),
        };
        ClientResult {
            causes: cause.filter(|_| answer.is_err()).into_iter().collect(),
            outcome: answer,
            output: None,
        }
    };
    let theirs = herd
        .iter()
        .filter(|client| numbers.binary_search(&client.identity.number).is_ok());
    Ok(ClientResults {
        what: "joining".to_owned(),
        clients: theirs
            .map(|client| (client.identity.number, answer(client)))
            .collect(),
    })
}

async fn add(world: &mut World, mut said: StepArguments) -> Result<(), Complaint> {
    let count: CountWord = said.next()?;
    let testbed = world.testbed().await?;
    let numbers = testbed.pool.create(count.0).await?;
    let answers = join(world, &testbed, &numbers).await?;
    greet(world, &answers).await?;
    world.answers = Some(answers);
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeaveKind {
    Released,
    Vanished,
}

async fn leave(
    world: &mut World,
    mut said: StepArguments,
    kind: LeaveKind,
) -> Result<(), Complaint> {
    let clients: ClientsWord = said.next()?;
    let chosen = world.choose_to_act(&clients).await?;
    world.disturb().await?;
    let pool = world.pool()?;
    let report = match kind {
        LeaveKind::Released => pool.remove(chosen.selection()).await?,
        LeaveKind::Vanished => pool.vanish(chosen.selection()).await?,
    };
    match report.errors.first() {
        None => Ok(()),
        Some((number, error)) => Err(Complaint::new(format!("client {number}: {error}"))),
    }
}

async fn leave_nothing(world: &mut World) -> Result<(), Complaint> {
    world.open_testbed()?;
    match world.close().await {
        Some(closed) if !closed.troubles.is_empty() => Err(Complaint::new(format!(
            "not everything was removed:\n  {}",
            closed.troubles.join("\n  ")
        ))),
        _ => Ok(()),
    }
}
