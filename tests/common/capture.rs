//! What stood on the wire, recorded by tcpdump on the router's side and read back by decoders that are not ours.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use dhcproto::Decodable;
use dhcproto::v4::{Message, MessageType, OptionCode};
use etherparse::{NetSlice, SlicedPacket, TransportSlice};

use super::host::Host;
use super::process::Running;
use super::seconds;

/// A recording of all DHCP on the LAN.
pub struct Capture {
    _tcpdump: Running,
    file: PathBuf,
}

/// One DHCP message as it was seen.
#[derive(Debug, Clone)]
pub struct Seen {
    pub source_mac: [u8; 6],
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    /// The UDP payload's length.
    pub length: usize,
    pub message: Message,
}

impl Seen {
    /// The message type.
    pub fn kind(&self) -> Option<MessageType> {
        self.message.opts().msg_type()
    }

    /// Whether the message holds option `code`.
    pub fn has(&self, code: OptionCode) -> bool {
        self.message.opts().get(code).is_some()
    }

    /// A REQUEST that extends a lease: it says in `ciaddr` which address it holds.
    pub fn is_renewal(&self) -> bool {
        self.kind() == Some(MessageType::Request) && !self.message.ciaddr().is_unspecified()
    }
}

impl Capture {
    /// Starts recording; returns once tcpdump listens.
    pub fn start(host: &Host) -> Self {
        let file = host.folder().join("lan.pcap");
        let tcpdump = host.start_on_router(
            "tcpdump",
            &[
                "tcpdump",
                "--interface=lan",
                "--immediate-mode",
                "--packet-buffered",
                "-n",
                "-Z",
                "root",
                "-w",
                &file.to_string_lossy(),
                "udp port 67 or udp port 68",
            ],
        );
        super::wait_for("tcpdump listens", seconds(10), || {
            tcpdump.stderr().contains("listening on").then_some(())
        });
        Self {
            _tcpdump: tcpdump,
            file,
        }
    }

    /// All messages so far. A frame that does not decode fails the test.
    pub fn messages(&self) -> Vec<Seen> {
        let bytes = fs::read(&self.file).expect("tcpdump has made its file");
        frames(&bytes).map(read).collect()
    }

    /// Waits until `pick` finds what it looks for.
    #[track_caller]
    pub fn wait_for<T>(
        &self,
        what: &str,
        deadline: Duration,
        mut pick: impl FnMut(&[Seen]) -> Option<T>,
    ) -> T {
        super::wait_for(what, deadline, || pick(&self.messages()))
    }
}

/// The packets of a pcap file in this machine's byte order, as far as they are written (pcap-savefile(5)).
fn frames(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = file.get(24..).unwrap_or_default();
    std::iter::from_fn(move || {
        let word = |at: usize| Some(u32::from_ne_bytes(rest.get(at..at + 4)?.try_into().ok()?));
        let end = 16 + word(8)? as usize;
        let frame = rest.get(16..end)?;
        rest = &rest[end..];
        Some(frame)
    })
}

fn read(frame: &[u8]) -> Seen {
    let packet = SlicedPacket::from_ethernet(frame).expect("the kernel sends whole frames");
    let Some(NetSlice::Ipv4(ip)) = &packet.net else {
        panic!("not IPv4: {frame:02x?}")
    };
    let Some(TransportSlice::Udp(udp)) = &packet.transport else {
        panic!("not UDP: {frame:02x?}")
    };
    let message = Message::from_bytes(udp.payload())
        .unwrap_or_else(|error| panic!("not DHCP: {error}: {:02x?}", udp.payload()));
    Seen {
        source_mac: frame[6..12].try_into().expect("six bytes"),
        source: ip.header().source_addr(),
        destination: ip.header().destination_addr(),
        length: udp.payload().len(),
        message,
    }
}
