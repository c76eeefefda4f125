//! A client on the fake LAN.

use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::services::{self, FakeUdp};
use super::stream::FakeStream;
use super::{DOUBLE, FakeLan, Parent, RTT, Trouble, is_silent};
use lanherd_dhcp::{Arp, ArpOp, Lease, Transmit};
use lanherd_net::lan::ipv6::{Addressing6, Configured6, Held6};
use lanherd_net::lan::{
    CommandRan, CommandRequest, Connected, EchoRequest, Lan, PingCause, PingOutcome, Port,
    PortEvent,
};
use lanherd_types::identity::Identity;
use lanherd_types::phase::Failure;

/// One client's place on the fake LAN.
pub struct FakePort {
    pub(super) lan: FakeLan,
    pub(super) identity: Identity,
}

impl Port for FakePort {
    type Stream = FakeStream;
    type Udp = FakeUdp;

    fn transmit(&self, transmit: &Transmit) -> io::Result<()> {
        self.lan.transmit_for(&self.identity, transmit)
    }

    async fn configure(&self, lease: &Lease) -> Result<(), Failure> {
        let trouble = self
            .lan
            .inner()
            .troubles
            .get(&self.identity.number)
            .copied();
        match trouble {
            Some(Trouble::PanicsOnce) => {
                self.lan.inner().troubles.remove(&self.identity.number);
                panic!("scripted");
            }
            Some(Trouble::HangsWhenConfigured) => pending().await,
            Some(Trouble::NameTaken | Trouble::CannotBeRemoved) | None => {}
        }
        let mut inner = self.lan.inner();
        let is_held = inner.namespaces.iter().any(|(name, address)| {
            *address == Some(lease.address) && *name != self.identity.namespace
        });
        if is_held {
            let words = format!("{} is used twice", lease.address);
            inner.violations.push(words);
        }
        inner
            .namespaces
            .insert(self.identity.namespace.clone(), Some(lease.address));
        Ok(())
    }

    async fn deconfigure(&self) -> Result<(), Failure> {
        self.lan
            .inner()
            .namespaces
            .insert(self.identity.namespace.clone(), None);
        Ok(())
    }

    fn transmit_arp(&self, arp: &Arp) -> io::Result<()> {
        let inner = self.lan.inner();
        if inner.parent != Parent::Up {
            return Err(io::ErrorKind::NetworkDown.into());
        }
        let Some(holder) = inner.squatters.get(&arp.target).copied() else {
            return Ok(());
        };
        let answer = Arp {
            op: ArpOp::Reply,
            target_mac: arp.sender_mac,
            ..Arp::announcement(holder, arp.target)
        };
        let inbox = inner
            .listeners
            .get(&self.identity.mac)
            .filter(|address| **address == arp.target)
            .and_then(|_| inner.inboxes.get(&self.identity.mac).cloned());
        drop(inner);
        if let Some(inbox) = inbox {
            inbox(PortEvent::Arp(answer));
        }
        Ok(())
    }

    fn link_mtu(&self) -> u32 {
        1500
    }

    fn listen_arp(&self, address: Option<Ipv4Addr>) {
        let mut inner = self.lan.inner();
        match address {
            Some(address) => inner.listeners.insert(self.identity.mac, address),
            None => inner.listeners.remove(&self.identity.mac),
        };
    }

    fn transmit6(&self, frame: &[u8]) -> io::Result<()> {
        self.lan.send6(self.identity.mac, frame)
    }

    async fn configure6(&self, addressing: Addressing6) -> Result<Configured6, Failure> {
        self.lan.configure6(&self.identity, addressing)
    }

    async fn remember6(&self, held: Option<Held6>) -> Result<(), Failure> {
        self.lan.remember6(self.identity.number, held);
        Ok(())
    }

    async fn hear_dhcp6(&self) -> Result<(), Failure> {
        Ok(())
    }

    async fn connect(
        &self,
        to: SocketAddr,
        timeout: Duration,
    ) -> io::Result<Connected<FakeStream>> {
        services::connect(&self.lan, to, timeout).await
    }

    async fn command(&self, request: CommandRequest) -> CommandRan {
        services::command(&request).await
    }

    async fn udp(&self, to: SocketAddr) -> io::Result<FakeUdp> {
        Ok(FakeUdp::new(&self.lan, to))
    }

    async fn ping(&self, request: EchoRequest, timeout: Duration) -> PingOutcome {
        if is_silent(request.target) {
            tokio::time::sleep(timeout).await;
            return PingOutcome::Lost(PingCause::Timeout);
        }
        tokio::time::sleep(RTT).await;
        PingOutcome::Reply(RTT)
    }

    fn duplicates(&self, target: IpAddr) -> u64 {
        u64::from(target == DOUBLE)
    }
}
