//! The servers, on the parent's far end.

use std::fs::{self, File};
use std::net::Ipv6Addr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use lanherd_testkit::world::ip;

/// The servers' link.
pub const SERVERS: &str = "far0";
pub const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 7);
pub const RESOLVER: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x77, 0, 0, 0, 0, 0, 0x53);
/// How long anything is waited for: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(60);
pub const LOG: &str = "/run/server.log";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Dnsmasq,
    Kea,
    Isc,
}

pub const KINDS: [Kind; 3] = [Kind::Dnsmasq, Kind::Kea, Kind::Isc];

/// The prefix of the link, and how many addresses of it a server leases: those from `::1000` on.
#[derive(Debug, Clone, Copy)]
pub struct Pool {
    pub link: &'static str,
    pub addresses: u16,
}

pub const POOL: Pool = Pool {
    link: "fd00:77:",
    addresses: 256,
};

/// A DHCPv6 server on the parent's far end.
pub struct Server(Child);

impl Server {
    pub fn start(kind: Kind, pool: Pool) -> Self {
        let Pool { link, addresses } = pool;
        let last = 0x1000 + addresses - 1;
        let command = match kind {
            Kind::Dnsmasq => {
                // The world's /etc is empty, and dnsmasq wants to know who root is.
                fs::write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n").expect("written");
                fs::write("/etc/group", "root:x:0:\n").expect("written");
                let mut command = Command::new("dnsmasq");
                command.args([
                    "--keep-in-foreground",
                    "--conf-file=/dev/null",
                    "--pid-file=",
                    "--user=root",
                    "--port=0",
                    "--bind-interfaces",
                    "--log-dhcp",
                    "--log-facility=-",
                    "--dhcp-authoritative",
                    "--leasefile-ro",
                ]);
                command.args([
                    format!("--interface={SERVERS}"),
                    format!("--dhcp-range={link}:1000,{link}:{last:x},64,10m"),
                    format!("--dhcp-option=option6:dns-server,[{RESOLVER}]"),
                ]);
                command
            }
            Kind::Kea => {
                let config = format!(
                    r#"{{ "Dhcp6": {{
  "interfaces-config": {{ "interfaces": [ "{SERVERS}" ] }},
  "server-id": {{ "type": "LL", "htype": 1, "identifier": "026c61000001", "persist": false }},
  "lease-database": {{ "type": "memfile", "persist": false }},
  "preferred-lifetime": 300, "valid-lifetime": 600, "renew-timer": 150, "rebind-timer": 240,
  "option-data": [ {{ "name": "dns-servers", "data": "{RESOLVER}" }} ],
  "subnet6": [ {{ "subnet": "{link}:/64", "interface": "{SERVERS}", "rapid-commit": true,
    "pools": [ {{ "pool": "{link}:1000 - {link}:{last:x}" }} ],
    "pd-pools": [ {{ "prefix": "fd00:99::", "prefix-len": 48, "delegated-len": 60 }} ] }} ],
  "loggers": [ {{ "name": "kea-dhcp6", "severity": "INFO", "output_options": [ {{ "output": "stdout" }} ] }} ]
}} }}"#
                );
                fs::write("/run/kea.json", config).expect("written");
                let mut command = Command::new("kea-dhcp6");
                command.args(["-c", "/run/kea.json"]);
                command.env("KEA_LOCKFILE_DIR", "/run");
                command.env("KEA_PIDFILE_DIR", "/run");
                command
            }
            Kind::Isc => {
                let config = format!(
                    "default-lease-time 600; preferred-lifetime 300; option dhcp-renewal-time 150;\n\
                     option dhcp-rebinding-time 240; option dhcp6.name-servers {RESOLVER};\n\
                     subnet6 {link}:/64 {{ range6 {link}:1000 {link}:{last:x};\n\
                     prefix6 fd00:99:: fd00:99:0:fff0:: /60; }}\n"
                );
                fs::write("/run/dhcpd.conf", config).expect("written");
                fs::write("/run/dhcpd.leases", "").expect("written");
                let mut command = Command::new("dhcpd");
                command.args(["-6", "-f", "-d", "--no-pid", "-cf", "/run/dhcpd.conf"]);
                command.args(["-lf", "/run/dhcpd.leases", SERVERS]);
                command
            }
        };
        Self::run(command, &format!("{link}:1"))
    }

    /// Runs it on the link with that address, and waits until it listens.
    pub fn run(mut command: Command, address: &str) -> Self {
        // What is there already when a server is started again.
        let addresses = ip(&format!("-6 address show dev {SERVERS}"));
        for address in ["fe80::1", address] {
            if !addresses.contains(&format!(" {address}/64")) {
                ip(&format!("address add {address}/64 dev {SERVERS} nodad"));
            }
        }
        let log = File::create(LOG).expect("a log");
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log"))
            .stderr(log);
        let child = command.spawn();
        let program = command.get_program().to_string_lossy();
        let mut server = Self(child.unwrap_or_else(|error| panic!("{program}: {error}")));
        let started = Instant::now();
        while !listens() {
            let ended = server.0.try_wait().expect("a child");
            assert!(
                ended.is_none() && started.elapsed() < PATIENCE,
                "{program}: {ended:?}\n{}",
                log_of_server()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

impl Server {
    /// Has it end by itself, so that it writes down what it has to remember.
    pub fn stop(mut self) {
        let pid = Pid::from_raw(self.0.id().try_into().expect("a pid"));
        kill(pid, Signal::SIGTERM).expect("signalled");
        let started = Instant::now();
        while self.0.try_wait().expect("a child").is_none() {
            assert!(started.elapsed() < PATIENCE, "{}", log_of_server());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It would live on in the world's namespaces, and they with it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether something in this namespace listens on the servers' port, which is 223 in hexadecimal.
pub fn listens() -> bool {
    let table = fs::read_to_string("/proc/thread-self/net/udp6").expect("a table");
    table.lines().any(|line| {
        let local = line.split_whitespace().nth(1);
        local.is_some_and(|local| local.ends_with(":0223"))
    })
}

pub fn log_of_server() -> String {
    fs::read_to_string(LOG).unwrap_or_default()
}
