//! The daemons that are found in routers, on the parent's far end.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use lanherd_testkit::world::{ROUTER, ip};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::PREFIX;

/// Where Kea writes its leases.
pub const KEA_LEASES: &str = "/run/kea.leases";
/// Where ISC's dhcpd does.
pub const ISC_LEASES: &str = "/run/dhcpd.leases";

/// The times of a server's leases, in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub renew: u64,
    pub rebind: u64,
    pub preferred: u64,
    pub valid: u64,
}

/// Leases that are renewed often, and rebound soon.
pub const SHORT: Times = Times {
    renew: 4,
    rebind: 9,
    preferred: 60,
    valid: 120,
};

/// A daemon on the parent's far end.
pub struct Daemon {
    child: Child,
    log: String,
}

impl Daemon {
    pub fn start(program: &str, arguments: &[&str]) -> Self {
        let name = Path::new(program).file_name().expect("a program's name");
        let log = format!("/run/{}.log", name.to_string_lossy());
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
    pub fn radvd(options: &str) -> Self {
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
    pub fn dnsmasq(options: &[&str]) -> Self {
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

    /// Kea, whose leases are kept in a file. It writes what it is asked to its log.
    pub fn kea(times: &Times) -> Self {
        let Times {
            renew,
            rebind,
            preferred,
            valid,
        } = times;
        let config = format!(
            r#"{{ "Dhcp6": {{
  "interfaces-config": {{ "interfaces": [ "far0" ] }},
  "server-id": {{ "type": "LL", "htype": 1, "identifier": "026c61000001", "persist": false }},
  "lease-database": {{ "type": "memfile", "persist": true, "name": "{KEA_LEASES}", "lfc-interval": 0 }},
  "preferred-lifetime": {preferred}, "valid-lifetime": {valid}, "renew-timer": {renew}, "rebind-timer": {rebind},
  "option-data": [ {{ "name": "dns-servers", "data": "fd00:77::53" }}, {{ "name": "domain-search", "data": "lan.test" }} ],
  "subnet6": [ {{ "subnet": "fd00:77::/64", "interface": "far0",
    "pools": [ {{ "pool": "fd00:77::1000 - fd00:77::1fff" }} ] }} ],
  "loggers": [ {{ "name": "kea-dhcp6", "severity": "DEBUG", "debuglevel": 50,
    "output_options": [ {{ "output": "stdout" }} ] }} ]
}} }}"#
        );
        fs::write("/run/kea.json", config).expect("written");
        Self::start("kea-dhcp6", &["-c", "/run/kea.json"])
    }

    /// ISC's dhcpd, whose leases are kept in a file.
    pub fn isc(times: &Times) -> Self {
        let Times {
            renew,
            rebind,
            preferred,
            valid,
        } = times;
        let config = format!(
            "default-lease-time {valid}; preferred-lifetime {preferred}; option dhcp-renewal-time {renew};\n\
             option dhcp-rebinding-time {rebind}; option dhcp6.name-servers fd00:77::53;\n\
             option dhcp6.domain-search \"lan.test\";\n\
             subnet6 fd00:77::/64 {{ range6 fd00:77::1000 fd00:77::1fff; }}\n"
        );
        fs::write("/run/dhcpd.conf", config).expect("written");
        if !Path::new(ISC_LEASES).exists() {
            fs::write(ISC_LEASES, "").expect("written");
        }
        let arguments = [
            "-6",
            "-f",
            "-d",
            "--no-pid",
            "-cf",
            "/run/dhcpd.conf",
            "-lf",
        ];
        Self::start("dhcpd", &[&arguments[..], &[ISC_LEASES, "far0"]].concat())
    }

    /// systemd-networkd, which has the far end to itself.
    pub fn networkd(config: &str) -> Self {
        let folder = Path::new("/etc/systemd/network");
        fs::create_dir_all(folder).expect("a folder");
        fs::write(folder.join("lan.network"), config).expect("written");
        fs::write("/etc/machine-id", "77777777777777777777777777777777\n").expect("written");
        fs::create_dir_all("/run/systemd").expect("a folder");
        // It waits for udev where it could ask it: where sysfs can be written to.
        let networkd = "mount -t sysfs -o ro sysfs /sys && exec /lib/systemd/systemd-networkd";
        Self::start("unshare", &["--mount", "sh", "-ec", networkd])
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it as a system that shuts down does, so that it says farewell.
    pub fn cease(mut self) {
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

/// What daemons want to know of a machine.
pub fn prepare_machine() {
    let users = "root:x:0:0:root:/root:/bin/sh\nsystemd-network:x:998:998::/:/bin/false\n";
    fs::write("/etc/passwd", users).expect("written");
    fs::write("/etc/group", "root:x:0:\nsystemd-network:x:998:\n").expect("written");
    fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").expect("written");
}

/// The far end of the cable as a router has it.
pub fn prepare() {
    prepare_machine();
    ip("link set far0 down");
    ip("link set far0 addrgenmode none");
    ip("link set far0 up");
    ip("address add fe80::1/64 dev far0 nodad");
    ip(&format!("address add {PREFIX}1/64 dev far0 nodad"));
    ip(&format!("address add {ROUTER}/24 dev far0"));
}
