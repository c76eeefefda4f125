//! Limits of the host that a herd would reach: raised where only this process is concerned, warned of where others are.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::doctor::{
    self, CheckResult, FILES_BESIDE, FILES_PER_CLIENT, Files, NEIGHBOURS_PER_CLIENT,
};
use crate::lan::linux::MacvlanMode;
use crate::lan::neighbour_tables::NeighbourTable;
use crate::lan::{Paths, memory, mount_view, resolvers_are_read_only};
use crate::scenario::{Scenario, ScenarioUplink};
use lanherd_types::family::Family;

/// Above this, copying every broadcast to every sibling costs more than the rest.
const MOST_IN_BRIDGE_MODE: u32 = 200;

/// Raises the number of files that this process may open as far as it may, and says what may still go wrong.
pub(super) fn prepare(scenario: &Scenario) -> Vec<String> {
    let files = match open_files() {
        Ok(files) => too_few_files(scenario, files),
        Err(error) => Some(not_raised(error)),
    };
    // Only the initial network namespace shows it, and only there can it be raised.
    let neighbours = NeighbourTable::read(Family::Ipv4).limit();
    [
        crowded_bridge(scenario),
        files,
        memory::available().and_then(|available| little_memory(scenario, available)),
        neighbours.and_then(|limit| crowded_neighbours(scenario, limit)),
    ]
    .into_iter()
    .flatten()
    .chain(match scenario.uplink {
        // It has folders of its own, and hides them on purpose.
        ScenarioUplink::Lab { .. } => Vec::new(),
        ScenarioUplink::Parent(_) => folder_warnings(),
    })
    .collect()
}

/// Raises the number of files that this process may open as far as its hard limit allows; returns a warning where it cannot.
pub fn raise_open_files() -> Option<String> {
    open_files().err().map(not_raised)
}

/// What a herd on an interface lacks of the host's folders, as warnings: whether others see its namespaces, and whether its clients have
/// resolver files.
pub fn folder_warnings() -> Vec<String> {
    let paths = Paths::default();
    let hidden = doctor::hidden_namespaces(mount_view::is_seen_by_host(&paths.netns));
    let missing = doctor::no_resolver_files(!resolvers_are_read_only(&paths));
    hidden.into_iter().chain(missing).collect()
}

fn not_raised(errno: nix::Error) -> String {
    format!("the limit of open files cannot be raised: {errno}")
}

fn open_files() -> nix::Result<u64> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    }
    Files::limit().map(|files| files.hard)
}

fn crowded_bridge(scenario: &Scenario) -> Option<String> {
    let clients = scenario.clients.get();
    (scenario.mode == MacvlanMode::Bridge && clients > MOST_IN_BRIDGE_MODE).then(|| {
        format!(
            "in bridge mode every broadcast is copied to each of the {clients} clients: they may join slowly and lose \
             packets; choose --mode private, unless they are to reach each other"
        )
    })
}

fn too_few_files(scenario: &Scenario, limit: u64) -> Option<String> {
    let clients = scenario.clients.get();
    let activities = scenario.workload.activities.iter();
    let busy: u64 = activities.map(|subject| subject.kind().files()).sum();
    let needed = u64::from(clients) * (FILES_PER_CLIENT + busy) + FILES_BESIDE;
    (limit < needed).then(|| {
        format!(
            "{clients} clients open up to {needed} files, and this process may open {limit}: raise the hard limit \
             (ulimit -Hn {needed}), or ask for fewer clients"
        )
    })
}

fn little_memory(scenario: &Scenario, available: u64) -> Option<String> {
    match doctor::memory(available, scenario.clients.get()) {
        CheckResult::Fine(_) => None,
        CheckResult::Warning(text) | CheckResult::Problem(text) => Some(format!("memory: {text}")),
    }
}

fn crowded_neighbours(scenario: &Scenario, limit: u64) -> Option<String> {
    let needed = u64::from(scenario.clients.get()) * NEIGHBOURS_PER_CLIENT;
    match scenario.uplink {
        // The lab enters its neighbours for good; the limit does not count those.
        ScenarioUplink::Lab { .. } => None,
        ScenarioUplink::Parent(_) => (needed > limit).then(|| {
            format!(
                "the ARP table of this host holds {limit} entries for all namespaces together, and {} clients may need \
                 {needed} where the router is on this host too: pings may be lost on this host, not at the router; raise it for the run: \
                 sysctl -w net.ipv4.neigh.default.gc_thresh3={}",
                scenario.clients,
                needed + 1024
            )
        }),
    }
}

#[cfg(test)]
mod tests {
    use crate::activity::Kind;

    use super::*;

    fn on_parent(clients: u32, mode: &str) -> Scenario {
        let text = format!("parent = 'lan0'\nclients = {clients}\nmode = '{mode}'\n");
        Scenario::from_toml(&text).expect("a scenario")
    }

    #[test]
    fn a_herd_above_200_is_warned_of_bridge_mode_only() {
        assert_eq!(crowded_bridge(&on_parent(200, "bridge")), None);
        assert!(crowded_bridge(&on_parent(201, "bridge")).is_some_and(|w| w.contains("private")));
        assert_eq!(crowded_bridge(&on_parent(201, "private")), None);
    }

    #[test]
    fn the_arp_table_matters_on_a_real_parent_only() {
        assert_eq!(crowded_neighbours(&on_parent(1024, "private"), 1024), None);
        let warning = crowded_neighbours(&on_parent(2000, "private"), 1024).expect("a warning");
        assert!(
            warning.ends_with("sysctl -w net.ipv4.neigh.default.gc_thresh3=3024"),
            "{warning}"
        );
        let lab = Scenario::from_toml("lab = true\nclients = 1000\n").expect("a scenario");
        assert_eq!(crowded_neighbours(&lab, 1024), None);
    }

    #[test]
    fn memory_that_would_not_do_is_told_of() {
        assert_eq!(little_memory(&on_parent(200, "private"), 1 << 30), None);
        let warning = little_memory(&on_parent(800, "private"), 304 << 20).expect("a warning");
        assert!(
            warning.contains("282 MiB of the 304 MiB") && warning.contains("fewer clients"),
            "{warning}"
        );
    }

    #[test]
    fn too_few_open_files_are_told_of_with_the_number_that_is_needed() {
        assert_eq!(too_few_files(&on_parent(10, "private"), 1024), None);
        let warning = too_few_files(&on_parent(1000, "private"), 1024).expect("a warning");
        assert!(warning.contains("5064"), "{warning}");
        let mut busy = on_parent(1000, "private");
        let command = Kind::Command.read("true").expect("a command");
        busy.workload.activities = [command].into_iter().collect();
        let warning = too_few_files(&busy, 1024).expect("a warning");
        assert!(warning.contains("8064"), "{warning}");
    }
}
