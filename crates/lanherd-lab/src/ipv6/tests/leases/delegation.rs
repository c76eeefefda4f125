//! Prefixes that are delegated, and the faults of that.

use lanherd_dhcp6::WantedIa;

use super::super::*;
use super::*;

/// A SOLICIT for a prefix.
pub(in super::super) fn solicited_by(client: u8) -> Vec<u8> {
    let mac = Mac([2, 0, 0, 0, 0, client]);
    let mut message = DhcpMessage::new(MessageType::Solicit, 8);
    let duid = Duid::link_layer(mac);
    message.options.push(code::CLIENT_ID, duid.as_bytes());
    message.options.push_ia(&Ia::new(IaKind::Prefixes, 1));
    let link_local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, client.into());
    let ends = Ends6::to_group(mac, link_local, SERVERS);
    dhcp6_frame(&ends, &message.encode().expect("short")).expect("short")
}

impl Dhcp6Host {
    /// One that wants a prefix beside its address.
    fn router(lan: &Ipv6Lan, last: u8) -> Self {
        let mut host = Self::start(lan, last);
        let iaid = Config::iaid(host.mac);
        let wanted = vec![
            WantedIa::addresses(iaid),
            WantedIa::prefixes(iaid, Some(60)),
        ];
        host.client.want(wanted);
        host
    }

    fn prefixes(&self) -> Vec<String> {
        let lease = self.client.lease().into_iter();
        let prefixes = lease.flat_map(lanherd_dhcp6::Lease::prefixes);
        prefixes.map(|it| it.prefix.to_string()).collect()
    }
}

#[test]
fn a_router_that_delegates_no_prefix_leases_addresses_as_ever() {
    let mut lan = Ipv6Lan::with(|ipv6| ipv6.dhcp.t1 = Some(10 * SECOND));
    lan.inject(Fault::Dhcp6NoPrefix);
    let mut host = Dhcp6Host::router(&lan, 5);
    host.run(&mut lan, 5 * SECOND);
    assert_eq!((host.addresses().len(), host.prefixes()), (1, vec![]));
    assert!(host.refusals().contains(&StatusCode::NoPrefixAvail));
    assert!(lan.effects(Fault::Dhcp6NoPrefix) > 0);
    // It is asked for again with the address.
    lan.heal();
    host.run(&mut lan, 20 * SECOND);
    assert_eq!((host.addresses().len(), host.prefixes().len()), (1, 1));
}

#[test]
fn what_is_delegated_has_a_way_unless_the_router_does_not_know_it() {
    let mut lan = Ipv6Lan::new();
    let mut host = Dhcp6Host::router(&lan, 5);
    host.run(&mut lan, 5 * SECOND);
    let ways = |lan: &Ipv6Lan| -> Vec<_> {
        let delegated = lan.addressing().delegated.into_iter();
        delegated
            .map(|(prefix, gateway)| (prefix.to_string(), gateway))
            .collect()
    };
    let usual = ways(&lan);
    assert_eq!(usual, [(host.prefixes().remove(0), host.link_local())]);
    lan.inject(Fault::Dhcp6NoRoute);
    assert_eq!((ways(&lan), lan.effects(Fault::Dhcp6NoRoute)), (vec![], 1));
    lan.heal();
    assert_eq!(ways(&lan), usual);
}
