//! What a client is told to set may be of any size: neither its thread nor the herd waits for ever.

use std::net::Ipv4Addr;
use std::time::Duration;

use lanherd_dhcp::{Lease, Route};
use lanherd_net::lan::Port;
use tokio::time::timeout;

use lanherd_testkit::world::{attach, ip, lease, on_a_lan};

/// More than the kernel can acknowledge at one time: a socket has room for about 255.
const MANY: u32 = 1_200;

/// A lease with that many routes, all through one router.
fn with_routes(number: u32, through: u8) -> Lease {
    let routes = (0..number).map(|place| Route {
        destination: Ipv4Addr::from_bits(0x6440_0000 | place << 8),
        prefix_len: 24,
        gateway: Ipv4Addr::new(10, 9, 0, through),
    });
    Lease {
        routes: routes.collect(),
        ..lease(10)
    }
}

#[test]
fn routes_of_any_number_are_set_replaced_and_removed_and_the_herds_threads_go_on() {
    on_a_lan(async |lan| {
        // Both threads, since a client's jobs are always the same one's.
        for number in [1, 2] {
            let port = attach(lan, number).await;
            for through in [1, 2] {
                let lease = with_routes(MANY, through);
                timeout(Duration::from_secs(60), port.configure(&lease))
                    .await
                    .expect("the kernel is not waited for any longer")
                    .expect("configured");
                let routes = ip(&format!("-n ns{number} route show proto dhcp"));
                let through = format!(" via 10.9.0.{through} ");
                let set = routes.lines().filter(|line| line.contains(&through));
                assert_eq!(set.count(), MANY as usize);
            }
            timeout(Duration::from_secs(60), port.deconfigure())
                .await
                .expect("the kernel is not waited for any longer")
                .expect("deconfigured");
            assert_eq!(ip(&format!("-n ns{number} route show proto dhcp")), "");
            drop(port);
        }
        drop(attach(lan, 3).await);
    });
}
