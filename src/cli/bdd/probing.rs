//! Before the first scenario: whether there can be clients in the lab or on the parent at all, and whether a DHCP server answers
//! there. If not, no scenario is to blame, and none is to wait for it.

use std::time::Duration;

use anyhow::bail;
use lanherd::bdd::probe::{self, ProbeAnswer};
use lanherd::family::Family;
use lanherd::lan::linux::{Fate, LanConfig, LinuxLan};
use lanherd::lan::speaks_ipv6;
use lanherd::objective::wait::lateness;
use lanherd::pool::PoolConfig;
use lanherd::run::RunError;
use lanherd::testbed::{Testbed, TestbedError};
use lanherd::tester::Tester;
use tokio_util::sync::CancellationToken;

use super::SuiteRun;
use crate::cli::lab;
use crate::cli::screen::Screen;

/// Asks for an address once.
async fn ask(
    plan: &SuiteRun,
    lan: &LinuxLan,
    patience: Duration,
    tester: &Tester,
    interrupt: &CancellationToken,
    screen: &Screen,
) -> ProbeAnswer {
    let interrupted = interrupt.clone();
    let stop = async move { interrupted.cancelled().await };
    let (pool, seed, tester) = (&plan.args.pool, plan.seed, tester.figures());
    let (answer, left) = probe::ask(lan, pool, seed, patience, &tester, stop).await;
    for error in left {
        screen.complain(&format!("error: {error}"));
    }
    answer
}

/// Tenths of a second say enough of a wait.
fn seconds(waited: Duration) -> impl std::fmt::Display {
    let tenths = u64::try_from(waited.as_millis() / 100).unwrap_or(u64::MAX);
    humantime::format_duration(Duration::from_millis(tenths.saturating_mul(100)))
}

/// Tries whether the kernel has what IPv6, where all clients are to have it, needs.
pub fn try_families(plan: &SuiteRun) -> anyhow::Result<()> {
    let wanted = plan.args.families.unwrap_or_default();
    if wanted.include(Family::Ipv6) && !speaks_ipv6() {
        return Err(RunError::NoIpv6.into());
    }
    Ok(())
}

/// Tries whether there can be a lab here, and clients in it.
pub async fn try_lab(plan: &SuiteRun) -> anyhow::Result<()> {
    match Testbed::in_lab(PoolConfig::new(plan.args.pool.clone())).await {
        Ok(testbed) => {
            // What is left of it stands in the way of the first scenario, which tells of it.
            testbed.shutdown().await;
            Ok(())
        }
        Err(TestbedError::Lab(error)) => Err(lab::refusal(error)),
        Err(error) => Err(error.into()),
    }
}

/// Tries the parent; returns what is to be said where no server answers.
pub async fn try_parent(
    plan: &SuiteRun,
    parent: &str,
    interrupt: &CancellationToken,
    screen: &Screen,
) -> anyhow::Result<Option<String>> {
    let config = LanConfig {
        mode: plan.args.mode.unwrap_or_default(),
        seed: Some(plan.seed),
        ..LanConfig::new(parent, plan.args.pool.clone())
    };
    let (lan, cleared) = LinuxLan::open(config).await.map_err(TestbedError::from)?;
    if !cleared.removed.is_empty() || !cleared.leases.is_empty() {
        screen.say(&format!(
            "removed {} things that a killed run had left, and sent RELEASE for {} leases",
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
        let tester = Tester::watch_alone();
        let mut answer = ask(plan, &lan, patience, &tester, interrupt, screen).await;
        if let ProbeAnswer::Silence {
            tester: Some(worst),
            ..
        } = answer
        {
            screen.complain(&format!(
                "no DHCP server was heard on {parent}, but {}: asking again",
                lateness(worst)
            ));
            answer = ask(plan, &lan, patience, &tester, interrupt, screen).await;
        }
        Some(answer)
    };
    for leak in lan.close().await {
        if let Fate::Remains(why) = leak.fate {
            screen.complain(&format!("error: {} could not be removed: {why}", leak.what));
        }
    }
    match answer {
        Some(ProbeAnswer::Offer { server, address }) => {
            let server = server.map_or_else(|| "a DHCP server".to_owned(), |id| id.to_string());
            tracing::info!("{server} offers {address} on {parent}");
            Ok(None)
        }
        // No scenario is kept from finding out for itself.
        Some(ProbeAnswer::Silence {
            waited,
            tester: Some(worst),
            ..
        }) => {
            screen.complain(&format!(
                "no DHCP server was heard on {parent} in {}, but {}: nothing is known of the router, and the scenarios are run",
                seconds(waited),
                lateness(worst)
            ));
            Ok(None)
        }
        Some(ProbeAnswer::Silence { asked, waited, .. }) => Ok(Some(format!(
            "no DHCP server answers on {parent}: {asked} DHCPDISCOVER in {}, and no offer; is the router on, and the cable in one \
             of its LAN ports? With --no-probe the scenarios are run all the same",
            seconds(waited)
        ))),
        // Whoever interrupted it is told so elsewhere; no scenario begins.
        Some(ProbeAnswer::NotAsked(_)) if interrupt.is_cancelled() => Ok(None),
        Some(ProbeAnswer::NotAsked(why)) => {
            bail!("no client can ask for a lease on {parent}: {why}")
        }
        None => Ok(None),
    }
}
