//! The floor: the bare sequence of kernel calls that N clients cost, and nothing else.
//!
//! Two workers make namespaces and links, one thread reads the herd's only raw socket. No actor, no restart, no name,
//! no resolver file, no report: what lanherd takes beyond this is the price of what it adds. It is written to be fast,
//! for a slow floor would flatter whoever stands on it: a namespace's sockets are opened while the thread is in it, so
//! nobody enters twice on the way; a macvlan is one message; address, routes and loopback are one send.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, Read};
use std::net::{SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lanherd::identity::{ClientNumber, Identity, Mac, PoolName, Seed};
use nix::sched::{CloneFlags, setns, unshare};
use parking_lot::{Condvar, Mutex, MutexGuard};
use rtnetlink::LinkMacVlan;
use rtnetlink::packet_route::link::MacVlanMode;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::measure::{self, Family, Herd, TARGET, TARGET6};
use super::wire::{self, Advertised, Grant};
use super::{kernel, kernel::Route, kernel::Route6};

/// Exchanges in flight: more overrun a server's socket.
const OUTSTANDING: usize = 64;

/// Two, as many as the kernel lets work side by side on namespaces.
const WORKERS: usize = 2;

/// After this long without an answer a message is sent again.
const RETRANSMIT: Duration = Duration::from_secs(1);

/// A herd that stands: the sockets that keep its namespaces alive.
pub struct Bare {
    sockets: Vec<Sockets>,
}

/// What one client holds open; nothing else pins its namespace.
struct Sockets {
    _netlink: kernel::Netlink,
    _icmp: Socket,
    icmp6: Option<Socket>,
    namespace: File,
}

/// Brings `clients` clients up on `parent` until each had its first ping over each family answered.
pub fn bring_up(parent: &str, clients: u32, family: Family) -> io::Result<Bare> {
    let identities: Vec<_> = (1..=clients)
        .map(|n| Identity::derive(&PoolName::default(), ClientNumber(n), Seed(1)))
        .collect();
    let by_mac = identities.iter().enumerate();
    let shared = Arc::new(Shared {
        parent: kernel::index_of(parent)?,
        wire: wire::open(parent)?,
        family,
        by_mac: by_mac
            .map(|(index, identity)| (identity.mac, index))
            .collect(),
        identities,
        work: Mutex::default(),
        changed: Condvar::new(),
    });
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.labour())
        })
        .collect();
    shared.listen()?;
    for worker in workers {
        worker
            .join()
            .map_err(|_| io::Error::other("a worker panicked"))??;
    }
    let sockets = std::mem::take(&mut shared.lock().standing);
    ping_over_ipv6(&sockets)?;
    Ok(Bare { sockets })
}

impl Bare {
    /// Has the kernel follow advertisements by itself, in every client from now on (`accept_ra`).
    pub fn let_the_kernel_follow(&self) -> io::Result<()> {
        std::thread::scope(|scope| {
            let entering = scope.spawn(|| {
                for client in &self.sockets {
                    setns(&client.namespace, CloneFlags::CLONE_NEWNET)?;
                    kernel::follow_advertisements()?;
                }
                Ok(())
            });
            let entered = entering.join();
            entered.unwrap_or_else(|_| Err(io::Error::other("a thread panicked")))
        })
    }
}

impl Herd for Bare {
    fn tear_down(self) -> io::Result<()> {
        drop(self.sockets);
        Ok(())
    }
}

/// A client between its DISCOVER and its ACK, and between its solicitation and an advertisement.
struct Asking {
    netlink: kernel::Netlink,
    icmp: Socket,
    icmp6: Option<Socket>,
    namespace: File,
    grant: Option<Grant>,
    acknowledged: Option<Grant>,
    advertised: Option<Advertised>,
    sent: Instant,
}

#[derive(Default)]
struct Work {
    made: usize,
    done: usize,
    asking: Vec<Option<Asking>>,
    outstanding: usize,
    granted: VecDeque<(usize, Asking, Grant)>,
    standing: Vec<Sockets>,
    failed: bool,
}

enum Job {
    Make(usize),
    Finish(usize, Box<Asking>, Grant),
    Over,
}

struct Shared {
    parent: u32,
    wire: Socket,
    family: Family,
    identities: Vec<Identity>,
    by_mac: HashMap<Mac, usize>,
    work: Mutex<Work>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock()
    }

    fn labour(&self) -> io::Result<()> {
        // Opened before this thread leaves: it goes on speaking for the namespace that the parent is in.
        let home = kernel::Netlink::open()?;
        let result = self.labour_with(&home);
        if let Err(error) = &result {
            measure::note(&error.to_string());
            self.lock().failed = true;
            self.changed.notify_all();
        }
        result
    }

    fn labour_with(&self, home: &kernel::Netlink) -> io::Result<()> {
        loop {
            match self.next() {
                Job::Make(index) => {
                    let asking = self.make(home, index)?;
                    let mut work = self.lock();
                    if work.asking.len() <= index {
                        work.asking.resize_with(index + 1, || None);
                    }
                    work.asking[index] = Some(asking);
                    drop(work);
                    let mac = self.identities[index].mac;
                    self.wire.send(&wire::discover(mac, index))?;
                    if self.family == Family::Dual {
                        self.wire.send(&wire::solicitation(mac))?;
                    }
                }
                Job::Finish(index, asking, grant) => self.finish(index, *asking, &grant)?,
                Job::Over => return Ok(()),
            }
        }
    }

    fn next(&self) -> Job {
        let mut work = self.lock();
        loop {
            if work.failed || work.done == self.identities.len() {
                return Job::Over;
            }
            if let Some((index, asking, grant)) = work.granted.pop_front() {
                return Job::Finish(index, Box::new(asking), grant);
            }
            if work.made < self.identities.len() && work.outstanding < OUTSTANDING {
                work.made += 1;
                work.outstanding += 1;
                return Job::Make(work.made - 1);
            }
            self.changed.wait(&mut work);
        }
    }

    /// A namespace, its two sockets, and a macvlan made inside it.
    fn make(&self, home: &kernel::Netlink, index: usize) -> io::Result<Asking> {
        unshare(CloneFlags::CLONE_NEWNET)?;
        let namespace = File::open("/proc/thread-self/ns/net")?;
        let netlink = kernel::Netlink::open()?;
        let icmp = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?;
        icmp.set_read_timeout(Some(RETRANSMIT))?;
        let icmp6 = match self.family {
            Family::Ipv4 => None,
            Family::Dual => {
                kernel::keep_ipv6_still()?;
                let icmp6 = Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6))?;
                Some(icmp6)
            }
        };
        let link = LinkMacVlan::new("lan0", self.parent, MacVlanMode::Private)
            .address(self.identities[index].mac.octets().to_vec())
            .setns_by_fd(namespace.as_raw_fd())
            .index(kernel::CLIENT_LINK)
            .up()
            .build();
        home.add_link(link)?;
        Ok(Asking {
            netlink,
            icmp,
            icmp6,
            namespace,
            grant: None,
            acknowledged: None,
            advertised: None,
            sent: Instant::now(),
        })
    }

    /// Addresses, routes and loopback in one send, then the first pings.
    fn finish(&self, index: usize, asking: Asking, grant: &Grant) -> io::Result<()> {
        let mac = self.identities[index].mac;
        let route = Route {
            address: grant.address,
            prefix_len: grant.prefix_len,
            router: grant.router,
            router_mac: grant.server_mac,
        };
        let route6 = asking.advertised.as_ref().map(|advertised| Route6 {
            addresses: [wire::link_local(mac), wire::formed(advertised.prefix, mac)],
            router: advertised.router,
            router_mac: advertised.router_mac,
        });
        asking.netlink.configure(&route, route6.as_ref())?;
        let target = SocketAddrV4::new(TARGET, 0).into();
        ping(
            &asking.icmp,
            &wire::echo_request(index),
            &target,
            wire::is_echo_reply,
        )?;
        let mut work = self.lock();
        work.standing.push(Sockets {
            _netlink: asking.netlink,
            _icmp: asking.icmp,
            icmp6: asking.icmp6,
            namespace: asking.namespace,
        });
        work.done += 1;
        if work.done == self.identities.len() {
            self.changed.notify_all();
        }
        Ok(())
    }

    /// Reads the herd's raw socket until every client has its lease.
    fn listen(&self) -> io::Result<()> {
        self.wire
            .set_read_timeout(Some(Duration::from_millis(100)))?;
        let mut frame = [0; 2048];
        let mut granted = 0;
        let mut checked = Instant::now();
        while granted < self.identities.len() {
            if self.lock().failed {
                return Err(io::Error::other("a worker failed"));
            }
            match (&self.wire).read(&mut frame) {
                Ok(length) => {
                    if self.hear(&frame[..length])? {
                        granted += 1;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if checked.elapsed() >= RETRANSMIT {
                self.retransmit()?;
                checked = Instant::now();
            }
        }
        Ok(())
    }

    /// Takes one frame; whether it was the last that its client waited for.
    fn hear(&self, frame: &[u8]) -> io::Result<bool> {
        if let Some((mac, advertised)) = wire::read_advertisement(frame) {
            // One that is for everybody answers nobody's solicitation.
            let Some(index) = self.by_mac.get(&mac).copied() else {
                return Ok(false);
            };
            let mut work = self.lock();
            let Some(asking) = work.asking.get_mut(index).and_then(Option::as_mut) else {
                return Ok(false);
            };
            asking.advertised = Some(advertised);
            return Ok(self.take_if_complete(work, index));
        }
        let Some((index, reply)) = wire::read(frame) else {
            return Ok(false);
        };
        let Some(identity) = self.identities.get(index) else {
            return Ok(false);
        };
        let mut work = self.lock();
        let Some(asking) = work.asking.get_mut(index).and_then(Option::as_mut) else {
            return Ok(false);
        };
        match reply {
            wire::Reply::Offer(grant) => {
                let request = wire::request(identity.mac, index, &grant);
                asking.grant = Some(grant);
                asking.sent = Instant::now();
                drop(work);
                self.wire.send(&request)?;
                Ok(false)
            }
            wire::Reply::Ack(grant) => {
                asking.acknowledged = Some(grant);
                Ok(self.take_if_complete(work, index))
            }
        }
    }

    /// Hands a client that has all it asked for on to the workers.
    fn take_if_complete(&self, mut work: MutexGuard<'_, Work>, index: usize) -> bool {
        let slot = &mut work.asking[index];
        let is_complete = slot.as_ref().is_some_and(|asking| {
            asking.acknowledged.is_some()
                && (self.family == Family::Ipv4 || asking.advertised.is_some())
        });
        if !is_complete {
            return false;
        }
        let Some(mut asking) = slot.take() else {
            return false;
        };
        let Some(grant) = asking.acknowledged.take() else {
            return false;
        };
        work.outstanding -= 1;
        work.granted.push_back((index, asking, grant));
        drop(work);
        self.changed.notify_one();
        true
    }

    fn retransmit(&self) -> io::Result<()> {
        for (index, asking) in self.lock().asking.iter_mut().enumerate() {
            let Some(asking) = asking.as_mut().filter(|a| a.sent.elapsed() >= RETRANSMIT) else {
                continue;
            };
            measure::note("retransmitted");
            let mac: Mac = self.identities[index].mac;
            asking.sent = Instant::now();
            if asking.acknowledged.is_none() {
                let message = match &asking.grant {
                    Some(grant) => wire::request(mac, index, grant),
                    None => wire::discover(mac, index),
                };
                self.wire.send(&message)?;
            }
            if self.family == Family::Dual && asking.advertised.is_none() {
                self.wire.send(&wire::solicitation(mac))?;
            }
        }
        Ok(())
    }
}

/// Pings over IPv6, in all clients at once as lanherd does: not before all are there, for the kernel begins to receive for an address
/// some time after it was set. Those that are not answered within a tenth of a second are asked again.
fn ping_over_ipv6(standing: &[Sockets]) -> io::Result<()> {
    let target: SockAddr = SocketAddrV6::new(TARGET6, 0, 0, 0).into();
    let sockets = standing.iter().filter_map(|it| it.icmp6.as_ref());
    let mut waiting: Vec<(usize, &Socket)> = sockets.enumerate().collect();
    for (_, socket) in &waiting {
        socket.set_nonblocking(true)?;
    }
    let began = Instant::now();
    while !waiting.is_empty() {
        if began.elapsed() > Duration::from_secs(60) {
            return Err(io::Error::other(format!(
                "{} clients were not answered over IPv6",
                waiting.len()
            )));
        }
        for (index, socket) in &waiting {
            socket.send_to(&wire::echo6_request(*index), &target)?;
        }
        let asked = Instant::now();
        while !waiting.is_empty() && asked.elapsed() < Duration::from_millis(100) {
            let mut answer = [0; 128];
            waiting.retain(|(_, socket)| {
                let mut socket: &Socket = socket;
                while let Ok(length) = socket.read(&mut answer) {
                    if wire::is_echo6_reply(&answer[..length]) {
                        return false;
                    }
                }
                true
            });
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    Ok(())
}

/// Sends an echo request until it is answered, five times more at most.
fn ping(
    socket: &Socket,
    request: &[u8],
    target: &SockAddr,
    is_reply: fn(&[u8]) -> bool,
) -> io::Result<()> {
    socket.send_to(request, target)?;
    answered(socket, request, target, is_reply)
}

/// Waits for the answer to an echo request, and sends it again where none comes.
fn answered(
    socket: &Socket,
    request: &[u8],
    target: &SockAddr,
    is_reply: fn(&[u8]) -> bool,
) -> io::Result<()> {
    let mut answer = [0; 128];
    let mut tries = 5;
    loop {
        match (&*socket).read(&mut answer) {
            Ok(length) if is_reply(&answer[..length]) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && tries > 0 => {
                tries -= 1;
                socket.send_to(request, target)?;
            }
            Err(error) => return Err(error),
        }
    }
}
