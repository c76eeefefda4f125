//! What one scenario knows: what was said before there were clients, its pool, and what the last step came to.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::complaint::ClientComplaint;
use super::expected::Expecting;
use super::parameters::ClientsWord;
use super::results::{Lateness, Notes, ScenarioFinding, ScenarioSums};
use super::steps::unique_local;
use super::testbeds::{ScenarioTestbed, SuiteUplink};
use super::waiting::Waiting;
use super::{Complaint, Testbeds};
use crate::family::Families;
use crate::identity::ClientNumber;
use crate::lab::LabConfig;
use crate::objective::wait::Wait;
use crate::phase::Phase;
use crate::pool::{ClientStatus, HerdStatus, Pool, Selection};
use crate::scenario::{ClientCount, Draft};
use crate::soak::{Comparison, Turnover};
use crate::testbed::CloseReport;
use lanherd_types::ipv6::Prefix;

/// The state of one scenario.
#[derive(Debug, Default)]
pub struct World {
    pub(super) testbeds: Arc<Testbeds>,
    /// What was said before there were clients.
    pub(super) draft: Option<Draft>,
    pub(super) lab: Option<LabConfig>,
    /// Where the router is to be reached, until there are clients that can try.
    pub(super) router: Option<Ipv4Addr>,
    testbed: Option<ScenarioTestbed>,
    rng: Option<fastrand::Rng>,
    /// Those of the step before.
    same: Vec<ClientNumber>,
    /// What the last When came to, for each client that it asked.
    pub(super) answers: Option<ClientResults>,
    /// What clients held when they were last seen holding something, before this step.
    pub(super) held: BTreeMap<ClientNumber, Ipv4Addr>,
    /// The unique local prefixes that they had on their link then.
    pub(super) unique_local: BTreeMap<ClientNumber, BTreeSet<Prefix>>,
    /// When the last disturbance began.
    pub(super) disturbed: Option<Instant>,
    /// The beginning of the soak against its end, where there was one that was long enough.
    pub(super) comparison: Option<Comparison>,
    /// How many clients came and went in the soak, where there was one.
    pub(super) turnover: Option<Turnover>,
    /// What is known of it in the end.
    notes: Notes,
    /// Since it has done something that makes clients fail.
    expecting: Option<Expecting>,
}

/// What a When came to.
#[derive(Debug, Clone)]
pub(super) struct ClientResults {
    /// What was asked of clients, for people: `pings of Google DNS`.
    pub what: String,
    /// For each that was asked, whether all went well, and if not, what happened.
    pub clients: BTreeMap<ClientNumber, ClientResult>,
}

/// What it came to for one client.
#[derive(Debug, Clone)]
pub(super) struct ClientResult {
    pub outcome: Result<(), ClientComplaint>,
    /// The words of all causes that occurred.
    pub causes: Vec<&'static str>,
    /// What was printed, where something was.
    pub output: Option<String>,
}

impl ClientResult {
    /// Together with what came of something else.
    pub fn add(&mut self, other: Self) {
        match (&mut self.outcome, other.outcome) {
            (Err(own), Err(others)) => {
                own.text.push_str("; ");
                own.text.push_str(&others.text);
                // The tester's doing as a whole, or not.
                own.tester = own
                    .tester
                    .zip(others.tester)
                    .map(|(own, other)| own.max(other));
            }
            (own @ Ok(()), others) => *own = others,
            (Err(_), Ok(())) => {}
        }
        self.causes.extend(other.causes);
        self.output = other.output.or(self.output.take());
    }

    /// All went well so far.
    pub const fn well() -> Self {
        Self {
            outcome: Ok(()),
            causes: Vec::new(),
            output: None,
        }
    }
}

/// Clients that a step is about.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub numbers: Vec<ClientNumber>,
    /// The share of them, 0 to 1, that must be as they should be.
    pub quota: f64,
}

impl Chosen {
    pub fn selection(&self) -> Selection {
        Selection::Numbers(self.numbers.clone())
    }

    /// Fails if too few are as they should be. `verdict` says of each whether it is, and if not, why. Inconclusive, if enough
    /// would be without what may be the tester's own doing.
    pub fn judge<R: Into<ClientComplaint>>(
        &self,
        what: &str,
        verdict: impl Fn(ClientNumber) -> Result<(), R>,
    ) -> Result<(), Complaint> {
        let all = self.numbers.len();
        let failed = |number: &ClientNumber| Some((*number, verdict(*number).err()?.into()));
        let mut culprits: Vec<(_, ClientComplaint)> =
            self.numbers.iter().filter_map(failed).collect();
        let is_enough = |failed: usize| {
            let well = all - failed;
            failed == 0 || self.quota < 1.0 && well as f64 >= self.quota * all as f64
        };
        if is_enough(culprits.len()) {
            return Ok(());
        }
        let tolerance = if self.quota < 1.0 {
            format!(" (at least {}% should)", self.quota * 100.0)
        } else {
            String::new()
        };
        // Those that are named are to be those that make it fail.
        culprits.sort_by_key(|(_, reason)| reason.tester.is_some());
        let worst = culprits
            .iter()
            .filter_map(|(_, reason)| reason.tester)
            .max();
        let firm = culprits
            .iter()
            .filter(|(_, reason)| reason.tester.is_none());
        let is_open = is_enough(firm.count());
        let named: Vec<_> = culprits
            .iter()
            .map(|(number, reason)| (*number, reason.text.clone()))
            .collect();
        let complaint = Complaint::of_clients(what, &named, all, &tolerance);
        Err(match worst.filter(|_| is_open) {
            Some(worst) => complaint.doubted(worst),
            None => complaint,
        })
    }
}

impl cucumber::World for World {
    type Error = Infallible;

    async fn new() -> Result<Self, Infallible> {
        Ok(Self::default())
    }
}

impl World {
    /// Where the testbed of the scenario is to be opened.
    pub(super) fn open_testbeds_in(&mut self, testbeds: Arc<Testbeds>) {
        self.testbeds = testbeds;
    }

    /// What is being said of the clients to come.
    pub(super) fn draft(&mut self) -> Result<&mut Draft, Complaint> {
        if self.testbed.is_some() {
            return Err(Complaint::new(
                "there are clients already: say this before the step that creates them",
            ));
        }
        let settings = &self.testbeds.settings;
        let mut draft = Draft::in_lab(ClientCount::ONE);
        draft.seed = Some(settings.seed);
        draft.lease_timeout = settings.lease_timeout;
        draft.families = settings.families;
        draft.mode = settings.mode;
        if let SuiteUplink::Parent(parent) = &settings.uplink {
            draft.lab = false;
            draft.parent.clone_from(parent);
        }
        Ok(self.draft.get_or_insert(draft))
    }

    /// The scenario's testbed; opened if it is not.
    pub(super) async fn testbed(&mut self) -> Result<ScenarioTestbed, Complaint> {
        if let Some(testbed) = &self.testbed {
            return Ok(testbed.clone());
        }
        let draft = self.draft()?.clone();
        if draft.parent.is_none() && !draft.lab {
            return Err(Complaint::new(
                "no interface is named: run with --parent NAME or with --lab, or write \
                 'using macvlan on interface \"NAME\"'",
            ));
        }
        let testbed = self.testbeds.open(draft, self.lab.take()).await?;
        self.rng = Some(testbed.seed.rng(ClientNumber(0), BDD));
        Ok(self.testbed.insert(testbed).clone())
    }

    /// The pool of a scenario that has clients.
    pub(super) fn pool(&self) -> Result<&Pool, Complaint> {
        let testbed = self.testbed.as_ref().ok_or_else(no_clients)?;
        Ok(&testbed.pool)
    }

    /// The scenario's testbed, if it has clients.
    pub(super) fn open_testbed(&self) -> Result<&ScenarioTestbed, Complaint> {
        self.testbed.as_ref().ok_or_else(no_clients)
    }

    /// All clients that have not left.
    pub(super) async fn herd(&self) -> Result<Vec<ClientStatus>, Complaint> {
        let HerdStatus { mut clients, .. } = self.pool()?.status().await?;
        clients.retain(|client| client.phase != Phase::Gone);
        Ok(clients)
    }

    /// The clients that a step names; there is at least one.
    pub(super) async fn choose(&mut self, clients: &ClientsWord) -> Result<Chosen, Complaint> {
        let herd = self.herd().await?;
        let all = || herd.iter().map(|client| client.identity.number);
        let mut quota = 1.0;
        let numbers: Vec<_> = match clients {
            ClientsWord::All => all().collect(),
            ClientsWord::AtLeast(share) => {
                quota = *share;
                all().collect()
            }
            ClientsWord::Same if self.same.is_empty() => {
                return Err(Complaint::new("no step before this one has chosen clients"));
            }
            ClientsWord::Same => self.same.clone(),
            ClientsWord::Range(from, to) => {
                let numbers: Vec<_> = all().filter(|n| (from..=to).contains(&n)).collect();
                let wanted = u64::from(to.0 - from.0) + 1;
                if numbers.len() as u64 != wanted {
                    let missing = (from.0..=to.0)
                        .map(ClientNumber)
                        .find(|n| !numbers.contains(n));
                    return Err(Complaint::new(format!(
                        "there is no client {}: {}",
                        missing.unwrap_or(*to),
                        those_there(&herd)
                    )));
                }
                numbers
            }
            ClientsWord::Random(count) => {
                let mut pile: Vec<_> = all().collect();
                let count = usize::try_from(*count).unwrap_or(usize::MAX);
                if count > pile.len() {
                    let there = those_there(&herd);
                    return Err(Complaint::new(format!(
                        "{count} clients cannot be drawn: {there}"
                    )));
                }
                if let Some(rng) = &mut self.rng {
                    rng.shuffle(&mut pile);
                }
                pile.truncate(count);
                pile.sort_unstable();
                pile
            }
            ClientsWord::Group(name) => {
                let own = herd.iter().filter(|client| client.group == *name);
                own.map(|client| client.identity.number).collect()
            }
        };
        if numbers.is_empty() {
            return Err(match clients {
                ClientsWord::Group(name) => Complaint::new(format!(
                    "there are no clients in a group {name:?}",
                    name = name.to_string()
                )),
                _ => no_clients(),
            });
        }
        self.same.clone_from(&numbers);
        Ok(Chosen { numbers, quota })
    }

    /// The clients that a step lets do something: a share of them is no answer to whom.
    pub(super) async fn choose_to_act(
        &mut self,
        clients: &ClientsWord,
    ) -> Result<Chosen, Complaint> {
        if let ClientsWord::AtLeast(_) = clients {
            return Err(Complaint::new(
                "'at least …% of clients' says how many must succeed, and belongs into a Then",
            ));
        }
        self.choose(clients).await
    }

    /// Something is about to be done to clients: notes when, and what they hold.
    pub(super) async fn disturb(&mut self) -> Result<(), Complaint> {
        self.note_held().await?;
        self.expect_failures();
        self.disturbed = Some(Instant::now());
        Ok(())
    }

    /// Notes what clients hold now.
    pub(super) async fn note_held(&mut self) -> Result<(), Complaint> {
        let herd = self.herd().await?;
        for client in &herd {
            if let (Phase::Online, Some(lease)) = (client.phase, &client.lease) {
                self.held.insert(client.identity.number, lease.address);
            }
            if let Some(state) = &client.ipv6 {
                self.unique_local
                    .insert(client.identity.number, unique_local(state));
            }
        }
        Ok(())
    }

    /// A wait that began then, beside how late the tester is meanwhile.
    pub(super) fn waiting(&self, since: Instant, wait: Wait) -> Result<Waiting, Complaint> {
        let tester = self.open_testbed()?.tester.clone();
        Ok(Waiting::new(since, wait, tester))
    }

    /// Looks at the herd until `is_so` says so, or the wait is over; returns the herd as it was last, and when that was.
    /// `is_so` is told whether the bound has gone by, since when a part of the herd may be enough.
    pub(super) async fn watch(
        &self,
        waiting: &Waiting,
        is_so: impl Fn(&[ClientStatus], bool) -> bool,
    ) -> Result<(Vec<ClientStatus>, Instant), Complaint> {
        loop {
            let at = Instant::now();
            let herd = self.herd().await?;
            if is_so(&herd, waiting.is_over(at)) || !waiting.goes_on() {
                return Ok((herd, at));
            }
            tokio::time::sleep(waiting.next_look(Waiting::LOOK)).await;
        }
    }

    /// From here on to the end of the scenario it is no news that clients fail.
    pub(super) fn expect_failures(&mut self) {
        self.expecting.get_or_insert_with(Expecting::begin);
    }

    /// Something was found out that is told whether or not the scenario passes.
    pub(super) fn find(&mut self, finding: ScenarioFinding) {
        self.notes.findings.push(finding);
    }

    /// What is known of the scenario.
    pub(super) fn notes(&mut self) -> Notes {
        std::mem::take(&mut self.notes)
    }

    /// Closes the scenario's testbed; what could not be removed is in what is returned.
    pub(super) async fn close(&mut self) -> Option<CloseReport> {
        /// A pool that does not answer by then is not asked for figures.
        const PATIENCE: Duration = Duration::from_secs(2);
        let testbed = self.testbed.take()?;
        let lag = testbed.tester.now();
        let quantile = |quantile| lag.all().quantile(quantile);
        if let (Some(p50), Some(p99), Some(max)) = (quantile(0.5), quantile(0.99), quantile(1.0)) {
            self.notes.lateness = Some(Lateness { p50, p99, max });
        }
        if let Ok(Ok(figures)) = tokio::time::timeout(PATIENCE, testbed.pool.figures()).await {
            self.notes.sums = Some(ScenarioSums::from(&figures));
        }
        Some(self.testbeds.close(&testbed).await)
    }
}

/// The stream of a scenario's own choices.
const BDD: u64 = 0xbdd;

fn no_clients() -> Complaint {
    Complaint::new(
        "there are no clients: create some first, with 'Given I create 10 virtual clients using macvlan'",
    )
}

fn those_there(herd: &[ClientStatus]) -> String {
    let numbers: Vec<_> = herd.iter().map(|client| client.identity.number).collect();
    match numbers.as_slice() {
        [] => "there are none".to_owned(),
        [one] => format!("there is client {one}"),
        [first, .., last] if (last.0 - first.0) as usize + 1 == numbers.len() => {
            format!("there are clients {first} to {last}")
        }
        [first, .., last] => format!(
            "there are {} clients, from {first} to {last}",
            numbers.len()
        ),
    }
}

/// Clients by their numbers.
pub(super) fn by_number(herd: &[ClientStatus]) -> BTreeMap<ClientNumber, &ClientStatus> {
    herd.iter()
        .map(|client| (client.identity.number, client))
        .collect()
}

/// How a client stands, for people: `online with 10.77.0.12 from 10.77.0.1`, `not online but dhcp: …`.
pub(super) fn standing(client: &ClientStatus) -> String {
    let lease = client
        .lease
        .as_ref()
        .map(|lease| format!("{} from {}", lease.address, lease.server_id));
    let mut text = match (client.phase, lease) {
        (Phase::Online, Some(lease)) => format!("online with {lease}"),
        (Phase::Online, None) => "online".to_owned(),
        (phase, Some(lease)) => format!("not online but in phase {phase}, its last lease {lease}"),
        (phase, None) => format!("not online but in phase {phase}"),
    };
    if client.families != Families::Ipv4 {
        for (family, status) in client.by_family.iter() {
            let is = match status {
                Some(status) if status.is_up => "up",
                Some(status) if status.rests => "not wanted",
                Some(_) => "down",
                None => continue,
            };
            // Writing to a string cannot fail.
            let _ = write!(text, ", {} {is}", family.name());
        }
    }
    if let Some(failure) = &client.failure {
        // Writing to a string cannot fail.
        let _ = write!(text, "; last failure: {failure}");
    }
    text
}
