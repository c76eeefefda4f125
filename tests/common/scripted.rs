//! A DHCP server that misbehaves as a test tells it to.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use dhcproto::v4::{DhcpOption, Flags, Message, MessageType, Opcode};
use dhcproto::{Decodable, Encodable};
use socket2::{Domain, Protocol, Socket, Type};

use super::host::{Host, ROUTER};

/// A running server; it ends when it is dropped.
pub struct Scripted {
    over: Arc<AtomicBool>,
    heard: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Scripted {
    /// Answers each message with the payloads that `script` gives, broadcast to port 68.
    pub fn start(
        host: &Host,
        mut script: impl FnMut(&Message) -> Vec<Vec<u8>> + Send + 'static,
    ) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let heard = Arc::new(AtomicUsize::new(0));
        let namespace = lanherd::lan::netns::NetNs::open(&host.router_namespace())
            .expect("the router's namespace");
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = std::thread::spawn({
            let (over, heard) = (Arc::clone(&over), Arc::clone(&heard));
            move || {
                namespace.enter().expect("root may enter");
                let socket = open().expect("port 67 is free on the router");
                ready.send(()).expect("the test waits");
                let everyone = SocketAddrV4::new(Ipv4Addr::BROADCAST, 68);
                let mut buffer = [0; 2048];
                while !over.load(Ordering::Relaxed) {
                    let Ok(length) = socket.recv(&mut buffer) else {
                        continue;
                    };
                    let Ok(message) = Message::from_bytes(&buffer[..length]) else {
                        continue;
                    };
                    heard.fetch_add(1, Ordering::Relaxed);
                    for reply in script(&message) {
                        socket
                            .send_to(&reply, everyone)
                            .expect("a broadcast leaves");
                    }
                }
            }
        });
        is_ready.recv().expect("the server started");
        Self {
            over,
            heard,
            thread: Some(thread),
        }
    }

    /// How many messages it has heard.
    pub fn heard(&self) -> usize {
        self.heard.load(Ordering::Relaxed)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            eprintln!("the scripted server panicked");
        }
    }
}

fn open() -> io::Result<std::net::UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_broadcast(true)?;
    socket.bind_device(Some(b"lan"))?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 67).into())?;
    Ok(socket.into())
}

/// The answer of type `kind` that offers `address`: correct in every field.
pub fn reply(to: &Message, kind: MessageType, address: Ipv4Addr) -> Message {
    let mut reply = Message::default();
    reply
        .set_opcode(Opcode::BootReply)
        .set_xid(to.xid())
        .set_flags(Flags::default().set_broadcast())
        .set_yiaddr(address)
        .set_siaddr(ROUTER)
        .set_chaddr(to.chaddr());
    let options = reply.opts_mut();
    options.insert(DhcpOption::MessageType(kind));
    options.insert(DhcpOption::ServerIdentifier(ROUTER));
    if kind != MessageType::Nak {
        options.insert(DhcpOption::AddressLeaseTime(3600));
        options.insert(DhcpOption::SubnetMask(Ipv4Addr::new(255, 255, 0, 0)));
        options.insert(DhcpOption::Router(vec![ROUTER]));
        options.insert(DhcpOption::DomainNameServer(vec![ROUTER]));
    }
    reply
}

/// A message as bytes.
pub fn bytes(message: &Message) -> Vec<u8> {
    message.to_vec().expect("a message of ours can be encoded")
}

/// What kind of message it is.
pub fn kind(message: &Message) -> Option<MessageType> {
    message.opts().msg_type()
}
