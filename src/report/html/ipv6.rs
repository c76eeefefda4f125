//! What there is to say of IPv6: how each family was, what happened, and prefixes that were stale.

use crate::page::Page;
use crate::page::figure::{percent, span};
use crate::report::Report;

impl Report {
    /// Nothing of a herd that is to have only IPv4.
    pub(super) fn families(&self, page: &mut Page) {
        let families = &self.availability.families;
        if families.is_empty() && self.ipv6.is_none() {
            return;
        }
        page.heading("Families");
        let outages = self.ipv6.as_ref().map(|ipv6| &ipv6.outages);
        let rows: Vec<_> = families
            .iter()
            .map(|(family, time)| {
                let up = self.clients.iter();
                let up = up.filter(|client| client.is_usable_over(*family));
                let wanted = self.clients.iter();
                let wanted = wanted
                    .filter(|client| client.phase.is_wanted() && client.families.include(*family));
                let causes = time.unavailable_ms.iter();
                let causes = causes.map(|(cause, ms)| format!("{} {cause}", span(*ms)));
                let outages = outages.and_then(|outages| outages.get(family));
                vec![
                    family.name().to_owned(),
                    format!("{} of {}", up.count(), wanted.count()),
                    time.share.map(percent).unwrap_or_default(),
                    causes.collect::<Vec<_>>().join(", "),
                    outages.copied().unwrap_or_default().to_string(),
                ]
            })
            .collect();
        page.table(
            &[
                "family",
                "usable at the end",
                "availability",
                "not usable",
                "outages",
            ],
            &rows,
        );
        let Some(ipv6) = &self.ipv6 else { return };
        let stale = match ipv6.stale_prefixes {
            0 => "none".to_owned(),
            count => format!(
                "{count} times a client used a prefix that its router had replaced: {} in all, {} at most",
                span(ipv6.stale_prefix_ms),
                span(ipv6.longest_stale_prefix_ms)
            ),
        };
        page.pairs(&[("time on stale prefixes".to_owned(), stale)]);
        let rows: Vec<_> = ipv6
            .events
            .iter()
            .map(|(kind, count)| vec![kind.as_str().replace('_', " "), count.to_string()])
            .collect();
        if !rows.is_empty() {
            page.table(&["in IPv6, of all clients", "times"], &rows);
        }
    }
}
