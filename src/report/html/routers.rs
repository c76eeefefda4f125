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
        page.table(
            &[
                "router",
                "default router",
                "flags",
                "prefixes",
                "routes",
                "resolvers",
                "else",
                "advertisements",
            ],
            &rows,
        );
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

fn seconds(seconds: Option<u64>) -> String {
    seconds.map_or_else(|| "for ever".to_owned(), |seconds| format!("{seconds} s"))
}

fn prefix(found: &PrefixFound) -> String {
    let flags = match (found.on_link, found.autonomous) {
        (true, true) => "L and A",
        (true, false) => "L",
        (false, true) => "A",
        (false, false) => "no flag",
    };
    let (preferred, valid) = (found.preferred_seconds, found.valid_seconds);
    format!(
        "{} ({flags}; preferred {}, valid {})",
        found.prefix,
        seconds(preferred),
        seconds(valid)
    )
}

fn row(router: &RouterFound) -> Vec<String> {
    let default = match router.lifetime_seconds {
        0 => "no".to_owned(),
        lifetime => format!("{lifetime} s, preference {}", router.preference),
    };
    let flags = match (router.managed, router.other) {
        (true, true) => "M and O",
        (true, false) => "M",
        (false, true) => "O",
        (false, false) => "none",
    };
    let destinations: Vec<_> = router
        .route_information
        .iter()
        .map(|route| {
            let lasts = seconds(route.seconds);
            format!(
                "{} (preference {}, {lasts})",
                route.prefix, route.preference
            )
        })
        .collect();
    let mtu = router.mtu.map(|mtu| format!("MTU {mtu}"));
    let search = router.search.iter().map(|name| format!("search {name}"));
    let pref64 = router.pref64.iter().map(|found| format!("NAT64 {found}"));
    let portal = router.captive_portal.iter();
    let portal = portal.map(|uri| format!("captive portal {uri}"));
    let more: Vec<_> = mtu
        .into_iter()
        .chain(search)
        .chain(pref64)
        .chain(portal)
        .collect();
    let resolvers: Vec<_> = router.resolvers.iter().map(ToString::to_string).collect();
    let prefixes: Vec<_> = router.prefixes.iter().map(prefix).collect();
    vec![
        router.name.clone(),
        default,
        flags.to_owned(),
        prefixes.join(", "),
        destinations.join(", "),
        resolvers.join(", "),
        more.join(", "),
        format!("{} to all, {} to one host", router.to_all, router.to_one),
    ]
}
