//! The DHCPv6 client of a host, which is made when it is needed: where routers say that nothing is to be had from DHCPv6, no client of
//! the herd ever needs one, and it would be a quarter of what IPv6 takes.

use std::sync::LazyLock;

use crate::dhcp6::{Client, Config};
use crate::ndp::slaac;
use lanherd_types::identity::Mac;

/// Whom nobody has told anything: stopped, and without a lease.
static STOPPED: LazyLock<Client> = LazyLock::new(|| {
    let nobody = Config::new(Mac([0; 6]));
    Client::new(nobody, fastrand::Rng::with_seed(0))
});

/// A host's DHCPv6 client, and what it will be made of.
#[derive(Debug)]
pub(super) struct LateDhcp6 {
    made: Option<Box<Client>>,
    /// How it is to behave, until it is made; `None`: as follows from the host beside it.
    config: Option<Box<Config>>,
    rng: fastrand::Rng,
}

/// How the client behaves beside that host, where nothing else is said.
fn usual(host: &slaac::Config) -> Config {
    Config {
        start_delay: host.start_delay.clone(),
        duplicate_detection: host.verifies,
        ..Config::new(host.mac)
    }
}

impl LateDhcp6 {
    /// One that is to behave so, beside that host.
    pub(super) fn new(config: Config, host: &slaac::Config, rng: fastrand::Rng) -> Self {
        Self {
            made: None,
            config: (config != usual(host)).then(|| Box::new(config)),
            rng,
        }
    }

    /// The client; before there is one, one that is stopped and knows nothing.
    pub(super) fn get(&self) -> &Client {
        self.made.as_deref().unwrap_or(&STOPPED)
    }

    /// The client, if there is one: for what does nothing to one that is stopped.
    pub(super) fn made(&mut self) -> Option<&mut Client> {
        self.made.as_deref_mut()
    }

    /// The client; it is made, beside that host, if it has not been needed before.
    pub(super) fn make(&mut self, host: &slaac::Config) -> &mut Client {
        let Self { made, config, rng } = self;
        made.get_or_insert_with(|| {
            let config = config.take().map_or_else(|| usual(host), |config| *config);
            Box::new(Client::new(config, rng.clone()))
        })
    }
}
