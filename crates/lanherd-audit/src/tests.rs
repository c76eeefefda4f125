//! Audits of links with routers and servers that break one thing each, frame by frame.

use std::net::Ipv6Addr;
use std::time::Duration;

use lanherd_ndp::options::{PrefixInformation, Resolvers, RouteInformation};
use lanherd_ndp::{Lifetime, NdOption, Packet, Preference, Prefix, RouterAdvertisement};
use lanherd_types::identity::Mac;
use proptest::prelude::*;

mod asking;
mod dhcp;
mod dhcp6;
mod lifetimes;
mod routers;

use super::*;
use crate::requirement as req;

const ROUTER: Mac = Mac([2, 0, 0, 0, 0, 1]);
const OTHER: Mac = Mac([2, 0, 0, 0, 0, 2]);

fn address(text: &str) -> Ipv6Addr {
    text.parse().expect("an address")
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn settings(solicits: bool) -> Settings {
    Settings {
        interface: "lan0".to_owned(),
        link_mtu: 1500,
        solicitor: Solicitor::new(&mut fastrand::Rng::with_seed(7)),
        solicits,
    }
}

fn audit() -> Audit {
    Audit::new(settings(false))
}

/// What a router says that breaks nothing.
fn body() -> RouterAdvertisement {
    RouterAdvertisement {
        hop_limit: Some(64),
        lifetime: 1800,
        ..RouterAdvertisement::default()
    }
}

fn prefix(text: &str, length: u8, preferred: u32, valid: u32) -> NdOption {
    NdOption::Prefix(PrefixInformation {
        prefix: Prefix::new(address(text), length).expect("a prefix"),
        on_link: true,
        autonomous: true,
        router_address: false,
        delegation_preferred: false,
        valid: Lifetime::from_secs(valid),
        preferred: Lifetime::from_secs(preferred),
    })
}

fn resolvers(lifetime: u32) -> NdOption {
    NdOption::Resolvers(Resolvers {
        lifetime: Lifetime::from_secs(lifetime),
        servers: vec![address("fe80::1")],
    })
}

fn route(text: &str, length: u8, lifetime: u32) -> NdOption {
    NdOption::Route(RouteInformation {
        prefix: Prefix::new(address(text), length).expect("a prefix"),
        preference: Preference::Medium,
        lifetime: Lifetime::from_secs(lifetime),
    })
}

fn sound_options() -> Vec<NdOption> {
    vec![
        NdOption::SourceLinkLayer(ROUTER),
        prefix("2001:db8:77::", 64, 1800, 3600),
        route("2001:db8::", 32, 1800),
        resolvers(1800),
    ]
}

fn advertisement(body: RouterAdvertisement, options: Vec<NdOption>) -> Vec<u8> {
    Packet::router_advertisement(ROUTER, address("fe80::1"), body, options)
        .to_frame()
        .expect("a frame")
}

/// What is found in advertisements that came at those moments, until `end`.
fn found(frames: &[(f64, Vec<u8>)], end: f64) -> Vec<Breach> {
    let mut audit = audit();
    for (at, frame) in frames {
        audit.hear(seconds(*at), frame);
    }
    audit.report(seconds(end), 0).breaches
}

fn names(breaches: &[Breach]) -> Vec<&'static str> {
    breaches.iter().map(|breach| breach.requirement).collect()
}

#[test]
fn every_requirement_is_one_that_something_here_breaks() {
    let sources = [
        include_str!("tests/asking.rs"),
        include_str!("tests/dhcp.rs"),
        include_str!("tests/dhcp6.rs"),
        include_str!("tests/lifetimes.rs"),
        include_str!("tests/routers.rs"),
    ];
    for requirement in req::ALL {
        let name = format!("\"{}\"", requirement.name);
        let is_tested = sources.iter().any(|source| source.contains(&name));
        assert!(is_tested, "{}", requirement.name);
    }
}

#[test]
fn a_report_as_json_has_its_schema_and_all_parts() {
    let report = audit().report(seconds(1.0), 0);
    let json = serde_json::to_value(&report).expect("json");
    assert_eq!(json["schema"], 1);
    for part in ["routers", "dhcp_servers", "dhcp6_servers", "breaches"] {
        assert!(json[part].is_array(), "{part}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_heard_without_panic(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
    ) {
        let mut audit = Audit::new(settings(true));
        for frame in &frames {
            audit.hear(Duration::ZERO, frame);
        }
        let _ = audit.report(Duration::from_secs(1), 0).to_string();
    }

    #[test]
    fn an_advertisement_or_offer_spoilt_anywhere_is_heard_without_panic(
        offset in 0_usize..400, value: u8, which in 0_usize..3,
    ) {
        let settings = settings(true);
        let mut frame = match which {
            0 => advertisement(body(), sound_options()),
            1 => dhcp::dhcp_frame(&dhcp::offer(&settings.solicitor), Mac::BROADCAST),
            _ => dhcp6::dhcp6_frame(&dhcp6::advertise(
                &settings.solicitor,
                &dhcp6::association(1, 2, 3, 4),
            )),
        };
        if let Some(byte) = frame.get_mut(offset) {
            *byte = value;
        }
        let mut audit = Audit::new(settings);
        audit.hear(Duration::ZERO, &frame);
        let _ = audit.report(Duration::from_secs(1), 0).to_string();
    }
}
