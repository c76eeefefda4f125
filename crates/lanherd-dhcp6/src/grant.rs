//! What an ADVERTISE or a REPLY makes of a lease (RFC 9915, 18.2.10.1).

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use super::lease::{
    Gone, Lease, Leased, LeasedAddress, LeasedIa, LeasedPrefix, Lifetimes, ServerKey,
};
use super::options::code;
use super::{
    Duid, Ia, IaAddress, IaKind, IaPrefix, Message, Parameters, Prefix, Remark, RemarkReason,
    Status, StatusCode,
};
use lanherd_types::ipv6::is_host;

/// The value of a time that never comes (RFC 9915, 7.7).
const INFINITY: u32 = u32::MAX;
/// T1 and T2 as parts of the shortest preferred lifetime, where the server leaves them to the client (RFC 9915, 21.4).
const T1_PART: f64 = 0.5;
const T2_PART: f64 = 0.8;
/// The shortest T1 that a client chooses: it must not ask at once (RFC 9915, 14.2).
const LEAST_CHOSEN: Duration = Duration::from_secs(1);
/// How many addresses or prefixes of one identity association are kept: servers give one or two, and each is a request to the kernel.
pub const MAX_LEASES: usize = 16;

/// A status that a server gave, and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The identity association; `None`: the whole message.
    pub ia: Option<(IaKind, u32)>,
    /// What the server said.
    pub status: Status,
}

/// What a message makes of a lease.
#[derive(Debug)]
pub(crate) struct Grant {
    /// The lease as it is now; it may be empty.
    pub lease: Lease,
    /// What the server took back by a lifetime of 0, or because it knows of none.
    pub withdrawn: Gone,
    /// What it refused.
    pub refusals: Vec<Refusal>,
    /// Whether an identity association has something, and the message leases it nothing for longer.
    pub is_missing: bool,
    /// How many identity associations have got something from this message.
    pub served: usize,
    /// What was not used as it stands.
    pub remarks: Vec<Remark>,
}

impl Grant {
    /// Whether one of the refusals is this.
    pub fn refuses(&self, code: StatusCode) -> bool {
        self.refusals
            .iter()
            .any(|refusal| refusal.status.code == code)
    }
}

/// What `message` of `server` makes of what was `held` for the identity associations that are `wanted`.
pub(crate) fn grant(
    held: Option<&Lease>,
    message: &Message,
    server: &Duid,
    wanted: &[(IaKind, u32)],
    now: Instant,
) -> Grant {
    let (parameters, remarks) = Parameters::read(&message.options);
    let known_key = held
        .filter(|held| held.server == *server)
        .and_then(|held| held.reconfigure);
    let mut grant = Grant {
        lease: Lease {
            server: server.clone(),
            ias: held.map_or_else(Vec::new, |held| held.ias.clone()),
            parameters,
            reconfigure: ServerKey::read(&message.options, known_key),
        },
        withdrawn: Gone::default(),
        refusals: Vec::new(),
        is_missing: false,
        served: 0,
        remarks,
    };
    let status = message.options.status();
    if status.code != StatusCode::Success {
        // A server that does not even name what it knows nothing of.
        let is_lost = matches!(status.code, StatusCode::NoBinding | StatusCode::NotOnLink);
        if is_lost && message.options.ias().next().is_none() {
            grant.withdraw(|_, _, _| true);
        }
        grant.refusals.push(Refusal { ia: None, status });
    }
    let mut answered = Vec::new();
    for ia in message.options.ias() {
        if grant.ia(&ia, wanted, now) {
            answered.push((ia.kind, ia.iaid));
        }
    }
    // RFC 9915, 18.2.10.1: an identity association that is not in a REPLY is kept, and asked for again.
    grant.is_missing = grant
        .lease
        .ias
        .iter()
        .any(|ia| !ia.is_empty() && !answered.contains(&(ia.kind, ia.iaid)));
    grant.lease.ias.retain(|ia| !ia.is_empty());
    grant
}

impl Grant {
    fn remark(
        &mut self,
        option: u16,
        inside: Option<u16>,
        at: Option<usize>,
        reason: RemarkReason,
    ) {
        self.remarks.push(Remark {
            option,
            inside,
            offset: at,
            length: 0,
            reason,
        });
    }

    /// Takes in one identity association; whether something is leased to it for longer now.
    fn ia(&mut self, ia: &Ia, wanted: &[(IaKind, u32)], now: Instant) -> bool {
        let (name, option) = ((ia.kind, ia.iaid), ia.kind.code());
        if !wanted.contains(&name) {
            self.remark(option, None, ia.offset, RemarkReason::Unasked);
            return false;
        }
        // RFC 9915, 21.4: an identity association whose T1 is greater than its T2 is passed over.
        if ia.t1 > ia.t2 && ia.t2 > 0 {
            self.remark(option, None, ia.offset, RemarkReason::Timers);
            return false;
        }
        let status = ia.status();
        if status.code != StatusCode::Success {
            // RFC 9915, 18.2.10.1: what a server has no binding for is used no more, and requested anew.
            if matches!(status.code, StatusCode::NoBinding | StatusCode::NotOnLink) {
                self.withdraw(|kind, iaid, _| (kind, iaid) == name);
            }
            // RFC 9915, 18.2.10.1: a server that has no addresses or prefixes costs these alone, and is asked on.
            let ia = Some(name);
            self.refusals.push(Refusal { ia, status });
            return false;
        }
        let Some(shortest) = self.leases(ia, now) else {
            return false;
        };
        // One message may give an address and take it away.
        if self
            .lease
            .ia(ia.kind, ia.iaid)
            .is_none_or(LeasedIa::is_empty)
        {
            return false;
        }
        self.served += 1;
        let (t1, t2) = times(ia.t1, ia.t2, shortest);
        let at = |after: Option<Duration>| after.and_then(|after| now.checked_add(after));
        let held = self.entry(name);
        (held.renew_at, held.rebind_at) = (at(t1), at(t2));
        let last = held.last_end();
        if at(t1).is_some_and(|renew| last.is_some_and(|last| renew >= last)) {
            self.remark(option, None, ia.offset, RemarkReason::LateTimers);
        }
        true
    }

    /// Takes in what stands in an identity association; gives the shortest preferred lifetime of what is leased now, in seconds, or
    /// where none of it is preferred, the shortest valid one; `None`: nothing is.
    fn leases(&mut self, ia: &Ia, now: Instant) -> Option<u32> {
        let name = (ia.kind, ia.iaid);
        let mut fresh: Vec<(u32, u32)> = Vec::new();
        for IaAddress {
            address,
            preferred,
            valid,
            options,
            offset,
        } in ia.addresses()
        {
            let leased = Leased::Address(address);
            let at = (code::IA_ADDRESS, offset);
            let is_usable = is_host(address) && !address.is_unicast_link_local();
            let lifetimes = (preferred, valid);
            if self.takes(name, leased, lifetimes, &options.status(), is_usable, at) {
                let lifetimes = until(now, preferred, valid);
                if self.keep_address(name, address, lifetimes) {
                    fresh.push((preferred, valid));
                } else {
                    self.remark(at.0, Some(ia.kind.code()), offset, RemarkReason::OverLimit);
                }
            }
        }
        for offered in ia.prefixes() {
            let IaPrefix {
                prefix,
                preferred,
                valid,
                offset,
                ..
            } = offered;
            let excluded = offered.excluded();
            if excluded.is_none()
                && let Some(bad) = offered.options.first(code::PREFIX_EXCLUDE)
            {
                // RFC 6603, 4.2: an excluded prefix is longer than the delegated one, and only the bits between stand in the option.
                let inside = Some(code::IA_PREFIX);
                self.remark(bad.code, inside, bad.offset(), RemarkReason::Value);
            }
            let leased = Leased::Prefix(prefix);
            let at = (code::IA_PREFIX, offset);
            let first = prefix.address();
            let is_usable = prefix.length() > 0
                && !first.is_multicast()
                && !first.is_unicast_link_local()
                && !first.is_unspecified();
            let status = offered.options.status();
            if self.takes(name, leased, (preferred, valid), &status, is_usable, at) {
                let lifetimes = until(now, preferred, valid);
                if self.keep_prefix(name, prefix, excluded, lifetimes) {
                    fresh.push((preferred, valid));
                } else {
                    self.remark(at.0, Some(ia.kind.code()), offset, RemarkReason::OverLimit);
                }
            }
        }
        let preferred = fresh.iter().map(|(preferred, _)| *preferred);
        let shortest = preferred.filter(|preferred| *preferred > 0).min();
        shortest.or_else(|| fresh.iter().map(|(_, valid)| *valid).min())
    }

    /// Whether what is offered is to be kept; what is not is taken out or remarked upon.
    fn takes(
        &mut self,
        name: (IaKind, u32),
        leased: Leased,
        (preferred, valid): (u32, u32),
        status: &Status,
        is_usable: bool,
        (option, offset): (u16, Option<usize>),
    ) -> bool {
        let inside = Some(name.0.code());
        if status.code != StatusCode::Success {
            let (ia, status) = (Some(name), status.clone());
            self.refusals.push(Refusal { ia, status });
            return false;
        }
        // RFC 9915, 21.6: an address or prefix that is preferred for longer than it is valid is passed over.
        if preferred > valid {
            self.remark(option, inside, offset, RemarkReason::Lifetimes);
            return false;
        }
        // RFC 9915, 18.2.10.1: a valid lifetime of 0 takes an address or prefix away at once.
        if valid == 0 {
            self.withdraw(|kind, iaid, one| (kind, iaid) == name && one == leased);
            return false;
        }
        if !is_usable {
            self.remark(option, inside, offset, RemarkReason::Value);
        }
        is_usable
    }

    fn withdraw(&mut self, is_gone: impl Fn(IaKind, u32, Leased) -> bool) {
        let gone = self
            .lease
            .take(|kind, iaid, leased, _| is_gone(kind, iaid, leased));
        self.withdrawn.addresses.extend(gone.addresses);
        self.withdrawn.prefixes.extend(gone.prefixes);
    }

    /// The identity association in the lease, empty where it had nothing.
    fn entry(&mut self, (kind, iaid): (IaKind, u32)) -> &mut LeasedIa {
        let ias = &mut self.lease.ias;
        let at = ias.iter().position(|ia| (ia.kind, ia.iaid) == (kind, iaid));
        let at = at.unwrap_or_else(|| {
            ias.push(LeasedIa {
                kind,
                iaid,
                renew_at: None,
                rebind_at: None,
                addresses: Vec::new(),
                prefixes: Vec::new(),
            });
            ias.len() - 1
        });
        &mut ias[at]
    }

    /// Whether there is room for it.
    fn keep_address(
        &mut self,
        name: (IaKind, u32),
        address: Ipv6Addr,
        lifetimes: Lifetimes,
    ) -> bool {
        let held = &mut self.entry(name).addresses;
        let has_room = held.len() < MAX_LEASES;
        match held.iter_mut().find(|it| it.address == address) {
            Some(known) => known.lifetimes = lifetimes,
            None if has_room => held.push(LeasedAddress { address, lifetimes }),
            None => return false,
        }
        true
    }

    fn keep_prefix(
        &mut self,
        name: (IaKind, u32),
        prefix: Prefix,
        excluded: Option<super::ExcludedPrefix>,
        lifetimes: Lifetimes,
    ) -> bool {
        let held = &mut self.entry(name).prefixes;
        let has_room = held.len() < MAX_LEASES;
        match held.iter_mut().find(|it| it.prefix == prefix) {
            Some(known) => (known.lifetimes, known.excluded) = (lifetimes, excluded),
            None if has_room => held.push(LeasedPrefix {
                prefix,
                excluded,
                lifetimes,
            }),
            None => return false,
        }
        true
    }
}

// RFC 9915, 7.7: a time of 0xffffffff never comes.
fn after(seconds: u32) -> Option<Duration> {
    (seconds != INFINITY).then(|| Duration::from_secs(seconds.into()))
}

fn until(now: Instant, preferred: u32, valid: u32) -> Lifetimes {
    let at = |seconds| after(seconds).and_then(|after| now.checked_add(after));
    Lifetimes {
        preferred_until: at(preferred),
        valid_until: at(valid),
    }
}

/// T1 and T2, counted from the message; `None`: never. Where the server leaves them to the client they are parts of the shortest
/// preferred lifetime, so that T1 comes no later than T2.
// RFC 9915, 21.4: T1 and T2 of 0 are 0.5 and 0.8 of the shortest preferred lifetime.
fn times(t1: u32, t2: u32, shortest: u32) -> (Option<Duration>, Option<Duration>) {
    let chosen = |part| after(shortest).map(|shortest| shortest.mul_f64(part).max(LEAST_CHOSEN));
    match (t1, t2) {
        (0, 0) => (chosen(T1_PART), chosen(T2_PART)),
        (0, t2) => {
            let t2 = after(t2);
            let before = t2.map(|t2| t2.mul_f64(T1_PART / T2_PART));
            let t1 = chosen(T1_PART).into_iter().chain(before).min();
            (t1.map(|t1| t1.max(LEAST_CHOSEN)), t2)
        }
        (t1, 0) => {
            let t1 = after(t1);
            let t2 = match (t1, chosen(T2_PART)) {
                (Some(t1), Some(t2)) => Some(t2.max(t1)),
                (_, t2) => t2,
            };
            (t1, t2)
        }
        (t1, t2) => (after(t1), after(t2)),
    }
}
