//! What a LAN is to be, and where things of it are written.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::str::FromStr;

use netlink_packet_route::link::MacVlanMode;

use lanherd_types::identity::{Mac, PoolName, Seed};
use lanherd_types::words;

/// The name of every client's macvlan in its namespace.
pub const LINK: &str = "lan0";
/// Its number there: beyond those of the devices that the kernel puts into every new namespace by itself.
pub(crate) const LINK_INDEX: u32 = 68;
/// The loopback's number in every namespace.
pub(crate) const LOOPBACK: u32 = 1;

/// The folders that lanherd writes to. Tests put them elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// Where `ip netns` looks for namespaces.
    pub netns: PathBuf,
    /// Where `ip netns exec` looks for a namespace's own `/etc` files.
    pub resolv: PathBuf,
    /// Where lanherd keeps locks and records.
    pub state: PathBuf,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            netns: "/run/netns".into(),
            resolv: "/etc/netns".into(),
            state: "/run/lanherd".into(),
        }
    }
}

impl Paths {
    /// The folder with a pool's lock and records.
    pub(crate) fn pool(&self, pool: &PoolName) -> PathBuf {
        self.state.join(pool.as_str())
    }
}

words! {
    /// How the macvlans of one parent see each other.
    #[derive(Default)]
    MacvlanMode {
        /// As on a switch: clients reach each other directly, and every broadcast is copied to every client.
        #[default]
        Bridge = "bridge",
        /// Clients reach only what is behind the parent: scales to thousands.
        Private = "private",
        /// Clients reach each other through the switch behind the parent, which must send frames back ("hairpin").
        Vepa = "vepa",
        /// One client that has the parent to itself.
        Passthru = "passthru",
    }
}

/// Why a text is no macvlan mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no macvlan mode: use bridge, private, vepa or passthru")]
pub struct MacvlanModeError(String);

impl FromStr for MacvlanMode {
    type Err = MacvlanModeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| MacvlanModeError(text.to_owned()))
    }
}

impl From<MacvlanMode> for MacVlanMode {
    fn from(mode: MacvlanMode) -> Self {
        match mode {
            MacvlanMode::Bridge => Self::Bridge,
            MacvlanMode::Private => Self::Private,
            MacvlanMode::Vepa => Self::Vepa,
            MacvlanMode::Passthru => Self::Passthrough,
        }
    }
}

/// What a LAN of this host is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LanConfig {
    /// The interface on which the clients' macvlans stand.
    pub parent: String,
    /// How they see each other.
    pub mode: MacvlanMode,
    /// The pool whose clients they are.
    pub pool: PoolName,
    /// Where things are written.
    pub paths: Paths,
    /// A neighbour to be written into the ARP table of each client whose router it is.
    ///
    /// For a router on this very host: the table's limits count the entries of all namespaces together, except
    /// permanent ones.
    pub neighbour: Option<(Ipv4Addr, Mac)>,
    /// From what the clients' MACs are derived: written down, so that who takes them over can tell that it would make
    /// the same ones.
    pub seed: Option<Seed>,
    /// Whether clients 1 to so many of a run of the pool that was killed are taken over, if it stood on the same parent,
    /// in the same mode and under the same seed. `None`: what it left is removed, and its leases are released.
    pub adopt: Option<u32>,
}

impl LanConfig {
    /// The usual folders, bridge mode, no fixed neighbour, nothing taken over.
    pub fn new(parent: impl Into<String>, pool: PoolName) -> Self {
        Self {
            parent: parent.into(),
            mode: MacvlanMode::default(),
            pool,
            paths: Paths::default(),
            neighbour: None,
            seed: None,
            adopt: None,
        }
    }
}
