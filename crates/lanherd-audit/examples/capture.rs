//! A capture is held against the RFCs: `cargo run -p lanherd-audit --example capture -- FILE.pcap`, of Ethernet, as
//! `tcpdump -w FILE.pcap` writes it. Without a file it reads the one beside it, of a router whose prefixes have 63 bits and whose
//! lifetimes are very long.
//!
//! Nothing is sent, and nobody is asked: what an audit says about silence it cannot say here.

use std::error::Error;
use std::fs;
use std::time::Duration;

use lanherd_audit::{Audit, Settings, Solicitor};

const BROKEN_ROUTER: &[u8] = include_bytes!("broken-router.pcap");
/// What the first four bytes of a capture are, where the moments of frames have microseconds, and where they have nanoseconds.
const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const ETHERNET: u32 = 1;

/// The frames of a capture, each with its moment.
struct Capture<'a> {
    rest: &'a [u8],
    read: fn([u8; 4]) -> u32,
    fraction: Duration,
}

impl<'a> Capture<'a> {
    fn open(bytes: &'a [u8]) -> Result<Self, Box<dyn Error>> {
        let (header, rest) = bytes.split_first_chunk::<24>().ok_or("no capture")?;
        let number = |read: fn([u8; 4]) -> u32, at: usize| {
            let bytes = &header[at..at + 4];
            bytes.try_into().map(read)
        };
        for read in [u32::from_le_bytes, u32::from_be_bytes] {
            let fraction = match number(read, 0)? {
                MICROSECONDS => Duration::from_micros(1),
                NANOSECONDS => Duration::from_nanos(1),
                _ => continue,
            };
            if number(read, 20)? != ETHERNET {
                return Err("the capture is not of Ethernet".into());
            }
            return Ok(Self {
                rest,
                read,
                fraction,
            });
        }
        Err("this is no capture as tcpdump writes it; of pcapng, editcap -F pcap makes one".into())
    }
}

impl<'a> Iterator for Capture<'a> {
    type Item = (Duration, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (seconds, rest) = self.rest.split_first_chunk()?;
        let (fraction, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (_, rest) = rest.split_first_chunk::<4>()?; // Its length on the wire.
        let length = usize::try_from((self.read)(*length)).ok()?;
        let (frame, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        let at = Duration::from_secs((self.read)(*seconds).into());
        Some((at + self.fraction * (self.read)(*fraction), frame))
    }
}

#[allow(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1);
    let bytes = path.map_or_else(|| Ok(BROKEN_ROUTER.to_vec()), fs::read)?;
    let mut audit = Audit::new(Settings {
        interface: "the capture".to_owned(),
        link_mtu: 1500,
        solicitor: Solicitor::new(&mut fastrand::Rng::new()),
        solicits: false,
    });
    let (mut began, mut now) = (None, Duration::ZERO);
    for (at, frame) in Capture::open(&bytes)? {
        now = at.saturating_sub(*began.get_or_insert(at));
        let question = audit.hear(now, frame);
        assert!(question.is_none(), "one that only listens asks nothing");
    }
    println!("{}", audit.report(now, 0));
    Ok(())
}
