//! What a DHCP server in trouble does to its clients: refuses them all, turns away strangers, gives one address twice,
//! forgets its leases, names what is not there.
//!
//! These are further ways to handle a message, beside [`Server::handle`], which stays right: whoever holds a
//! [`Troubled`] decides by the faults of the moment which one is taken. What is remembered of an address that was given
//! twice is kept apart from the bindings, in which an address is never anybody's twice; so the trouble is over, and the
//! server right again, when that memory is dropped.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Instant;

use super::bindings::{ClientKey, Hold, Holding, Record};
use super::{Leased, Reply, ReplyTo, Server, holding};
use lanherd_dhcp::Message;
use lanherd_dhcp::options::{MessageType, code};
use lanherd_types::identity::Mac;

/// A server, and what it remembers of its troubles.
#[derive(Debug)]
pub(crate) struct Troubled {
    server: Server,
    /// Clients that were given an address that is another's.
    doubles: HashMap<ClientKey, Double>,
    /// What was forgotten and has not been given back or out again, and whose it was, oldest first.
    forgotten: Vec<(Ipv4Addr, ClientKey)>,
    /// It has lost leases: that it has no record of a client no longer means that another server has.
    has_lost_leases: bool,
}

#[derive(Debug)]
struct Double {
    address: Ipv4Addr,
    holding: Holding,
}

impl Troubled {
    pub(crate) fn new(server: Server) -> Self {
        Self {
            server,
            doubles: HashMap::new(),
            forgotten: Vec::new(),
            has_lost_leases: false,
        }
    }

    /// The server; to read from.
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    /// What is leased, in no order; an address that was given twice comes twice.
    pub(crate) fn leases(&self) -> impl Iterator<Item = Leased> {
        let doubles = self.doubles.values().filter(|double| double.is_bound());
        let doubles = doubles.map(|double| double.holding.leased(double.address));
        self.server.leases().chain(doubles)
    }

    /// How many leases there are.
    pub(crate) fn active(&self) -> usize {
        let doubles = self.doubles.values().filter(|double| double.is_bound());
        self.server.active() + doubles.count()
    }

    /// Who is offered or leased `address`; of two, the one that has it by right.
    pub(crate) fn holder(&self, address: Ipv4Addr) -> Option<Mac> {
        self.server.holder(address).or_else(|| {
            let mut doubles = self.doubles.values();
            let double = doubles.find(|double| double.address == address)?;
            Some(double.holding.mac)
        })
    }

    /// The addresses that clients have left since the last call; some may be held still, or again.
    pub(crate) fn take_vacated(&mut self) -> Vec<Ipv4Addr> {
        self.server.take_vacated()
    }

    /// Frees the addresses whose offers and leases have run out.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.server.expire(now);
        let server = &mut self.server;
        self.doubles.retain(|_, double| {
            let is_over = double.until().is_some_and(|until| until <= now);
            if is_over {
                server.bindings.vacate(double.address);
            }
            !is_over
        });
    }

    /// When [`Self::expire`] next has something to do; `None`: never, as things are.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let doubles = self.doubles.values().filter_map(Double::until);
        doubles.chain(self.server.next_deadline()).min()
    }

    /// Handles a message as it should be; but who is unknown and says that he has a lease is refused once leases were lost.
    ///
    /// RFC 2131 (4.3.2) wants a server without a record of a client to be silent to its INIT-REBOOT, for another server
    /// may have one. This one knows that it is alone and has lost some, so it refuses, as an authoritative server does,
    /// and spares the client a minute of asking in vain.
    pub(crate) fn handle(&mut self, message: &Message, now: Instant) -> Option<Reply> {
        if self.has_lost_leases
            && message.message_type() == Some(MessageType::Request)
            && is_init_reboot(message)
            && self.record(message).is_none()
        {
            return Some(self.refuse(message, "your lease is not known here any more"));
        }
        self.note_release(message);
        self.server.handle(message, now)
    }

    /// Refuses a REQUEST that is meant for it, whatever is asked; `None`: the message is another.
    pub(crate) fn refuse_request(&mut self, message: &Message) -> Option<Reply> {
        if message.message_type() != Some(MessageType::Request) || self.is_for_another(message) {
            return None;
        }
        Some(self.refuse(message, "no request is granted at present"))
    }

    /// Refuses the REQUEST of a client that says that it has a lease: one that reboots, renews or rebinds (RFC 2131,
    /// 4.3.2). `None`: the message is another.
    pub(crate) fn refuse_known(&mut self, message: &Message) -> Option<Reply> {
        let renews = !message.ciaddr.is_unspecified();
        if !(renews || is_init_reboot(message)) {
            return None;
        }
        self.refuse_request(message)
    }

    /// Whether the message is that of a client which would have to be given an address first.
    pub(crate) fn is_from_somebody_new(&self, message: &Message) -> bool {
        let asks = match message.message_type() {
            Some(MessageType::Discover) => true,
            // One whose offer or lease has run out would be given the address again.
            Some(MessageType::Request) => {
                !self.is_for_another(message)
                    && (message.options.contains(code::REQUESTED_ADDRESS)
                        || !message.ciaddr.is_unspecified())
            }
            Some(_) | None => false,
        };
        asks && !matches!(self.record(message), Some(Record::Held(..)))
    }

    /// How many clients are offered or leased an address.
    pub(crate) fn held_count(&self) -> usize {
        self.server.bindings.held_count()
    }

    /// Names an address that nobody has in the option of that code, if the answer has it. Returns whether it has.
    pub(crate) fn mislead(&self, reply: &mut Reply, code: u8) -> bool {
        let options = &mut reply.message.options;
        let is_there = options.contains(code);
        if is_there {
            options.set(code, self.server.config.range.vacant().octets());
        }
        is_there
    }

    /// Has no address for such a client: silent to its DISCOVER, and its old address is not its own any more.
    pub(crate) fn turn_away(&mut self, message: &Message) -> Option<Reply> {
        if message.message_type() == Some(MessageType::Request) {
            return Some(self.refuse(message, "your address is given away"));
        }
        self.server.counters.discovers += 1;
        self.server.counters.exhausted += 1;
        None
    }

    /// Handles a message as a server does that gives out what others hold: whoever is new is offered an address that is
    /// leased, and everything that it then says of it is taken as if the address were its own. `None`: the message is
    /// none of those.
    pub(crate) fn double(
        &mut self,
        message: &Message,
        now: Instant,
        rng: &mut fastrand::Rng,
    ) -> Option<Doubled> {
        let client = ClientKey::of(message);
        let doubled = self.doubles.get(&client).map(|double| double.address);
        let requested = message.options.address(code::REQUESTED_ADDRESS);
        let own = Some(message.ciaddr).filter(|address| !address.is_unspecified());
        let is_doubled = |address: Option<Ipv4Addr>| address.is_some() && address == doubled;
        match message.message_type()? {
            MessageType::Discover => {
                let bindings = &self.server.bindings;
                let address = match (doubled, bindings.record(&client)) {
                    (Some(address), _) => address,
                    (None, Some(Record::Held(_, Hold::Bound { .. }))) => return None,
                    (None, _) => self.of_another(&client, message.chaddr, rng)?,
                };
                Some(Doubled::Answer(
                    self.offer_double(client, address, message, now),
                ))
            }
            MessageType::Request if is_doubled(own.or(requested)) => {
                self.server.counters.requests += 1;
                if self.is_for_another(message) {
                    self.server.counters.ignored += 1;
                    self.drop_double(&client);
                    return Some(Doubled::Silence);
                }
                let address = own.or(requested)?;
                Some(Doubled::Answer(
                    self.bind_double(client, address, message, now),
                ))
            }
            MessageType::Decline if is_doubled(requested) => {
                self.server.counters.declines += 1;
                self.drop_double(&client);
                Some(Doubled::Silence)
            }
            MessageType::Release if is_doubled(own) => {
                self.server.counters.releases += 1;
                self.drop_double(&client);
                Some(Doubled::Silence)
            }
            MessageType::Request
            | MessageType::Decline
            | MessageType::Release
            | MessageType::Inform
            | MessageType::Offer
            | MessageType::Ack
            | MessageType::Nak => None,
        }
    }

    fn offer_double(
        &mut self,
        client: ClientKey,
        address: Ipv4Addr,
        message: &Message,
        now: Instant,
    ) -> Reply {
        self.server.counters.discovers += 1;
        self.server.counters.offers += 1;
        // As long as it has a lease of the address, a further offer does not end it.
        if !self.doubles.get(&client).is_some_and(Double::is_bound) {
            let until = now + self.server.config.offer_hold;
            let holding = holding(client.clone(), message, Hold::Offered { until });
            self.doubles.insert(client, Double { address, holding });
        }
        self.server.grant(MessageType::Offer, message, address)
    }

    fn bind_double(
        &mut self,
        client: ClientKey,
        address: Ipv4Addr,
        message: &Message,
        now: Instant,
    ) -> Reply {
        self.server.counters.acks += 1;
        let holding = holding(client.clone(), message, self.server.lease_from(now));
        self.doubles.insert(client, Double { address, holding });
        let mut reply = self.server.grant(MessageType::Ack, message, address);
        reach(&mut reply, message);
        reply
    }

    /// Sends the answer for a client whose address was given to another, too, to its own hardware address: by ARP it
    /// might go to the other.
    pub(crate) fn reach_holder(&self, reply: &mut Reply, message: &Message) {
        if self
            .doubles
            .values()
            .any(|double| double.address == message.ciaddr)
        {
            reach(reply, message);
        }
    }

    /// Drops what was given twice: from now on the address is only his who had it first.
    pub(crate) fn end_doubles(&mut self) {
        for (_, double) in self.doubles.drain() {
            self.server.bindings.vacate(double.address);
        }
    }

    /// Forgets every lease that is held now, and gives the address to the next who has none. Returns how many.
    pub(crate) fn forget_leases(&mut self) -> usize {
        let leases = self.server.bindings.bound();
        let mut leases: Vec<_> = leases
            .map(|(address, holding)| (address, holding.client.clone()))
            .collect();
        if leases.is_empty() {
            return 0;
        }
        leases.sort_unstable_by_key(|(address, _)| *address);
        for (address, _) in &leases {
            self.server.bindings.forget(*address);
        }
        let count = leases.len();
        self.has_lost_leases = true;
        // Who has not asked since an earlier time still uses what was forgotten then.
        self.keep_free_forgotten(|address| leases.iter().all(|(lost, _)| *lost != address));
        self.forgotten.extend(leases);
        count
    }

    /// Keeps what was forgotten as long as nobody has it by a lease or an offer, and `also` holds for it.
    fn keep_free_forgotten(&mut self, also: impl Fn(Ipv4Addr) -> bool) {
        let bindings = &self.server.bindings;
        self.forgotten
            .retain(|(address, _)| also(*address) && bindings.is_free(*address));
    }

    /// Who gives back what was forgotten does not use it any more: given to another it would be no conflict.
    fn note_release(&mut self, message: &Message) {
        if message.message_type() == Some(MessageType::Release) {
            let client = ClientKey::of(message);
            self.forgotten
                .retain(|(address, former)| *address != message.ciaddr || *former != client);
        }
    }

    /// Forgets every client and every address.
    ///
    /// Clients go on with what they had until they ask. A router would ping an address before it offers it (RFC 2131,
    /// 2.2), and so not give it to another; this one gives out all others first.
    pub(crate) fn forget_everything(&mut self) {
        self.end_doubles();
        self.forgotten.clear();
        self.has_lost_leases = true;
        self.server.bindings.forget_everything();
    }

    /// The message as if its sender, who is unknown, asked for an address that was another's until it was forgotten.
    /// `None`: it is none such, or there is no such address.
    pub(crate) fn in_anothers_place(&mut self, message: &Message) -> Option<Message> {
        if message.message_type() != Some(MessageType::Discover) || self.record(message).is_some() {
            return None;
        }
        let client = ClientKey::of(message);
        self.keep_free_forgotten(|_| true);
        let (address, _) = self
            .forgotten
            .iter()
            .find(|(_, former)| *former != client)?;
        let mut message = message.clone();
        message
            .options
            .set(code::REQUESTED_ADDRESS, address.octets());
        Some(message)
    }

    fn record(&self, message: &Message) -> Option<Record> {
        self.server.bindings.record(&ClientKey::of(message))
    }

    /// Whether the client says that it has chosen another server.
    fn is_for_another(&self, message: &Message) -> bool {
        let server = message.options.address(code::SERVER_ID);
        server.is_some_and(|server| server != self.server.config.subnet.router())
    }

    fn refuse(&mut self, message: &Message, why: &str) -> Reply {
        self.server.counters.requests += 1;
        self.server.counters.naks += 1;
        self.server.refuse(message, why)
    }

    /// An address that is leased to another device.
    fn of_another(
        &self,
        client: &ClientKey,
        mac: Mac,
        rng: &mut fastrand::Rng,
    ) -> Option<Ipv4Addr> {
        let bound = self.server.bindings.bound();
        let others = bound.filter(|(_, holding)| holding.client != *client && holding.mac != mac);
        let mut addresses: Vec<_> = others.map(|(address, _)| address).collect();
        // The map has an order of its own in every process.
        addresses.sort_unstable();
        rng.choice(addresses)
    }

    fn drop_double(&mut self, client: &ClientKey) {
        if let Some(double) = self.doubles.remove(client) {
            self.server.bindings.vacate(double.address);
        }
    }
}

/// What comes of a message about an address that was given twice.
#[derive(Debug)]
pub(crate) enum Doubled {
    Answer(Reply),
    Silence,
}

impl Double {
    fn until(&self) -> Option<Instant> {
        self.holding.hold.until()
    }

    fn is_bound(&self) -> bool {
        matches!(self.holding.hold, Hold::Bound { .. })
    }
}

/// A REQUEST of a client that says which address it had before it was started (RFC 2131, 4.3.2).
fn is_init_reboot(message: &Message) -> bool {
    message.message_type() == Some(MessageType::Request)
        && message.ciaddr.is_unspecified()
        && message.options.contains(code::REQUESTED_ADDRESS)
        && !message.options.contains(code::SERVER_ID)
}

/// Makes a unicast answer go to who asked, whoever else has the address.
fn reach(reply: &mut Reply, message: &Message) {
    if let ReplyTo::Unicast(address) = reply.to {
        reply.to = ReplyTo::Hardware {
            address,
            mac: message.chaddr,
        };
    }
}
