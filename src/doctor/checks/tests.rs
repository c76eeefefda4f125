use super::*;
use crate::doctor::facts::FolderFacts;
use crate::doctor::probe::Kernel;

/// A table of neighbours as it is where nobody changed it.
const TABLE: NeighbourTable = NeighbourTable {
    thresholds: Some([128, 512, 1024]),
    overflows: Some(0),
};

/// A machine on which everything can work.
fn fit() -> Facts {
    Facts {
        missing_capabilities: Ok(vec![]),
        sandbox: None,
        kernel: Kernel {
            namespace: TrialResult::Works,
            veth: TrialResult::Works,
            macvlan: TrialResult::Works,
        },
        modules: Installed {
            release: "6.1.0".to_owned(),
            modules: Some(
                "kernel/drivers/net/macvlan.ko:\nkernel/drivers/net/veth.ko:\n".to_owned(),
            ),
            has_modprobe: true,
        },
        parent: Some(Ok(1500)),
        candidates: vec!["eth0".to_owned()],
        files: Some(Files {
            soft: 1024,
            hard: 20_000,
        }),
        neighbours: TABLE,
        neighbours6: TABLE,
        speaks_ipv6: true,
        namespaces: Some(10_000),
        memory: Some(4 << 30),
        folders: vec![FolderFacts {
            path: "/run/netns".into(),
            writable: Ok(()),
        }],
        has_resolver_files: true,
        is_seen_by_host: Some(true),
        pools: Ok(vec![]),
    }
}

fn on_eth0() -> Purpose {
    Purpose::Parent("eth0".to_owned())
}

fn pool(name: &str, state: PoolState) -> PoolFound {
    PoolFound {
        pool: name.parse().expect("a pool name"),
        state,
    }
}

/// The finding on `subject`, as its verdict and text.
#[track_caller]
fn finding<'a>(diagnosis: &'a Diagnosis, subject: &str) -> (&'static str, &'a str) {
    let check = diagnosis
        .checks
        .iter()
        .find(|check| check.subject == subject)
        .unwrap_or_else(|| panic!("nothing on {subject}:\n{diagnosis}"));
    (check.finding.verdict(), check.finding.text())
}

#[test]
fn a_fit_machine_has_nothing_to_mend() {
    let diagnosis = diagnose(&fit(), &on_eth0(), 200);
    assert_eq!(
        (diagnosis.problems(), diagnosis.warnings()),
        (0, 0),
        "\n{diagnosis}"
    );
    assert!(diagnosis.is_fit());
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table: one entry a defect")]
fn each_defect_is_found_judged_and_told_with_its_remedy() {
    type Defect = fn(&mut Facts);
    let cases: [(Defect, u32, &str, &str, &str); 25] = [
        (
            |f| f.has_resolver_files = false,
            1,
            "resolver files",
            "warning",
            "tmpfs",
        ),
        (
            |f| f.is_seen_by_host = Some(false),
            1,
            "mounts",
            "warning",
            "PrivateTmp=",
        ),
        (
            |f| f.missing_capabilities = Ok(vec!["CAP_NET_RAW"]),
            1,
            "privileges",
            "problem",
            "setcap",
        ),
        (
            |f| f.missing_capabilities = Err("denied".to_owned()),
            1,
            "privileges",
            "problem",
            "/proc",
        ),
        (
            |f| f.kernel.macvlan = TrialResult::Refused("Operation not supported".to_owned()),
            1,
            "macvlan",
            "problem",
            "modprobe macvlan",
        ),
        (
            |f| f.kernel.namespace = TrialResult::Refused("No space left on device".to_owned()),
            1,
            "network namespaces",
            "problem",
            "CONFIG_NET_NS",
        ),
        (
            |f| f.kernel.macvlan = TrialResult::NotTried,
            1,
            "macvlan",
            "warning",
            "CONFIG_MACVLAN",
        ),
        (
            |f| f.parent = Some(Err("no interface is called eth0".to_owned())),
            1,
            "parent",
            "problem",
            "no interface",
        ),
        (
            |f| f.parent = Some(Ok(575)),
            1,
            "parent",
            "problem",
            "mtu 1500",
        ),
        (
            |f| f.parent = Some(Ok(1400)),
            1,
            "parent",
            "warning",
            "mtu 1500",
        ),
        (|_| {}, 5_000, "open files", "warning", "ulimit -Hn 25064"),
        (|_| {}, 7_000, "open files", "problem", "ulimit -Hn 35064"),
        (|_| {}, 1_025, "ARP table", "warning", "gc_thresh3=2049"),
        (
            |f| f.neighbours = NeighbourTable::default(),
            1_025,
            "ARP table",
            "warning",
            "gc_thresh3=2049",
        ),
        (
            |f| f.neighbours.overflows = Some(3),
            10,
            "ARP table",
            "warning",
            "found no room 3 times",
        ),
        (
            |f| f.neighbours = NeighbourTable::default(),
            10,
            "ARP table",
            "ok",
            "cannot be seen here",
        ),
        (
            |f| f.neighbours6.overflows = Some(3),
            10,
            "neighbour table of IPv6",
            "warning",
            "net.ipv6.neigh.default.gc_thresh3=2048",
        ),
        (|_| {}, 10, "neighbour table of IPv6", "ok", "never full"),
        (|_| {}, 10, "families", "ok", "speaks IPv4 and IPv6"),
        (
            |f| f.speaks_ipv6 = false,
            10,
            "families",
            "warning",
            "run with --family ipv4",
        ),
        (
            |f| f.namespaces = Some(100),
            100,
            "number of namespaces",
            "problem",
            "user.max_net_namespaces=104",
        ),
        (
            |f| f.memory = Some(50 << 20),
            200,
            "memory",
            "problem",
            "fewer",
        ),
        (
            |f| f.memory = Some(100 << 20),
            200,
            "memory",
            "warning",
            "fewer",
        ),
        (
            |f| f.folders[0].writable = Err("EACCES".to_owned()),
            1,
            "folders",
            "problem",
            "/run/netns",
        ),
        (
            |f| f.pools = Err("EACCES".to_owned()),
            1,
            "pools",
            "warning",
            "as root",
        ),
    ];
    for (defect, clients, subject, verdict, remedy) in cases {
        let mut facts = fit();
        defect(&mut facts);
        let diagnosis = diagnose(&facts, &on_eth0(), clients);
        let (found, text) = finding(&diagnosis, subject);
        assert_eq!(found, verdict, "{subject}: {text}");
        assert!(text.contains(remedy), "{subject}: no {remedy:?} in {text}");
        assert_eq!(diagnosis.is_fit(), verdict != "problem", "\n{diagnosis}");
    }
}

#[test]
fn pools_that_run_or_were_killed_are_named() {
    let mut facts = fit();
    facts.pools = Ok(vec![
        pool("ns", PoolState::Alive { pid: Some(12) }),
        pool(
            "phones",
            PoolState::Left {
                things: vec!["namespace phones1".to_owned()],
                leases: vec!["10.0.0.7 of phones1".to_owned()],
                taken_down: Some("eth0".to_owned()),
            },
        ),
    ]);
    let diagnosis = diagnose(&facts, &on_eth0(), 1);
    let (verdict, text) = finding(&diagnosis, "pools");
    assert_eq!(verdict, "warning");
    assert!(
        text.contains("ns (process 12)")
            && text.contains("phones (1 things, 1 leases, and eth0 taken down)")
            && text.contains("lanherd clean"),
        "{text}"
    );
}

#[test]
fn a_soft_limit_that_lanherd_raises_by_itself_is_no_warning() {
    let diagnosis = diagnose(&fit(), &on_eth0(), 500);
    assert_eq!(finding(&diagnosis, "open files").0, "ok");
}

#[test]
fn the_lab_needs_neither_privileges_nor_folders_nor_room_in_the_arp_table() {
    let mut facts = fit();
    facts.missing_capabilities = Ok(vec!["CAP_SYS_ADMIN"]);
    facts.sandbox = Some(Ok(Entrance::UserNamespace));
    facts.parent = None;
    facts.folders[0].writable = Err("EACCES".to_owned());
    facts.pools = Err("EACCES".to_owned());
    let diagnosis = diagnose(&facts, &Purpose::Lab, 1_000);
    assert_eq!(
        (diagnosis.problems(), diagnosis.warnings()),
        (0, 0),
        "\n{diagnosis}"
    );
}

#[test]
fn a_lab_without_a_sandbox_or_a_veth_is_none() {
    let mut facts = fit();
    facts.sandbox = Some(Err("user namespaces are forbidden".to_owned()));
    assert!(!diagnose(&facts, &Purpose::Lab, 1).is_fit());
    facts.sandbox = Some(Ok(Entrance::Privileged));
    facts.kernel.veth = TrialResult::Refused("Operation not supported".to_owned());
    assert!(!diagnose(&facts, &Purpose::Lab, 1).is_fit());
    assert!(
        diagnose(&facts, &on_eth0(), 1).is_fit(),
        "a herd on an interface needs none"
    );
}

#[test]
fn where_nothing_particular_is_asked_for_one_way_is_enough() {
    let with = |privileged: bool, sandbox: bool, interface: bool| {
        let mut facts = fit();
        facts.parent = None;
        if !privileged {
            facts.missing_capabilities = Ok(vec!["CAP_SYS_ADMIN"]);
        }
        if !interface {
            facts.candidates.clear();
        }
        facts.sandbox = Some(if sandbox {
            Ok(Entrance::UserNamespace)
        } else {
            Err("user namespaces are forbidden".to_owned())
        });
        diagnose(&facts, &Purpose::Either, 10).is_fit()
    };
    assert!(with(true, false, true), "the interface alone");
    assert!(with(false, true, false), "the lab alone");
    assert!(!with(false, false, true), "an interface, and no privileges");
    assert!(!with(true, false, false), "privileges, and no interface");
}

#[test]
fn a_diagnosis_is_a_line_a_check_with_its_verdict_in_front() {
    let text = diagnose(&fit(), &on_eth0(), 10).to_string();
    assert!(text.starts_with("ok       privileges: "), "{text}");
    assert!(text.lines().all(|line| line.starts_with("ok  ")), "{text}");
}
