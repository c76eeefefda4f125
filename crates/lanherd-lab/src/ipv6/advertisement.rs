//! What a router advertisement of the lab says.

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use lanherd_ndp::options::{Pref64, PrefixInformation, Resolvers, RouteInformation, SearchList};
use lanherd_ndp::{Lifetime, Mac, NdOption, Preference, Prefix, RouterAdvertisement};

use super::config::Ipv6Config;
use super::numbering::{Numbering, is_unique_local, router_in};

/// The hop limit that hosts are to use.
const HOP_LIMIT: u8 = 64;

/// What an advertisement is made of. Faults change it before it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Advertisement {
    pub(super) router_lifetime: Duration,
    pub(super) preference: Preference,
    pub(super) managed: bool,
    pub(super) other: bool,
    pub(super) prefixes: Vec<PrefixInformation>,
    pub(super) routes: Vec<Prefix>,
    /// How long these are good: also where the router leads nowhere else (RFC 7084, L-3).
    pub(super) route_lifetime: Duration,
    pub(super) resolvers: Vec<Ipv6Addr>,
    pub(super) search: Option<String>,
    /// How long resolvers and search list are good.
    pub(super) dns_lifetime: Duration,
    pub(super) pref64: Option<Prefix>,
    pub(super) mtu: Option<u16>,
    pub(super) link_layer: Mac,
}

impl Advertisement {
    /// What a router says that is right.
    pub(super) fn of(
        config: &Ipv6Config,
        numbering: &Numbering,
        link: (Mac, Option<u16>),
        domain: Option<&str>,
        now: Instant,
    ) -> Self {
        let (link_layer, mtu) = link;
        let information = |prefix, preferred, valid| PrefixInformation {
            prefix,
            on_link: config.on_link,
            autonomous: config.autonomous,
            router_address: false,
            delegation_preferred: false,
            valid: lifetime(valid),
            preferred: lifetime(preferred),
        };
        let current = numbering
            .current()
            .map(|prefix| information(prefix, config.preferred, config.valid));
        // By RFC 9096 (3.5): a prefix that is none any more is told with a preferred lifetime of 0 for as long as hosts may have
        // addresses of it.
        let former = numbering
            .former(now)
            .map(|(prefix, left)| information(prefix, Duration::ZERO, left));
        Self {
            router_lifetime: config.router_lifetime,
            preference: config.preference,
            managed: config.managed,
            other: config.other,
            prefixes: current.chain(former).collect(),
            routes: config
                .routes
                .iter()
                .map(|route| numbering.now(*route))
                .collect(),
            route_lifetime: config.router_lifetime,
            resolvers: resolvers(config, numbering),
            search: domain.map(str::to_owned),
            dns_lifetime: config.router_lifetime.max(3 * config.interval),
            pref64: config.pref64,
            mtu,
            link_layer,
        }
    }

    /// The fixed fields and the options.
    pub(super) fn written(&self) -> (RouterAdvertisement, Vec<NdOption>) {
        let router_lifetime = u16::try_from(self.router_lifetime.as_secs()).unwrap_or(u16::MAX);
        let body = RouterAdvertisement {
            hop_limit: Some(HOP_LIMIT),
            managed: self.managed,
            other: self.other,
            // By RFC 4191 (2.2): of a router that is none, the preference is medium.
            preference: if router_lifetime == 0 {
                Preference::Medium
            } else {
                self.preference
            },
            lifetime: router_lifetime,
            ..RouterAdvertisement::default()
        };
        let mut options = vec![NdOption::SourceLinkLayer(self.link_layer)];
        options.extend(self.mtu.map(|mtu| NdOption::Mtu(mtu.into())));
        options.extend(self.prefixes.iter().copied().map(NdOption::Prefix));
        options.extend(self.routes.iter().map(|route| {
            NdOption::Route(RouteInformation {
                prefix: *route,
                preference: Preference::Medium,
                lifetime: lifetime(self.route_lifetime),
            })
        }));
        if !self.resolvers.is_empty() {
            options.push(NdOption::Resolvers(Resolvers {
                lifetime: lifetime(self.dns_lifetime),
                servers: self.resolvers.clone(),
            }));
        }
        options.extend(self.search.clone().map(|name| {
            NdOption::SearchList(SearchList {
                lifetime: lifetime(self.dns_lifetime),
                names: vec![name],
            })
        }));
        options.extend(self.pref64.map(|prefix| {
            NdOption::Pref64(Pref64 {
                prefix,
                lifetime: lifetime(self.router_lifetime),
            })
        }));
        (body, options)
    }
}

/// The resolvers that are named: those that are configured, or the router.
pub(super) fn resolvers(config: &Ipv6Config, numbering: &Numbering) -> Vec<Ipv6Addr> {
    if let Some(resolvers) = &config.resolvers {
        return resolvers.clone();
    }
    let lasting = numbering.current().find(|prefix| is_unique_local(*prefix));
    let prefix = lasting.or_else(|| numbering.current().next());
    prefix.map(router_in).into_iter().collect()
}

fn lifetime(time: Duration) -> Lifetime {
    Lifetime::from_secs(u32::try_from(time.as_secs()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);

    fn said(numbering: &Numbering, now: Instant) -> Advertisement {
        let config = Ipv6Config::default();
        Advertisement::of(&config, numbering, (MAC, Some(1400)), Some("lab.test"), now)
    }

    fn numbering() -> Numbering {
        Numbering::new(Ipv6Config::default().prefixes)
    }

    #[test]
    fn all_that_is_configured_is_said_in_the_order_of_the_rfcs() {
        let (body, options) = said(&numbering(), Instant::now()).written();
        assert_eq!((body.lifetime, body.hop_limit), (2700, Some(64)));
        let codes: Vec<u8> = options.iter().map(NdOption::code).collect();
        assert_eq!(codes, [1, 5, 3, 3, 24, 24, 25, 31, 38]);
        let NdOption::Resolvers(resolvers) = &options[6] else {
            panic!("{options:?}");
        };
        assert_eq!(
            resolvers.servers,
            ["fd00:77::1".parse::<Ipv6Addr>().expect("one")]
        );
    }

    // By RFC 9096 (3.5): a prefix that is none any more is told with a preferred lifetime of 0.
    #[test]
    fn a_prefix_that_was_is_withdrawn_until_nobody_can_have_addresses_of_it() {
        let (mut numbering, start) = (numbering(), Instant::now());
        numbering.change(Duration::from_secs(5400), start);
        let lifetimes = |now| {
            let said = said(&numbering, now);
            let of = |it: &PrefixInformation| {
                (
                    it.prefix.to_string(),
                    it.preferred.as_secs(),
                    it.valid.as_secs(),
                )
            };
            said.prefixes.iter().map(of).collect::<Vec<_>>()
        };
        let new = [
            ("2001:db8:78::/64".to_owned(), 2700, 5400),
            ("fd00:77::/64".to_owned(), 2700, 5400),
        ];
        let now = lifetimes(start + Duration::from_secs(400));
        assert_eq!(now[..2], new);
        assert_eq!(now[2..], [("2001:db8:77::/64".to_owned(), 0, 5000)]);
        assert_eq!(lifetimes(start + Duration::from_secs(5400)), new);
    }

    // By RFC 4191 (2.2): of a router that is none, the preference is medium.
    #[test]
    fn a_router_that_is_none_has_no_preference() {
        let mut said = said(&numbering(), Instant::now());
        said.preference = Preference::High;
        assert_eq!(said.written().0.preference, Preference::High);
        said.router_lifetime = Duration::ZERO;
        assert_eq!(said.written().0.preference, Preference::Medium);
    }
}
