//! The leases of the LAN's clients as they are written down: before they are made use of, and until they are given back.

use std::io;
use std::sync::Arc;

use super::endpoint::Endpoint;
use super::shared::Shared;
use crate::lan::ipv6::Held6;
use crate::rundir::lease_record::{Clock, LeaseFile, LeaseRecord};
use crate::rundir::lease6_record::Lease6Record;
use crate::rundir::pool_lock;
use lanherd_dhcp::{Lease, Message, MessageType, Transmit};
use lanherd_types::identity::Identity;

impl Shared {
    pub(super) fn lease_file(&self, identity: &Identity) -> LeaseFile {
        LeaseFile::new(&self.folders.pool, &identity.namespace)
    }

    /// Writes a lease down before it is made use of, so that it can be given back whatever happens.
    pub(super) fn remember(&self, endpoint: &Endpoint, lease: Lease) -> io::Result<()> {
        let mac = endpoint.identity.mac;
        self.adopted.lock().leases.remove(&mac);
        self.unreleased.lock().remove(&endpoint.identity.namespace);
        let held = LeaseRecord {
            mac,
            server: self.endpoints.server(mac),
            client_id: endpoint.client_id(),
            is_requested: false,
            lease,
        };
        self.write_down(endpoint, &held)
    }

    /// Writes down what a REQUEST asks for, so that it can be given back if this process is killed before it hears that it
    /// has it.
    pub(super) fn remember_requested(
        &self,
        endpoint: &Endpoint,
        request: &Message,
    ) -> io::Result<()> {
        let mac = endpoint.identity.mac;
        match LeaseRecord::requested(mac, self.endpoints.server(mac), request) {
            Some(held) => self.write_down(endpoint, &held),
            None => Ok(()),
        }
    }

    fn write_down(&self, endpoint: &Endpoint, held: &LeaseRecord) -> io::Result<()> {
        let file = self.lease_file(&endpoint.identity);
        self.written
            .lock()
            .insert(endpoint.identity.namespace.clone(), Box::new(held.clone()));
        let written = match file.write(held, Clock::now()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.tell_loss(&error);
                self.restore_records()
                    .and_then(|()| file.write(held, Clock::now()))
            }
            written => written,
        };
        written.map_err(|error| {
            let remedy = pool_lock::remedy(&error);
            io::Error::new(
                error.kind(),
                format!("{}: {error}{remedy}", file.path().display()),
            )
        })
    }

    /// Forgets a lease that has ended.
    pub(super) fn forget(&self, identity: &Identity) -> io::Result<()> {
        self.adopted.lock().leases.remove(&identity.mac);
        self.written.lock().remove(&identity.namespace);
        self.lease_file(identity).remove()
    }

    fn lease_file6(&self, identity: &Identity) -> LeaseFile {
        LeaseFile::of_ipv6(&self.folders.pool, &identity.namespace)
    }

    /// Writes a DHCPv6 lease down before it is made use of; `None`: forgets it, as it was given back or has ended.
    pub(super) fn remember6(&self, endpoint: &Endpoint, held: Option<&Held6>) -> io::Result<()> {
        let identity = &endpoint.identity;
        let Some(held) = held else {
            return self.forget6(identity);
        };
        self.adopted.lock().leases6.remove(&identity.mac);
        let record = Lease6Record::of(identity.mac, held, Clock::now());
        let file = self.lease_file6(identity);
        self.written6
            .lock()
            .insert(identity.namespace.clone(), Box::new(record.clone()));
        let written = match file.write6(&record) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.tell_loss(&error);
                self.restore_records().and_then(|()| file.write6(&record))
            }
            written => written,
        };
        written.map_err(|error| {
            let remedy = pool_lock::remedy(&error);
            io::Error::new(
                error.kind(),
                format!("{}: {error}{remedy}", file.path().display()),
            )
        })
    }

    fn forget6(&self, identity: &Identity) -> io::Result<()> {
        self.adopted.lock().leases6.remove(&identity.mac);
        // Of a client that never had one nothing is looked for.
        match self.written6.lock().remove(&identity.namespace) {
            Some(_) => self.lease_file6(identity).remove(),
            None => Ok(()),
        }
    }

    pub(super) fn forget6_or_warn(&self, identity: &Identity) {
        if let Err(error) = self.forget6(identity) {
            tracing::warn!(client = %identity.namespace, %error, "a DHCPv6 lease that has ended is still written down");
        }
    }

    /// Sends the RELEASE of a DHCPv6 lease, and takes note of whether that was possible.
    pub(super) fn give_back6(
        self: &Arc<Self>,
        identity: &Identity,
        frame: &[u8],
    ) -> io::Result<()> {
        let sent = self.send_frame6(identity, frame);
        if sent.is_ok() {
            let (shared, identity) = (Arc::clone(self), identity.clone());
            self.workers
                .post(identity.number, move |_| shared.forget6_or_warn(&identity));
        } else {
            // It is kept for the next start, and for `lanherd clean`.
            self.unreleased.lock().insert(identity.namespace.clone());
        }
        sent
    }

    /// Sends a message, and takes note of whether it has given a lease back.
    pub(super) fn give_back(
        self: &Arc<Self>,
        identity: &Identity,
        transmit: &Transmit,
        send: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        if transmit.message.message_type() != Some(MessageType::Release) {
            send()?;
            self.forget_given_back(identity, transmit);
            return Ok(());
        }
        let outcome = if self.parent.is_cut_off() {
            let words = format!("the parent {} has no carrier", self.parent.name);
            Err(io::Error::new(io::ErrorKind::NetworkDown, words))
        } else {
            send()
        };
        if outcome.is_ok() {
            self.unreleased.lock().remove(&identity.namespace);
            self.forget_given_back(identity, transmit);
        } else {
            // It is kept for the next start, and for `lanherd clean`.
            self.unreleased.lock().insert(identity.namespace.clone());
        }
        outcome
    }

    /// Forgets the lease that a message which has been sent gives back. The client's thread does it, in order with what
    /// else it is asked for: sending must not wait.
    fn forget_given_back(self: &Arc<Self>, identity: &Identity, transmit: &Transmit) {
        let message_type = transmit.message.message_type();
        if !matches!(
            message_type,
            Some(MessageType::Release | MessageType::Decline)
        ) {
            return;
        }
        let (shared, identity) = (Arc::clone(self), identity.clone());
        self.workers
            .post(identity.number, move |_| shared.forget_or_warn(&identity));
    }

    pub(super) fn forget_or_warn(&self, identity: &Identity) {
        if let Err(error) = self.forget(identity) {
            tracing::warn!(client = %identity.namespace, %error, "a lease that has ended is still written down");
        }
    }
}
