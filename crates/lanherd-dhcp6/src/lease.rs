//! What a server leased: addresses and prefixes with their lifetimes, when more must be asked for, and what came with them.

use std::net::Ipv6Addr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::auth::{Authentication, ReconfigureKey};
use super::{Duid, ExcludedPrefix, IaKind, Options, Parameters, Prefix};

/// A lease: all that one server leased to one client.
///
/// `T` is a point in time: an [`Instant`] in a running client, a [`UnixTime`] in a file ([`Lease::store`], [`Lease::restore`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease<T = Instant> {
    /// The DUID of the server that leased it.
    pub server: Duid,
    /// What it leased, by identity association; one that has nothing is not here.
    pub ias: Vec<LeasedIa<T>>,
    /// Resolvers and the like.
    #[serde(default)]
    pub parameters: Parameters,
    /// The key of its RECONFIGUREs, where it sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconfigure: Option<ServerKey>,
}

/// What was leased to one identity association.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeasedIa<T = Instant> {
    /// What it is for.
    pub kind: IaKind,
    /// The number that the client gave it: the IAID.
    pub iaid: u32,
    /// T1: when its server is asked for more; `None`: never.
    pub renew_at: Option<T>,
    /// T2: when any server is asked for more; `None`: never.
    pub rebind_at: Option<T>,
    /// The addresses leased in it; one of prefixes has none.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<LeasedAddress<T>>,
    /// The prefixes delegated in it; one of addresses has none.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<LeasedPrefix<T>>,
}

/// A leased address. Nothing is said of who else is on the link: its prefix has 128 bits (RFC 9915, 18.2.10.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeasedAddress<T = Instant> {
    /// The address that the client may use.
    pub address: Ipv6Addr,
    /// For how long.
    #[serde(flatten)]
    pub lifetimes: Lifetimes<T>,
}

impl<T> LeasedAddress<T> {
    /// The length of its prefix.
    // RFC 9915, 21.6: an address makes no prefix but one of 128 bits.
    pub const PREFIX_LEN: u8 = 128;
}

/// A delegated prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeasedPrefix<T = Instant> {
    /// The prefix that the client may give out parts of.
    pub prefix: Prefix,
    /// The part of it that is not the client's (RFC 6603).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excluded: Option<ExcludedPrefix>,
    /// For how long.
    #[serde(flatten)]
    pub lifetimes: Lifetimes<T>,
}

impl<T> LeasedPrefix<T> {
    /// The parts of it with `length` bits that may go on links behind the client, in their order.
    // RFC 6603, 4.1: the excluded prefix goes on no link behind the client.
    pub fn parts(&self, length: u8) -> impl Iterator<Item = Prefix> {
        let (whole, excluded) = (self.prefix, self.excluded);
        let is_free = move |part: &Prefix| {
            excluded.is_none_or(|ExcludedPrefix(excluded)| {
                !part.contains(excluded.address()) && !excluded.contains(part.address())
            })
        };
        (0..)
            .map_while(move |number| whole.part(length, number))
            .filter(is_free)
    }
}

/// Until when something is leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifetimes<T = Instant> {
    /// From then on nothing new begins with it; `None`: never.
    pub preferred_until: Option<T>,
    /// From then on it is not used; `None`: never.
    pub valid_until: Option<T>,
}

/// The key of a server's RECONFIGUREs, and the newest number that it was used with (RFC 9915, 20.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerKey {
    /// The key that the server sent.
    pub key: ReconfigureKey,
    /// The newest number: a RECONFIGURE with one that is not above it is a replay.
    pub replay: u64,
}

impl ServerKey {
    /// The key after a message of its server: the one in the message, if that is newer than the one `known`, and else that.
    pub(crate) fn read(options: &Options, known: Option<Self>) -> Option<Self> {
        match Authentication::read(options) {
            Some(Authentication::Key { key, replay })
                if known.is_none_or(|known| replay > known.replay) =>
            {
                Some(Self { key, replay })
            }
            _ => known,
        }
    }
}

/// A point in time for a file: milliseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixTime(pub u64);

/// A lease in a file.
pub type StoredLease = Lease<UnixTime>;

/// One moment on both clocks: leases are timed by the one that nobody sets, files by the one that outlives a process.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// The monotonic clock.
    pub instant: Instant,
    /// The wall clock.
    pub wall: SystemTime,
}

impl<T: Copy> Lease<T> {
    /// The addresses in it.
    pub fn addresses(&self) -> impl Iterator<Item = &LeasedAddress<T>> {
        self.ias.iter().flat_map(|ia| &ia.addresses)
    }

    /// The prefixes in it.
    pub fn prefixes(&self) -> impl Iterator<Item = &LeasedPrefix<T>> {
        self.ias.iter().flat_map(|ia| &ia.prefixes)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.ias.iter().all(LeasedIa::is_empty)
    }

    /// What was leased to that identity association.
    pub fn ia(&self, kind: IaKind, iaid: u32) -> Option<&LeasedIa<T>> {
        self.ias
            .iter()
            .find(|ia| (ia.kind, ia.iaid) == (kind, iaid))
    }

    fn lifetimes(&self) -> impl Iterator<Item = Lifetimes<T>> {
        let of_addresses = self.addresses().map(|it| it.lifetimes);
        of_addresses.chain(self.prefixes().map(|it| it.lifetimes))
    }

    fn map<U>(&self, time: impl Fn(T) -> U + Copy) -> Lease<U> {
        let lifetimes = |it: Lifetimes<T>| Lifetimes {
            preferred_until: it.preferred_until.map(time),
            valid_until: it.valid_until.map(time),
        };
        let ia = |ia: &LeasedIa<T>| LeasedIa {
            kind: ia.kind,
            iaid: ia.iaid,
            renew_at: ia.renew_at.map(time),
            rebind_at: ia.rebind_at.map(time),
            addresses: ia
                .addresses
                .iter()
                .map(|it| LeasedAddress {
                    address: it.address,
                    lifetimes: lifetimes(it.lifetimes),
                })
                .collect(),
            prefixes: ia
                .prefixes
                .iter()
                .map(|it| LeasedPrefix {
                    prefix: it.prefix,
                    excluded: it.excluded,
                    lifetimes: lifetimes(it.lifetimes),
                })
                .collect(),
        };
        Lease {
            server: self.server.clone(),
            ias: self.ias.iter().map(ia).collect(),
            parameters: self.parameters.clone(),
            reconfigure: self.reconfigure,
        }
    }
}

impl<T> LeasedIa<T> {
    /// Whether nothing was leased to it.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.prefixes.is_empty()
    }
}

impl LeasedIa {
    /// When the last of what it has ends; `None`: never.
    pub(crate) fn last_end(&self) -> Option<Instant> {
        let of_addresses = self.addresses.iter().map(|it| it.lifetimes.valid_until);
        let of_prefixes = self.prefixes.iter().map(|it| it.lifetimes.valid_until);
        let ends: Option<Vec<Instant>> = of_addresses.chain(of_prefixes).collect();
        ends?.into_iter().max()
    }
}

impl Lease {
    /// T1: when its server is asked for more, at the earliest of all identity associations (RFC 9915, 18.2.4); `None`: never.
    // RFC 9915, 18.2.4: all that a server leased is extended at once, at the earliest T1 and T2.
    pub fn renew_at(&self) -> Option<Instant> {
        self.ias.iter().filter_map(|ia| ia.renew_at).min()
    }

    /// T2: when any server is asked for more, likewise; `None`: never.
    pub fn rebind_at(&self) -> Option<Instant> {
        self.ias.iter().filter_map(|ia| ia.rebind_at).min()
    }

    /// When the next of what it has ends; `None`: nothing does.
    pub fn next_end(&self) -> Option<Instant> {
        self.lifetimes().filter_map(|it| it.valid_until).min()
    }

    /// When the last of what it has ends; `None`: never.
    pub fn expires_at(&self) -> Option<Instant> {
        let ends: Option<Vec<Instant>> = self.lifetimes().map(|it| it.valid_until).collect();
        ends?.into_iter().max()
    }

    /// Takes out what `is_gone` says, and gives it.
    pub(crate) fn take(
        &mut self,
        is_gone: impl Fn(IaKind, u32, Leased, &Lifetimes) -> bool,
    ) -> Gone {
        let mut gone = Gone::default();
        for ia in &mut self.ias {
            let (kind, iaid) = (ia.kind, ia.iaid);
            ia.addresses.retain(|it| {
                let goes = is_gone(kind, iaid, Leased::Address(it.address), &it.lifetimes);
                if goes {
                    gone.addresses.push(it.address);
                }
                !goes
            });
            ia.prefixes.retain(|it| {
                let goes = is_gone(kind, iaid, Leased::Prefix(it.prefix), &it.lifetimes);
                if goes {
                    gone.prefixes.push(it.prefix);
                }
                !goes
            });
        }
        self.ias.retain(|ia| !ia.is_empty());
        gone
    }

    /// Takes out what is not valid any more.
    // RFC 9915, 18.2.10.1: what is not valid any more is used no more, each address and prefix by itself.
    pub(crate) fn take_ended(&mut self, now: Instant) -> Gone {
        self.take(|_, _, _, lifetimes| lifetimes.valid_until.is_some_and(|end| end <= now))
    }

    /// For a file.
    pub fn store(&self, clock: Clock) -> StoredLease {
        self.map(|instant| {
            let wall = match instant.checked_duration_since(clock.instant) {
                Some(ahead) => clock.wall.checked_add(ahead),
                None => clock
                    .wall
                    .checked_sub(clock.instant.saturating_duration_since(instant)),
            };
            let since = wall.and_then(|wall| wall.duration_since(UNIX_EPOCH).ok());
            let millis = since.map_or(0, |since| since.as_millis());
            UnixTime(u64::try_from(millis).unwrap_or(u64::MAX))
        })
    }
}

impl StoredLease {
    /// From a file: what of it is still valid. `None`: nothing is.
    pub fn restore(&self, clock: Clock) -> Option<Lease> {
        let mut lease = self.map(|UnixTime(millis)| {
            let wall = UNIX_EPOCH.checked_add(Duration::from_millis(millis));
            let wall = wall.unwrap_or(clock.wall);
            match wall.duration_since(clock.wall) {
                Ok(ahead) => clock.instant.checked_add(ahead),
                Err(behind) => clock.instant.checked_sub(behind.duration()),
            }
            // No more can be said of a moment that the clock cannot tell.
            .unwrap_or(clock.instant)
        });
        lease.take_ended(clock.instant);
        (!lease.is_empty()).then_some(lease)
    }
}

/// An address or a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leased {
    Address(Ipv6Addr),
    Prefix(Prefix),
}

/// Addresses and prefixes that are the client's no more.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gone {
    /// The addresses that must not be used any more.
    pub addresses: Vec<Ipv6Addr>,
    /// The prefixes that must not be used any more.
    pub prefixes: Vec<Prefix>,
}

impl Gone {
    /// Whether nothing is.
    pub const fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.prefixes.is_empty()
    }
}

#[cfg(test)]
mod tests;
