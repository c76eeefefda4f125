//! Prefixes: which are on the link, and which addresses are formed with (RFC 4861, 6.3.4; RFC 4862, 5.5.3).

use std::time::{Duration, Instant};

use lanherd_types::ipv6::Prefix;

use super::Heard;
use crate::options::PrefixInformation;
use crate::slaac::Host;
use crate::slaac::addresses::AutoPrefix;
use crate::slaac::event::{AddressKind, AddressLoss, Event};
use crate::slaac::ignored::Ignored;
use crate::slaac::until::Until;

/// Below this a valid lifetime is taken with reserve (RFC 4862, 5.5.3 e).
const TWO_HOURS: Duration = Duration::from_secs(2 * 3600);
/// How many prefixes addresses are formed with, and how many are known to be on the link.
const MAX_PREFIXES: usize = 16;

impl Host {
    /// A prefix, for either of its flags, which have nothing to do with each other.
    pub(super) fn learn_prefix(
        &mut self,
        heard: &mut Heard<'_>,
        index: usize,
        information: &PrefixInformation,
        before: u64,
    ) {
        if let Some(reason) = information.unusable() {
            return heard.ignore(reason, index);
        }
        if information.on_link && !self.learn_on_link(information, heard.now) {
            heard.ignore(Ignored::OverLimit, index);
        }
        // RFC 4862, 5.5.3: a prefix without the A flag forms no address.
        if !information.autonomous {
            return;
        }
        if let Some(reason) = information.unusable_for_addresses() {
            return heard.ignore(reason, index);
        }
        let known = self
            .prefixes
            .iter()
            .skip(1)
            .position(|it| it.prefix == information.prefix);
        match known {
            Some(at) => {
                if let Some(reason) = self.renew_prefix(at + 1, information, heard.now) {
                    heard.ignore(reason, index);
                }
            }
            // RFC 4862, 5.5.3: a prefix that is new and not valid forms no address.
            None if information.valid.is_zero() => {}
            None if self.prefixes.len() > MAX_PREFIXES => {
                heard.ignore(Ignored::OverLimit, index);
            }
            None => {
                let valid = Until::after(heard.now, information.valid);
                let preferred = Until::after(heard.now, information.preferred);
                // All prefixes of one advertisement are of one age.
                let prefix = AutoPrefix::new(information.prefix, valid, preferred, before + 1);
                self.prefixes.push(prefix);
                let at = self.prefixes.len() - 1;
                self.form(at, AddressKind::Stable, 0, heard.now);
                self.form_temporary(at, heard.now);
            }
        }
    }

    /// Whether there was room.
    // RFC 4861, 6.3.4: a prefix with the L flag is on the link for its valid lifetime, and no longer from a lifetime of 0 on.
    fn learn_on_link(&mut self, information: &PrefixInformation, now: Instant) -> bool {
        let is_it = |(prefix, _): &(Prefix, Until)| *prefix == information.prefix;
        let known = self.on_link.iter().position(is_it);
        let until = Until::after(now, information.valid);
        match known {
            Some(at) if information.valid.is_zero() => _ = self.on_link.remove(at),
            Some(at) => self.on_link[at].1 = until,
            None if information.valid.is_zero() => {}
            None if self.on_link.len() >= MAX_PREFIXES => return false,
            None => self.on_link.push((information.prefix, until)),
        }
        true
    }

    /// The lifetimes of a prefix that addresses were formed with; why its valid lifetime was not taken as it stands.
    fn renew_prefix(
        &mut self,
        at: usize,
        information: &PrefixInformation,
        now: Instant,
    ) -> Option<Ignored> {
        let prefix = &mut self.prefixes[at];
        let mut ignored = None;
        let valid = Until::after(now, information.valid);
        let is_long = valid.is_beyond(now, TWO_HOURS) || valid > prefix.valid;
        // RFC 4862, 5.5.3: what remains of a valid lifetime is not shortened to less than two hours.
        if is_long || !self.config.two_hour_rule {
            prefix.valid = valid;
        } else if prefix.valid.is_beyond(now, TWO_HOURS) {
            prefix.valid = Until::at(now + TWO_HOURS);
            ignored = Some(Ignored::TwoHourRule);
        } else if valid < prefix.valid {
            ignored = Some(Ignored::TwoHourRule);
        }
        // RFC 4862, 5.5.3: the preferred lifetime is always taken as it stands.
        prefix.preferred = Until::after(now, information.preferred);
        self.mark_preferred(at, information.preferred.is_zero(), now);
        if self.prefixes[at].valid.has_come(now) {
            self.lose_prefix(at, AddressLoss::Expired);
        } else {
            self.form_temporary(at, now);
        }
        ignored
    }

    /// Tells which addresses of a prefix are deprecated, or preferred, since its lifetimes changed.
    fn mark_preferred(&mut self, at: usize, announced: bool, now: Instant) {
        let policy = self.config.temporary;
        let mut events = Vec::new();
        let prefix = &mut self.prefixes[at];
        let mut own = std::mem::take(&mut prefix.own);
        for own in &mut own {
            let address = own.address;
            let is_deprecated = prefix.lifetimes(own, policy).1.has_come(now);
            match (own.is_deprecated, is_deprecated) {
                // RFC 4862, 5.5.4: an address whose preferred lifetime has ended is deprecated, and stays.
                (false, true) => events.push(Event::AddressDeprecated { address, announced }),
                (true, false) => events.push(Event::AddressPreferred(address)),
                (true, true) | (false, false) => {}
            }
            own.is_deprecated = is_deprecated;
        }
        prefix.own = own;
        for event in events {
            self.event(event);
        }
    }
}
