//! What the options of one advertisement break.

use std::time::Duration;

use lanherd_ndp::options::PrefixInformation;
use lanherd_ndp::{Body, Message, NdOption, RemarkReason};

use super::{ETHERNET_MTU, MIN_MTU, PREFERRED_LIMIT, RouterLog, VALID_LIMIT};
use crate::breach::Breaches;
use crate::requirement as req;

impl RouterLog {
    pub(super) fn options_of(
        &self,
        at: Duration,
        message: &Message,
        link_mtu: u32,
        breaches: &mut Breaches,
    ) {
        let name = &self.name;
        let is_managed = matches!(message.body, Body::RouterAdvertisement(body) if body.managed);
        for remark in message.notes.remarks() {
            if remark.reason.is_malformed() {
                let kind = format!("{:?} {:?}", remark.option, remark.reason);
                let what = match remark.reason {
                    RemarkReason::HostBits => format!("{remark} by receivers"),
                    _ => remark.to_string(),
                };
                breaches.add(at, &req::RA_OPTION, name, kind, || what);
            }
        }
        for (index, option) in message.options.iter().enumerate() {
            let place = || match message.notes.offset(index) {
                Some(offset) => format!("option {} at byte {offset}", option.code()),
                None => format!("option {}", option.code()),
            };
            match option {
                NdOption::Mtu(mtu) if *mtu < MIN_MTU || *mtu > link_mtu.max(ETHERNET_MTU) => {
                    breaches.add(at, &req::RA_MTU, name, mtu.to_string(), || {
                        format!("{} says {mtu} bytes", place())
                    });
                }
                NdOption::Prefix(prefix) => {
                    prefix_of(at, name, prefix, is_managed, place, breaches);
                }
                _ => (),
            }
        }
    }
}

fn prefix_of(
    at: Duration,
    name: &str,
    information: &PrefixInformation,
    is_managed: bool,
    place: impl Fn() -> String,
    breaches: &mut Breaches,
) {
    let PrefixInformation {
        prefix,
        on_link,
        autonomous,
        valid,
        preferred,
        ..
    } = *information;
    let kind = prefix.to_string();
    if preferred > valid {
        breaches.add(at, &req::RA_PREFERRED, name, &kind, || {
            format!(
                "{}: {prefix} is preferred for {preferred} and valid for {valid}",
                place()
            )
        });
    }
    if prefix.is_link_local() {
        breaches.add(at, &req::RA_LINK_LOCAL_PREFIX, name, &kind, || {
            format!("{}: {prefix}", place())
        });
    }
    // Where addresses are leased, hosts may not be meant to form any.
    let lacks_autonomous = !autonomous && !is_managed;
    if (!on_link || lacks_autonomous) && !preferred.is_zero() && !prefix.is_link_local() {
        breaches.add(at, &req::RA_PREFIX_FLAGS, name, &kind, || {
            let lacking = match (on_link, lacks_autonomous) {
                (false, true) => "neither the L nor the A flag",
                (false, false) => "no L flag",
                (true, _) => "no A flag, and the M flag is 0",
            };
            format!("{}: {prefix} has {lacking}", place())
        });
    }
    if autonomous && prefix.length() != 64 {
        breaches.add(at, &req::RA_AUTONOMOUS, name, &kind, || {
            format!("{}: {prefix} has the A flag", place())
        });
    }
    if preferred.as_secs() > PREFERRED_LIMIT || valid.as_secs() > VALID_LIMIT {
        breaches.add(at, &req::RA_LIFETIME_LIMITS, name, &kind, || {
            format!(
                "{}: {prefix} is preferred for {preferred} and valid for {valid}",
                place()
            )
        });
    }
}
