//! The DHCPv6 client's state machine against dnsmasq, Kea, ISC's dhcpd and dibbler, over the real kernel: each answers otherwise, and
//! the client gets its lease from all of them. Needs root, iproute2 and the servers.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml allows them in test functions only, and all of this is one test program"
)]

#[path = "dhcp6_servers/driven.rs"]
mod driven;
#[path = "dhcp6_servers/server.rs"]
mod server;

use std::fs::{self};
use std::process::Command;

use lanherd_dhcp6::{
    ALL_SERVERS, Client, Config, Duid, Event, IaKind, Ignored, Means, MessageType, ReconfigureKind,
    StatusCode,
};
use lanherd_net::frame6::{Ends6, dhcp6_frame};
use lanherd_net::lan::Port;
use nix::mount::{MsFlags, mount};

use lanherd_testkit::world::{client, in_a_world, ip};

use driven::{Driven, addresses, of_pool, quick};
use server::{KINDS, Kind, LINK_LOCAL, POOL, Pool, RESOLVER, SERVERS, Server};

/// Runs a test against each server, each in a world of its own.
fn with_each<T: Future<Output = ()> + 'static>(test: fn(Kind) -> T) {
    for kind in KINDS {
        in_a_world(move || test(kind));
    }
}

// RFC 9915, 18.2.2: REQUEST names the chosen server, and has all that is wanted with what it offered.
// RFC 9915, 18.2.3: CONFIRM has the addresses that are held, without their times, and asks for nothing else.
// RFC 9915, 14: every message goes to ff02::1:2, to one server by its DUID, and none by unicast.
#[test]
fn every_server_leases_renews_rebinds_confirms_informs_and_takes_back() {
    with_each(|kind| async move {
        let _server = Server::start(kind, POOL);
        let mut driven = Driven::new(|_| ()).await;
        let (lease, by) = driven.join().await;
        assert_eq!(by, Means::Request);
        let address = of_pool(&lease);
        assert_eq!(lease.parameters.dns, [RESOLVER]);
        assert!(ip("-n ns1 -6 address show dev lan0").contains(&format!("{address}/128")));

        driven.tell(Client::renew).await;
        assert_eq!(of_pool(&driven.renewed(Means::Renew).await), address);
        driven.tell(Client::rebind).await;
        assert_eq!(of_pool(&driven.renewed(Means::Rebind).await), address);
        driven.tell(Client::confirm).await;
        assert_eq!(of_pool(&driven.renewed(Means::Confirm).await), address);
        driven.tell(Client::inform).await;
        let is_informed = |event: &Event| matches!(event, Event::Informed(_));
        let Event::Informed(information) = driven.until("it is informed", is_informed).await else {
            panic!("{kind:?}");
        };
        assert_eq!(information.parameters.dns, [RESOLVER]);
        assert!(driven.machine.lease().is_some());

        driven.tell(Client::release).await;
        driven
            .until("it is released", |event| {
                *event == Event::Answered(MessageType::Release)
            })
            .await;
        assert!(!ip("-n ns1 -6 address show dev lan0").contains("fd00"));
        driven.leave().await;
    });
}

// RFC 9915, 18.2.1: a REPLY to SOLICIT counts with option 14, where that was asked for.
#[test]
fn rapid_commit_takes_two_messages_where_the_server_knows_it() {
    with_each(|kind| async move {
        let _server = Server::start(kind, POOL);
        let mut driven = Driven::new(|config| config.rapid_commit = true).await;
        let (_, by) = driven.join().await;
        let expected = match kind {
            Kind::Dnsmasq | Kind::Kea => Means::RapidCommit,
            Kind::Isc => Means::Request,
        };
        assert_eq!(by, expected, "{kind:?}");
        driven.leave().await;
    });
}

// RFC 9915, 21.22: a client that wants a prefix of some length asks for :: with that length.
// RFC 9915, 18.2.10.1: a server that has no addresses or prefixes costs these alone, and is asked on.
#[test]
fn a_prefix_is_delegated_by_those_who_have_one_and_missed_at_the_other() {
    with_each(|kind| async move {
        let _server = Server::start(kind, POOL);
        let mac = client(1).mac;
        let mut driven = Driven::new(|config| {
            *config = quick(mac).with_prefix(mac, Some(60));
        })
        .await;
        let (lease, _) = driven.join().await;
        of_pool(&lease);
        let lengths: Vec<u8> = lease.prefixes().map(|it| it.prefix.length()).collect();
        let expected: &[u8] = match kind {
            // It knows of no prefixes, and says nothing of them.
            Kind::Dnsmasq => &[],
            Kind::Kea | Kind::Isc => &[60],
        };
        assert_eq!(lengths, expected, "{kind:?}");
        driven.tell(Client::reconnect).await;
        let by = if kind == Kind::Dnsmasq {
            Means::Confirm
        } else {
            Means::Rebind
        };
        let confirmed = driven.renewed(by).await;
        assert_eq!(confirmed.prefixes().count(), expected.len());
        driven.leave().await;
    });
}

// RFC 9915, 18.2.9: an ADVERTISE without any address or prefix is ignored, and does not change when SOLICIT is sent again.
// RFC 9915, 18.2.10.1: a server that has no addresses or prefixes costs these alone, and is asked on.
#[test]
fn an_empty_pool_is_told_and_asked_on() {
    with_each(|kind| async move {
        let one = Pool {
            addresses: 1,
            ..POOL
        };
        let _server = Server::start(kind, one);
        let mut first = Driven::new(|_| ()).await;
        let (lease, _) = first.join().await;
        // Another device at the same place.
        let config = Config {
            duid: Duid::uuid([7; 16]),
            ..quick(client(1).mac)
        };
        let before = std::mem::replace(
            &mut first.machine,
            Client::new(config, fastrand::Rng::new()),
        );
        first.tell(Client::start).await;
        let expected = match kind {
            // At the top as well, which comes first.
            Kind::Dnsmasq => (None, StatusCode::NoAddrsAvail),
            Kind::Kea | Kind::Isc => (Some(IaKind::Addresses), StatusCode::NoAddrsAvail),
        };
        assert_eq!(first.refused().await, expected, "{kind:?}");
        assert_eq!(first.machine.state().as_str(), "soliciting");
        // In the name of the first its lease is given back, and the other has it.
        let release = before
            .config()
            .release_of(&lease, &mut fastrand::Rng::new());
        let ends = Ends6::to_group(client(1).mac, LINK_LOCAL, ALL_SERVERS);
        let frame = dhcp6_frame(&ends, &release.encode().expect("short")).expect("fits");
        first.port.transmit6(&frame).expect("sent");
        let (again, _) = first.bound().await;
        assert_eq!(addresses(&again), addresses(&lease));
        first.leave().await;
    });
}

// RFC 9915, 18.2.12: a client begins again with the lease of before, and uses it when it is confirmed.
// RFC 9915, 18.2.10.3: a lease is lost when all that answer say NotOnLink; one Success is enough.
#[test]
fn a_lease_of_before_is_confirmed_on_its_link_and_refused_on_another() {
    with_each(|kind| async move {
        let server = Server::start(kind, POOL);
        let mut driven = Driven::new(|_| ()).await;
        let (lease, _) = driven.join().await;
        let restart = |driven: &mut Driven| {
            driven.machine = Client::new(quick(client(1).mac), fastrand::Rng::new());
        };
        restart(&mut driven);
        let stored = lease.clone();
        driven
            .tell(|machine, now| machine.restore(stored, now))
            .await;
        let (confirmed, by) = driven.bound().await;
        assert_eq!(
            (addresses(&confirmed), by),
            (addresses(&lease), Means::Confirm)
        );

        // The same client on another link.
        drop(server);
        ip(&format!("address flush dev {SERVERS} scope global"));
        let other = Pool {
            link: "fd00:78:",
            ..POOL
        };
        let _server = Server::start(kind, other);
        restart(&mut driven);
        let stored = lease.clone();
        driven
            .tell(|machine, now| machine.restore(stored, now))
            .await;
        assert_eq!(
            driven.refused().await,
            (None, StatusCode::NotOnLink),
            "{kind:?}"
        );
        let (moved, _) = driven.bound().await;
        assert_eq!(addresses(&moved)[0].segments()[1], 0x78);
        driven.leave().await;
    });
}

// RFC 9915, 18.2.10.1: what a server has no binding for is used no more, and requested anew.
// RFC 9915, 18.2.10.1: a valid lifetime of 0 takes an address or prefix away at once.
#[test]
fn a_server_that_has_forgotten_its_leases_is_asked_for_them_anew() {
    with_each(|kind| async move {
        let server = Server::start(kind, POOL);
        let mut driven = Driven::new(|_| ()).await;
        let (lease, _) = driven.join().await;
        drop(server);
        let server = Server::start(kind, POOL);
        driven.heard.clear();
        driven.events.clear();
        driven.tell(Client::rebind).await;
        // dnsmasq and ISC's dhcpd grant the lease again whose address is of the pool, as Kea does: a REBIND says that much.
        let rebound = driven.renewed(Means::Rebind).await;
        of_pool(&rebound);
        // A RENEW of what it does not know: each has another way.
        drop(server);
        let _server = Server::start(kind, POOL);
        driven.tell(Client::renew).await;
        let is_settled =
            |event: &Event| matches!(event, Event::Renewed { .. } | Event::Bound { .. });
        if rebound.server == lease.server {
            driven.until("it is settled", is_settled).await;
        } else {
            // A server whose DUID is new after a restart is silent: the lease goes on until it is rebound.
            driven.tell(Client::rebind).await;
            driven.until("it is settled", is_settled).await;
        }
        of_pool(driven.machine.lease().expect("a lease"));
        driven.leave().await;
    });
}

// RFC 9915, 18.2.8: DECLINE names the lease's server, and has the addresses that somebody else has, and no prefix.
// RFC 9915, 18.2.10.2: any REPLY ends a RELEASE or a DECLINE, whatever its status.
#[test]
fn a_declined_address_is_not_leased_again() {
    with_each(|kind| async move {
        let _server = Server::start(kind, POOL);
        let mut driven = Driven::new(|_| ()).await;
        let (lease, _) = driven.join().await;
        driven.tell(Client::decline).await;
        driven
            .until("it is declined", |event| {
                *event == Event::Answered(MessageType::Decline)
            })
            .await;
        let (next, _) = driven.bound().await;
        assert_ne!(addresses(&next), addresses(&lease), "{kind:?}");
        driven.leave().await;
    });
}

// RFC 9915, 18.2.10.1: an address is used when nobody else on the link is found to have it.
// RFC 9915, 18.2.8: what nobody else has is kept when addresses are declined, and they are asked for anew.
#[test]
fn an_address_that_the_kernel_finds_taken_is_declined_and_another_is_used() {
    in_a_world(|| async {
        let one = Pool {
            addresses: 1,
            ..POOL
        };
        let server = Server::start(Kind::Dnsmasq, one);
        // Somebody has the address that will be leased.
        let taken = "fd00:77::1000";
        ip(&format!("address add {taken}/128 dev {SERVERS} nodad"));
        let mut driven = Driven::new(|config| config.duplicate_detection = true).await;
        driven.tell(Client::start).await;
        let is_conflict = |event: &Event| matches!(event, Event::Conflict { .. });
        let conflict = driven.until("it is found out", is_conflict).await;
        let Event::Conflict { address, .. } = conflict else {
            panic!("{conflict:?}");
        };
        assert_eq!(address.to_string(), taken);
        driven
            .until("it is declined", |event| {
                *event == Event::Answered(MessageType::Decline)
            })
            .await;
        assert!(driven.machine.lease().is_none());
        drop(server);
        ip(&format!("address del {taken}/128 dev {SERVERS}"));
        let _server = Server::start(Kind::Dnsmasq, POOL);
        let (lease, _) = driven.bound().await;
        let address = of_pool(&lease);
        let shown = ip("-n ns1 -6 address show dev lan0");
        let line = shown
            .lines()
            .find(|line| line.contains(&address.to_string()));
        assert!(
            line.is_some_and(|line| !line.contains("tentative")),
            "{shown}"
        );
        driven.leave().await;
    });
}

/// dibbler keeps its configuration and its state where it was built to.
fn dibbler(pool: &str) -> Server {
    fs::create_dir_all("/etc/dibbler").expect("a folder");
    let config = format!(
        "log-level 8\nlog-mode short\nreconfigure-enabled 1\niface \"{SERVERS}\" {{\n T1 1000\n T2 2000\n \
         prefered-lifetime 3600\n valid-lifetime 7200\n class {{ pool {pool} }}\n}}\n"
    );
    fs::write("/etc/dibbler/server.conf", config).expect("written");
    let mut command = Command::new("dibbler-server");
    command.arg("run");
    Server::run(command, "fd00:77::1")
}

/// Lets dibbler lease an address to a client, and then send it a RECONFIGURE; gives what became of that.
async fn reconfigured_by_dibbler(detects_replay: bool) -> Event {
    for folder in ["/var/lib/dibbler", "/var/log/dibbler"] {
        fs::create_dir_all(folder).expect("a folder");
        let none = None::<&str>;
        mount(Some("world"), folder, Some("tmpfs"), MsFlags::empty(), none).expect("a tmpfs");
    }
    let server = dibbler("fd00:77::1000-fd00:77::10ff");
    let mut driven = Driven::new(|config| {
        config.reconfigure = true;
        config.detects_replay = detects_replay;
    })
    .await;
    let (lease, _) = driven.join().await;
    of_pool(&lease);
    assert!(lease.reconfigure.is_some(), "no key in {:?}", driven.heard);
    // Another pool: when it is started again it finds a client whose address is not of it.
    server.stop();
    let _server = dibbler("fd00:77::2000-fd00:77::20ff");
    let is_outcome =
        |event: &Event| matches!(event, Event::Ignored { .. } | Event::Reconfigured { .. });
    let outcome = driven.until("a RECONFIGURE comes", is_outcome).await;
    driven.leave().await;
    outcome
}

// RFC 9915, 16.11: a RECONFIGURE counts only where it is accepted, says what to do, and is authentic.
// RFC 9915, 20.3: a RECONFIGURE that is no newer than the last of its server is dropped.
#[test]
fn dibblers_reconfigure_is_authentic_and_passes_for_a_replay_since_it_never_counts() {
    in_a_world(|| async {
        let outcome = reconfigured_by_dibbler(true).await;
        let Event::Ignored { reason, .. } = outcome else {
            panic!("{outcome:?}");
        };
        // Its digest is right, or another reason would stand here.
        assert_eq!(reason, Ignored::Replayed);
    });
}

// RFC 9915, 18.2.11: a RECONFIGURE makes the client renew, rebind, or ask that server for information.
#[test]
fn a_client_that_minds_no_replay_does_as_dibbler_says() {
    in_a_world(|| async {
        let outcome = reconfigured_by_dibbler(false).await;
        let Event::Reconfigured { kind, .. } = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(kind, ReconfigureKind::Renew);
    });
}
