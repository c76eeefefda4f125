//! The shell way: what one would type, in a loop, with `&` after it.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use super::Way;
use super::measure::Herd;

/// Clients that live by themselves; only `ip netns` knows them.
pub struct Shell {
    clients: u32,
}

/// Whether `program` and `ip` are there.
pub fn is_installed(program: &str) -> bool {
    ["ip", program].into_iter().all(|name| {
        ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
            .iter()
            .any(|folder| Path::new(folder).join(name).exists())
    })
}

/// Brings `clients` clients up on `parent` until each had its first ping of `target` answered.
pub fn bring_up(way: Way, parent: &str, clients: u32, target: Ipv4Addr) -> io::Result<Shell> {
    let folder = "/run/herd";
    std::fs::create_dir_all(folder)?;
    // Shorter than the clients' own scripts, and it keeps them from the machine's /etc/resolv.conf.
    let hook = format!("{folder}/hook");
    std::fs::write(
        &hook,
        "#!/bin/sh\n\
         case \"$reason$1\" in\n\
         BOUND|bound)\n\
         ip addr add ${new_ip_address:-$ip}/16 dev lan0\n\
         ip route add default via ${new_routers:-$router} ;;\n\
         esac\n",
    )?;
    let mut permissions = std::fs::metadata(&hook)?.permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    std::fs::set_permissions(&hook, permissions)?;
    let dhcp = match way {
        Way::Dhclient => format!(
            "dhclient -4 -1 -q -cf /dev/null -sf {hook} -lf {folder}/$1.leases -pf {folder}/$1.pid lan0"
        ),
        Way::Udhcpc | Way::Bare | Way::AcceptRa | Way::Lanherd => {
            format!("udhcpc -q -n -t 20 -T 1 -s {hook} -i lan0")
        }
    };
    let script = format!(
        "client() {{\n\
         ip netns add $1 &&\n\
         ip link add link {parent} name lan0 netns $1 type macvlan mode private &&\n\
         ip -n $1 link set lo up && ip -n $1 link set lan0 up &&\n\
         ip netns exec $1 {dhcp} >/dev/null 2>&1 &&\n\
         ip netns exec $1 ping -q -c 1 -W 10 {target} >/dev/null || echo $1 >>{folder}/failed\n\
         }}\n\
         for n in $(seq {clients}); do client ns$n & done; wait\n\
         test ! -e {folder}/failed"
    );
    let status = Command::new("sh").args(["-c", &script]).status()?;
    if status.success() {
        Ok(Shell { clients })
    } else {
        Err(io::Error::other("some clients failed"))
    }
}

impl Herd for Shell {
    fn tear_down(self) -> io::Result<()> {
        let script = format!(
            "for pid in /run/herd/*.pid; do test -e $pid && kill $(cat $pid); done\n\
             for n in $(seq {}); do ip netns del ns$n & done; wait",
            self.clients
        );
        Command::new("sh").args(["-c", &script]).status()?;
        Ok(())
    }
}
