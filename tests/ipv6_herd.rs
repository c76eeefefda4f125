//! Herds of all families on a real kernel, beside the daemons that are found in routers: radvd, dnsmasq and Kea. Needs root and
//! these.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's way to fail; helpers of tests are not recognised as such"
)]

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::net::Ipv6Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lanherd::client::ipv6::{AddressOrigin, Ipv6State};
use lanherd::family::Families;
use lanherd::identity::{PoolName, Seed};
use lanherd::lan::linux::{LanConfig, LinuxLan};
use lanherd::metrics::Metrics;
use lanherd::phase::{Cause, Phase};
use lanherd::pool::{
    ClientStatus, DhcpSettings, Group, Pool, PoolConfig, RestartPolicy, Selection,
};
use lanherd_testkit::world::{PARENT, ROUTER, in_a_world, ip, nothing_is_left};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const PREFIX: &str = "fd00:77::";
/// How long anything is waited for: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(90);

/// A daemon on the parent's far end.
struct Daemon {
    child: Child,
    log: String,
}

impl Daemon {
    fn start(program: &str, arguments: &[&str]) -> Self {
        let log = format!("/run/{program}.log");
        let file = File::create(&log).expect("a log");
        let child = Command::new(program)
            .args(arguments)
            .env("KEA_LOCKFILE_DIR", "/run")
            .env("KEA_PIDFILE_DIR", "/run")
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("the log"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("the test needs {program}: {error}"));
        Self { child, log }
    }

    /// radvd, with these options of the interface. It answers solicitations by unicast.
    fn radvd(options: &str) -> Self {
        let config = "/run/radvd.conf";
        let text = format!(
            "interface far0 {{ AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; {options} }};"
        );
        fs::write(config, text).expect("written");
        // radvd reads none that others may write.
        fs::set_permissions(config, Permissions::from_mode(0o644)).expect("set");
        Self::start(
            "radvd",
            &["-n", "-C", config, "-p", "/run/radvd.pid", "-m", "stderr"],
        )
    }

    /// dnsmasq, with these options beside its IPv4 leases.
    fn dnsmasq(options: &[&str]) -> Self {
        let ipv4 = [
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--pid-file=",
            "--user=root",
            "--port=0",
            "--interface=far0",
            "--bind-interfaces",
            "--no-ping",
            "--log-dhcp",
            "--log-facility=-",
            "--dhcp-authoritative",
            "--dhcp-leasefile=/run/dnsmasq.leases",
            "--dhcp-range=10.9.0.100,10.9.0.200,255.255.255.0,1h",
            "--dhcp-option=option:dns-server,10.9.0.53",
        ];
        Self::start("dnsmasq", &[&ipv4, options].concat())
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it as a system that shuts down does, so that it says farewell.
    fn cease(mut self) {
        let process = i32::try_from(self.child.id()).expect("a process");
        kill(Pid::from_raw(process), Signal::SIGTERM).expect("told");
        self.child.wait().expect("ended");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It would live on in the world's namespaces, and they with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The far end of the cable as a router has it, and what daemons want to know of a machine.
fn prepare() {
    fs::write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n").expect("written");
    fs::write("/etc/group", "root:x:0:\n").expect("written");
    fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").expect("written");
    ip("link set far0 down");
    ip("link set far0 addrgenmode none");
    ip("link set far0 up");
    ip("address add fe80::1/64 dev far0 nodad");
    ip(&format!("address add {PREFIX}1/64 dev far0 nodad"));
    ip(&format!("address add {ROUTER}/24 dev far0"));
}

/// A herd with two clients of each family: 1 and 2 of IPv4, 3 and 4 of IPv6, 5 and 6 of both.
struct Herd {
    lan: LinuxLan,
    pool: Pool,
}

impl Herd {
    async fn start() -> Self {
        let name = PoolName::default();
        let config = LanConfig::new(PARENT, name.clone());
        let (lan, _) = LinuxLan::open(config).await.expect("a lan");
        let metrics = Metrics::new(&name, Seed(7)).expect("metrics");
        let mut config = PoolConfig::new(name);
        config.lease_deadline = PATIENCE;
        for (name, families) in [
            ("four", Families::Ipv4),
            ("six", Families::Ipv6),
            ("both", Families::Dual),
        ] {
            config.groups.push(Group {
                name: name.parse().expect("a name"),
                restart: RestartPolicy::default(),
                families,
                dhcp: DhcpSettings::default(),
                activities: Vec::new(),
            });
        }
        let pool = Pool::start(Arc::new(lan.clone()), config, metrics).await;
        let pool = pool.expect("a pool");
        for group in ["four", "six", "both"] {
            let group = group.parse().expect("a name");
            pool.create_in(group, 2).await.expect("created");
        }
        Self { lan, pool }
    }

    async fn client(&self, number: usize) -> ClientStatus {
        let status = self.pool.status().await.expect("a status");
        status.clients[number - 1].clone()
    }

    async fn ipv6(&self, number: usize) -> Arc<Ipv6State> {
        self.client(number).await.ipv6.expect("a state")
    }

    async fn phases(&self) -> Vec<Phase> {
        let status = self.pool.status().await.expect("a status");
        status.clients.iter().map(|client| client.phase).collect()
    }

    /// Waits until the clients are in these phases.
    async fn until(&self, phases: [Phase; 6], log: impl Fn() -> String) {
        let started = Instant::now();
        loop {
            let now = self.phases().await;
            if now == phases {
                return;
            }
            if started.elapsed() > PATIENCE {
                let status = self.pool.status().await.expect("a status");
                let failures: Vec<_> = status.clients.iter().map(|it| &it.failure).collect();
                panic!("not {phases:?} but {now:?}: {failures:#?}\n{}", log());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn end(self) {
        self.pool.tear_down().await.expect("torn down");
        assert_eq!(self.lan.close().await, []);
        nothing_is_left();
    }
}

const ONLINE: [Phase; 6] = [Phase::Online; 6];

/// The addresses of a client beyond its link, as the kernel has them.
fn global(number: usize) -> Vec<Ipv6Addr> {
    let text = ip(&format!(
        "-n ns{number} -6 -o address show dev lan0 scope global"
    ));
    let words = text.split_whitespace();
    let addresses = words.filter_map(|word| word.split_once('/')?.0.parse().ok());
    addresses.collect()
}

fn pings(number: usize, target: &str) {
    let namespace = format!("ns{number}");
    let output = Command::new("ip")
        .args([
            "netns", "exec", &namespace, "ping", "-n", "-c", "3", "-w", "20",
        ])
        .arg(target)
        .output()
        .expect("ping");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "ns{number} to {target}: {text}");
}

/// What no client of another family may have.
fn families_are_kept_apart() {
    for number in [1, 2] {
        assert_eq!(ip(&format!("-n ns{number} -6 address show dev lan0")), "");
    }
    for number in [3, 4] {
        assert_eq!(ip(&format!("-n ns{number} -4 address show dev lan0")), "");
    }
}

#[test]
fn a_herd_of_all_families_beside_radvd_and_what_becomes_of_it_when_the_router_ceases() {
    in_a_world(|| async {
        prepare();
        let dnsmasq = Daemon::dnsmasq(&[]);
        let options = "prefix fd00:77::/64 { }; RDNSS fd00:77::53 { }; DNSSL lan.test { };";
        let radvd = Daemon::radvd(options);
        let herd = Herd::start().await;
        let log = || dnsmasq.log();
        herd.until(ONLINE, log).await;
        families_are_kept_apart();
        let mut all = BTreeSet::new();
        for number in [3, 4, 5, 6] {
            let state = herd.ipv6(number).await;
            assert_eq!(
                state.router().map(|it| it.to_string()).as_deref(),
                Some("fe80::1")
            );
            assert_eq!(state.resolvers.len(), 1);
            assert_eq!(state.search, ["lan.test"]);
            let told: Vec<_> = state.global().map(|it| it.address).collect();
            assert_eq!(told, global(number));
            assert!(state.global().all(|it| it.origin == AddressOrigin::Stable));
            all.extend(told);
            all.extend(state.link_local());
            pings(number, "fd00:77::1");
        }
        assert_eq!(all.len(), 8, "{all:?}");
        pings(5, "10.9.0.1");
        // The default route leads through the router, and whatever is not on the link goes there.
        let routes = ip("-n ns3 -6 route show");
        assert!(routes.contains("default via fe80::1 dev lan0"), "{routes}");
        assert!(routes.contains("fd00:77::/64 dev lan0"), "{routes}");
        let resolvers = fs::read_to_string("/etc/netns/ns5/resolv.conf").expect("a file");
        assert!(resolvers.contains("10.9.0.53") && resolvers.contains("fd00:77::53"));

        radvd.cease();
        let (four, six, both) = (Phase::Online, Phase::Router, Phase::Partial);
        herd.until([four, four, six, six, both, both], log).await;
        let failure = herd.client(5).await.failure.expect("a failure");
        assert_eq!(failure.cause, Cause::RouterLost, "{failure}");
        let _radvd = Daemon::radvd(options);
        herd.until(ONLINE, log).await;
        assert_eq!(herd.client(3).await.restarts, 0);
        herd.end().await;
    });
}

#[test]
fn the_o_flag_of_dnsmasq_has_resolvers_asked_for() {
    in_a_world(|| async {
        prepare();
        let dnsmasq = Daemon::dnsmasq(&[
            "--enable-ra",
            "--ra-param=far0,3,600",
            "--dhcp-range=fd00:77::,ra-stateless,64,10m",
            "--dhcp-option=option6:dns-server,[fd00:77::53]",
        ]);
        let herd = Herd::start().await;
        herd.until(ONLINE, || dnsmasq.log()).await;
        for number in [3, 4, 5, 6] {
            let started = Instant::now();
            while herd.ipv6(number).await.resolvers.is_empty() {
                assert!(started.elapsed() < PATIENCE, "{}", dnsmasq.log());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let state = herd.ipv6(number).await;
            assert!(state.other && !state.managed && state.lease.is_none());
            assert_eq!(
                state.resolvers,
                ["fd00:77::53".parse::<Ipv6Addr>().expect("one")]
            );
            pings(number, "fd00:77::1");
        }
        families_are_kept_apart();
        herd.end().await;
    });
}

/// Clients that lease their addresses, of a server with that log, until nothing is left of them. `confirmed`: the word for a CONFIRM
/// in the log, where it has one.
async fn leases(confirmed: Option<&str>, log: impl Fn() -> String + Copy) {
    let herd = Herd::start().await;
    herd.until(ONLINE, log).await;
    families_are_kept_apart();
    let mut servers = BTreeSet::new();
    let mut leased = BTreeSet::new();
    for number in [3, 4, 5, 6] {
        let state = herd.ipv6(number).await;
        assert!(state.managed);
        let lease = state.lease.as_ref().expect("a lease");
        servers.insert(lease.server.to_string());
        let addresses: Vec<_> = state.global().map(|it| it.address).collect();
        assert!(state.global().all(|it| it.origin == AddressOrigin::Dhcp6));
        assert_eq!(addresses, global(number));
        leased.extend(addresses);
        pings(number, "fd00:77::1");
    }
    assert_eq!((servers.len(), leased.len()), (1, 4));
    // After the carrier was away all is asked about again, and goes on as it was.
    let flapped = herd.pool.flap(Duration::from_millis(500)).await;
    flapped.expect("told").expect("flapped");
    let started = Instant::now();
    while confirmed.is_some_and(|word| log().matches(word).count() < 4) {
        assert!(started.elapsed() < PATIENCE, "{}", log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    herd.until(ONLINE, log).await;
    for number in [3, 4, 5, 6] {
        assert!(
            global(number)
                .iter()
                .all(|address| leased.contains(address))
        );
        pings(number, "fd00:77::1");
    }
    // Given back by order, and had again.
    let told = herd.pool.release(Selection::All).await.expect("told");
    assert_eq!(told, 6);
    herd.until([Phase::Released; 6], log).await;
    assert_eq!(global(5), [] as [Ipv6Addr; 0]);
    herd.pool.renew(Selection::All).await.expect("told");
    herd.until(ONLINE, log).await;
    herd.end().await;
}

#[test]
fn addresses_are_leased_by_dnsmasq_and_none_is_left_behind() {
    in_a_world(|| async {
        prepare();
        let dnsmasq = Daemon::dnsmasq(&[
            "--enable-ra",
            "--ra-param=far0,3,600",
            "--dhcp-range=fd00:77::1000,fd00:77::1fff,64,10m",
        ]);
        leases(Some("DHCPCONFIRM"), || dnsmasq.log()).await;
        let left = || fs::read_to_string("/run/dnsmasq.leases").expect("a file");
        let started = Instant::now();
        // Its own DUID stands there, too.
        while left()
            .lines()
            .any(|line| line.contains(" fd00:77:") || line.contains(" 10.9."))
        {
            assert!(
                started.elapsed() < PATIENCE,
                "{}\n{}",
                left(),
                dnsmasq.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}

#[test]
fn addresses_are_leased_by_kea_and_none_is_left_behind() {
    in_a_world(|| async {
        prepare();
        fs::write(
            "/run/kea.json",
            r#"{ "Dhcp6": {
  "interfaces-config": { "interfaces": [ "far0" ] },
  "server-id": { "type": "LL", "htype": 1, "identifier": "026c61000001", "persist": false },
  "lease-database": { "type": "memfile", "persist": true, "name": "/run/kea.leases", "lfc-interval": 0 },
  "preferred-lifetime": 300, "valid-lifetime": 600, "renew-timer": 150, "rebind-timer": 240,
  "subnet6": [ { "subnet": "fd00:77::/64", "interface": "far0",
    "pools": [ { "pool": "fd00:77::1000 - fd00:77::1fff" } ] } ],
  "loggers": [ { "name": "kea-dhcp6", "severity": "INFO", "output_options": [ { "output": "stdout" } ] } ]
} }"#,
        )
        .expect("written");
        let _dnsmasq = Daemon::dnsmasq(&[]);
        let kea = Daemon::start("kea-dhcp6", &["-c", "/run/kea.json"]);
        let _radvd =
            Daemon::radvd("AdvManagedFlag on; prefix fd00:77::/64 { AdvAutonomous off; };");
        leases(None, || kea.log()).await;
        // Of each address the last line says: released, with a valid lifetime of 0.
        let left = || {
            let text = fs::read_to_string("/run/kea.leases").expect("a file");
            let mut last = std::collections::BTreeMap::new();
            for line in text.lines().skip(1) {
                let fields: Vec<_> = line.split(',').map(str::to_owned).collect();
                last.insert(fields[0].clone(), fields[2].clone());
            }
            last.retain(|_, valid| valid != "0");
            last
        };
        let started = Instant::now();
        while !left().is_empty() {
            assert!(started.elapsed() < PATIENCE, "{:?}\n{}", left(), kea.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}
