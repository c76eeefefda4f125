//! Which client of a herd holds which address: no two may hold one at one time, whatever servers say.

mod ipv6;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};

use crate::identity::ClientNumber;

/// All addresses that a herd holds. Entered before an address is used, and so the one place that knows of a duplicate in
/// time: the kernel switches frames between macvlans of one parent past every other check.
#[derive(Debug, Default)]
pub struct AddressBook {
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    by_address: HashMap<Ipv4Addr, Holding>,
    /// Of each client the address that it entered last.
    by_client: HashMap<ClientNumber, Ipv4Addr>,
    ipv6: ipv6::Held6,
}

#[derive(Debug, Clone, Copy)]
struct Holding {
    client: ClientNumber,
    /// `None`: for ever.
    until: Option<Instant>,
}

impl Holding {
    fn holds(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until > now)
    }
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
        let other = held
            .by_address
            .get(&address)
            .filter(|holding| holding.client != client && holding.holds(now));
        if let Some(other) = other {
            return Err(other.client);
        }
        held.by_address.insert(address, Holding { client, until });
        held.by_client.insert(client, address);
        Ok(())
    }

    /// Enters that `client` does not hold `address` any more; nothing, where it did not.
    pub fn give_up(&self, address: Ipv4Addr, client: ClientNumber) {
        let mut held = self.held();
        if held
            .by_address
            .get(&address)
            .is_some_and(|holding| holding.client == client)
        {
            held.by_address.remove(&address);
        }
        if held.by_client.get(&client) == Some(&address) {
            held.by_client.remove(&client);
        }
    }

    /// The address that `client` holds.
    pub fn address_of(&self, client: ClientNumber, now: Instant) -> Option<Ipv4Addr> {
        let held = self.held();
        let address = held.by_client.get(&client)?;
        let holding = held.by_address.get(address)?;
        let holds = holding.client == client && holding.holds(now);
        holds.then_some(*address)
    }

    /// How many addresses are entered.
    pub fn len(&self) -> usize {
        let held = self.held();
        held.by_address.len() + held.ipv6.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // A reader asks both maps, so what a panic left between two changes is as good as whole.
        self.held.lock()
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
        assert_eq!(book.address_of(ONE, now), Some(ADDRESS));
        assert_eq!(book.address_of(ONE, end), None);
        assert_eq!(book.claim(ADDRESS, TWO, None, end), Ok(()));
        assert_eq!(book.len(), 1);
        assert_eq!(book.address_of(ONE, now), None, "it is another's now");
        assert_eq!(book.address_of(TWO, end), Some(ADDRESS));
    }

    #[test]
    fn a_client_that_moved_has_its_latest_address_whatever_it_gives_up_afterwards() {
        let (book, now) = (AddressBook::default(), Instant::now());
        let second = Ipv4Addr::new(10, 0, 0, 8);
        assert_eq!(book.claim(ADDRESS, ONE, None, now), Ok(()));
        assert_eq!(book.claim(second, ONE, None, now), Ok(()));
        book.give_up(ADDRESS, ONE);
        assert_eq!(book.address_of(ONE, now), Some(second));
        book.give_up(second, ONE);
        assert_eq!(book.address_of(ONE, now), None);
    }
}
