//! The router that every way is measured against: dnsmasq, until the lab.

use std::io;
use std::process::{Child, Command};

/// A router; gone with its process.
pub struct Router(Child);

impl Drop for Router {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts it behind `uplink`.
pub fn start(uplink: &str) -> io::Result<Router> {
    let script = format!(
        "mount -t tmpfs none /run && ip link set lo up && ip netns add r && ip link add {uplink} type veth peer name lan netns r \
         && ip link set {uplink} up && ip -n r link set lan up && ip -n r addr add 10.77.0.1/16 dev lan \
         && ip -n r link set lo up && ip -n r addr add 8.8.8.8/32 dev lo"
    );
    assert!(Command::new("sh").args(["-c", &script]).status()?.success());
    let child = Command::new("ip")
        .args([
            "netns",
            "exec",
            "r",
            "dnsmasq",
            "-k",
            "--leasefile-ro",
            "--no-ping",
            "--port=0",
            "-C",
            "/dev/null",
            "--pid-file=",
            "--interface=lan",
            "--dhcp-range=10.77.1.0,10.77.250.0,255.255.0.0,1h",
            "--dhcp-authoritative",
            "--dhcp-lease-max=10000",
            "--user=root",
            "-q",
            "--log-facility=/dev/null",
        ])
        .spawn()?;
    std::thread::sleep(std::time::Duration::from_millis(300));
    Ok(Router(child))
}
