//! What somebody else does to a client is heard at once; what lanherd does itself is no news.

use std::time::Duration;

use lanherd_net::lan::{Lan, Port, PortEvent};
use lanherd_net::linux::{LinuxLan, LinuxPort};
use lanherd_types::fault::Fault;
use lanherd_types::phase::{Cause, Stage};
use nix::mount::{MntFlags, umount2};

use lanherd_testkit::world::{
    ROUTER, Told, attach, attach_told, client, echo_request, exists, ip, lease, on_a_lan, run,
    soon, until,
};

/// A client with a lease.
async fn configured(lan: &LinuxLan, number: u32) -> (LinuxPort, Told) {
    let told = Told::default();
    let port = lan
        .attach(&client(number), told.inbox())
        .await
        .expect("attached");
    port.configure(&lease(10)).await.expect("configured");
    assert_eq!(told.events(), [PortEvent::NamespaceReady]);
    (port, told)
}

/// Does something to a client with a lease, and sees it told within a second that its port is of no use any more, once.
fn a_loss_is_told(cause: Cause, words: &'static str, break_it: fn()) {
    on_a_lan(async move |lan| {
        let (_port, told) = configured(lan, 1).await;
        break_it();
        soon("it is told", || told.gone().len() == 1).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let gone = told.gone();
        assert_eq!(gone.len(), 1, "{gone:?}");
        assert_eq!(gone[0].0, cause, "{gone:?}");
        assert!(gone[0].1.contains(words), "{gone:?}");
    });
}

#[test]
fn a_link_that_somebody_deletes_is_missed() {
    a_loss_is_told(Cause::LinkLost, "lan0 was deleted", || {
        ip("-n ns1 link del lan0");
    });
}

#[test]
fn a_link_that_somebody_takes_down_is_missed() {
    a_loss_is_told(Cause::LinkLost, "lan0 was taken down", || {
        ip("-n ns1 link set lan0 down");
    });
}

#[test]
fn a_namespace_that_somebody_deletes_is_missed() {
    a_loss_is_told(Cause::NamespaceGone, "/run/netns/ns1 was removed", || {
        ip("netns del ns1");
    });
}

#[test]
fn a_namespace_whose_name_somebody_only_unmounts_is_missed_too() {
    a_loss_is_told(Cause::NamespaceGone, "/run/netns/ns1 was removed", || {
        umount2("/run/netns/ns1", MntFlags::MNT_DETACH).expect("unmounted");
    });
}

#[test]
fn a_namespace_deleted_while_names_of_others_come_and_go_is_missed() {
    a_loss_is_told(Cause::NamespaceGone, "/run/netns/ns1 was removed", || {
        for _ in 0..5 {
            ip("netns add other");
            ip("netns del other");
        }
        ip("netns del ns1");
        ip("netns add ns1");
        ip("netns del ns1");
    });
}

/// Needs a kernel with `CONFIG_INET_DIAG_DESTROY`, as distributions have it.
#[test]
fn a_socket_that_somebody_destroys_is_missed() {
    a_loss_is_told(Cause::SocketLost, "port 68", || {
        ip("netns exec ns1 ss --kill --udp --all sport = :68");
    });
}

#[test]
fn what_somebody_removes_of_a_lease_is_named_and_the_next_configuration_restores_it() {
    on_a_lan(async |lan| {
        let (port, told) = configured(lan, 1).await;
        let address = "address 10.9.0.10/24";
        let default = "route to 0.0.0.0/0 through 10.9.0.1";
        let prefix = "route to 10.9.0.0/24 on the link";
        let cases = [
            ("addr del 10.9.0.10/24 dev lan0", &[address][..]),
            ("addr flush dev lan0", &[address]),
            ("route del default", &[default]),
            // These two go one after the other, and may be missed so.
            ("route flush dev lan0", &[prefix, default]),
        ];
        for (command, things) in cases {
            let before = told.unconfigured().len();
            let words = || told.unconfigured()[before..].join(", ");
            ip(&format!("-n ns1 {command}"));
            soon(command, || {
                things.iter().all(|thing| words().contains(thing))
            })
            .await;
            assert!(words().ends_with(" was removed by somebody else"));
            assert!(told.unconfigured().len() <= before + things.len());
            port.configure(&lease(10)).await.expect("configured again");
            assert!(ip("-n ns1 addr show dev lan0").contains("10.9.0.10/24"));
            assert!(ip("-n ns1 route").contains("default via 10.9.0.1"));
        }
        assert_eq!(told.gone(), []);
    });
}

#[test]
fn fifty_leases_set_renewed_and_removed_are_no_news() {
    on_a_lan(async |lan| {
        let (port, told) = configured(lan, 1).await;
        for round in 0..50 {
            let mut granted = lease(10 + round % 3);
            granted.mtu = (round % 4 == 0).then_some(1400);
            port.configure(&granted).await.expect("configured");
            port.configure(&granted).await.expect("renewed");
            if round % 5 == 0 {
                port.deconfigure().await.expect("deconfigured");
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(told.events(), [PortEvent::NamespaceReady]);
        // It was not deaf meanwhile.
        ip("-n ns1 link del lan0");
        soon("it is told", || told.gone().len() == 1).await;
    });
}

/// How many netlink sockets listen for what is taken away, in the namespace in which `cat` is run.
fn monitoring_sockets(prefix: &str) -> usize {
    let sockets = run(&format!("{prefix}cat /proc/net/netlink"));
    sockets.matches(" 00000151 ").count()
}

#[test]
fn one_socket_hears_all_namespaces_and_a_loss_is_told_to_whom_it_concerns() {
    on_a_lan(async |lan| {
        let (_port, told) = configured(lan, 1).await;
        let (_bystander, others) = configured(lan, 2).await;
        assert_eq!(monitoring_sockets(""), 1);
        for number in 1..=2 {
            assert_eq!(monitoring_sockets(&format!("ip netns exec ns{number} ")), 0);
        }
        ip("-n ns1 link del lan0");
        soon("it is told", || told.gone().len() == 1).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(others.events(), [PortEvent::NamespaceReady]);
    });
}

#[test]
fn fifty_clients_that_are_torn_down_hear_nothing_in_whatever_order() {
    on_a_lan(async |lan| {
        let mut ports = Vec::new();
        let mut tolds = Vec::new();
        for number in 1..=50 {
            let (port, told) = attach_told(lan, number).await;
            let address = u8::try_from(100 + number).expect("fits");
            port.configure(&lease(address)).await.expect("configured");
            ports.push(port);
            tolds.push(told);
        }
        // Half of them are detached under their ports, which is not how it should be done.
        for number in 1..=25 {
            assert_eq!(lan.detach(&client(number)).await, []);
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        ports.clear();
        for number in 26..=50 {
            assert_eq!(lan.detach(&client(number)).await, []);
        }
        assert_eq!(lan.close().await, []);
        for told in tolds {
            assert_eq!(told.events(), [PortEvent::NamespaceReady]);
        }
        assert!(!exists("/run/netns") && !exists("/run/lanherd"));
    });
}

/// Commits a fault on a client with a lease, and sees what it is told.
fn a_fault_is_told(fault: Fault, cause: Cause) {
    on_a_lan(async move |lan| {
        let (port, told) = configured(lan, 1).await;
        let (_bystander, others) = attach_told(lan, 2).await;
        lan.inject_fault(&client(1), fault).await.expect("done");
        soon("it is told", || told.gone().len() == 1).await;
        assert_eq!(told.gone()[0].0, cause, "{:?}", told.gone());
        drop(port);
        assert_eq!(lan.detach(&client(1)).await, []);
        let port = attach(lan, 1).await;
        port.configure(&lease(10)).await.expect("as good as new");
        assert_eq!(others.events(), [PortEvent::NamespaceReady]);
    });
}

#[test]
fn a_deleted_link_is_found_out_and_the_client_can_be_made_anew() {
    a_fault_is_told(Fault::DeleteLink, Cause::LinkLost);
}

#[test]
fn a_deleted_namespace_is_found_out_and_the_client_can_be_made_anew() {
    a_fault_is_told(Fault::DeleteNamespace, Cause::NamespaceGone);
}

#[test]
fn killed_sockets_are_found_out_and_the_client_can_be_made_anew() {
    a_fault_is_told(Fault::KillSockets, Cause::SocketLost);
}

#[test]
fn a_client_whose_sockets_are_killed_refuses_everything_and_holds_none() {
    on_a_lan(async |lan| {
        let (port, told) = configured(lan, 1).await;
        assert!(sockets_in("ns1").contains(":68"), "{}", sockets_in("ns1"));
        lan.inject_fault(&client(1), Fault::KillSockets)
            .await
            .expect("done");
        soon("it is told", || told.gone().len() == 1).await;
        assert!(!sockets_in("ns1").contains(":68"), "{}", sockets_in("ns1"));
        let renewal = lanherd_dhcp::Transmit {
            source: lease(10).address,
            destination: ROUTER,
            message: lanherd_dhcp::Message::request(
                lanherd_dhcp::options::MessageType::Request,
                client(1).mac,
                7,
            ),
        };
        port.transmit(&renewal).expect_err("closed");
        let failure = port.configure(&lease(11)).await.expect_err("closed");
        assert_eq!(
            (failure.stage, failure.cause),
            (Stage::Configure, Cause::SocketLost),
            "{failure}"
        );
        let outcome = port
            .ping(echo_request(ROUTER, 1), Duration::from_secs(5))
            .await;
        assert!(
            matches!(outcome, lanherd_net::lan::PingOutcome::Lost(_)),
            "{outcome:?}"
        );
        let again = lan.inject_fault(&client(1), Fault::KillSockets).await;
        again.expect_err("they are gone");
        assert_eq!(told.gone().len(), 1);
    });
}

fn sockets_in(namespace: &str) -> String {
    ip(&format!("netns exec {namespace} ss --udp --all --numeric"))
}

#[test]
fn a_removed_address_is_found_out_and_another_configuration_heals_it() {
    on_a_lan(async |lan| {
        let (port, told) = configured(lan, 1).await;
        lan.inject_fault(&client(1), Fault::RemoveAddress)
            .await
            .expect("done");
        soon("it is told", || !told.unconfigured().is_empty()).await;
        port.configure(&lease(10)).await.expect("configured again");
        assert!(ip("-n ns1 addr show dev lan0").contains("10.9.0.10/24"));
        port.deconfigure().await.expect("deconfigured");
        let error = lan.inject_fault(&client(1), Fault::RemoveAddress).await;
        let error = error.expect_err("no address").to_string();
        assert_eq!(error, "client 1: it has no address");
    });
}

#[test]
fn a_fault_that_cannot_be_made_says_why() {
    on_a_lan(async |lan| {
        let error = lan.inject_fault(&client(7), Fault::DeleteLink).await;
        let error = error.expect_err("nobody there").to_string();
        assert_eq!(error, "client 7: it is not plugged in");
        let port = attach(lan, 1).await;
        for fault in [
            Fault::Crash,
            Fault::Vanish,
            Fault::FlapParent,
            Fault::DhcpNak,
        ] {
            let error = lan.inject_fault(&client(1), fault).await;
            let error = error.expect_err("not of this kind").to_string();
            assert!(error.contains(fault.as_str()), "{error}");
        }
        ip("-n ns1 link del lan0");
        let error = lan.inject_fault(&client(1), Fault::DeleteLink).await;
        error.expect_err("it is gone already");
        ip("netns del ns1");
        let error = lan.inject_fault(&client(1), Fault::DeleteNamespace).await;
        error.expect_err("it is gone already");
        drop(port);
        until("the client is gone", || !exists("/run/netns/ns1")).await;
    });
}
