//! What a herd's clients do, counted where it happens.
//!
//! Each client owns its figures ([`ClientStats`]), and all of them together count in one [`Aggregate`]. The tasks of clients write
//! both; pool, reports and metrics read them. None of it passes through a mailbox: how often clients do something is no load
//! for their supervisor, and what was counted once is not lost with an actor that is killed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;

use super::advertisements::Advertisements;
use super::decoded::{Decoded, DecodedPackets};
use super::heard_routers::{HeardRouters, RouterReport, SolicitationAnswer};
use crate::activity::{Activity, AttemptOutcome, SkipReason, Subject};
use crate::clock::now;
use crate::dhcp::Flaw;
use crate::lan::ipv6::Packet6;
use crate::metrics::{Metrics, PassedOver6};
use crate::ndp::Packet;
use crate::stats::{ActivityStats, ClientStats};
use crate::tester::{self, AttemptDoubt, Doubt};

/// Within this time whatever came was read, by a tester who is not late.
const READING: Duration = Duration::from_secs(3);

/// One fan-out of an activity over many clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub(crate) u64);

/// Sums of all clients since the pool began, of what happens too often to be told one by one.
#[derive(Debug, Clone, Default)]
pub struct Aggregate {
    /// All that clients did, by what it was done to.
    pub activities: BTreeMap<Subject, ActivityStats>,
    /// What was wrong with servers' messages, by kind.
    pub flaws: BTreeMap<Flaw, FlawSum>,
    /// How many messages had a flaw that was counted and not told, as their client had told so many kinds already.
    pub flaws_not_told: u64,
    /// How many packets were dropped, as so many waited for their client already.
    pub packets_dropped: u64,
    /// What of all that is measured may be the tester's own doing.
    pub doubt: Doubt,
}

/// One kind of flaw of servers' messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FlawSum {
    /// How often it was met.
    pub count: u64,
    /// The latest of them, for a person to read.
    pub last: String,
}

/// Where all clients of a pool count.
#[derive(Debug)]
pub struct Aggregator {
    metrics: Metrics,
    tester: tester::TesterFigures,
    aggregate: Mutex<Aggregate>,
    advertisements: Mutex<Advertisements>,
    decoded: Mutex<DecodedPackets>,
    routers: Mutex<HeardRouters>,
}

/// While it lives, a client listens for routers.
#[derive(Debug)]
pub struct RouterListener(Arc<Aggregator>);

impl Drop for RouterListener {
    fn drop(&mut self) {
        self.0.routers.lock().listens_no_more();
    }
}

impl Aggregator {
    /// Nothing counted yet; attempts are told to these metrics, and looked at beside how late this tester is.
    pub fn new(metrics: Metrics, tester: tester::TesterFigures) -> Self {
        Self {
            metrics,
            tester,
            aggregate: Mutex::default(),
            advertisements: Mutex::default(),
            decoded: Mutex::default(),
            routers: Mutex::new(HeardRouters::new(now())),
        }
    }

    /// The sums. While they are held no client counts anything, in its own figures neither: whoever reads those meanwhile sees
    /// all of them at one moment.
    pub fn lock(&self) -> MutexGuard<'_, Aggregate> {
        self.aggregate.lock()
    }

    /// Counts what became of an attempt of a client, in its own figures as well, and in those of the run that it belongs to.
    pub fn record(
        &self,
        client: &ClientStats,
        run: Option<&ClientRun>,
        activity: &Activity,
        outcome: &AttemptOutcome,
    ) {
        let subject = &activity.subject;
        let doubt = AttemptDoubt::of(activity, outcome, &self.tester);
        self.metrics.did(activity, outcome);
        {
            let mut sums = self.lock();
            sums.doubt.attempted(&doubt);
            if let Some(stats) = sums.activities.get_mut(subject) {
                stats.record(outcome);
            } else {
                let mut stats = ActivityStats::new(subject.clone());
                stats.record(outcome);
                sums.activities.insert(subject.clone(), stats);
            }
            client.record(subject, outcome);
        }
        if let Some(run) = run {
            run.record(outcome, doubt.is_testers);
        }
    }

    /// Counts a message that is not as it should be; returns whether no client has met this flaw before.
    pub fn flawed(&self, flaw: Flaw, detail: &str) -> bool {
        let mut sums = self.lock();
        let sum = sums.flaws.entry(flaw).or_default();
        sum.count += 1;
        detail.clone_into(&mut sum.last);
        sum.count == 1
    }

    /// Counts a packet that was dropped, as [`MOST_WAITING`](super::MOST_WAITING) waited for its client.
    pub fn packet_dropped(&self) {
        self.metrics.packet_dropped();
        self.lock().packets_dropped += 1;
        self.may_have_missed_routers();
    }

    /// What stands in a message of neighbour discovery that has come to a client.
    pub(super) fn decode(&self, packet: &Arc<Packet6>) -> Arc<Decoded> {
        if packet.destination.is_multicast() {
            self.decoded.lock().decode(packet)
        } else {
            // No other client has it.
            Arc::new(Packet::from_frame(&packet.frame))
        }
    }

    /// Counts a router advertisement that has come to a client, unless it has come to another before.
    pub(super) fn heard_advertisement(&self, packet: &Packet6, decoded: &Decoded) {
        let to_all = packet.destination.is_multicast();
        let mut advertisements = self.advertisements.lock();
        let new = advertisements.heard(packet.source, packet.received, to_all);
        drop(advertisements);
        if let Some(new) = new {
            self.metrics.router_advertisement(to_all, new.gap);
            let late = self.tester.worst_of(READING);
            self.routers.lock().hear(packet.received, decoded, late);
        }
    }

    /// A client begins to listen for routers, and does so while the result lives.
    pub fn listen_for_routers(self: &Arc<Self>) -> RouterListener {
        self.routers.lock().listens();
        RouterListener(Arc::clone(self))
    }

    /// Something may have come from routers that was not heard: nothing is said of what did not come until now.
    pub fn may_have_missed_routers(&self) {
        self.routers.lock().interrupted();
    }

    /// A router answered a client's solicitation, so long after the first.
    pub fn solicitation_answered(&self, after: Duration) {
        let late = self.tester.worst_of(after);
        let mut routers = self.routers.lock();
        routers.answered(SolicitationAnswer { after, late });
    }

    /// A client's link carries so many bytes.
    pub fn link_carries(&self, mtu: u32) {
        self.routers.lock().link_carries(mtu);
    }

    /// What there is to say of routers now.
    pub fn routers(&self) -> RouterReport {
        let late = self.tester.worst_of(READING);
        self.routers.lock().report(now(), late)
    }

    /// Counts what was of no use of a router advertisement, once for each reason, to however many clients it has come.
    pub fn passed_over_of_advertisement(&self, advertisement: &Packet6, what: PassedOver6) {
        let Packet6 {
            source, received, ..
        } = advertisement;
        let mut advertisements = self.advertisements.lock();
        let is_new = advertisements.passed_over(*source, *received, what);
        drop(advertisements);
        if is_new {
            self.metrics.passed_over6(what);
        }
    }

    /// Counts a message with a flaw that is not told.
    pub fn flaw_not_told(&self) {
        self.lock().flaws_not_told += 1;
    }
}

/// One client's part of a run: the pool reads what the client has recorded, also where the client has ended.
#[derive(Debug)]
pub struct ClientRun {
    /// The run that it is a part of.
    pub id: RunId,
    /// What the client does in it.
    pub activity: Arc<Activity>,
    /// Apart, so that it goes when the pool has done with the run: the client knows of it until its next one.
    results: Mutex<Box<ClientRunResults>>,
}

/// What a client's part of a run has come to.
#[derive(Debug, Clone)]
pub struct ClientRunResults {
    /// What became of the attempts.
    pub stats: ActivityStats,
    /// How many of those that did not succeed may be the tester's doing.
    pub testers: u64,
    has_ended: bool,
}

impl ClientRun {
    /// Nothing done yet.
    pub fn new(id: RunId, activity: Arc<Activity>) -> Self {
        let results = ClientRunResults {
            stats: ActivityStats::of_client(activity.subject.clone()),
            testers: 0,
            has_ended: false,
        };
        Self {
            id,
            activity,
            results: Mutex::new(Box::new(results)),
        }
    }

    fn record(&self, outcome: &AttemptOutcome, is_testers: bool) {
        let mut results = self.lock();
        results.stats.record(outcome);
        results.testers += u64::from(is_testers);
    }

    /// Notes that nothing more comes; returns whether that is new.
    pub fn end(&self) -> bool {
        !std::mem::replace(&mut self.lock().has_ended, true)
    }

    /// Whether nothing more comes.
    pub fn has_ended(&self) -> bool {
        self.lock().has_ended
    }

    /// Ends it in the client's stead, with one attempt that was not made; does nothing where it has ended.
    pub fn end_with(&self, reason: SkipReason) {
        let mut results = self.lock();
        if !std::mem::replace(&mut results.has_ended, true) {
            results.stats.record(&self.activity.skipped(reason));
            results.testers += u64::from(reason == SkipReason::Tester);
        }
    }

    /// What it has come to so far.
    pub fn results(&self) -> ClientRunResults {
        ClientRunResults::clone(&self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Box<ClientRunResults>> {
        self.results.lock()
    }
}
