//! Who holds which number until when.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::Ipv6Addr;
use std::time::Instant;

use lanherd_dhcp6::{Duid, Ia, IaKind};
use lanherd_types::identity::Mac;

/// One identity association of one client.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct IaKey {
    pub(super) duid: Duid,
    pub(super) kind: IaKind,
    pub(super) iaid: u32,
}

impl IaKey {
    pub(super) fn of(duid: &Duid, ia: &Ia) -> Self {
        Self {
            duid: duid.clone(),
            kind: ia.kind,
            iaid: ia.iaid,
        }
    }
}

/// How firmly something is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Firmness {
    Offered,
    Bound,
    /// No longer: the client gets it back while nobody else has had it.
    Past,
}

/// What one identity association has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) mac: Mac,
    pub(super) link_local: Ipv6Addr,
    pub(super) until: Instant,
    firmness: Firmness,
}

/// What is given out by number, below `len`.
#[derive(Debug)]
pub(super) struct Leases {
    len: u64,
    by_key: HashMap<IaKey, Numbered>,
    by_number: HashMap<u64, IaKey>,
    ends: BTreeSet<(Instant, IaKey)>,
    /// Those that somebody else uses, and until when they are set aside.
    declined: BTreeMap<u64, Instant>,
}

impl Leases {
    pub(super) fn new(len: u64) -> Self {
        Self {
            len,
            by_key: HashMap::new(),
            by_number: HashMap::new(),
            ends: BTreeSet::new(),
            declined: BTreeMap::new(),
        }
    }

    /// Gives what the client has, or what it would like, or anything that is free; `None`: nothing is.
    pub(super) fn give(
        &mut self,
        key: &IaKey,
        hint: Option<u64>,
        (mac, link_local): (Mac, Ipv6Addr),
        is_bound: bool,
        until: Instant,
    ) -> Option<u64> {
        let number = self.choose(key, hint)?;
        let before = self.by_key.get(key);
        // A lease goes on while its client only looks for another.
        let stays = before.filter(|it| it.firmness == Firmness::Bound && !is_bound);
        let (firmness, until) = stays.map_or(
            (
                if is_bound {
                    Firmness::Bound
                } else {
                    Firmness::Offered
                },
                until,
            ),
            |it| (it.firmness, it.until),
        );
        self.remove(key);
        let gone = self.by_number.get(&number).cloned();
        if let Some(gone) = gone {
            self.remove(&gone);
        }
        self.by_number.insert(number, key.clone());
        self.ends.insert((until, key.clone()));
        self.by_key.insert(
            key.clone(),
            Numbered {
                number,
                mac,
                link_local,
                until,
                firmness,
            },
        );
        Some(number)
    }

    fn choose(&self, key: &IaKey, hint: Option<u64>) -> Option<u64> {
        if let Some(own) = self.by_key.get(key) {
            return Some(own.number);
        }
        if let Some(hint) = hint.filter(|hint| *hint < self.len && self.is_free(*hint)) {
            return Some(hint);
        }
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let start = hasher.finish().checked_rem(self.len)?;
        let all = || (start..self.len).chain(0..start);
        // At most as many are taken as there are clients, so that a free one is near.
        let never_had = |number: &u64| {
            !self.by_number.contains_key(number) && !self.declined.contains_key(number)
        };
        let taken = self.by_number.len() + self.declined.len();
        let has_room = u64::try_from(taken).is_ok_and(|taken| taken < self.len);
        let fresh = has_room.then(|| all().find(never_had)).flatten();
        fresh.or_else(|| {
            let past = self.by_key.values();
            let past = past.filter(|it| it.firmness == Firmness::Past);
            past.min_by_key(|it| it.until).map(|it| it.number)
        })
    }

    fn is_free(&self, number: u64) -> bool {
        let holder = self.by_number.get(&number);
        let holder = holder.and_then(|key| self.by_key.get(key));
        holder.is_none_or(|it| it.firmness == Firmness::Past)
            && !self.declined.contains_key(&number)
    }

    fn remove(&mut self, key: &IaKey) {
        if let Some(gone) = self.by_key.remove(key) {
            self.by_number.remove(&gone.number);
            self.ends.remove(&(gone.until, key.clone()));
        }
    }

    /// The client gives it back, or finds that somebody else uses it, and it is set aside until then.
    pub(super) fn end(&mut self, key: &IaKey, declined_until: Option<Instant>) {
        match declined_until {
            Some(until) => {
                if let Some(gone) = self.by_key.get(key) {
                    self.declined.insert(gone.number, until);
                }
                self.remove(key);
            }
            None => {
                if let Some(held) = self.by_key.get_mut(key) {
                    held.firmness = Firmness::Past;
                    let end = (held.until, key.clone());
                    self.ends.remove(&end);
                }
            }
        }
    }

    /// Frees what has run out.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some((_, key)) = self
            .ends
            .first()
            .filter(|(until, _)| *until <= now)
            .cloned()
        {
            let firmness = self.by_key.get(&key).map(|held| held.firmness);
            if firmness == Some(Firmness::Offered) {
                self.remove(&key);
            } else {
                self.end(&key, None);
            }
        }
        self.declined.retain(|_, until| *until > now);
    }

    pub(super) fn next_end(&self) -> Option<Instant> {
        let first = self.ends.first().map(|(until, _)| *until);
        let declined = self.declined.values().copied().min();
        first.into_iter().chain(declined).min()
    }

    /// What the client holds for that identity association.
    pub(super) fn number_of(&self, key: &IaKey) -> Option<u64> {
        let held = self.by_key.get(key)?;
        (held.firmness != Firmness::Past).then_some(held.number)
    }

    pub(super) fn is_bound(&self, key: &IaKey) -> bool {
        let held = self.by_key.get(key);
        held.is_some_and(|held| held.firmness == Firmness::Bound)
    }

    pub(super) fn bound(&self) -> impl Iterator<Item = (&IaKey, &Numbered)> {
        let all = self.by_key.iter();
        all.filter(|(_, held)| held.firmness == Firmness::Bound)
    }

    /// Forgets everybody and all that was leased.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.len);
    }
}
