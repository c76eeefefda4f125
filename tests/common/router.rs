//! Real DHCP servers behind a pretend machine's `lan0`.

use std::fs;

use super::host::{Host, PARENT, ROUTER};
use super::process::Running;
use super::seconds;

/// A running server.
pub struct Router {
    server: Running,
}

impl Router {
    /// Debian's dnsmasq with a range `first,last` of `10.66.0.0/16`, a lease time (`2m` is its least) and more options.
    ///
    /// Without its ping check, which makes each first offer wait seconds, and without a lease file.
    pub fn dnsmasq(host: &Host, range: &str, lease: &str, more: &[&str]) -> Self {
        Self::slow_dnsmasq(host, range, lease, &[&["--no-ping"], more].concat())
    }

    /// The same as distributions run it: each address is pinged before it is offered.
    pub fn slow_dnsmasq(host: &Host, range: &str, lease: &str, more: &[&str]) -> Self {
        let range = format!("--dhcp-range={range},255.255.0.0,{lease}");
        let mut command = vec![
            "dnsmasq",
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--pid-file=",
            "--user=root",
            "--interface=lan",
            "--bind-dynamic",
            "--leasefile-ro",
            "--log-facility=-",
            "--dhcp-option=option:dns-server,10.66.0.1",
            "--dhcp-option=option:domain-name,test.example",
            &range,
        ];
        command.extend(more);
        // No DNS, unless it is asked for.
        if !more.iter().any(|option| option.starts_with("--port=")) {
            command.push("--port=0");
        }
        let server = host.start_on_router("dnsmasq", &command);
        super::wait_for("dnsmasq serves", seconds(10), || {
            server
                .stderr()
                .contains("DHCP, sockets bound")
                .then_some(())
        });
        Self { server }
    }

    /// Debian's udhcpd; `lease` in seconds may be short. It looks for squatters for 20 ms instead of 2 s.
    pub fn udhcpd(host: &Host, first: &str, last: &str, lease: u32) -> Self {
        let folder = host.folder().display();
        let configuration = host.folder().join("udhcpd.conf");
        fs::write(
            &configuration,
            format!(
                "start {first}\nend {last}\ninterface lan\nmax_leases 250\nmin_lease 2\nauto_time 0\n\
                 lease_file {folder}/udhcpd.leases\npidfile {folder}/udhcpd.pid\n\
                 option subnet 255.255.0.0\noption router {ROUTER}\noption dns {ROUTER}\n\
                 option domain test.example\noption lease {lease}\n"
            ),
        )
        .expect("a configuration file");
        fs::write(host.folder().join("udhcpd.leases"), "").expect("a lease file");
        let server = host.start_on_router(
            "udhcpd",
            &["udhcpd", "-f", "-a", "20", &configuration.to_string_lossy()],
        );
        super::wait_for("udhcpd serves", seconds(10), || {
            let sockets = fs::read_to_string(format!("/proc/{}/net/udp", server.pid())).ok()?;
            sockets.contains("00000000:0043 ").then_some(())
        });
        Self { server }
    }

    /// What the server has said so far.
    pub fn log(&self) -> String {
        self.server.stderr()
    }

    /// Kills the server; the router's addresses go on answering pings.
    pub fn die(self) {
        drop(self.server);
    }
}

/// Pulls the plug: the machine's `lan0` is deleted, as a USB adapter that is drawn out.
pub fn unplug(host: &Host) {
    host.must(&["ip", "link", "delete", PARENT]);
}
