//! Before the first scenario: whether there can be clients on the parent at all, and whether a DHCP server answers there. If
//! not, no scenario is to blame, and none is to wait for it.

use anyhow::bail;
use lanherd::bdd::probe::{self, Answer};
use lanherd::lan::linux::{Fate, LanConfig, LinuxLan};
use lanherd::stand::StandError;

use super::Plan;
use crate::cli::interrupt::Interrupt;
use crate::cli::screen::Screen;

/// Tries the parent; returns what is to be said where no server answers.
pub async fn try_parent(
    plan: &Plan,
    parent: &str,
    interrupt: &Interrupt,
    screen: &Screen,
) -> anyhow::Result<Option<String>> {
    let config = LanConfig {
        mode: plan.args.mode.unwrap_or_default(),
        seed: Some(plan.seed),
        ..LanConfig::new(parent, plan.args.pool.clone())
    };
    let (lan, cleared) = LinuxLan::open(config).await.map_err(StandError::from)?;
    if !cleared.removed.is_empty() || !cleared.leases.is_empty() {
        screen.say(&format!(
            "removed {} things that a killed run had left, and released {} leases",
            cleared.removed.len(),
            cleared.released()
        ));
    }
    let answer = if plan.args.no_probe {
        None
    } else {
        let patience = plan
            .args
            .lease_timeout
            .map_or(probe::PATIENCE, |timeout| probe::PATIENCE.min(timeout.0));
        let mut comes = interrupt.clone();
        let stop = async move { comes.comes().await };
        let (answer, left) = probe::ask(&lan, &plan.args.pool, plan.seed, patience, stop).await;
        for error in left {
            screen.complain(&format!("error: {error}"));
        }
        Some(answer)
    };
    for leak in lan.close().await {
        if let Fate::Remains(why) = leak.fate {
            screen.complain(&format!("error: {} could not be removed: {why}", leak.what));
        }
    }
    match answer {
        Some(Answer::Offer { server, address }) => {
            let server = server.map_or_else(|| "a DHCP server".to_owned(), |id| id.to_string());
            tracing::info!("{server} offers {address} on {parent}");
            Ok(None)
        }
        Some(Answer::Silence { asked, waited }) => Ok(Some(format!(
            "no DHCP server answers on {parent}: {asked} DHCPDISCOVER in {}, and no offer; is the router on, and the cable in one \
             of its LAN ports? With --no-probe the scenarios are run all the same",
            humantime::format_duration(waited)
        ))),
        // Whoever interrupted it is told so elsewhere; no scenario begins.
        Some(Answer::NotAsked(_)) if interrupt.has_come() => Ok(None),
        Some(Answer::NotAsked(why)) => bail!("no client can ask for a lease on {parent}: {why}"),
        None => Ok(None),
    }
}
