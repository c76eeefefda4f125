//! The routers of IPv6 that clients have heard, and what of it breaks an RFC.

use lanherd_audit::{PrefixFound, RouterFound};

use crate::page::Page;
use crate::report::{Ipv6Summary, Report};

impl Report {
    /// Nothing of a herd that is to have only IPv4.
    pub(super) fn routers(&self, page: &mut Page) {
        let Some(ipv6) = &self.ipv6 else { return };
        page.heading("Routers of IPv6, as they last advertised themselves");
        if ipv6.routers.is_empty() {
            page.note("No client has heard one.");
        }
        let rows: Vec<_> = ipv6.routers.iter().map(row).collect();
        let header = ["router", "default router", "flags", "advertisements"];
        page.table(&header, &rows);
        let rows: Vec<_> = ipv6.routers.iter().flat_map(advertised).collect();
        page.table(&["router", "advertises", "which is"], &rows);
        breaches(ipv6, page);
    }
}

/// What of it breaks a requirement. That nothing does is said, where there is a router of whom to say it.
fn breaches(ipv6: &Ipv6Summary, page: &mut Page) {
    let rows = ipv6.breaches.iter().map(|breach| {
        vec![
            breach.level.clone(),
            format!("{} ({})", breach.requirement, breach.source),
            breach.sender.clone(),
            breach.what.clone(),
            breach.times.to_string(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() && !ipv6.routers.is_empty() {
        page.note("Nothing that they said breaks a requirement of an RFC.");
    }
    let header = ["", "broken requirement", "by", "the first time", "times"];
    page.table(&header, &rows);
}

fn lasting(seconds: Option<u64>) -> String {
    seconds.map_or_else(
        || "for ever".to_owned(),
        |seconds| format!("for {seconds} s"),
    )
}

fn row(router: &RouterFound) -> Vec<String> {
    let default = match router.lifetime_seconds {
        0 => "no".to_owned(),
        lifetime => format!("for {lifetime} s, preference {}", router.preference),
    };
    let flags = match (router.managed, router.other) {
        (true, true) => "M and O",
        (true, false) => "M",
        (false, true) => "O",
        (false, false) => "none",
    };
    vec![
        router.name.clone(),
        default,
        flags.to_owned(),
        format!("{} to all, {} to one host", router.to_all, router.to_one),
    ]
}

fn lifetimes(prefix: &PrefixFound) -> String {
    let flags = match (prefix.on_link, prefix.autonomous) {
        (true, true) => "with the flags L and A",
        (true, false) => "with the flag L",
        (false, true) => "with the flag A",
        (false, false) => "without a flag",
    };
    let (preferred, valid) = (prefix.preferred_seconds, prefix.valid_seconds);
    format!(
        "{flags}, preferred {}, valid {}",
        lasting(preferred),
        lasting(valid)
    )
}

/// What stands in a router's advertisement, a row for each thing.
fn advertised(router: &RouterFound) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    for prefix in &router.prefixes {
        all.push((format!("prefix {}", prefix.prefix), lifetimes(prefix)));
    }
    for route in &router.route_information {
        let lasts = lasting(route.seconds);
        let is = format!("good {lasts}, preference {}", route.preference);
        all.push((format!("route to {}", route.prefix), is));
    }
    for resolver in &router.resolvers {
        let is = format!("good {}", lasting(router.resolver_seconds));
        all.push((format!("resolver {resolver}"), is));
    }
    let names = router
        .search
        .iter()
        .map(|name| format!("search list {name}"));
    let nat64 = router.pref64.iter().map(|found| format!("NAT64 {found}"));
    let mtu = router.mtu.iter().map(|mtu| format!("MTU {mtu}"));
    let portal = router.captive_portal.iter();
    let portal = portal.map(|uri| format!("captive portal {uri}"));
    let others = names.chain(nat64).chain(mtu).chain(portal);
    all.extend(others.map(|what| (what, String::new())));
    let row = |(what, is)| vec![router.name.clone(), what, is];
    all.into_iter().map(row).collect()
}
