//! Who the clients of a pool will be, before there is any: `cargo run -p lanherd-types --example expected_clients -- phones 7 3`, for
//! three clients of the pool "phones" under seed 7.
//!
//! It prints a line for each as dnsmasq reads it, so that a server can have an address for every one of them.

use std::error::Error;
use std::net::Ipv4Addr;

use lanherd_types::identity::{ClientNumber, Identity, PoolName, Seed};

/// The address of client 0, which there is not: numbers begin at 1.
const BASE: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 100);

#[allow(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [pool, seed, count] = &*arguments else {
        return Err("name a pool, a seed and a number of clients, as in: phones 7 3".into());
    };
    let pool: PoolName = pool.parse()?;
    let seed = Seed(seed.parse()?);
    for number in 1..=count.parse::<u8>()? {
        let client = Identity::derive(&pool, ClientNumber(number.into()), seed);
        let address = Ipv4Addr::from_bits(BASE.to_bits() + u32::from(number));
        // Who meets the device on the wire can tell which client it is.
        assert_eq!(pool.number_of(&client.namespace), Some(client.number));
        println!("dhcp-host={},{},{address}", client.mac, client.namespace);
    }
    Ok(())
}
