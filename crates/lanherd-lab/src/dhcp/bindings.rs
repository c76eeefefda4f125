//! Who has, had, or may not have which address of the pool.
//!
//! Every step is logarithmic in the number of addresses, so that a herd of thousands costs hardly more per client than
//! one of ten. Trees and not hash tables, which take twice the room all at once when one client more comes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::range::AddressRange;
use lanherd_dhcp::Message;
use lanherd_dhcp::options::code;
use lanherd_types::identity::Mac;

/// What tells one client from another: its client identifier, or where it sends none its hardware address (RFC 2131,
/// 4.2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum ClientKey {
    Id(Vec<u8>),
    Hardware(Mac),
}

impl ClientKey {
    pub(super) fn of(message: &Message) -> Self {
        match message.options.get(code::CLIENT_ID) {
            Some(id) => Self::Id(id.into_owned()),
            None => Self::Hardware(message.chaddr),
        }
    }
}

/// An address that is offered to a client, or bound to it.
#[derive(Debug, Clone)]
pub(super) struct Holding {
    pub(super) client: ClientKey,
    pub(super) mac: Mac,
    /// Lower case, and fit to be one label of a domain name.
    pub(super) host_name: Option<String>,
    pub(super) hold: Hold,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hold {
    /// Kept free for the client's REQUEST until then.
    Offered { until: Instant },
    /// Leased until then; `None`: for ever.
    Bound { until: Option<Instant> },
}

impl Hold {
    pub(super) fn until(self) -> Option<Instant> {
        match self {
            Self::Offered { until } => Some(until),
            Self::Bound { until } => until,
        }
    }
}

#[derive(Debug)]
enum Slot {
    Held(Holding),
    /// Free again; `since` orders them by age. The last client may have it back (RFC 2131, 4.3.1).
    Idle {
        last: Option<ClientKey>,
        since: u64,
        /// When nobody can still think that it is his; `None`: never.
        rested: Option<Instant>,
    },
    /// A client found it in use by somebody else.
    Declined {
        until: Instant,
    },
}

/// What the server knows of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Record {
    /// This address is offered or bound to it.
    Held(Ipv4Addr, Hold),
    /// It had this address last, and nobody has had it since.
    Past(Ipv4Addr),
}

impl Record {
    pub(super) fn address(self) -> Ipv4Addr {
        match self {
            Self::Held(address, _) | Self::Past(address) => address,
        }
    }
}

#[derive(Debug)]
pub(super) struct Bindings {
    range: AddressRange,
    /// For how long somebody who is not told may think that an address is his; `None`: for ever.
    lease: Option<Duration>,
    /// The moment of the last [`Self::expire`]; before the first nothing can be freed.
    now: Option<Instant>,
    /// No address below it is without a slot.
    fresh: u32,
    slots: BTreeMap<Ipv4Addr, Slot>,
    /// Whose slot is whose: exactly the clients of `Held` slots and the `last` ones of `Idle` slots.
    clients: BTreeMap<ClientKey, Ipv4Addr>,
    host_names: BTreeMap<String, Ipv4Addr>,
    /// When `Held` and `Declined` slots end.
    deadlines: BTreeSet<(Instant, Ipv4Addr)>,
    /// The `Idle` slots, oldest first.
    idle: BTreeSet<(u64, Ipv4Addr)>,
    freed: u64,
    /// How many slots are `Held`, and how many of these are bound.
    held: usize,
    bound: usize,
    vacated: Vec<Ipv4Addr>,
}

impl Bindings {
    /// Of a range, of which leases last so long; `None`: for ever.
    pub(super) fn new(range: AddressRange, lease: Option<Duration>) -> Self {
        Self {
            range,
            lease,
            now: None,
            fresh: range.first().to_bits(),
            slots: BTreeMap::new(),
            clients: BTreeMap::new(),
            host_names: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            idle: BTreeSet::new(),
            freed: 0,
            held: 0,
            bound: 0,
            vacated: Vec::new(),
        }
    }

    pub(super) fn record(&self, client: &ClientKey) -> Option<Record> {
        let address = *self.clients.get(client)?;
        match self.slots.get(&address)? {
            Slot::Held(holding) => Some(Record::Held(address, holding.hold)),
            Slot::Idle { .. } => Some(Record::Past(address)),
            Slot::Declined { .. } => None,
        }
    }

    pub(super) fn holding(&self, address: Ipv4Addr) -> Option<&Holding> {
        match self.slots.get(&address)? {
            Slot::Held(holding) => Some(holding),
            Slot::Idle { .. } | Slot::Declined { .. } => None,
        }
    }

    /// Every address that is bound.
    pub(super) fn bound(&self) -> impl Iterator<Item = (Ipv4Addr, &Holding)> {
        self.slots.iter().filter_map(|(address, slot)| match slot {
            Slot::Held(holding) if matches!(holding.hold, Hold::Bound { .. }) => {
                Some((*address, holding))
            }
            Slot::Held(_) | Slot::Idle { .. } | Slot::Declined { .. } => None,
        })
    }

    pub(super) fn bound_count(&self) -> usize {
        self.bound
    }

    /// How many addresses are offered or bound.
    pub(super) fn held_count(&self) -> usize {
        self.held
    }

    pub(super) fn with_host_name(&self, name: &str) -> Option<Ipv4Addr> {
        self.host_names.get(name).copied()
    }

    /// The address for a new offer, in the order of RFC 2131, 4.3.1: the client's present or previous one, the one it
    /// asks for, one that has been free for as long as a lease lasts, one that was never used, the one that has been free
    /// for longest. `None`: there is no free one. So no more addresses are remembered than a lease's time needs, however
    /// many clients come and go.
    pub(super) fn choose(
        &mut self,
        client: &ClientKey,
        requested: Option<Ipv4Addr>,
    ) -> Option<Ipv4Addr> {
        if let Some(record) = self.record(client) {
            return Some(record.address());
        }
        if let Some(address) = requested.filter(|address| self.is_free(*address)) {
            return Some(address);
        }
        let oldest = self.idle.first().map(|(_, address)| *address);
        if oldest.is_some_and(|address| self.has_rested(address)) {
            return oldest;
        }
        while self.fresh <= self.range.last().to_bits() {
            let address = Ipv4Addr::from_bits(self.fresh);
            if !self.slots.contains_key(&address) {
                return Some(address);
            }
            self.fresh += 1;
        }
        oldest
    }

    fn has_rested(&self, address: Ipv4Addr) -> bool {
        match self.slots.get(&address) {
            Some(Slot::Idle { rested, .. }) => rested.is_some() && *rested <= self.now,
            Some(Slot::Held(_) | Slot::Declined { .. }) | None => false,
        }
    }

    pub(super) fn is_free(&self, address: Ipv4Addr) -> bool {
        self.range.contains(address)
            && match self.slots.get(&address) {
                None | Some(Slot::Idle { .. }) => true,
                Some(Slot::Held(_) | Slot::Declined { .. }) => false,
            }
    }

    /// Gives `address`, which must be free or the client's own, to a client; what else that had is free.
    pub(super) fn hold(&mut self, address: Ipv4Addr, holding: Holding) {
        if let Some(other) = self
            .clients
            .get(&holding.client)
            .copied()
            .filter(|other| *other != address)
        {
            self.free(other, None);
        }
        self.clear(address);
        self.clients.insert(holding.client.clone(), address);
        if let Some(name) = &holding.host_name {
            self.host_names.insert(name.clone(), address);
        }
        self.deadlines
            .extend(holding.hold.until().map(|until| (until, address)));
        self.held += 1;
        self.bound += usize::from(matches!(holding.hold, Hold::Bound { .. }));
        self.slots.insert(address, Slot::Held(holding));
    }

    /// Frees `address`, remembering who had it.
    pub(super) fn release(&mut self, address: Ipv4Addr) {
        let last = self.holding(address).map(|holding| holding.client.clone());
        self.free(address, last);
    }

    /// Frees `address`, forgetting who had it.
    pub(super) fn forget(&mut self, address: Ipv4Addr) {
        self.free(address, None);
    }

    /// Frees everything, forgetting who had what. What was held is given out last of all.
    pub(super) fn forget_everything(&mut self) {
        let age = |slot: &Slot| match slot {
            Slot::Idle { since, .. } => *since,
            Slot::Held(_) | Slot::Declined { .. } => u64::MAX,
        };
        let slots = self.slots.iter();
        let mut addresses: Vec<_> = slots.map(|(address, slot)| (age(slot), *address)).collect();
        addresses.sort_unstable();
        for (_, address) in addresses {
            self.forget(address);
        }
    }

    /// Says that somebody has left `address`, which others may hold still.
    pub(super) fn vacate(&mut self, address: Ipv4Addr) {
        self.vacated.push(address);
    }

    /// Sets `address` aside until then.
    pub(super) fn decline(&mut self, address: Ipv4Addr, until: Instant) {
        self.clear(address);
        self.vacated.push(address);
        self.deadlines.insert((until, address));
        self.slots.insert(address, Slot::Declined { until });
    }

    /// Frees everything whose time is up.
    pub(super) fn expire(&mut self, now: Instant) {
        self.now = Some(now);
        while let Some((_, address)) = self
            .deadlines
            .first()
            .copied()
            .filter(|(until, _)| *until <= now)
        {
            self.release(address);
        }
    }

    /// When [`Self::expire`] next has something to do.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(until, _)| *until)
    }

    /// The addresses that clients have left since the last call; some may be held again.
    pub(super) fn take_vacated(&mut self) -> Vec<Ipv4Addr> {
        std::mem::take(&mut self.vacated)
    }

    fn free(&mut self, address: Ipv4Addr, last: Option<ClientKey>) {
        let rested = match self.slots.get(&address) {
            // Forgetting who had it last does not begin its rest anew.
            Some(Slot::Idle { rested, .. }) => *rested,
            Some(Slot::Held(_) | Slot::Declined { .. }) | None => {
                let rest = self.now.zip(self.lease);
                rest.and_then(|(now, lease)| now.checked_add(lease))
            }
        };
        self.clear(address);
        self.vacated.push(address);
        if let Some(last) = &last {
            self.clients.insert(last.clone(), address);
        }
        self.freed += 1;
        self.idle.insert((self.freed, address));
        self.slots.insert(
            address,
            Slot::Idle {
                last,
                since: self.freed,
                rested,
            },
        );
    }

    /// Takes `address` out of every index.
    fn clear(&mut self, address: Ipv4Addr) {
        match self.slots.remove(&address) {
            None => {}
            Some(Slot::Held(holding)) => {
                self.clients.remove(&holding.client);
                if let Some(until) = holding.hold.until() {
                    self.deadlines.remove(&(until, address));
                }
                self.held -= 1;
                self.bound -= usize::from(matches!(holding.hold, Hold::Bound { .. }));
                if let Some(name) = holding.host_name
                    && self.host_names.get(&name) == Some(&address)
                {
                    self.host_names.remove(&name);
                }
            }
            Some(Slot::Idle { last, since, .. }) => {
                self.idle.remove(&(since, address));
                if let Some(last) = last {
                    self.clients.remove(&last);
                }
            }
            Some(Slot::Declined { until }) => {
                self.deadlines.remove(&(until, address));
            }
        }
    }
}
