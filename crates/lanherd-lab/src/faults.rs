//! The faults of the lab's router: which there are now, and how often each changed something. Pure: time is a parameter.

pub(super) mod garbage;
pub(super) mod overload;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lanherd_types::fault::{Aim, Fault};

/// By how much replies are late under [`Fault::DhcpSlow`]: less than the four seconds after which a client asks again
/// (RFC 2131, 4.1), and more than any client likes.
pub const SLOW: Duration = Duration::from_secs(3);

/// From one forgetting of leases to the next under [`Fault::DhcpExpireEarly`]; the first comes at once.
pub const EARLY: Duration = Duration::from_secs(2);

/// How many clients have an address, or are offered one, at a time under [`Fault::DhcpShortPool`].
pub const SHORT_POOL: usize = 5;

/// How many of a hundred pings are left unanswered under [`Fault::PingLoss`].
pub const PING_LOSS_PERCENT: u8 = 30;

/// Why a fault was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabFaultError {
    /// It is done to something else ([`Fault::aim`]).
    #[error("{0} is not done to the lab's router: use it on clients, or on the parent")]
    NotTheRouters(Fault),
    /// It would be over before it began, or never.
    #[error("{} lasts {}: write a time above 0, and below a century", .0, humantime::format_duration(*.1))]
    Lasts(Fault, Duration),
    /// The lab does not speak IPv6.
    #[error(
        "{0} is of ipv6, and the lab does not speak it: switch it on with the table [ipv6] of its configuration, or --ipv6"
    )]
    NoIpv6(Fault),
    /// The lab has ended.
    #[error("the lab has ended: start it again")]
    Ended,
}

/// Which faults there are now. Several may be at a time.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// Without a time, a fault goes on until it is ended.
    until: BTreeMap<Fault, Option<Instant>>,
    effects: BTreeMap<Fault, u64>,
}

impl Faults {
    /// Begins a fault, or extends it; `None`: until it is ended.
    pub(super) fn inject(
        &mut self,
        fault: Fault,
        lasts: Option<Duration>,
        now: Instant,
    ) -> Result<(), LabFaultError> {
        if fault.aim() != Aim::Router {
            return Err(LabFaultError::NotTheRouters(fault));
        }
        let end = |lasts: Duration| {
            now.checked_add(lasts)
                .filter(|_| !lasts.is_zero())
                .ok_or(LabFaultError::Lasts(fault, lasts))
        };
        let until = lasts.map(end).transpose()?;
        let known = self.until.entry(fault).or_insert(until);
        *known = known.zip(until).map(|(known, until)| known.max(until));
        Ok(())
    }

    /// Whether there is that fault.
    pub(super) fn is_on(&self, fault: Fault, now: Instant) -> bool {
        self.until
            .get(&fault)
            .is_some_and(|until| until.is_none_or(|until| until > now))
    }

    /// Those there are, and how long each still lasts; `None`: until it is ended.
    pub(super) fn remaining(&self, now: Instant) -> Vec<(Fault, Option<Duration>)> {
        let on = self
            .until
            .iter()
            .filter(|(fault, _)| self.is_on(**fault, now));
        let left = |until: Instant| until.saturating_duration_since(now);
        on.map(|(fault, until)| (*fault, until.map(left))).collect()
    }

    /// When the next of them ends.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.until.values().copied().flatten().min()
    }

    /// Those that have ended since the last call.
    pub(super) fn take_ended(&mut self, now: Instant) -> Vec<Fault> {
        let over = self.until.keys().filter(|fault| !self.is_on(**fault, now));
        let ended: Vec<Fault> = over.copied().collect();
        for fault in &ended {
            self.until.remove(fault);
        }
        ended
    }

    /// Ends those that `which` holds for.
    pub(super) fn end(&mut self, now: Instant, which: impl Fn(Fault, Option<Instant>) -> bool) {
        for (fault, until) in &mut self.until {
            if which(*fault, *until) {
                *until = Some(now);
            }
        }
    }

    /// A fault changed something, so many times.
    pub(super) fn count(&mut self, fault: Fault, times: usize) {
        if times > 0 {
            *self.effects.entry(fault).or_default() += u64::try_from(times).unwrap_or(u64::MAX);
        }
    }

    /// How often each changed something.
    pub(super) fn effects(&self) -> BTreeMap<Fault, u64> {
        self.effects.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_fault_lasts_its_time_and_the_same_again_extends_it_and_never_shortens_it() {
        let (mut faults, start) = (Faults::default(), Instant::now());
        let mute = Fault::DhcpMute;
        faults
            .inject(mute, Some(10 * SECOND), start)
            .expect("begun");
        faults
            .inject(mute, Some(10 * SECOND), start + 5 * SECOND)
            .expect("extended");
        faults
            .inject(mute, Some(SECOND), start + 6 * SECOND)
            .expect("nothing new");
        let now = start + 14 * SECOND;
        assert!(faults.is_on(mute, now));
        assert_eq!(faults.remaining(now), [(mute, Some(SECOND))]);
        assert_eq!(faults.take_ended(now), []);
        assert_eq!(faults.next_end(), Some(now + SECOND));
        assert!(!faults.is_on(mute, now + SECOND));
        assert_eq!(faults.remaining(now + SECOND), []);
        assert_eq!(faults.take_ended(now + SECOND), [mute]);
        assert_eq!(
            (faults.take_ended(now + SECOND), faults.next_end()),
            (vec![], None)
        );
    }

    #[test]
    fn several_faults_are_on_at_a_time_and_healing_ends_them_all() {
        let (mut faults, start) = (Faults::default(), Instant::now());
        for fault in [Fault::DhcpSlow, Fault::DhcpNak] {
            faults
                .inject(fault, Some(9 * SECOND), start)
                .expect("begun");
        }
        assert_eq!(faults.remaining(start).len(), 2);
        faults.end(start + SECOND, |_, _| true);
        assert_eq!(faults.remaining(start + SECOND), []);
        assert_eq!(
            faults.take_ended(start + SECOND),
            [Fault::DhcpSlow, Fault::DhcpNak]
        );
    }

    #[test]
    fn a_fault_without_an_end_outlasts_every_other_and_is_ended_alone() {
        let (mut faults, start) = (Faults::default(), Instant::now());
        let (mute, slow) = (Fault::DhcpMute, Fault::DhcpSlow);
        for lasts in [Some(SECOND), None, Some(SECOND)] {
            faults.inject(mute, lasts, start).expect("begun");
        }
        faults.inject(slow, Some(SECOND), start).expect("begun");
        let later = start + 1_000_000 * SECOND;
        assert_eq!(faults.next_end(), Some(start + SECOND));
        assert_eq!(faults.take_ended(later), [slow]);
        assert_eq!(faults.remaining(later), [(mute, None)]);
        assert_eq!(faults.next_end(), None);
        faults.end(later, |fault, _| fault == slow);
        assert!(faults.is_on(mute, later));
        faults.end(later, |fault, _| fault == mute);
        assert_eq!(faults.take_ended(later), [mute]);
        assert_eq!(faults.remaining(later), []);
    }

    #[test]
    fn a_fault_of_something_else_and_one_without_a_time_are_refused() {
        let (mut faults, now) = (Faults::default(), Instant::now());
        for fault in Fault::ALL.iter().copied() {
            let made = faults.inject(fault, Some(SECOND), now);
            assert_eq!(made.is_ok(), fault.aim() == Aim::Router, "{fault}");
            for bad in [Duration::ZERO, Duration::MAX] {
                assert!(faults.inject(fault, Some(bad), now).is_err());
            }
        }
        let error = LabFaultError::Lasts(Fault::DhcpMute, Duration::ZERO);
        assert_eq!(
            error.to_string(),
            "dhcp_mute lasts 0s: write a time above 0, and below a century"
        );
    }
}
