//! Over which family a client does something.

use super::Connectivity;
use crate::family::{Families, Family};

/// Over which family something is done by a client that is to have these or those.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FamilyChoice {
    /// Over this one: while the client does not have it, it waits.
    Only(Family),
    /// Over whichever each attempt finds.
    Either,
    /// Over all that the client is to have: it begins once they are usable, or are known not to be in their time.
    All,
}

impl FamilyChoice {
    /// That of something which has a place in each family, as a client's router: IPv4 where the client is to have it, so that a
    /// second family changes nothing for what is done over the first.
    pub const fn usual(families: Families) -> Self {
        match families {
            Families::Ipv4 | Families::Dual => Self::Only(Family::Ipv4),
            Families::Ipv6 => Self::Only(Family::Ipv6),
        }
    }

    /// That of something which finds its family only when it is done, as a lookup.
    pub const fn open(families: Families) -> Self {
        match families {
            Families::Dual => Self::Either,
            Families::Ipv4 | Families::Ipv6 => Self::usual(families),
        }
    }

    /// That of something which may use every family at once, as a command.
    pub const fn whole(families: Families) -> Self {
        match families {
            Families::Dual => Self::All,
            Families::Ipv4 | Families::Ipv6 => Self::usual(families),
        }
    }

    /// Whether it can be done by a client that has so much.
    pub const fn is_served(self, connectivity: &Connectivity) -> bool {
        match self {
            Self::Only(family) => connectivity.has(family),
            Self::Either | Self::All => connectivity.is_online(),
        }
    }

    /// Whether it can be begun by a client that has so much: not while something that it is to have is still on its way.
    pub const fn may_begin(self, connectivity: &Connectivity) -> bool {
        match self {
            Self::Only(_) | Self::Either => self.is_served(connectivity),
            Self::All => connectivity.is_online() && !connectivity.is_joining,
        }
    }

    /// Whether what goes on begins anew where the client has had `before` and has `now`: not with another router or resolver, which the
    /// next attempt finds by itself.
    pub fn begins_anew(self, before: &Connectivity, now: &Connectivity) -> bool {
        match self {
            Self::Only(family) => !now.carries_on(before, family),
            Self::Either | Self::All => self.may_begin(before) != self.may_begin(now),
        }
    }
}
