//! The IPv6 addresses of a herd: each client has several, link-local ones included.

use std::collections::HashMap;
use std::net::Ipv6Addr;
use std::time::Instant;

use super::{AddressBook, Holding};
use crate::identity::ClientNumber;

/// Who holds which, and of each client what it holds in the order of use.
#[derive(Debug, Default)]
pub(super) struct Held6 {
    by_address: HashMap<Ipv6Addr, Holding>,
    by_client: HashMap<ClientNumber, Vec<Ipv6Addr>>,
}

impl Held6 {
    pub(super) fn len(&self) -> usize {
        self.by_address.len()
    }
}

impl AddressBook {
    /// Enters that `client` holds `address` until it ends, or returns who holds it.
    ///
    /// # Errors
    /// The other client that holds it.
    pub fn claim6(
        &self,
        address: Ipv6Addr,
        client: ClientNumber,
        until: Option<Instant>,
        now: Instant,
    ) -> Result<(), ClientNumber> {
        let Held6 {
            by_address,
            by_client,
        } = &mut self.held().ipv6;
        let other = by_address.get(&address);
        if let Some(other) = other.filter(|it| it.client != client && it.holds(now)) {
            return Err(other.client);
        }
        by_address.insert(address, Holding { client, until });
        let own = by_client.entry(client).or_default();
        if !own.contains(&address) {
            own.push(address);
        }
        Ok(())
    }

    /// Has `client` give up whatever it is not to keep.
    pub fn keep6(&self, client: ClientNumber, mut is_kept: impl FnMut(Ipv6Addr) -> bool) {
        let Held6 {
            by_address,
            by_client,
        } = &mut self.held().ipv6;
        let Some(own) = by_client.get_mut(&client) else {
            return;
        };
        own.retain(|address| {
            let stays = is_kept(*address);
            if !stays
                && by_address
                    .get(address)
                    .is_some_and(|it| it.client == client)
            {
                by_address.remove(address);
            }
            stays
        });
        if own.is_empty() {
            by_client.remove(&client);
        }
    }

    /// Who holds `address`.
    pub fn holder6(&self, address: Ipv6Addr, now: Instant) -> Option<ClientNumber> {
        let held = self.held();
        let holding = held.ipv6.by_address.get(&address)?;
        holding.holds(now).then_some(holding.client)
    }

    /// The address by which others beyond the link reach `client`: its first that is not link-local.
    pub fn address6_of(&self, client: ClientNumber, now: Instant) -> Option<Ipv6Addr> {
        let held = self.held();
        let own = held.ipv6.by_client.get(&client)?.iter();
        let mut global = own.filter(|address| !address.is_unicast_link_local());
        global
            .find(|address| {
                let holding = held.ipv6.by_address.get(address);
                holding.is_some_and(|it| it.client == client && it.holds(now))
            })
            .copied()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 7);
    const GLOBAL: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7);
    const ONE: ClientNumber = ClientNumber(1);
    const TWO: ClientNumber = ClientNumber(2);

    #[test]
    fn an_address_is_held_by_one_client_until_it_keeps_it_no_more_or_it_ends() {
        let (book, now) = (AddressBook::default(), Instant::now());
        let end = now + Duration::from_secs(60);
        assert_eq!(book.claim6(LINK_LOCAL, ONE, None, now), Ok(()));
        assert_eq!(book.claim6(GLOBAL, ONE, Some(end), now), Ok(()));
        assert_eq!(book.claim6(GLOBAL, ONE, Some(end), now), Ok(()), "again");
        assert_eq!(book.claim6(LINK_LOCAL, TWO, None, now), Err(ONE));
        assert_eq!(book.address6_of(ONE, now), Some(GLOBAL));
        assert_eq!(book.holder6(GLOBAL, now), Some(ONE));
        assert_eq!(book.claim6(GLOBAL, TWO, None, now), Err(ONE));
        assert_eq!(book.claim6(GLOBAL, TWO, None, end), Ok(()));
        assert_eq!(book.address6_of(ONE, end), None, "it is another's now");
        book.keep6(ONE, |address| address == GLOBAL);
        assert_eq!(book.claim6(LINK_LOCAL, TWO, None, now), Ok(()));
        book.keep6(ONE, |_| false);
        assert_eq!(
            book.holder6(GLOBAL, end),
            Some(TWO),
            "it was not one's to give up"
        );
        book.keep6(TWO, |_| false);
        assert!(book.is_empty());
    }
}
