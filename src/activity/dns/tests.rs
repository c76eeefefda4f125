use std::sync::Arc;

use parking_lot::Mutex;

use std::net::{Ipv4Addr, SocketAddr};

use tokio::sync::watch;
use tokio::time::Instant;

use super::exchange::PORT;
use super::*;
use crate::activity::{Connectivity, LeasedConfig, Sequence};
use crate::identity::{ClientNumber, Identity, PoolName, Seed};
use crate::lab::LabConfig;
use crate::lan::Lan;
use crate::lan::fake::{FakeLan, FakePort, SILENT};

const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const TIMEOUT: Duration = Duration::from_secs(2);

/// A client whose lease names these resolvers.
async fn client(lan: &FakeLan, resolvers: &[Ipv4Addr]) -> ClientContext<FakePort> {
    let identity = Identity::derive(&PoolName::default(), ClientNumber(1), Seed(7));
    let port = lan.attach(&identity, Box::new(|_| {})).await;
    let leased = LeasedConfig {
        address: Ipv4Addr::new(10, 77, 0, 7),
        router: Some(ROUTER),
        resolvers: resolvers.to_vec(),
    };
    let connectivity = Connectivity {
        ipv4: Some(Arc::new(leased)),
        ..Connectivity::default()
    };
    ClientContext {
        port: Arc::new(port.expect("attached")),
        identity: Arc::new(identity),
        families: Families::Ipv4,
        connectivity: watch::Sender::new(connectivity).subscribe(),
        siblings: Arc::new(|_, _| None),
        sequence: Sequence::new(7),
        rng: Mutex::new(fastrand::Rng::with_seed(7)),
    }
}

async fn look_up(lan: &FakeLan, resolvers: &[Ipv4Addr], name: &str) -> Result<IpAddr, String> {
    let client = client(lan, resolvers).await;
    let name = name.parse().expect("a name");
    let choice = FamilyChoice::Only(Family::Ipv4);
    let found = addresses_of(&client, &name, choice, TIMEOUT).await;
    found
        .map(|resolved| resolved.address)
        .map_err(|unresolved| unresolved.why)
}

#[tokio::test(start_paused = true)]
async fn resolvers_are_asked_in_turn_until_one_knows_and_three_at_most() {
    let lan = FakeLan::new(&LabConfig::default());
    let began = Instant::now();
    let found = look_up(&lan, &[SILENT, ROUTER], "router.lab.test").await;
    assert_eq!(found, Ok(ROUTER.into()));
    assert_eq!(began.elapsed().as_secs(), 2, "one was waited for in vain");

    let began = Instant::now();
    let found = look_up(&lan, &[SILENT; 5], "router.lab.test").await;
    assert_eq!(
        found,
        Err("router.lab.test from 192.0.2.1: timeout".to_owned())
    );
    assert_eq!(began.elapsed().as_secs(), 6);

    let found = look_up(&lan, &[], "router.lab.test").await;
    assert_eq!(found, Err("router.lab.test: no_resolver".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_says_there_is_no_such_name_is_believed() {
    let lan = FakeLan::new(&LabConfig::default());
    let began = Instant::now();
    let found = look_up(&lan, &[ROUTER, SILENT], "nobody.lab.test").await;
    assert_eq!(
        found,
        Err("nobody.lab.test from 10.77.0.1: nxdomain".to_owned())
    );
    assert!(began.elapsed() < TIMEOUT);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_would_be_the_clients_own_is_not_used() {
    let lan = FakeLan::new(&LabConfig::default());
    lan.serve_udp(SocketAddr::from((ROUTER, PORT)), |query| {
        let mut answer = query.to_vec();
        answer[2] |= 0x80;
        answer[7] = 2;
        for address in [[0, 0, 0, 0], [127, 0, 0, 1]] {
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4]);
            answer.extend(address);
        }
        vec![answer]
    });
    let found = look_up(&lan, &[ROUTER], "blocked.test").await;
    let why = "blocked.test from 10.77.0.1: 0.0.0.0, 127.0.0.1, no other host's address";
    assert_eq!(found, Err(why.to_owned()));
}
