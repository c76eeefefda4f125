//! Who is at which address of the LAN, as hosts themselves say it: entries of the router's neighbour table that are not counted there
//! (one table for all namespaces, with room for a thousand), and names for addresses.

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use lanherd_types::identity::Mac;

/// As many as a herd can have addresses.
const MOST: usize = 1 << 16;
/// For how long nothing need be heard of an address: longer than any lasts that is formed here.
const KEPT: Duration = Duration::from_secs(7200);

/// What is to be changed in the kernel's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NeighbourChange {
    /// The address is there.
    At(Ipv6Addr, Mac),
    /// Nobody has it, as far as is known.
    Gone(Ipv6Addr),
}

/// What has been heard.
#[derive(Debug, Default)]
pub(super) struct HeardNeighbours {
    known: HashMap<Ipv6Addr, (Mac, Instant)>,
    by_mac: BTreeSet<(Mac, Ipv6Addr)>,
    changes: Vec<NeighbourChange>,
    /// When those that are old are next looked for.
    sweep: Option<Instant>,
}

impl HeardNeighbours {
    /// The host with that MAC says that it has the address.
    pub(super) fn hear(&mut self, address: Ipv6Addr, mac: Mac, now: Instant) {
        if !lanherd_types::ipv6::is_host(address) || mac.0[0] & 1 == 1 {
            return;
        }
        if let Some((known, heard)) = self.known.get_mut(&address) {
            *heard = now;
            if *known == mac {
                return;
            }
        } else if self.known.len() >= MOST {
            return;
        }
        if let Some((before, _)) = self.known.insert(address, (mac, now)) {
            self.by_mac.remove(&(before, address));
        }
        self.by_mac.insert((mac, address));
        self.changes.push(NeighbourChange::At(address, mac));
        self.sweep.get_or_insert(now + KEPT);
    }

    /// Nobody has the address any more.
    pub(super) fn forget(&mut self, address: Ipv6Addr) {
        if let Some((mac, _)) = self.known.remove(&address) {
            self.by_mac.remove(&(mac, address));
            self.changes.push(NeighbourChange::Gone(address));
        }
    }

    /// Forgets those of whom nothing has been heard for long.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.sweep.is_none_or(|sweep| sweep > now) {
            return;
        }
        let is_old = |(_, (_, heard)): &(&Ipv6Addr, &(Mac, Instant))| *heard + KEPT <= now;
        let old: Vec<_> = self
            .known
            .iter()
            .filter(is_old)
            .map(|(old, _)| *old)
            .collect();
        for address in old {
            self.forget(address);
        }
        let oldest = self.known.values().map(|(_, heard)| *heard).min();
        self.sweep = oldest.map(|heard| heard + KEPT);
    }

    /// When [`Self::expire`] next has something to do.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.sweep
    }

    /// What is to be changed in the kernel's table since the last call.
    pub(super) fn take_changes(&mut self) -> Vec<NeighbourChange> {
        std::mem::take(&mut self.changes)
    }

    /// The kernel has forgotten all: they are to be told again.
    pub(super) fn were_flushed(&mut self) {
        let all = self.known.iter();
        self.changes = all
            .map(|(address, (mac, _))| NeighbourChange::At(*address, *mac))
            .collect();
    }

    /// The addresses of the host with that MAC.
    pub(super) fn of(&self, mac: Mac) -> impl Iterator<Item = Ipv6Addr> {
        let all = (mac, Ipv6Addr::UNSPECIFIED)..=(mac, Ipv6Addr::from_bits(u128::MAX));
        self.by_mac.range(all).map(|(_, address)| *address)
    }

    /// Who has the address.
    pub(super) fn holder(&self, address: Ipv6Addr) -> Option<Mac> {
        self.known.get(&address).map(|(mac, _)| *mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hosts_say_is_told_once_and_forgotten_when_they_are_silent() {
        let (mut heard, start) = (HeardNeighbours::default(), Instant::now());
        let mac = |last| Mac([2, 0, 0, 0, 0, last]);
        let address = |last| Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last);
        heard.hear(address(5), mac(5), start);
        heard.hear(address(5), mac(5), start);
        heard.hear(Ipv6Addr::UNSPECIFIED, mac(5), start);
        heard.hear(address(7), Mac([0x33, 0x33, 0, 0, 0, 1]), start);
        assert_eq!(
            heard.take_changes(),
            [NeighbourChange::At(address(5), mac(5))]
        );
        assert_eq!(heard.of(mac(5)).collect::<Vec<_>>(), [address(5)]);
        heard.hear(address(5), mac(6), start + KEPT / 2);
        assert_eq!(
            heard.take_changes(),
            [NeighbourChange::At(address(5), mac(6))]
        );
        assert_eq!(
            (heard.of(mac(5)).count(), heard.holder(address(5))),
            (0, Some(mac(6)))
        );
        heard.were_flushed();
        assert_eq!(
            heard.take_changes(),
            [NeighbourChange::At(address(5), mac(6))]
        );
        heard.expire(start + KEPT);
        assert_eq!(heard.take_changes(), []);
        assert_eq!(heard.deadline(), Some(start + KEPT / 2 + KEPT));
        heard.expire(start + KEPT / 2 + KEPT);
        assert_eq!(heard.take_changes(), [NeighbourChange::Gone(address(5))]);
        assert_eq!(heard.deadline(), None);
    }

    #[test]
    fn a_flood_of_addresses_fills_no_memory() {
        let (mut heard, start) = (HeardNeighbours::default(), Instant::now());
        for host in 0..u128::try_from(2 * MOST).expect("few") {
            let address = Ipv6Addr::from_bits((0x2001_0db8 << 96) | host);
            heard.hear(address, Mac([2, 0, 0, 0, 0, 1]), start);
        }
        assert_eq!(heard.known.len(), MOST);
    }
}
