use std::net::Ipv4Addr;

use super::*;

fn link(index: u32, below: Option<u32>, kind: InfoKind) -> LinkMessage {
    let mut link = LinkMessage::default();
    link.header.index = index;
    link.attributes = below.map(LinkAttribute::Link).into_iter().collect();
    link.attributes
        .push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind)]));
    link
}

#[test]
fn vlans_go_down_with_what_they_stand_on_and_nothing_else_does() {
    let links = [
        link(2, None, InfoKind::Dummy),
        link(9, Some(8), InfoKind::Vlan),
        link(8, Some(2), InfoKind::Vlan),
        link(7, Some(2), InfoKind::MacVlan),
        link(6, Some(3), InfoKind::Vlan),
    ];
    assert_eq!(with_its_vlans(&links, 2), HashSet::from([2, 8, 9]));
}

fn default_route(change: impl FnOnce(&mut RouteMessage)) -> Option<RouteMessage> {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.protocol = RouteProtocol::Boot;
    message.header.kind = RouteType::Unicast;
    message.header.flags = RouteFlags::Onlink | RouteFlags::Linkdown;
    let gateway = RouteAddress::Inet(Ipv4Addr::new(10, 0, 0, 1));
    message.attributes = vec![RouteAttribute::Gateway(gateway), RouteAttribute::Oif(2)];
    change(&mut message);
    route(RouteNetlinkMessage::NewRoute(message), &HashSet::from([2]))
}

#[test]
fn a_route_is_asked_for_as_the_kernel_takes_it_and_what_is_not_the_hosts_own_is_left_out() {
    let kept = default_route(|_| ()).expect("kept");
    assert_eq!(kept.header.flags, RouteFlags::Onlink);
    assert!(default_route(|route| route.header.protocol = RouteProtocol::Ra).is_none());
    assert!(default_route(|route| route.attributes.truncate(1)).is_none());
    let by_the_kernel = default_route(|route| route.header.protocol = RouteProtocol::Kernel);
    assert!(
        by_the_kernel.is_some(),
        "the kernel does not set every one again"
    );
    let local = default_route(|route| {
        route.header.protocol = RouteProtocol::Kernel;
        route.header.kind = RouteType::Local;
    });
    assert!(local.is_none());
}
