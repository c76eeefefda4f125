//! Two routers of one link beside each other.

use std::time::Duration;

use lanherd_ndp::options::PrefixInformation;
use lanherd_ndp::{Lifetime, NdOption, RouterAdvertisement};

use super::{COUNTDOWN, RouterLog};
use crate::breach::Breaches;
use crate::requirement as req;

impl RouterLog {
    /// The part of its word that routers of one link are to agree on (RFC 4861, 6.2.7).
    fn common(&self) -> Vec<(&'static str, String)> {
        let RouterAdvertisement {
            hop_limit,
            managed,
            other,
            reachable,
            retransmit,
            ..
        } = self.latest;
        let mut said = vec![
            ("the M flag", u8::from(managed).to_string()),
            ("the O flag", u8::from(other).to_string()),
        ];
        // What is unspecified agrees with everything.
        if let Some(hop_limit) = hop_limit {
            said.push(("the hop limit", hop_limit.to_string()));
        }
        for (name, time) in [
            ("the reachable time", reachable),
            ("the retransmission timer", retransmit),
        ] {
            if let Some(time) = time {
                said.push((name, format!("{} ms", time.as_millis())));
            }
        }
        for option in &self.options {
            if let NdOption::Mtu(mtu) = option {
                said.push(("the MTU", format!("{mtu} bytes")));
            }
        }
        said
    }

    /// Whether a lifetime that this router told last is that which `other` told last: the same number, or one that ends at the same
    /// moment, since routers may count lifetimes down (RFC 4861, 6.2.7).
    fn agrees(&self, other: &Self, own: Lifetime, others: Lifetime) -> bool {
        let ends =
            |router: &Self, lifetime: Lifetime| Some(router.latest_at + lifetime.duration()?);
        own == others
            || ends(self, own)
                .zip(ends(other, others))
                .is_some_and(|(own, others)| own.abs_diff(others) <= COUNTDOWN)
    }

    /// Enters where this router and `other` say different things. Which of them is right nobody can tell: it may be a stranger who
    /// contradicts a router.
    pub(crate) fn compare(&self, other: &Self, at: Duration, breaches: &mut Breaches) {
        let both = format!("{} and {}", self.name, other.name);
        let mut differ = |subject: &str, own: &str, others: &str| {
            breaches.add(at, &req::RA_CONSISTENT, &both, subject, || {
                format!("{subject}: {own}; {} says {others}", other.name)
            });
        };
        let others = other.common();
        for (subject, own) in self.common() {
            for (_, said) in others
                .iter()
                .filter(|(name, said)| *name == subject && *said != own)
            {
                differ(subject, &own, said);
            }
        }
        for own in self.advertised_prefixes() {
            let same = other
                .advertised_prefixes()
                .filter(|others| others.prefix == own.prefix);
            for others in same {
                if !self.agrees(other, own.preferred, others.preferred)
                    || !self.agrees(other, own.valid, others.valid)
                {
                    let say = |said: &PrefixInformation| {
                        format!("{} preferred, {} valid", said.preferred, said.valid)
                    };
                    let subject = format!("the lifetimes of {}", own.prefix);
                    differ(&subject, &say(own), &say(others));
                }
            }
        }
    }
}
