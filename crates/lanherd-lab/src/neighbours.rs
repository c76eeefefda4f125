//! The router's permanent neighbour entries: how it reaches a client that does not answer ARP yet.
//!
//! One per offer or lease. They also keep the herd out of the count that the kernel's ARP table is limited by: that table
//! is one for all namespaces, and permanent entries are not counted (`arp(7)`, `gc_thresh3`).

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;

use nix::errno::Errno;

use lanherd_net::netlink::{Netlink, NetlinkError, request};
use lanherd_types::identity::Mac;

pub(super) struct Neighbours {
    netlink: Netlink,
    link: u32,
    known: HashMap<Ipv4Addr, Mac>,
}

impl Neighbours {
    /// Those on the interface with index `link` of the calling thread's namespace.
    pub(super) fn open(link: u32) -> io::Result<Self> {
        Ok(Self {
            netlink: Netlink::open()?,
            link,
            known: HashMap::new(),
        })
    }

    /// Says that `address` is at `mac`.
    pub(super) fn pin(&mut self, address: Ipv4Addr, mac: Mac) -> Result<(), NetlinkError> {
        if self.known.get(&address) == Some(&mac) {
            return Ok(());
        }
        self.netlink
            .send_one(request::add_neighbour(self.link, address, mac))?;
        self.known.insert(address, mac);
        Ok(())
    }

    /// Says that `address` is at `mac` and no longer elsewhere, if anything is said of it.
    pub(super) fn correct(&mut self, address: Ipv4Addr, mac: Mac) -> Result<(), NetlinkError> {
        if !self.known.contains_key(&address) {
            return Ok(());
        }
        self.pin(address, mac)
    }

    /// The kernel has removed them all: it does so when the link is taken down.
    pub(super) fn were_flushed(&mut self) {
        self.known.clear();
    }

    /// Says that nobody is known to be at `address`.
    pub(super) fn unpin(&mut self, address: Ipv4Addr) -> Result<(), NetlinkError> {
        if self.known.remove(&address).is_none() {
            return Ok(());
        }
        match self
            .netlink
            .send_one(request::delete_neighbour(self.link, address))
        {
            Err(error) if error.is(Errno::ENOENT) => Ok(()),
            done => done,
        }
    }
}
