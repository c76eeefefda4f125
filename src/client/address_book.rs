//! Which client of a herd holds which address: no two may hold one at one time, whatever servers say.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::identity::ClientNumber;

/// All addresses that a herd holds. Entered before an address is used, and so the one place that knows of a duplicate in
/// time: the kernel switches frames between macvlans of one parent past every other check.
#[derive(Debug, Default)]
pub struct AddressBook {
    held: Mutex<HashMap<Ipv4Addr, Holding>>,
}

#[derive(Debug, Clone, Copy)]
struct Holding {
    client: ClientNumber,
    /// `None`: for ever.
    until: Option<Instant>,
}

impl AddressBook {
    /// Enters that `client` holds `address` until its lease ends, or returns who holds it.
    ///
    /// A client that is between two lives holds its address until its lease has ended.
    pub fn claim(
        &self,
        address: Ipv4Addr,
        client: ClientNumber,
        until: Option<Instant>,
        now: Instant,
    ) -> Result<(), ClientNumber> {
        let mut held = self.held();
        let other = held.get(&address).filter(|holding| {
            holding.client != client && holding.until.is_none_or(|until| until > now)
        });
        if let Some(other) = other {
            return Err(other.client);
        }
        held.insert(address, Holding { client, until });
        Ok(())
    }

    /// Enters that `client` does not hold `address` any more; nothing, where it did not.
    pub fn give_up(&self, address: Ipv4Addr, client: ClientNumber) {
        let mut held = self.held();
        if held
            .get(&address)
            .is_some_and(|holding| holding.client == client)
        {
            held.remove(&address);
        }
    }

    /// How many addresses are entered.
    pub fn len(&self) -> usize {
        self.held().len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.held().is_empty()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Ipv4Addr, Holding>> {
        // Every change is one insertion or removal, so what a panic left is whole.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 7);
    const ONE: ClientNumber = ClientNumber(1);
    const TWO: ClientNumber = ClientNumber(2);

    #[test]
    fn an_address_is_held_by_one_client_until_it_gives_it_up() {
        let (book, now) = (AddressBook::default(), Instant::now());
        assert_eq!(book.claim(ADDRESS, ONE, None, now), Ok(()));
        assert_eq!(
            book.claim(ADDRESS, ONE, None, now),
            Ok(()),
            "again, as in a renewal"
        );
        assert_eq!(book.claim(ADDRESS, TWO, None, now), Err(ONE));
        book.give_up(ADDRESS, TWO);
        assert_eq!(
            book.claim(ADDRESS, TWO, None, now),
            Err(ONE),
            "it was not two's to give up"
        );
        book.give_up(ADDRESS, ONE);
        assert_eq!(book.claim(ADDRESS, TWO, None, now), Ok(()));
        book.give_up(ADDRESS, TWO);
        assert!(book.is_empty());
    }

    #[test]
    fn a_lease_that_has_ended_holds_nothing() {
        let (book, now) = (AddressBook::default(), Instant::now());
        let end = now + Duration::from_secs(60);
        assert_eq!(book.claim(ADDRESS, ONE, Some(end), now), Ok(()));
        assert_eq!(
            book.claim(ADDRESS, TWO, None, now + Duration::from_secs(59)),
            Err(ONE)
        );
        assert_eq!(book.claim(ADDRESS, TWO, None, end), Ok(()));
        assert_eq!(book.len(), 1);
    }
}
