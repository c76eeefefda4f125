//! What the client does about what its DHCP state machine says.

use tracing::{debug, info, warn};

use super::flaw_log::FlawNews;
use super::useless_replies::ExtensionAttempt;
use super::{Carrier, ClientEvent, ClientState, FamilyPhase, now};
use crate::activity::LeasedConfig;
use crate::dhcp::{
    Event, Extension, Flaw, Lease, LossReason, MessageType, ServerMessage, Unanswered,
};
use crate::family::Family;
use crate::identity::ClientNumber;
use crate::lan::Lan;
use crate::metrics::{Acquired, RenewKind};
use crate::phase::{Cause, Failure, Phase, Stage};

impl<L: Lan> ClientState<L> {
    pub(super) async fn react(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Bound { lease, reboot } => self.bound(lease, reboot).await?,
            Event::Renewed { lease, by } => self.renewed(lease, by).await?,
            Event::Lost(reason) => self.lost(reason).await?,
            Event::Refused { server_id, message } => {
                debug!(client = %self.identity.namespace, ?server_id, ?message, "a server refused (DHCPNAK)");
                self.extending.refused(server_id, message.as_deref());
                self.acquisition.refused(server_id, message);
                // Of a herd that was taken over, the address that is refused still stands there. Of a lease that was in use the
                // end follows.
                if self.machine.lease().is_none() && self.configured.is_none() {
                    self.deconfigure().await?;
                }
            }
            Event::Unanswered(what) => self.unanswered(what).await?,
            Event::Conflict { address, holder } => {
                let detail = format!("{address} is used by {holder}");
                self.extending.conflicted(&detail);
                self.acquisition.conflicted(&detail);
                self.trouble(self.stage(), Cause::AddressConflict, detail);
            }
            Event::Defended { address, against } => {
                let detail = format!("{address} was defended against {against}");
                self.trouble(Stage::Online, Cause::AddressConflict, detail);
            }
            Event::Informed { server_id, options } => {
                self.tell(ClientEvent::Informed(server_id, options));
            }
            Event::V6Only { wait } => {
                debug!(client = %self.identity.namespace, ?wait, "does without IPv4");
                self.deadline = None;
                self.ipv4 = FamilyPhase::Resting(Phase::V6Only);
                if self.stack6.is_some() {
                    self.tell(ClientEvent::FamilyRests(Family::Ipv4));
                }
                self.show();
            }
            Event::Ignored { reason, message } => {
                debug!(client = %self.identity.namespace, %reason, ?message, "ignored a DHCP message");
                self.metrics.dhcp_ignored(reason);
                self.replies().ignored(reason, message);
                if let Some(flaw) = Flaw::of_ignored(reason) {
                    let from = message.map_or_else(String::new, |message| in_short(&message));
                    self.flawed(flaw, format!("{}{from}", reason.explain()));
                }
            }
            Event::Remarked { remark, message } => {
                self.metrics.dhcp_remark(remark.option, remark.reason);
                self.replies().remarked(remark);
                let from = message.map_or_else(String::new, |message| in_short(&message));
                self.flawed(Flaw::of_option(&remark), format!("{remark}{from}"));
            }
        }
        Ok(())
    }

    /// Counts a message that is not as it should be. The log has the first of each kind, who follows the events has the first of
    /// each kind and client, as far as [`FlawLog`](super::FlawLog) goes, and the figures have all.
    pub(super) fn flawed(&mut self, flaw: Flaw, detail: String) {
        let client = &self.identity.namespace;
        let is_first = self.aggregator.flawed(flaw, &detail);
        if is_first && flaw.is_malformed() {
            warn!(%client, "a server's message is malformed: {detail}");
        } else if is_first {
            info!(%client, "a server's message: {detail}");
        } else {
            debug!(%client, "a server's message: {detail}");
        }
        match self.flaws.note(flaw) {
            FlawNews::New => self.tell(ClientEvent::Flawed { flaw, detail }),
            FlawNews::Known => {}
            FlawNews::TooMany => self.aggregator.flaw_not_told(),
        }
    }

    /// Of the requests that were sent for an offered address the acquisition keeps count, and its failure tells.
    async fn unanswered(&mut self, what: Unanswered) -> Result<(), Failure> {
        debug!(client = %self.identity.namespace, %what, "no server answered");
        let told = self.extending.told();
        match what {
            Unanswered::Requesting => Ok(()),
            Unanswered::Informing => {
                self.tell(ClientEvent::Unanswered(what, told));
                Ok(())
            }
            Unanswered::Rebooting => {
                if self.machine.lease().is_some() {
                    self.tell(ClientEvent::Unanswered(what, told));
                }
                self.unconfirmed().await
            }
        }
    }

    async fn bound(&mut self, lease: Lease, reboot: bool) -> Result<(), Failure> {
        if self.is_a_siblings(&lease) {
            return Ok(());
        }
        self.deadline = None;
        self.extension_began = None;
        self.extending = ExtensionAttempt::default();
        let took = self.acquisition.elapsed(now());
        self.metrics.dhcp_acquired(Acquired::Bound, took);
        if reboot {
            self.metrics.dhcp_renewed(RenewKind::Reboot, took);
        }
        self.tell(ClientEvent::Bound(lease.clone(), took));
        self.put_to_use(&lease).await
    }

    async fn renewed(&mut self, lease: Lease, by: Extension) -> Result<(), Failure> {
        self.deadline = None;
        self.extending = ExtensionAttempt::default();
        // The address is the client's already; only the end of the lease is new.
        let _ = self.claim(&lease);
        let kind = match by {
            Extension::Renew => RenewKind::Renew,
            Extension::Rebind => RenewKind::Rebind,
            Extension::Reboot => RenewKind::Reboot,
        };
        if let Some(began) = self.extension_began.take() {
            self.metrics.dhcp_renewed(kind, now() - began);
        }
        self.tell(ClientEvent::Renewed(lease.clone()));
        if self.uses_ipv4() {
            self.configure(&lease).await?;
            self.activities.set_ipv4(Some(LeasedConfig::from(&lease)));
            return Ok(());
        }
        self.put_to_use(&lease).await
    }

    /// Who only wanted a lease confirmed, and heard nothing, goes on using it (RFC 2131, 3.2(2)).
    async fn unconfirmed(&mut self) -> Result<(), Failure> {
        let is_asking = match self.ipv4 {
            FamilyPhase::Joining(phase) | FamilyPhase::Gone(phase) => phase == Phase::Dhcp,
            _ => false,
        };
        match self.machine.lease().cloned() {
            Some(lease) if is_asking && self.carrier == Carrier::Present => {
                self.deadline = None;
                self.put_to_use(&lease).await
            }
            _ => Ok(()),
        }
    }

    async fn lost(&mut self, reason: LossReason) -> Result<(), Failure> {
        self.extension_began = None;
        let how = std::mem::take(&mut self.extending);
        self.stop_using_address().await?;
        let how = how.told();
        let cause = match reason {
            LossReason::Released | LossReason::V6Only => None,
            LossReason::Expired => Some(Cause::LeaseExpired),
            LossReason::Nak => Some(Cause::Nak),
            LossReason::Conflict | LossReason::Declined => Some(Cause::AddressConflict),
        };
        if let Some(cause) = cause {
            let detail = format!(
                "lease lost: {reason}; {}",
                how.as_deref().unwrap_or("nobody was asked to extend it")
            );
            self.ipv4_is_down(Failure::new(Stage::Online, cause, detail));
        }
        self.tell(ClientEvent::Lost(reason, how));
        match reason {
            LossReason::Released => {
                self.ipv4 = FamilyPhase::Resting(Phase::Released);
                self.show_at_once();
            }
            // Told by an event of its own.
            LossReason::V6Only => {}
            LossReason::Expired => {
                self.metrics.lease_expired();
                self.ask_anew();
            }
            LossReason::Nak | LossReason::Conflict | LossReason::Declined => self.ask_anew(),
        }
        Ok(())
    }

    /// Takes the address out of use; does nothing where none is.
    // RFC 2131, 4.4.5: a lease that ends is used no more, and all begins anew.
    pub(super) async fn stop_using_address(&mut self) -> Result<(), Failure> {
        self.activities.set_ipv4(None);
        if self.configured.is_some() {
            self.deconfigure().await?;
        }
        self.give_address_up();
        Ok(())
    }

    /// Has the herd's book forget that the address is this client's.
    pub(super) fn give_address_up(&mut self) {
        if let Some(address) = self.configured.take() {
            self.addresses.give_up(address, self.identity.number);
        }
    }

    /// From a lease to an address in use. While there is no carrier, it waits for that.
    pub(super) async fn put_to_use(&mut self, lease: &Lease) -> Result<(), Failure> {
        self.configured = Some(lease.address);
        self.seek_ipv4(Phase::Configure);
        self.configure(lease).await?;
        self.ipv4_is_usable();
        if self.uses_ipv4() {
            self.activities.set_ipv4(Some(LeasedConfig::from(lease)));
        }
        Ok(())
    }

    /// The machine asks for a lease by itself: gives that its deadline, unless it has one already.
    fn ask_anew(&mut self) {
        self.seek_ipv4(Phase::Dhcp);
        if self.carrier == Carrier::Present && self.deadline.is_none() {
            self.expect_lease();
        }
    }

    /// The time without IPv4 is over: the machine asks by itself.
    pub(super) fn asks_after_v6_only(&mut self) {
        let is_without = self.ipv4 == FamilyPhase::Resting(Phase::V6Only);
        if is_without && self.carrier == Carrier::Present {
            self.ask_anew();
        }
    }

    /// Enters the address into the herd's book; `Err`: who of the herd holds it.
    fn claim(&self, lease: &Lease) -> Result<(), ClientNumber> {
        let number = self.identity.number;
        self.addresses
            .claim(lease.address, number, lease.expires_at(), now())
    }

    /// Whether a sibling holds the address that a server just gave: then it is refused like any other that is in use.
    // Field practice: no two clients of one herd use one address, whatever servers say.
    fn is_a_siblings(&mut self, lease: &Lease) -> bool {
        let Err(holder) = self.claim(lease) else {
            return false;
        };
        let detail = format!(
            "{} gave {} to {} while {} holds it",
            lease.server_id,
            lease.address,
            self.identity.namespace,
            self.identity.sibling(holder)
        );
        self.acquisition.conflicted(&detail);
        self.extending = ExtensionAttempt::default();
        self.extending.conflicted(&detail);
        self.trouble(Stage::Dhcp, Cause::AddressConflict, detail);
        self.machine.decline(now());
        true
    }

    /// Tells of something that is being mended without ending this life.
    pub(super) fn trouble(&self, stage: Stage, cause: Cause, detail: impl Into<String>) {
        self.tell(ClientEvent::Troubled(Failure::new(stage, cause, detail)));
    }
}

/// Which message it was, after what is said of it: " (ack from 10.0.0.1)".
fn in_short(message: &ServerMessage) -> String {
    let kind = message.kind.map_or("message", MessageType::as_str);
    match message.server_id {
        Some(server_id) => format!(" ({kind} from {server_id} for {})", message.address),
        None => format!(" ({kind} for {})", message.address),
    }
}
