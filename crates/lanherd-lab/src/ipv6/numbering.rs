//! Which prefixes the LAN has now, and which it had: a provider may give a router another number at any time.

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use lanherd_ndp::Prefix;

/// How many former prefixes are told of at most.
const MOST_FORMER: usize = 8;
/// Unique local prefixes (RFC 4193, 3.1), which no provider gives.
const UNIQUE_LOCAL: Prefix = match Prefix::new(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7) {
    Some(prefix) => prefix,
    None => Prefix::DEFAULT,
};

/// Whether a prefix is the site's own, whatever the provider does.
pub(super) fn is_unique_local(prefix: Prefix) -> bool {
    UNIQUE_LOCAL.contains(prefix.address())
}

/// The LAN's prefixes.
#[derive(Debug)]
pub(crate) struct Numbering {
    configured: Vec<Prefix>,
    /// How often the provider's number has changed, and that of the site's own prefixes.
    changes: u16,
    own_changes: u16,
    /// Those that it had, and until when addresses of them are valid.
    former: Vec<(Prefix, Instant)>,
}

impl Numbering {
    pub(super) fn new(configured: Vec<Prefix>) -> Self {
        Self {
            configured,
            changes: 0,
            own_changes: 0,
            former: Vec::new(),
        }
    }

    /// A prefix as it is numbered now: each change makes its third group greater by one.
    pub(super) fn now(&self, prefix: Prefix) -> Prefix {
        let changes = if is_unique_local(prefix) {
            self.own_changes
        } else {
            self.changes
        };
        let mut groups = prefix.address().segments();
        groups[2] = groups[2].wrapping_add(changes);
        Prefix::new(groups.into(), prefix.length()).unwrap_or(prefix)
    }

    /// How often the number has changed.
    pub(super) const fn changes(&self) -> u16 {
        self.changes.wrapping_add(self.own_changes)
    }

    /// The prefixes that the LAN has.
    pub(super) fn current(&self) -> impl Iterator<Item = Prefix> + Clone {
        self.configured.iter().map(|prefix| self.now(*prefix))
    }

    /// The prefixes that it had, and how long addresses of them are still valid.
    pub(super) fn former(&self, now: Instant) -> impl Iterator<Item = (Prefix, Duration)> {
        let left = self
            .former
            .iter()
            .map(move |(prefix, until)| (*prefix, until.saturating_duration_since(now)));
        left.filter(|(_, left)| !left.is_zero())
    }

    /// The provider gives another number. Addresses formed until now are `valid` for so long.
    pub(super) fn change(&mut self, valid: Duration, now: Instant) {
        self.leave(|prefix| !is_unique_local(prefix), valid, now);
        self.changes = self.changes.wrapping_add(1);
        self.settle();
    }

    /// The site gives itself another number, as no router should. Addresses formed until now are `valid` for so long.
    pub(super) fn change_unique_local(&mut self, valid: Duration, now: Instant) {
        self.leave(is_unique_local, valid, now);
        self.own_changes = self.own_changes.wrapping_add(1);
        self.settle();
    }

    /// Those of the current prefixes of which this is so are former ones from now on.
    fn leave(&mut self, goes: impl Fn(Prefix) -> bool, valid: Duration, now: Instant) {
        let gone: Vec<_> = self.current().filter(|prefix| goes(*prefix)).collect();
        let until = now.checked_add(valid).unwrap_or(now);
        self.former.retain(|(_, until)| *until > now);
        self.former
            .extend(gone.into_iter().map(|prefix| (prefix, until)));
        let beyond = self.former.len().saturating_sub(MOST_FORMER);
        self.former.drain(..beyond);
    }

    /// What is current is no former prefix.
    fn settle(&mut self) {
        let current: Vec<_> = self.current().collect();
        self.former.retain(|(prefix, _)| !current.contains(prefix));
    }
}

/// The router's address in a prefix.
pub(crate) fn router_in(prefix: Prefix) -> Ipv6Addr {
    Ipv6Addr::from_bits(prefix.address().to_bits() | 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_number_changes_what_the_provider_gives_and_the_former_one_ends_by_itself() {
        let prefix = |text: &str| text.parse::<Prefix>().expect("a prefix");
        let start = Instant::now();
        let valid = Duration::from_secs(60);
        let mut numbering =
            Numbering::new(vec![prefix("2001:db8:77::/64"), prefix("fd00:77::/64")]);
        numbering.change(valid, start);
        let current: Vec<_> = numbering.current().collect();
        assert_eq!(
            current,
            [prefix("2001:db8:78::/64"), prefix("fd00:77::/64")]
        );
        assert_eq!(
            numbering.now(prefix("2001:db8:77:8000::/49")),
            prefix("2001:db8:78:8000::/49")
        );
        let former = |numbering: &Numbering, now| numbering.former(now).collect::<Vec<_>>();
        let later = start + Duration::from_secs(20);
        assert_eq!(
            former(&numbering, later),
            [(prefix("2001:db8:77::/64"), Duration::from_secs(40))]
        );
        assert_eq!(former(&numbering, start + valid), []);
        for _ in 0..20 {
            numbering.change(valid, later);
        }
        assert_eq!(former(&numbering, later).len(), MOST_FORMER);
        assert_eq!(router_in(prefix("fd00:77::/64")).to_string(), "fd00:77::1");
    }
}
