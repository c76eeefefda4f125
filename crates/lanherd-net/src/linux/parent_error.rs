//! Why an interface cannot be a parent.

/// The longest name of an interface, in bytes (`IFNAMSIZ` of linux/if.h without the NUL at its end); the kernel answers a longer
/// one with `ERANGE`.
pub(super) const LONGEST_NAME: usize = libc::IFNAMSIZ - 1;

/// Why an interface cannot be a parent.
#[derive(Debug, thiserror::Error)]
pub enum ParentError {
    /// The interface does not exist.
    #[error("no interface is called {name}; {}", choice(.candidates))]
    Missing {
        /// The name that was given.
        name: String,
        /// Those that could be parents.
        candidates: Vec<String>,
    },
    /// The name is none that an interface can have.
    #[error(
        "no interface is called {name}: the name of an interface has at most {LONGEST_NAME} characters; {}",
        choice(.candidates)
    )]
    NameTooLong {
        /// The name that was given.
        name: String,
        /// Those that could be parents.
        candidates: Vec<String>,
    },
    /// The interface is down.
    #[error("interface {name} is down; bring it up: ip link set {name} up")]
    Down {
        /// The name of the interface.
        name: String,
    },
    /// The interface has no carrier.
    #[error("interface {name} has no carrier; plug its cable in, or bring its far end up")]
    NoCarrier {
        /// The name of the interface.
        name: String,
    },
    /// The interface is the loopback.
    #[error("interface {name} is the loopback, which has no LAN behind it; {}", choice(.candidates))]
    Loopback {
        /// The name of the interface.
        name: String,
        /// Those that could be parents.
        candidates: Vec<String>,
    },
    /// The interface is no Ethernet.
    #[error("interface {name} is no Ethernet, and macvlans need one; {}", choice(.candidates))]
    NotEthernet {
        /// The name of the interface.
        name: String,
        /// Those that could be parents.
        candidates: Vec<String>,
    },
    /// The interface is a Wi-Fi client (IEEE 802.11).
    #[error(
        "interface {name} is Wi-Fi: an access point accepts no frames from other MAC addresses than the station's own \
         (IEEE 802.11, client mode), so it cannot carry macvlans; use a wired interface"
    )]
    Wireless {
        /// The name of the interface.
        name: String,
    },
    /// The interface is itself a macvlan.
    #[error("interface {name} is a macvlan itself; use the interface that it stands on")]
    Macvlan {
        /// The name of the interface.
        name: String,
    },
    /// The interface belongs to a bridge or a bond.
    #[error("interface {name} is a port of {of}; use {of} as the parent")]
    Port {
        /// The name of the interface.
        name: String,
        /// The bridge or bond.
        of: String,
    },
    /// The interface is an ipvlan, which carries no links of others.
    #[error(
        "interface {name} is an ipvlan, and carries no macvlans; use the interface that it stands on"
    )]
    Ipvlan {
        /// The name of the interface.
        name: String,
    },
    /// The kernel makes no macvlans.
    #[error("this kernel makes no macvlans; {remedy}")]
    NoMacvlan {
        /// What to do about it.
        remedy: String,
    },
    /// The frames of the interface go to something else.
    #[error(
        "the kernel makes no macvlan on interface {name} (EBUSY): something else takes its frames, as an ipvlan on it, a bond, a team, \
         MACsec or Open vSwitch do; take that off, or use another interface"
    )]
    Held {
        /// The name of the interface.
        name: String,
    },
    /// The interface belongs to one macvlan alone.
    #[error(
        "the kernel makes no macvlan on interface {name} (EINVAL), as where one in passthru mode has it for itself (ip -d link shows \
         it); remove that, or use another interface"
    )]
    Passthru {
        /// The name of the interface.
        name: String,
    },
}

fn choice(names: &[String]) -> String {
    if names.is_empty() {
        "there is none here that could be a parent: lanherd demo needs none".to_owned()
    } else {
        format!("choose one of: {}", names.join(", "))
    }
}
