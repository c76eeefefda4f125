//! What the passing of time means for the herd: how long clients were usable, and whether the tester stood still.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use tracing::{info, warn};

use super::{PoolState, now};
use crate::client::{Aggregate, MOST_WAITING};
use crate::family::{Families, Family};
use crate::identity::ClientNumber;
use crate::lan::Lan;
use crate::phase::Cause;
use crate::pool::Figures;
use crate::pool::actor::PoolMsg;
use crate::pool::availability::Blame;
use crate::pool::event::EventKind;
use crate::pool::stall::PULSE;
use crate::pool::status::HerdStatus;

impl<L: Lan> PoolState<L> {
    /// Before anything else is believed: whether the tester has just stood still.
    pub(super) fn look_at_clock(&mut self) {
        if let Some(stall) = self.stalls.awake(now(), since_boot()) {
            let lasted = stall.lasted;
            warn!(
                ?lasted,
                "the tester stood still: what ran out meanwhile is not the router's doing"
            );
            self.figures.stalls += 1;
            self.figures.stalled += lasted;
            self.availability.stood_still(stall.from, stall.to);
            for family in Families::Dual.each() {
                let tracker = self.availability_by_family.get_mut(family);
                tracker.stood_still(stall.from, stall.to);
            }
            self.emit(None, EventKind::TesterStoodStill { lasted });
        }
    }

    pub(super) fn pulse(&mut self) {
        if self.stalls.patience_ends(now()) {
            for (number, cause) in self.availability.excused_no_longer(now()) {
                info!(client = number.0, %cause, "not back since the tester stood still");
                if cause.is_of_the_router() {
                    let families = self.families_of(number, None);
                    self.router_failed(number, families, cause);
                }
            }
            for family in Families::Dual.each() {
                let tracker = self.availability_by_family.get_mut(family);
                // Whoever that is has been told for the client as a whole.
                let _ = tracker.excused_no_longer(now());
            }
        }
        self.tell_left_out();
        self.tell_uptime();
    }

    /// Tells how much of what servers sent was not told one by one, since this was told last.
    pub(in crate::pool) fn tell_left_out(&mut self) {
        let sums = self.aggregator.lock();
        let (flaws, dropped) = (sums.flaws_not_told, sums.packets_dropped);
        drop(sums);
        let messages = flaws - std::mem::replace(&mut self.told_flaws, flaws);
        if messages > 0 {
            self.emit(None, EventKind::FlawedMessagesNotTold { messages });
        }
        let packets = dropped - std::mem::replace(&mut self.told_dropped, dropped);
        if packets > 0 {
            warn!(
                packets,
                "packets were dropped, as {MOST_WAITING} waited for their client already"
            );
            self.emit(None, EventKind::PacketsDropped { packets });
        }
    }

    /// Brings the metrics of the clients' time up to date.
    pub(in crate::pool) fn tell_uptime(&mut self) {
        self.availability.settle(now());
        for group in &self.groups {
            if let Some(uptime) = self.availability.group(&group.name) {
                let told = self.told_uptime.entry(group.name.clone()).or_default();
                group.metrics.uptime(&uptime.since(told));
                told.clone_from(uptime);
            }
        }
        self.tell_families();
        let stale = self.stale.all(now()).total;
        let more = stale.saturating_sub(std::mem::replace(&mut self.told_stale, stale));
        self.metrics.stale_prefix(more);
    }

    pub(super) fn remind_of_time(&self) {
        let myself = self.myself.clone();
        tokio::spawn(async move {
            // A pool that has ended has no pulse.
            while myself.cast(PoolMsg::Pulse).is_ok() {
                tokio::time::sleep(PULSE).await;
            }
        });
    }

    /// Something took a client down, or keeps it from coming online, in that family or, where none is said, in all that it is to
    /// have. Returns whether the tester did.
    pub(super) fn is_down(
        &mut self,
        number: ClientNumber,
        cause: Cause,
        family: Option<Family>,
    ) -> bool {
        let blame = if self.stalls.excuse(now()) {
            Blame::Tester
        } else {
            self.recoveries
                .fault_of(number)
                .map_or(Blame::Itself, Blame::Fault)
        };
        self.availability.failed(number, cause, blame, now());
        let families = self.families_of(number, family);
        for family in families.each() {
            self.note_family_down(number, family);
            let tracker = self.availability_by_family.get_mut(family);
            tracker.failed(number, cause, blame, now());
        }
        if blame == Blame::Tester {
            return true;
        }
        if cause.is_of_the_router() {
            self.router_failed(number, families, cause);
        }
        false
    }

    pub(super) fn status(&mut self) -> HerdStatus {
        self.availability.settle(now());
        self.settle_families();
        let (activities, flaws): (Vec<_>, _) = {
            // All of them at one moment.
            let sums = self.aggregator.lock();
            let activities = self.slots.values().map(|slot| slot.stats.activities());
            (activities.collect(), sums.flaws.clone())
        };
        let clients = self.slots.iter().zip(activities);
        let clients = clients.map(|((number, slot), activities)| {
            let time = self.availability.of(*number, now());
            let by_family = self.time_by_family(*number);
            let stale = self.stale.of(*number, now());
            slot.status(activities, time, &by_family, stale)
        });
        HerdStatus {
            clients: clients.collect(),
            flaws,
        }
    }

    /// What was counted, with what is added up only when it is asked for.
    pub(super) fn told_figures(&mut self) -> Figures {
        self.availability.settle(now());
        self.settle_families();
        let Aggregate {
            activities,
            flaws,
            doubt,
            ..
        } = self.aggregator.lock().clone();
        let mut figures = Figures {
            began: Some(self.began_at),
            activities,
            flaws,
            doubt,
            uptime: self.availability.all(),
            uptime_by_family: self.uptime_by_family(),
            stale_prefix: self.stale.all(now()),
            latest_outages: self.outages.latest(self.began),
            latest_faults: self.recoveries.latest(self.began),
            ..self.figures.clone()
        };
        figures.doubt.wakings = self.config.tester.now().all().clone();
        figures
    }
}

/// By the clock that goes on while the machine is suspended.
fn since_boot() -> Duration {
    // Every kernel of this century has this clock; without it, a suspended machine would not be noticed.
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}
