//! What the facts mean for what is asked.

use super::facts::{Facts, Files};
use super::probe::TrialResult;
use super::{
    Check, CheckResult, Diagnosis, FILES_BESIDE, FILES_PER_CLIENT, LEAST_FILES_PER_CLIENT,
    MEMORY_PER_CLIENT, NEIGHBOURS_PER_CLIENT, Purpose,
};
use crate::lan::kernel_module::{Installed, KernelModule, MACVLAN, VETH};
use crate::lan::leftovers::{PoolFound, PoolState};
use crate::lan::neighbour_tables::NeighbourTable;
use crate::sandbox::Entrance;

/// The smallest packet that every IPv4 host must accept, in bytes (RFC 791, 3.1): a DHCP server may count on it.
const LEAST_MTU: u32 = 576;
/// What LANs have.
const USUAL_MTU: u32 = 1500;
/// What the kernel's table of neighbours holds where nobody changed it.
const USUAL_NEIGHBOURS: u64 = 1024;
/// Network namespaces that lanherd makes beside those of its clients.
const NAMESPACES_BESIDE: u64 = 4;

/// Judges `facts`: can this machine have `clients` clients for this purpose?
pub fn diagnose(facts: &Facts, purpose: &Purpose, clients: u32) -> Diagnosis {
    let mut checks = vec![Check {
        subject: "privileges",
        finding: privileges(facts, purpose),
    }];
    let mut add = |subject, finding: Option<CheckResult>| {
        checks.extend(finding.map(|finding| Check { subject, finding }));
    };
    add("sandbox of the lab", sandbox(facts, purpose));
    let kernel = &facts.kernel;
    add("network namespaces", Some(namespace(&kernel.namespace)));
    match purpose {
        // Only the lab's uplink is one.
        Purpose::Parent(_) => {}
        Purpose::Lab | Purpose::Either => {
            add("veth", Some(links(&kernel.veth, VETH, &facts.modules)));
        }
    }
    add(
        "macvlan",
        Some(links(&kernel.macvlan, MACVLAN, &facts.modules)),
    );
    add("families", Some(families(facts)));
    add("parent", parent(facts, purpose));
    add(
        "open files",
        facts.files.map(|files| open_files(files, clients)),
    );
    add("ARP table", neighbours(facts, purpose, clients));
    add("neighbour table of IPv6", neighbours6(facts, purpose));
    let limit = facts.namespaces.map(|limit| namespaces(limit, clients));
    add("number of namespaces", limit);
    add("memory", facts.memory.map(|bytes| memory(bytes, clients)));
    match purpose {
        // The lab has folders of its own, where nothing can be left.
        Purpose::Lab => {}
        Purpose::Parent(_) | Purpose::Either => {
            add("folders", Some(folders(facts, purpose)));
            let missing = no_resolver_files(facts.has_resolver_files);
            add("resolver files", missing.map(CheckResult::Warning));
            let hidden = hidden_namespaces(facts.is_seen_by_host);
            add("mounts", hidden.map(CheckResult::Warning));
            add("pools", Some(pools(&facts.pools)));
        }
    }
    Diagnosis { checks }
}

/// A finding that forbids a herd on an interface: where the lab would do as well it is a warning.
fn of_parent(purpose: &Purpose, text: String) -> CheckResult {
    match purpose {
        Purpose::Parent(_) => CheckResult::Problem(text),
        Purpose::Lab | Purpose::Either => CheckResult::Warning(text),
    }
}

fn privileges(facts: &Facts, purpose: &Purpose) -> CheckResult {
    let missing = match &facts.missing_capabilities {
        Ok(missing) => missing.join(", "),
        Err(error) => {
            let text = format!("this process's capabilities cannot be read: {error}; mount /proc");
            return of_parent(purpose, text);
        }
    };
    if missing.is_empty() {
        return CheckResult::Fine("all that a herd needs are there".to_owned());
    }
    match purpose {
        Purpose::Lab => CheckResult::Fine(format!("{missing} missing, and not needed for the lab")),
        Purpose::Parent(_) | Purpose::Either => of_parent(
            purpose,
            format!(
                "{missing} missing; for a herd on an interface run lanherd as root, or give it those that it needs: \
                 setcap cap_sys_admin,cap_net_admin,cap_net_raw+ep lanherd"
            ),
        ),
    }
}

fn sandbox(facts: &Facts, purpose: &Purpose) -> Option<CheckResult> {
    Some(match facts.sandbox.as_ref()? {
        Ok(Entrance::Privileged) => {
            CheckResult::Fine("entered with the privileges that are there".to_owned())
        }
        Ok(Entrance::UserNamespace) => {
            CheckResult::Fine("entered through a user namespace, without privileges".to_owned())
        }
        Err(why) => {
            let has_privileges = facts.missing_capabilities.as_ref().is_ok_and(Vec::is_empty);
            let could_use_parent = has_privileges && !facts.candidates.is_empty();
            match purpose {
                Purpose::Either if could_use_parent => CheckResult::Warning(why.clone()),
                Purpose::Lab | Purpose::Parent(_) | Purpose::Either => {
                    CheckResult::Problem(why.clone())
                }
            }
        }
    })
}

/// The option of the kernel that network namespaces need; they are never a module.
const NAMESPACE_OPTION: &str = "CONFIG_NET_NS";

fn namespace(trial: &TrialResult) -> CheckResult {
    tried(trial, NAMESPACE_OPTION, || {
        format!("use a kernel with {NAMESPACE_OPTION}")
    })
}

fn links(trial: &TrialResult, module: KernelModule, installed: &Installed) -> CheckResult {
    tried(trial, module.option, || module.remedy(installed))
}

fn tried(
    trial: &TrialResult,
    option: &'static str,
    remedy: impl FnOnce() -> String,
) -> CheckResult {
    match trial {
        TrialResult::Works => CheckResult::Fine("tried, and works".to_owned()),
        TrialResult::Refused(why) => {
            CheckResult::Problem(format!("the kernel refuses: {why}; {}", remedy()))
        }
        TrialResult::NotTried => CheckResult::Warning(format!(
            "could not be tried, for want of what stands above; mend that, or look for {option} in the kernel's \
             configuration"
        )),
    }
}

fn parent(facts: &Facts, purpose: &Purpose) -> Option<CheckResult> {
    match (purpose, &facts.parent) {
        (Purpose::Parent(name), Some(Ok(mtu))) => Some(mtu_of(name, *mtu)),
        (Purpose::Parent(_), Some(Err(why))) => Some(CheckResult::Problem(why.clone())),
        (Purpose::Parent(_), None) | (Purpose::Lab, _) => None,
        (Purpose::Either, _) => Some(if facts.candidates.is_empty() {
            CheckResult::Warning(
                "no interface here could carry a herd: one must be wired Ethernet, and up; the lab needs none"
                    .to_owned(),
            )
        } else {
            CheckResult::Fine(format!("could be {}", facts.candidates.join(", ")))
        }),
    }
}

fn mtu_of(name: &str, mtu: u32) -> CheckResult {
    let remedy = format!("raise it: ip link set {name} mtu {USUAL_MTU}");
    if mtu < LEAST_MTU {
        CheckResult::Problem(format!(
            "{name} has an MTU of {mtu}, and IPv4 hosts must be able to receive {LEAST_MTU} bytes; {remedy}"
        ))
    } else if mtu < USUAL_MTU {
        CheckResult::Warning(format!(
            "{name} has an MTU of {mtu}, and so will have its clients; unless the LAN wants it so, {remedy}"
        ))
    } else {
        CheckResult::Fine(format!("{name} can carry a herd; its MTU is {mtu}"))
    }
}

fn open_files(limit: Files, clients: u32) -> CheckResult {
    let Files { soft, hard } = limit;
    let needed = u64::from(clients) * FILES_PER_CLIENT + FILES_BESIDE;
    let least = u64::from(clients) * LEAST_FILES_PER_CLIENT + FILES_BESIDE;
    if hard < needed {
        let words = format!(
            "{clients} clients open up to {needed} files, and this process may open {hard}; raise the hard limit \
             (ulimit -Hn {needed}), or ask for fewer clients"
        );
        if hard < least {
            CheckResult::Problem(words)
        } else {
            CheckResult::Warning(words)
        }
    } else if soft < needed {
        CheckResult::Fine(format!(
            "{clients} clients open up to {needed}; the limit of {soft} is raised by lanherd itself, to {hard} at most"
        ))
    } else {
        CheckResult::Fine(format!("{clients} clients open up to {needed} of {soft}"))
    }
}

fn neighbours(facts: &Facts, purpose: &Purpose, clients: u32) -> Option<CheckResult> {
    match purpose {
        // The lab enters its neighbours for good, and such entries do not count.
        Purpose::Lab => return None,
        Purpose::Parent(_) | Purpose::Either => {}
    }
    let table = &facts.neighbours;
    let needed = u64::from(clients) * NEIGHBOURS_PER_CLIENT;
    let limit = table.limit().unwrap_or(USUAL_NEIGHBOURS);
    let remedy = format!(
        "sysctl -w net.ipv4.neigh.default.gc_thresh3={}",
        needed.max(limit) + USUAL_NEIGHBOURS
    );
    let overflows = overflows(table);
    Some(if needed > limit {
        CheckResult::Warning(format!(
            "it holds {limit} entries for all namespaces together, and {clients} clients may need {needed} where the router is \
             on this host too{overflows}: pings may be lost on this host, not at the router; raise it for the run: {remedy}"
        ))
    } else if table.overflows.is_some_and(|overflows| overflows > 0) {
        CheckResult::Warning(format!(
            "it holds {limit} entries for all namespaces together{overflows}: what found no room was lost on this host, not at \
             the router; if that goes on, raise it: {remedy}"
        ))
    } else {
        CheckResult::Fine(format!(
            "{clients} clients may need {needed} entries of {limit}{overflows}"
        ))
    })
}

fn families(facts: &Facts) -> CheckResult {
    if facts.speaks_ipv6 {
        CheckResult::Fine("this kernel speaks IPv4 and IPv6".to_owned())
    } else {
        CheckResult::Warning(
            "this kernel does not speak IPv6 (it was started with ipv6.disable=1, or built without it): run with --family ipv4".to_owned(),
        )
    }
}

fn neighbours6(facts: &Facts, purpose: &Purpose) -> Option<CheckResult> {
    match purpose {
        // There is no such table.
        _ if !facts.speaks_ipv6 => return None,
        Purpose::Lab => return None,
        Purpose::Parent(_) | Purpose::Either => {}
    }
    let table = &facts.neighbours6;
    let limit = table.limit().unwrap_or(USUAL_NEIGHBOURS);
    let words = format!(
        "it holds {limit} entries for all namespaces together{}",
        overflows(table)
    );
    Some(match table.overflows {
        Some(1..) => CheckResult::Warning(format!(
            "{words}: what found no room was lost on this host; if that goes on, raise it: \
             sysctl -w net.ipv6.neigh.default.gc_thresh3={}",
            limit + USUAL_NEIGHBOURS
        )),
        Some(0) | None => CheckResult::Fine(words),
    })
}

/// How often a table was full, for the end of a sentence.
fn overflows(table: &NeighbourTable) -> String {
    match table.overflows {
        Some(0) => ", and was never full since the machine was started".to_owned(),
        Some(times) => format!(", and found no room {times} times since the machine was started"),
        None => "; how often it was full cannot be seen here, only in the first network namespace"
            .to_owned(),
    }
}

fn namespaces(limit: u64, clients: u32) -> CheckResult {
    let needed = u64::from(clients) + NAMESPACES_BESIDE;
    if limit < needed {
        CheckResult::Problem(format!(
            "{clients} clients need {needed}, and {limit} are allowed; raise it: \
             sysctl -w user.max_net_namespaces={needed}"
        ))
    } else {
        CheckResult::Fine(format!("{needed} of {limit} are needed"))
    }
}

pub(crate) fn memory(available: u64, clients: u32) -> CheckResult {
    let needed = u64::from(clients) * MEMORY_PER_CLIENT;
    let in_mebibytes = |bytes: u64| bytes.div_ceil(1024 * 1024);
    let words = format!(
        "{clients} clients take about {} MiB of the {} MiB that are free",
        in_mebibytes(needed),
        in_mebibytes(available)
    );
    // Some must be left for what runs beside: without any the kernel kills programs, lanherd among the first.
    if available / 10 * 9 < needed {
        CheckResult::Problem(format!("{words}; ask for fewer clients"))
    } else if available / 2 < needed {
        CheckResult::Warning(format!(
            "{words}, which leaves little for other programs; end some, or ask for fewer clients"
        ))
    } else {
        CheckResult::Fine(words)
    }
}

fn folders(facts: &Facts, purpose: &Purpose) -> CheckResult {
    let mut refused = Vec::new();
    for folder in &facts.folders {
        if let Err(why) = &folder.writable {
            refused.push(format!("{} ({why})", folder.path.display()));
        }
    }
    if refused.is_empty() {
        return CheckResult::Fine("can be written to".to_owned());
    }
    of_parent(
        purpose,
        format!(
            "lanherd cannot work in {}; run it as root, or share its folders as \"Privileges\" in docs/packaging.md says",
            refused.join(", ")
        ),
    )
}

pub(crate) fn no_resolver_files(has_resolver_files: bool) -> Option<String> {
    (!has_resolver_files).then(|| {
        "/etc is read-only here, so clients have no resolver file: what is run as one of them (--run-command, lanherd exec, ip netns \
         exec) asks the host's resolver; what lanherd asks itself (--resolve, --fetch) is not concerned. If that matters: mkdir \
         /etc/netns where it can be written to, and mount -t tmpfs none /etc/netns"
            .to_owned()
    })
}

pub(crate) fn hidden_namespaces(is_seen_by_host: Option<bool>) -> Option<String> {
    match is_seen_by_host {
        Some(false) => Some(
            "this process has mounts of its own, so nobody else on this host sees the clients' namespaces, and ip netns does not \
             find them. A systemd unit must have none of PrivateTmp=, PrivateDevices=, ProtectSystem=, \
             ProtectHome=, ProtectKernelTunables= and their like (packaging/systemd has one that works); elsewhere run lanherd \
             by nsenter --target 1 --mount"
                .to_owned(),
        ),
        Some(true) | None => None,
    }
}

fn pools(pools: &Result<Vec<PoolFound>, String>) -> CheckResult {
    let pools = match pools {
        Ok(pools) => pools,
        Err(error) => {
            return CheckResult::Warning(format!(
                "what killed runs left cannot be looked for: {error}; run this as root"
            ));
        }
    };
    let (mut alive, mut left, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for found in pools {
        match &found.state {
            PoolState::Alive { pid: Some(pid) } => {
                alive.push(format!("{} (process {pid})", found.pool));
            }
            PoolState::Alive { pid: None } => alive.push(found.pool.to_string()),
            PoolState::Left {
                things,
                leases,
                taken_down,
            } => {
                let mut what = format!("{} things", things.len());
                if !leases.is_empty() {
                    what = format!("{what}, {} leases", leases.len());
                }
                if let Some(interface) = taken_down {
                    what = format!("{what}, and {interface} taken down");
                }
                left.push(format!("{} ({what})", found.pool));
            }
            PoolState::Foreign { user } => {
                others.push(format!("{} is user {user}'s", found.pool));
            }
            PoolState::Unreadable { why } => others.push(format!("{}: {why}", found.pool)),
        }
    }
    let mut findings = Vec::new();
    if !alive.is_empty() {
        findings.push(format!(
            "running: {}; another herd needs another --pool name",
            alive.join(", ")
        ));
    }
    if !left.is_empty() {
        findings.push(format!(
            "left by killed runs: {}; remove and release it: lanherd clean",
            left.join(", ")
        ));
    }
    findings.extend(others);
    if findings.is_empty() {
        CheckResult::Fine("none is running, and nothing is left of killed runs".to_owned())
    } else {
        CheckResult::Warning(findings.join("; "))
    }
}

#[cfg(test)]
mod tests;
