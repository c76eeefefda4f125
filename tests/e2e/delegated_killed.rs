//! After SIGKILL, of herds whose clients are routers with prefixes that were delegated to them: they are taken over with their prefixes and
//! the links behind them, or cleaned, and nothing is left on the machine, nor at the server.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use nix::sys::signal::Signal;

use super::common::host::Host;
use super::common::process::Running;
use super::common::{seconds, wait_for};

/// ISC's dhcpd, which leases addresses and delegates prefixes of 60 bits, beside radvd, which says that it leases.
struct DelegatingServer {
    radvd: Running,
    dhcpd: Running,
    leases: PathBuf,
}

impl DelegatingServer {
    fn start(host: &Host) -> Self {
        let file = |name: &str, text: &str| {
            let path = host.folder().join(name);
            fs::write(&path, text).expect("written");
            // radvd reads none that others may write.
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            fs::set_permissions(&path, mode).expect("set");
            path.to_string_lossy().into_owned()
        };
        let advertised = file(
            "radvd.conf",
            "interface lan { AdvSendAdvert on; AdvManagedFlag on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4;\n\
             prefix fd00:77::/64 { AdvAutonomous off; }; };\n",
        );
        let config = file(
            "dhcpd.conf",
            "default-lease-time 600; preferred-lifetime 300; option dhcp-renewal-time 150; option dhcp-rebinding-time 240;\n\
             subnet6 fd00:77::/64 { range6 fd00:77::1000 fd00:77::1fff; prefix6 2001:db8:99:: 2001:db8:99:fff0:: /60; }\n",
        );
        let leases = host.folder().join("leases6");
        fs::write(&leases, "").expect("written");
        let script = "ip -6 address add fe80::1/64 dev lan nodad
            ip -6 address add fd00:77::1/64 dev lan nodad
            echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
            exec radvd -n -C \"$1\" -p /run/radvd.pid -m stderr";
        let radvd = host.start_on_router("radvd", &["sh", "-ec", script, "radvd", &advertised]);
        wait_for("the router has its address", seconds(30), || {
            let shown = host.router_shows(&["ip", "-6", "address", "show", "dev", "lan"]);
            shown.contains("fd00:77::1/64").then_some(())
        });
        let file = leases.to_string_lossy();
        let dhcpd = host.start_on_router(
            "dhcpd6",
            &[
                "dhcpd", "-6", "-f", "-d", "--no-pid", "-cf", &config, "-lf", &file, "lan",
            ],
        );
        let server = Self {
            radvd,
            dhcpd,
            leases,
        };
        wait_for("the server leases", seconds(30), || {
            let log = server.log();
            log.contains("Server starting service").then_some(())
        });
        server
    }

    fn log(&self) -> String {
        self.dhcpd.stdout() + &self.dhcpd.stderr() + &self.radvd.stderr()
    }

    /// How many messages of that kind it has heard.
    fn heard(&self, kind: &str) -> usize {
        self.log().matches(&format!("{kind} message from ")).count()
    }

    /// The addresses and prefixes that are leased now. It appends to its file whatever becomes of one.
    fn leased(&self) -> BTreeSet<String> {
        let text = fs::read_to_string(&self.leases).unwrap_or_default();
        let mut states = BTreeMap::new();
        let mut of = None;
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["iaaddr" | "iaprefix", what, "{"] => of = Some(what.to_owned()),
                ["binding", "state", state] => {
                    states.extend(of.take().map(|what| (what, state == "active;")));
                }
                _ => {}
            }
        }
        let active = states.into_iter().filter(|(_, is_active)| *is_active);
        active.map(|(what, _)| what).collect()
    }
}

/// The addresses and routes of a client's namespace beyond its link to the router, without their lifetimes: the link behind it.
fn behind(host: &Host, number: u32) -> Vec<String> {
    let namespace = format!("ns{number}");
    let told = |arguments: &[&str]| {
        let shown = host.run(&[&["ip", "-n", &namespace, "-6", "-o"], arguments].concat());
        let lines = shown.stdout.lines().map(|line| {
            let words = line.split_whitespace();
            let words: Vec<_> = words
                .take_while(|word| !["expires", "valid_lft"].contains(word))
                .collect();
            words.join(" ").replace('\\', "")
        });
        lines.collect::<Vec<_>>()
    };
    let addresses = told(&["address", "show", "dev", "lo", "scope", "global"]);
    [addresses, told(&["route", "show", "type", "unreachable"])].concat()
}

/// The prefix that a client has, by its route.
fn prefix(host: &Host, number: u32) -> Option<String> {
    let behind = behind(host, number);
    let mut routes = behind
        .iter()
        .filter_map(|line| line.strip_prefix("unreachable "));
    let (prefix, _) = routes.next()?.split_once(' ')?;
    Some(prefix.to_owned())
}

fn prefixes(host: &Host, clients: u32) -> BTreeSet<String> {
    (1..=clients)
        .filter_map(|number| prefix(host, number))
        .collect()
}

const CLIENTS: u32 = 4;
const ROUTERS: [&str; 4] = ["--family", "dual", "--delegated-prefix", "60"];

fn up(host: &Host, clients: u32, more: &[&str]) -> Running {
    let herd = host.up(clients, &[&ROUTERS, more].concat());
    let words = format!("{clients} of {clients} online");
    wait_for(&words, seconds(90), || {
        herd.stderr().contains(&words).then_some(())
    });
    herd
}

fn end(herd: Running, signal: Signal) {
    herd.signal(signal);
    herd.finish(seconds(60));
}

#[test]
fn a_killed_herd_of_routers_is_taken_over_with_its_prefixes_and_the_links_behind_them() {
    let (host, _router) = Host::with_dnsmasq();
    let server = DelegatingServer::start(&host);
    let before = host.snapshot();
    let herd = up(&host, CLIENTS, &[]);
    let delegated = prefixes(&host, CLIENTS);
    assert_eq!(delegated.len(), CLIENTS as usize, "{}", server.log());
    let leased = server.leased();
    assert_eq!(leased.len(), 2 * CLIENTS as usize, "{leased:?}");
    assert!(delegated.is_subset(&leased), "{delegated:?} {leased:?}");
    let stood: Vec<_> = (1..=CLIENTS).map(|number| behind(&host, number)).collect();
    for behind in &stood {
        assert_eq!(behind.len(), 2, "an address and a route: {behind:?}");
    }
    let solicits = server.heard("Solicit");
    end(herd, Signal::SIGKILL);

    for life in 1..=2 {
        let herd = up(&host, CLIENTS, &["--adopt"]);
        // What holds a prefix is rebound (RFC 9915, 18.2.12).
        wait_for("each is rebound", seconds(60), || {
            (server.heard("Rebind") >= life * CLIENTS as usize).then_some(())
        });
        let stands: Vec<_> = (1..=CLIENTS).map(|number| behind(&host, number)).collect();
        assert_eq!(stands, stood, "life {life}");
        end(herd, Signal::SIGKILL);
    }
    assert_eq!(server.heard("Solicit"), solicits, "{}", server.log());
    assert_eq!(server.leased(), leased);

    // Of those that are not taken over nothing is left.
    let fewer = CLIENTS - 2;
    let herd = up(&host, fewer, &["--adopt"]);
    let kept = prefixes(&host, CLIENTS);
    assert!(
        kept.len() == fewer as usize && kept.is_subset(&delegated),
        "{kept:?}"
    );
    wait_for("the others' are given back", seconds(60), || {
        let leased = server.leased();
        (leased.len() == 2 * fewer as usize && kept.is_subset(&leased)).then_some(())
    });
    herd.signal(Signal::SIGINT);
    let outcome = herd.finish(seconds(60));
    assert_eq!(outcome.code, Some(130), "{}", outcome.stderr);
    wait_for("all are given back", seconds(60), || {
        server.leased().is_empty().then_some(())
    });
    assert_eq!(host.snapshot(), before);
}

#[test]
fn clean_gives_the_prefixes_of_a_killed_herd_back_in_its_clients_names() {
    let (host, _router) = Host::with_dnsmasq();
    let server = DelegatingServer::start(&host);
    let before = host.snapshot();
    let herd = up(&host, CLIENTS, &[]);
    let numbers = 1..=CLIENTS;
    let delegated: Vec<_> = numbers.filter_map(|number| prefix(&host, number)).collect();
    assert_eq!(delegated.len(), CLIENTS as usize, "{}", server.log());
    end(herd, Signal::SIGKILL);
    assert_eq!(server.leased().len(), 2 * CLIENTS as usize);

    let dry = host.lanherd(&["clean", "--dry-run"]).finish(seconds(30));
    let clean = host.lanherd(&["clean"]).finish(seconds(30));
    assert_eq!(clean.code, Some(0), "{}", clean.stderr);
    for (prefix, number) in delegated.iter().zip(1..) {
        let told = format!(" and {prefix} of ns{number}");
        let times = |text: &str, verb: &str| {
            let begin = format!("{verb} RELEASE for fd00:77::1");
            let lines = text.lines().filter(|line| line.starts_with(&begin));
            lines.filter(|line| line.contains(&told)).count()
        };
        assert_eq!(
            times(&dry.stdout, "would send"),
            1,
            "{told}: {}",
            dry.stdout
        );
        assert_eq!(times(&clean.stdout, "sent"), 1, "{told}: {}", clean.stdout);
    }
    wait_for("the server has taken them back", seconds(60), || {
        server.leased().is_empty().then_some(())
    });
    assert_eq!(host.snapshot(), before);
    let again = host.lanherd(&["clean"]).finish(seconds(30));
    assert_eq!(again.stdout, "nothing is left of killed runs\n");
}
