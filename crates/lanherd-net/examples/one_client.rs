//! A client on a wire, with an address that nobody leased: `cargo run -p lanherd-net --example one_client`. Needs iproute2, and
//! no root where user namespaces are allowed.
//!
//! The sandbox holds a cable whose one end, `up0`, carries the client's macvlan; the other, `far0`, stands for the router.

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::{Duration, Instant};

use lanherd_dhcp::identity::{ClientNumber, Identity, PoolName, Seed};
use lanherd_dhcp::{Lease, Lifetime, Route};
use lanherd_net::config::LanConfig;
use lanherd_net::lan::{EchoRequest, Lan, PingOutcome, Port, PortEvent};
use lanherd_net::linux::LinuxLan;
use lanherd_net::sandbox;

const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);

fn main() -> Result<(), Box<dyn Error>> {
    sandbox::enter()?; // Before there is any thread: a user namespace takes only a process with one.
    for command in [
        "link add up0 type veth peer name far0",
        "link set far0 up",
        "link set up0 up",
        "address add 10.9.0.1/24 dev far0",
    ] {
        if !Command::new("ip")
            .args(command.split(' '))
            .status()?
            .success()
        {
            return Err(format!("ip {command} failed").into());
        }
    }
    tokio::runtime::Runtime::new()?.block_on(one_client())
}

#[allow(clippy::print_stdout, reason = "an example shows its result")]
async fn one_client() -> Result<(), Box<dyn Error>> {
    let pool: PoolName = "phones".parse()?;
    let (lan, _) = LinuxLan::open(LanConfig::new("up0", pool.clone())).await?;
    let phone = Identity::derive(&pool, ClientNumber(1), Seed(7));
    let inbox = |event: PortEvent| println!("told: {event:?}");
    let port = lan.attach(&phone, Box::new(inbox)).await?;
    println!("{} has {}", phone.namespace, phone.mac);

    port.configure(&address()).await?;
    let request = EchoRequest {
        target: ROUTER.into(),
        source: None,
        id: 1,
        sequence: 1,
        nonce: 0x5eed,
    };
    let outcome = port.ping(request, Duration::from_secs(2)).await;
    println!("a ping of {ROUTER}: {outcome:?}");

    drop(port);
    let left = (lan.detach(&phone).await, lan.close().await);
    match (outcome, left) {
        (PingOutcome::Reply(_), (errors, leaks)) if errors.is_empty() && leaks.is_empty() => Ok(()),
        (outcome, left) => Err(format!("{outcome:?}, {left:?}").into()),
    }
}

/// What a lease would say, for ever.
fn address() -> Lease {
    Lease {
        address: Ipv4Addr::new(10, 9, 0, 50),
        prefix_len: 24,
        server_id: ROUTER,
        routers: vec![ROUTER],
        routes: vec![Route::default_through(ROUTER)],
        dns: Vec::new(),
        domain: None,
        search: Vec::new(),
        mtu: None,
        lifetime: Lifetime::Infinite,
        requested_at: Instant::now(),
    }
}
