//! What a router advertisement to all nodes costs a machine with a herd on it.
//!
//! The house sends some from its router's end of the cable, a tenth of a second apart, each the same as the one before: what it costs
//! that nothing has changed, as almost always. Processor time is read where the kernel keeps it: of the subject, of all of the kernel's
//! own threads (which hand a multicast frame to each macvlan, and take it up the stack there), and of the whole machine. The last two
//! have in them whatever else the machine does meanwhile.

use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::thread;
use std::time::Duration;

use lanherd::lab::Lab;
use lanherd::ndp::options::PrefixInformation;
use lanherd::ndp::{Lifetime, NdOption, Packet, RouterAdvertisement};
use nix::sched::{CloneFlags, setns};
use serde::{Deserialize, Serialize};
use socket2::Socket;

use super::{Way, wire};

/// How many advertisements are measured, after some that are not.
const MEASURED: u32 = 50;
const BEFORE: u32 = 3;
/// From one to the next.
const PACE: Duration = Duration::from_millis(100);
/// What comes late of the last one.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// Processor time per advertisement and client, in microseconds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Cost {
    /// The subject's: lanherd, or the process that holds the bare herd.
    subject: f64,
    /// The kernel's threads.
    kernel: f64,
    /// The whole machine.
    machine: f64,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            subject,
            kernel,
            machine,
        } = self;
        write!(
            f,
            "{subject:.2} µs in its process, {kernel:.2} µs in the kernel's threads, {machine:.2} µs on the machine"
        )
    }
}

/// The medians as a Markdown table.
pub fn table(sizes: &[u32], ways: &[Way], costs: &[(u32, Way, Cost)]) -> String {
    let mut text = "| clients | way | its process | the kernel's threads | the machine |\n|--:|---|--:|--:|--:|\n".to_owned();
    for size in sizes {
        for way in ways {
            let median = |field: fn(&Cost) -> f64| {
                let of_way = costs.iter().filter(|(s, w, _)| (s, w) == (size, way));
                let mut values: Vec<f64> = of_way.map(|(_, _, cost)| field(cost)).collect();
                values.sort_by(f64::total_cmp);
                values.get(values.len() / 2).copied().unwrap_or_default()
            };
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "| {size} | {} | {:.1} µs | {:.1} µs | {:.1} µs |",
                way.as_str(),
                median(|cost| cost.subject),
                median(|cost| cost.kernel),
                median(|cost| cost.machine)
            );
        }
    }
    text
}

/// What advertisements cost a herd of so many clients that stands, held by that process.
pub fn cost(lab: &Lab, subject: u32, clients: u32) -> io::Result<Cost> {
    let frame = advertisement(lab)?;
    let wire = beside_the_router()?;
    for _ in 0..BEFORE {
        wire.send(&frame)?;
        thread::sleep(PACE);
    }
    thread::sleep(AFTERWARDS);
    let before = Busy::read(subject)?;
    for _ in 0..MEASURED {
        wire.send(&frame)?;
        thread::sleep(PACE);
    }
    thread::sleep(AFTERWARDS);
    let after = Busy::read(subject)?;
    let each = |before: u64, after: u64| {
        let microseconds = after.saturating_sub(before) as f64 * 10_000.0;
        microseconds / f64::from(MEASURED) / f64::from(clients)
    };
    Ok(Cost {
        subject: each(before.subject, after.subject),
        kernel: each(before.kernel, after.kernel),
        machine: each(before.machine, after.machine),
    })
}

/// What the lab's router advertises, as far as it is of the prefix.
fn advertisement(lab: &Lab) -> io::Result<Vec<u8>> {
    let missing = || io::Error::other("the lab does not speak IPv6");
    let router = lab.router6().ok_or_else(missing)?;
    let prefix = lab
        .handle()
        .prefixes()
        .first()
        .copied()
        .ok_or_else(missing)?;
    let body = RouterAdvertisement {
        lifetime: 2700,
        ..RouterAdvertisement::default()
    };
    let option = NdOption::Prefix(PrefixInformation {
        prefix,
        on_link: true,
        autonomous: true,
        router_address: false,
        delegation_preferred: false,
        valid: Lifetime::from_secs(5400),
        preferred: Lifetime::from_secs(2700),
    });
    let packet = Packet::router_advertisement(lab.router_mac(), router, body, vec![option]);
    packet
        .to_frame()
        .ok_or_else(|| io::Error::other("too long for a frame"))
}

/// A socket that sends from the router's end of the cable. The lab's thread stands in the router's namespace.
fn beside_the_router() -> io::Result<Socket> {
    let own = fs::metadata("/proc/self/ns/net")?.ino();
    for thread in fs::read_dir("/proc/self/task")? {
        let namespace = thread?.path().join("ns/net");
        // Threads end.
        let Ok(found) = fs::metadata(&namespace) else {
            continue;
        };
        if found.ino() != own {
            let namespace = File::open(namespace)?;
            let opening = thread::spawn(move || {
                setns(&namespace, CloneFlags::CLONE_NEWNET)?;
                let links = nix::net::if_::if_nameindex()?;
                let names = links.iter().map(|link| link.name().to_string_lossy());
                let name = names.into_iter().find(|name| name != "lo");
                let name = name.ok_or_else(|| io::Error::other("the router has no link"))?;
                wire::open(&name)
            });
            let opened = opening.join();
            return opened.unwrap_or_else(|_| Err(io::Error::other("a thread panicked")));
        }
    }
    Err(io::Error::other(
        "no thread of the lab's is in another namespace",
    ))
}

/// Processor time so far, in hundredths of a second.
struct Busy {
    subject: u64,
    kernel: u64,
    machine: u64,
}

impl Busy {
    fn read(subject: u32) -> io::Result<Self> {
        let mut kernel = 0;
        for process in fs::read_dir("/proc")? {
            let path = process?.path().join("stat");
            // Processes end, and not every entry is one.
            let Ok(stat) = fs::read_to_string(path) else {
                continue;
            };
            // The parent of the kernel's threads is the second process.
            if fields(&stat).nth(1) == Some("2") {
                kernel += ticks(&stat);
            }
        }
        let stat = fs::read_to_string("/proc/stat")?;
        let all = stat.lines().next().unwrap_or_default().split_whitespace();
        let all: Vec<u64> = all.filter_map(|field| field.parse().ok()).collect();
        // All but idle and iowait (proc(5)).
        let machine = all.iter().take(8).sum::<u64>() - all.iter().skip(3).take(2).sum::<u64>();
        Ok(Self {
            subject: ticks(&fs::read_to_string(format!("/proc/{subject}/stat"))?),
            kernel,
            machine,
        })
    }
}

/// The fields of a process' `stat` behind its name, which may have spaces and brackets in it.
fn fields(stat: &str) -> impl Iterator<Item = &str> {
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    rest.split_whitespace()
}

/// The time that a process has taken, in its own code and in system calls.
fn ticks(stat: &str) -> u64 {
    let times = fields(stat).skip(11).take(2);
    times.filter_map(|field| field.parse::<u64>().ok()).sum()
}
