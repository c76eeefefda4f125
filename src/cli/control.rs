//! What tells a running pool to do something: `restart`, `renew` and its like, `add`, `remove`, `chaos`, `stop`; and
//! what all that ask one have in common.

use std::time::Duration;

use anyhow::Context as _;
use lanherd::client::Order;
use lanherd::control::{Answer, CallError, Caller, ClientSelector, FaultOutcome, Removed, Request};
use lanherd::fault::Fault;
use lanherd::identity::{ClientNumber, PoolName};
use lanherd::lan::running_pools::{self, Others, RunningPool};
use lanherd::pool::GroupName;
use lanherd::scenario::Timespan;

use super::exit::{Exit, UsageError};
use super::screen::Screen;

/// How long a pool may take to answer, beside what it was told to wait for: clients leave a few at a time.
const PATIENCE: Duration = Duration::from_secs(180);

/// Which pool is meant.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// The pool [default: the one that is alive]
    #[arg(long, value_name = "NAME")]
    pool: Option<PoolName>,
}

impl Which {
    /// Connects to it.
    pub fn call(&self) -> anyhow::Result<Caller> {
        let running = running_pools::running().context("the pools cannot be looked for")?;
        let others = || running_pools::others().unwrap_or_default();
        Ok(Caller::call(&choose(running, self.pool.as_ref(), others)?)?)
    }

    /// The same pool, or the one of this name where none is named.
    pub fn or(&self, pool: Option<PoolName>) -> Self {
        Self {
            pool: self.pool.clone().or(pool),
        }
    }

    /// The pool, where it is named.
    pub const fn pool(&self) -> Option<&PoolName> {
        self.pool.as_ref()
    }

    /// Asks it one thing.
    pub fn ask(&self, request: &Request) -> anyhow::Result<Answer> {
        ask(&mut self.call()?, request, PATIENCE)
    }
}

/// Asks, and gives what the asker has to mend its right name.
pub fn ask(caller: &mut Caller, request: &Request, patience: Duration) -> anyhow::Result<Answer> {
    caller.ask(request, patience).map_err(|error| match error {
        CallError::Refused(why) => UsageError::because(why),
        CallError::Deaf(_)
        | CallError::Ended(_)
        | CallError::Timeout(_)
        | CallError::Strange { .. }
        | CallError::Io { .. } => error.into(),
    })
}

/// The complaint about an answer to another question.
pub fn strange(answer: &Answer) -> anyhow::Error {
    anyhow::anyhow!("the pool answered something else: {answer:?}; use the lanherd that started it")
}

fn choose(
    mut running: Vec<RunningPool>,
    wanted: Option<&PoolName>,
    others: impl FnOnce() -> Others,
) -> anyhow::Result<RunningPool> {
    let names: Vec<&str> = running.iter().map(|one| one.pool.as_str()).collect();
    let names = names.join(", ");
    match (wanted, running.len()) {
        (None, 1) => Ok(running.remove(0)),
        (None, 0) => anyhow::bail!(
            "no pool of yours is alive on this host{}",
            remedy(&others(), None)
        ),
        (None, many) => Err(UsageError::because(format!(
            "{many} pools are alive: {names}; choose one with --pool"
        ))),
        (Some(wanted), _) => match running.iter().position(|one| one.pool == *wanted) {
            Some(at) => Ok(running.remove(at)),
            None if names.is_empty() => anyhow::bail!(
                "no pool {wanted} of yours is alive on this host{}",
                remedy(&others(), Some(wanted))
            ),
            None => anyhow::bail!("no pool {wanted} is alive on this host; alive: {names}"),
        },
    }
}

/// What to do where no pool of this user's is alive: there may be others', and killed ones.
fn remedy(others: &Others, wanted: Option<&PoolName>) -> String {
    let is_meant = |pool: &&PoolName| wanted.is_none_or(|wanted| wanted == *pool);
    let words = |pools: &[PoolName]| -> Vec<String> {
        pools
            .iter()
            .filter(is_meant)
            .map(ToString::to_string)
            .collect()
    };
    let (hidden, dead) = (words(&others.hidden), words(&others.dead));
    if !hidden.is_empty() {
        format!(
            "; {} may be another user's: try the same with sudo",
            hidden.join(", ")
        )
    } else if !dead.is_empty() {
        format!(
            "; {} was killed: `lanherd clean` removes what it left, and the next start takes it over with --adopt",
            dead.join(", ")
        )
    } else {
        "; start one, such as: lanherd up --lab --clients 10".to_owned()
    }
}

/// A command that is about clients only.
#[derive(Debug, clap::Args)]
pub struct ClientsArgs {
    /// Which: 7, 3-9, 1,4,7, all, or the name of a group
    #[arg(value_name = "CLIENTS")]
    clients: ClientSelector,
    #[command(flatten)]
    which: Which,
}

/// Runs `lanherd restart`.
pub fn restart(args: ClientsArgs, screen: &Screen) -> anyhow::Result<Exit> {
    let clients = args.clients;
    match args.which.ask(&Request::Restart { clients })? {
        Answer::Told(0) => Ok(nobody("restarts", screen)),
        Answer::Told(count) => {
            screen.result(&format!("{} restart", clients_text(count)));
            Ok(Exit::Well)
        }
        other => Err(strange(&other)),
    }
}

/// `lanherd renew`, `rebind`, `release`, `decline`, `inform`.
pub fn order(order: Order, args: ClientsArgs, screen: &Screen) -> anyhow::Result<Exit> {
    let clients = args.clients;
    match args.which.ask(&Request::Order { order, clients })? {
        Answer::Told(0) => Ok(nobody(&format!("was told to {order}"), screen)),
        Answer::Told(count) => {
            screen.result(&format!("{} told to {order}", clients_text(count)));
            Ok(Exit::Well)
        }
        other => Err(strange(&other)),
    }
}

/// Nobody did what was asked: whoever asked wants to know why.
fn nobody(what: &str, screen: &Screen) -> Exit {
    screen.complain(&format!(
        "error: no client {what}: none of those that are meant is there and alive at the moment; `lanherd ps` shows how they are"
    ));
    Exit::Failed
}

fn clients_text(count: u32) -> String {
    match count {
        1 => "1 client".to_owned(),
        many => format!("{many} clients"),
    }
}

/// What `lanherd add` can be told.
#[derive(Debug, clap::Args)]
pub struct AddArgs {
    /// How many
    #[arg(value_name = "N")]
    count: u32,
    /// In this group [default: the one that bears the pool's name]
    #[arg(long, value_name = "NAME")]
    group: Option<GroupName>,
    #[command(flatten)]
    which: Which,
}

/// Adds clients to a pool.
pub fn add(args: AddArgs, screen: &Screen) -> anyhow::Result<Exit> {
    let AddArgs {
        count,
        group,
        which,
    } = args;
    match which.ask(&Request::Add { count, group })? {
        Answer::Added(numbers) => screen.result(&added(&numbers)),
        other => return Err(strange(&other)),
    }
    Ok(Exit::Well)
}

fn added(numbers: &[ClientNumber]) -> String {
    match numbers {
        [] => "no clients join".to_owned(),
        [only] => format!("client {only} joins"),
        [first, .., last] => format!("clients {first} to {last} join"),
    }
}

/// Runs `lanherd remove`.
pub fn remove(args: ClientsArgs, screen: &Screen) -> anyhow::Result<Exit> {
    let clients = args.clients;
    let Removed {
        clients,
        released,
        unreleased,
        errors,
    } = match args.which.ask(&Request::Remove { clients })? {
        Answer::Removed(removed) => removed,
        other => return Err(strange(&other)),
    };
    screen.result(&format!(
        "{} left, {released} RELEASEs sent",
        clients_text(clients)
    ));
    if unreleased > 0 {
        screen.complain(&format!(
            "warning: for {unreleased} leases none could be sent; the server keeps them until they expire"
        ));
    }
    for error in &errors {
        screen.complain(&format!("error: {error}"));
    }
    Ok(if errors.is_empty() {
        Exit::Well
    } else {
        Exit::Failed
    })
}

/// What `lanherd chaos` can be told.
#[derive(Debug, clap::Args)]
pub struct ChaosArgs {
    /// What to break: crash, kill-sockets, remove-address, delete-link, delete-namespace, vanish, flap-parent; in the
    /// lab router-reboot, router-reset, dhcp-mute, dhcp-slow, dhcp-nak, dhcp-exhausted, dhcp-duplicates,
    /// dhcp-expire-early, dhcp-garbage, dhcp-short-pool, dhcp-lost-acks, dhcp-wrong-router, dhcp-wrong-dns,
    /// dhcp-nak-known, dhcp-malformed-option, dhcp-own-address, dns-mute, dns-servfail, dns-limit, ping-loss,
    /// ping-duplicates, router-leak, http-unavailable, slow-link; in a lab that speaks IPv6 also ra-mute, ra-slow, ra-silent,
    /// ra-flood, ra-zero-lifetime, ra-flap, ra-wrong-router, ra-rogue, ra-stale-prefix, ra-forgets-prefix, ra-renumber,
    /// ra-no-autonomous, ra-no-dns, ra-wrong-dns, ra-short-dns, ra-long-lifetimes, ra-garbage, ra-wrong-prefix,
    /// ra-no-on-link, ra-no-route, ra-new-ula, ra-default-without-wan, nd-mute, nd-answers-all, dad-squatter,
    /// mld-snooping, dhcp6-mute, dhcp6-slow, dhcp6-exhausted, dhcp6-no-binding, dhcp6-not-on-link, dhcp6-duplicates,
    /// dhcp6-lost-replies, dhcp6-garbage, dhcp6-keeps-stale, dhcp6-forgets, dhcp6-no-prefix, dhcp6-no-route,
    /// dns-no-aaaa, v6-blackhole, pref64-dead
    #[arg(value_name = "FAULT")]
    fault: Fault,
    /// Whose, for faults of clients: 7, 3-9, 1,4,7, all, or the name of a group [default: all]
    #[arg(value_name = "CLIENTS")]
    clients: Option<ClientSelector>,
    /// For how long, for faults of the parent or the router [default: 20s]
    #[arg(long = "for", value_name = "TIME")]
    lasts: Option<Timespan>,
    #[command(flatten)]
    which: Which,
}

/// Breaks something on purpose.
pub fn chaos(args: ChaosArgs, screen: &Screen) -> anyhow::Result<Exit> {
    let fault = args.fault;
    let lasts = args.lasts.map(|lasts| lasts.0);
    let request = Request::Chaos {
        fault,
        clients: args.clients,
        lasts,
    };
    // A parent is waited for until it is up again.
    let patience = PATIENCE.saturating_add(lasts.unwrap_or_default());
    let outcomes = match ask(&mut args.which.call()?, &request, patience)? {
        Answer::Faults(outcomes) => outcomes,
        other => return Err(strange(&other)),
    };
    let mut failed = 0_usize;
    for FaultOutcome { client, error } in &outcomes {
        let Some(error) = error else { continue };
        failed += 1;
        let whose = client.map_or_else(String::new, |client| format!("client {client}: "));
        screen.complain(&format!("error: {whose}{fault} was not made: {error}"));
    }
    screen.result(&match outcomes.as_slice() {
        [
            FaultOutcome {
                client: None,
                error,
            },
        ] if error.is_none() => format!("{fault} was made"),
        [FaultOutcome { client: None, .. }] => format!("{fault} was not made"),
        many => {
            let made = u32::try_from(many.len() - failed).unwrap_or(u32::MAX);
            format!("{fault} was made to {}", clients_text(made))
        }
    });
    Ok(if failed == 0 {
        Exit::Well
    } else {
        Exit::Failed
    })
}

/// Runs `lanherd stop`.
pub fn stop(which: &Which, screen: &Screen) -> anyhow::Result<Exit> {
    let mut caller = which.call()?;
    match ask(&mut caller, &Request::Stop {}, PATIENCE)? {
        Answer::Stopping {} => {}
        other => return Err(strange(&other)),
    }
    // The pool hangs up when its herd has left.
    while caller.hear()?.is_some() {}
    screen.result("stopped");
    Ok(Exit::Well)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_pool_the_error_says_how_to_start_one() {
        let error = choose(Vec::new(), None, Others::default).expect_err("nobody");
        assert!(error.to_string().contains("lanherd up"), "{error}");
        assert_eq!(Exit::of_error(&error), Exit::Environment);
    }

    #[test]
    fn pools_of_others_and_killed_ones_are_told_of_with_the_remedy() {
        let pool = |name: &str| -> PoolName { name.parse().expect("a name") };
        let others = Others {
            hidden: vec![pool("lan")],
            dead: vec![pool("dead")],
        };
        let said = |wanted: Option<&str>| remedy(&others, wanted.map(pool).as_ref());
        assert!(said(None).contains("lan may be another user's: try the same with sudo"));
        assert!(said(Some("dead")).contains("dead was killed: `lanherd clean`"));
        assert!(said(Some("none")).contains("lanherd up"));
    }

    #[test]
    fn the_help_of_chaos_names_every_fault() {
        use clap::Args as _;
        let mut command = ChaosArgs::augment_args(clap::Command::new("chaos")).term_width(1_000);
        let help = command.render_long_help().to_string();
        let words: Vec<&str> = help.split([' ', ',', ';', '\n']).collect();
        for fault in Fault::ALL {
            let word = fault.as_str().replace('_', "-");
            assert!(words.contains(&word.as_str()), "{word} is not in {help}");
        }
    }

    #[test]
    fn added_clients_are_told_by_their_numbers() {
        let numbers = |numbers: &[u32]| -> Vec<ClientNumber> {
            numbers.iter().copied().map(ClientNumber).collect()
        };
        assert_eq!(added(&numbers(&[4])), "client 4 joins");
        assert_eq!(added(&numbers(&[4, 5, 6])), "clients 4 to 6 join");
    }
}
