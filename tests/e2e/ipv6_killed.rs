//! After SIGKILL, of herds that have both families: nothing is left on the machine, nor at the DHCPv6 server.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use nix::sys::signal::Signal;

use super::common::host::Host;
use super::common::process::Running;
use super::common::{seconds, wait_for};

/// A DHCPv6 server beside the one of IPv4, which advertises that addresses are leased.
struct Server {
    running: Running,
    leases: std::path::PathBuf,
}

impl Server {
    fn start(host: &Host) -> Self {
        let leases = host.folder().join("leases6");
        let file = leases.to_string_lossy().into_owned();
        let script = "ip -6 address add fd00:77::1/64 dev lan nodad
            echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
            exec dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= --user=root --port=0 \
                --interface=lan --bind-interfaces --log-dhcp --log-facility=- --dhcp-authoritative \
                --enable-ra --ra-param=lan,3,600 --dhcp-range=fd00:77::1000,fd00:77::1fff,64,10m \
                --dhcp-leasefile=\"$1\"";
        let running = host.start_on_router("dnsmasq6", &["sh", "-ec", script, "dnsmasq6", &file]);
        let server = Self { running, leases };
        wait_for("the DHCPv6 server advertises", seconds(30), || {
            server.log().contains("RTR-ADVERT").then_some(())
        });
        server
    }

    fn log(&self) -> String {
        self.running.stdout() + &self.running.stderr()
    }

    /// The addresses that it has leased.
    fn leased(&self) -> BTreeSet<Ipv6Addr> {
        let text = fs::read_to_string(&self.leases).unwrap_or_default();
        let third = text
            .lines()
            .filter_map(|line| line.split_whitespace().nth(2));
        third.filter_map(|word| word.parse().ok()).collect()
    }
}

/// The address beyond the link that a client can use, as the kernel has it.
fn global(host: &Host, number: u32) -> Option<Ipv6Addr> {
    let namespace = format!("ns{number}");
    let shown = host.run(&[
        "ip",
        "-n",
        &namespace,
        "-6",
        "-o",
        "address",
        "show",
        "scope",
        "global",
        "-tentative",
    ]);
    let mut words = shown.stdout.split_whitespace();
    words.find_map(|word| word.split_once('/')?.0.parse().ok())
}

fn all(host: &Host, clients: u32) -> BTreeSet<Ipv6Addr> {
    (1..=clients)
        .filter_map(|number| global(host, number))
        .collect()
}

fn online(host: &Host, herd: &Running, clients: u32) -> BTreeSet<Ipv6Addr> {
    let words = format!("{clients} of {clients} online");
    wait_for(&words, seconds(90), || {
        herd.stderr().contains(&words).then_some(())
    });
    let addresses = all(host, clients);
    assert_eq!(addresses.len(), clients as usize, "{addresses:?}");
    addresses
}

fn killed(herd: Running) {
    herd.signal(Signal::SIGKILL);
    herd.finish(seconds(10));
}

/// How many clients there are of those that are killed while they join.
const JOINING: u32 = 6;

/// Starts a herd, and kills it at some moment of its join, in which addresses are asked for, leased and verified.
fn killed_joining(host: &Host, more: &[&str], rng: &mut fastrand::Rng) -> Duration {
    let herd = host.up(JOINING, &[&["--family", "dual"], more].concat());
    herd.pid();
    let wait = Duration::from_millis(rng.u64(0..4_000));
    std::thread::sleep(wait);
    killed(herd);
    wait
}

/// All addresses of all clients, of both families, link-local ones among them: no two have the same.
fn no_two_have_one_address(host: &Host, when: &str) {
    let mut all = BTreeSet::<IpAddr>::new();
    for number in 1..=JOINING {
        let namespace = format!("ns{number}");
        let shown = host.must(&[
            "ip", "-n", &namespace, "-o", "address", "show", "dev", "lan0",
        ]);
        let mut held = Vec::<IpAddr>::new();
        for line in shown.lines() {
            let third = line.split_whitespace().nth(3).expect("an address");
            let (address, _) = third.split_once('/').expect("a length");
            held.push(address.parse().expect("an address"));
        }
        assert!(held.len() >= 3, "{when}: {shown}");
        for address in held {
            assert!(all.insert(address), "{when}: two have {address}");
        }
    }
}

#[test]
fn killed_at_any_moment_of_its_join_a_dual_herd_is_cleaned_or_taken_over_and_no_two_have_one_address()
 {
    let (host, _router) = Host::with_dnsmasq();
    let server = Server::start(&host);
    let before = host.snapshot();
    let mut rng = fastrand::Rng::with_seed(23);
    let (mut known, mut taken_over) = (0, 0);
    for round in 0..12 {
        let wait = killed_joining(&host, &[], &mut rng);
        let mut when = format!("round {round}, killed after {wait:?}");
        known += server.leased().len();
        if round % 3 == 2 {
            // Killed again while it is taken over.
            let wait = killed_joining(&host, &["--adopt"], &mut rng);
            when = format!("{when} and again after {wait:?}");
        }
        if round % 3 == 0 {
            let clean = host.lanherd(&["clean"]).finish(seconds(60));
            assert_eq!(clean.code, Some(0), "{when}: {}", clean.stderr);
        } else {
            let leased = server.leased();
            let herd = host.up(JOINING, &["--family", "dual", "--adopt"]);
            let addresses = online(&host, &herd, JOINING);
            no_two_have_one_address(&host, &when);
            wait_for("the server has leased what they have", seconds(60), || {
                (server.leased() == addresses).then_some(())
            });
            taken_over += leased.intersection(&addresses).count();
            herd.signal(Signal::SIGINT);
            let outcome = herd.finish(seconds(60));
            assert_eq!(outcome.code, Some(130), "{when}: {}", outcome.stderr);
        }
        wait_for(&format!("{when}: all is given back"), seconds(60), || {
            server.leased().is_empty().then_some(())
        });
        assert_eq!(host.snapshot(), before, "{when}");
    }
    assert!(
        known > 12 && taken_over > 6,
        "too early to tell: {known} leases, {taken_over} taken over"
    );
}

#[test]
fn clean_gives_the_dhcp6_leases_of_a_killed_herd_back_in_its_clients_names() {
    let (host, _router) = Host::with_dnsmasq();
    let server = Server::start(&host);
    let before = host.snapshot();
    let herd = host.up(3, &["--family", "dual"]);
    let addresses = online(&host, &herd, 3);
    assert_eq!(server.leased(), addresses);
    killed(herd);

    let dry = host.lanherd(&["clean", "--dry-run"]).finish(seconds(30));
    let clean = host.lanherd(&["clean"]).finish(seconds(30));
    assert_eq!(clean.code, Some(0), "{}", clean.stderr);
    for address in &addresses {
        let would = format!("would send RELEASE for {address} of ns");
        assert!(dry.stdout.contains(&would), "{}", dry.stdout);
        let line = format!("sent RELEASE for {address} of ns");
        assert!(clean.stdout.contains(&line), "{}", clean.stdout);
    }
    wait_for("the server has taken them back", seconds(30), || {
        server.leased().is_empty().then_some(())
    });
    assert_eq!(host.snapshot(), before);
    let again = host.lanherd(&["clean"]).finish(seconds(30));
    assert_eq!(again.stdout, "nothing is left of killed runs\n");
}

#[test]
fn a_killed_herd_is_taken_over_with_its_dhcp6_leases_which_are_confirmed() {
    let (host, _router) = Host::with_dnsmasq();
    let server = Server::start(&host);
    let before = host.snapshot();
    let herd = host.up(3, &["--family", "dual"]);
    let addresses = online(&host, &herd, 3);
    killed(herd);
    let ping = host.start(
        "ping6",
        &[
            "ip",
            "netns",
            "exec",
            "ns2",
            "ping",
            "-6",
            "-n",
            "-i",
            "0.05",
            "fd00:77::1",
        ],
    );
    let solicits = server.log().matches("DHCPSOLICIT").count();
    for life in 1..=2 {
        let herd = host.up(3, &["--family", "dual", "--adopt"]);
        assert_eq!(online(&host, &herd, 3), addresses, "life {life}");
        let confirms = server.log().matches("DHCPCONFIRM").count();
        assert!(confirms >= 3 * life, "{}", server.log());
        killed(herd);
    }
    assert_eq!(server.log().matches("DHCPSOLICIT").count(), solicits);
    // All the while the address answers, also when nobody runs the herd.
    ping.signal(Signal::SIGINT);
    let pinged = ping.finish(seconds(10)).stdout;
    assert!(pinged.contains(" 0% packet loss"), "{pinged}");

    let herd = host.up(2, &["--family", "dual", "--adopt"]);
    online(&host, &herd, 2);
    wait_for("the third's lease is given back", seconds(30), || {
        (server.leased().len() == 2).then_some(())
    });
    herd.signal(Signal::SIGINT);
    let outcome = herd.finish(seconds(30));
    assert_eq!(outcome.code, Some(130), "{}", outcome.stderr);
    wait_for("the others' are given back", seconds(30), || {
        server.leased().is_empty().then_some(())
    });
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_client_that_is_restarted_has_its_dhcp6_lease_confirmed_and_all_are_given_back_in_the_end() {
    let (host, _router) = Host::with_dnsmasq();
    let server = Server::start(&host);
    let herd = host.up(3, &["--family", "dual"]);
    let addresses = online(&host, &herd, 3);
    let confirms = server.log().matches("DHCPCONFIRM").count();
    // Its next life has the same lease, and asks whether it is right.
    let told = host.lanherd(&["restart", "2"]).finish(seconds(30));
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    wait_for("it has its address confirmed", seconds(60), || {
        (server.log().matches("DHCPCONFIRM").count() > confirms && all(&host, 3) == addresses)
            .then_some(())
    });
    herd.signal(Signal::SIGINT);
    herd.finish(seconds(30));
    wait_for("all are given back", seconds(30), || {
        server.leased().is_empty().then_some(())
    });
}
