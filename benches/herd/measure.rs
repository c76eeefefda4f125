//! What is measured, and how a run is carried out: one fresh sandbox and one fresh process each.
//!
//! A *house* is a process in a network and mount namespace of its own that holds the lab router; in it, a *subject*
//! process brings the herd up, says what it took, and takes it down when told. So no run inherits another's heap,
//! kernel objects or neighbour entries, and the router's memory is not counted as the herd's.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike as _};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use lanherd::lab::Lab;

use super::advertising::{self, Cost};
use super::{Part, Way, kernel, router};

/// The lab's router end, which the clients' macvlans sit on.
pub const PARENT: &str = "lab0";

/// The address that every client pings first.
pub const TARGET: Ipv4Addr = Ipv4Addr::new(8, 8, 8, 8);

/// The IPv6 address that every client with IPv6 pings, too.
pub const TARGET6: Ipv6Addr = Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888);

/// Which families the clients have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Family {
    /// Only IPv4.
    Ipv4,
    /// Both: of IPv6 a link-local address and one by the prefix that the router advertises, nobody asked whether they are taken.
    Dual,
}

impl Family {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Dual => "dual",
        }
    }
}

/// A way that has not brought its herd up, or down, by then has failed.
const DEADLINE: Duration = Duration::from_secs(120);
/// So long after its last ping a herd has come to rest: what it took on its way up has been given back.
const AT_REST: Duration = Duration::from_secs(3);
/// The mount namespace from which a house was started, which it must not be in.
const OUTSIDE: &str = "LANHERD_HERD_OUTSIDE";

/// A herd that stands.
pub trait Herd {
    /// Ends it as it would end by itself; what the kernel does afterwards is measured too.
    fn tear_down(self) -> io::Result<()>;
}

/// What one run took.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Sample {
    /// From nothing to the last client's first answered ping.
    pub up_ms: f64,
    /// Processor time of the subject on the way, its system calls included.
    pub cpu_ms: f64,
    /// Growth of the process's proportional set size, once it has come to rest.
    pub memory_bytes: f64,
    /// From the order until the kernel had removed the last macvlan.
    pub down_ms: f64,
    /// The same after SIGKILL.
    pub killed_ms: f64,
}

/// What the subject says when its herd stands.
#[derive(Serialize, Deserialize)]
struct Standing {
    up_ms: f64,
    cpu_ms: f64,
    memory_bytes: f64,
}

/// Runs `way` once in a sandbox of its own.
pub fn run<T: DeserializeOwned>(
    part: Part,
    way: Way,
    clients: u32,
    family: Family,
) -> io::Result<T> {
    let flags: &[&str] = if nix::unistd::geteuid().is_root() {
        &["-nm"]
    } else {
        &["-Urnm"]
    };
    let output = Command::new("setpriv")
        .env(OUTSIDE, mount_namespace()?)
        .args(["--pdeathsig", "KILL", "unshare"])
        .args(flags)
        .args(["--propagation", "private", "--kill-child"])
        .arg("--fork")
        .arg(std::env::current_exe()?)
        .args([
            "child",
            part.as_str(),
            way.as_str(),
            &clients.to_string(),
            family.as_str(),
        ])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!(
            "{way:?} with {clients} clients: {}",
            output.status
        )));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// A house with its router, and nothing that reaches the machine's own names.
fn open_house(family: Family) -> io::Result<Lab> {
    if is_seen_outside() {
        return Err(io::Error::other(
            "this would lay empty folders over the machine's own /run and /etc: the benchmark starts this part by itself, in a mount \
             namespace of its own",
        ));
    }
    // A private place for what is bound to names.
    for folder in ["/run", "/etc"] {
        cover(folder)?;
    }
    router::start(PARENT, family)
}

/// The house of advertisements: the router, then the subject, which hears them for a while.
pub fn advertised(way: Way, clients: u32, family: Family) -> io::Result<Cost> {
    let lab = open_house(family)?;
    let mut subject = Subject::start(way, clients, family, &router::describe(&lab))?;
    subject.line()?;
    let cost = advertising::cost(&lab, subject.child.id(), clients);
    subject.child.kill()?;
    subject.child.wait()?;
    cost
}

/// The house: the router, then the subject twice, once to be ended and once to be killed.
pub fn house(way: Way, clients: u32, family: Family) -> io::Result<Sample> {
    let lab = open_house(family)?;
    let router = router::describe(&lab);
    let netlink = kernel::Netlink::open()?;
    let parent = kernel::index_of(PARENT)?;
    let gone = || -> io::Result<()> {
        let until = Instant::now() + DEADLINE;
        while netlink.addresses_on(parent)? > 0 {
            if Instant::now() > until {
                return Err(io::Error::other("macvlans are left on the parent"));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    };

    let mut subject = Subject::start(way, clients, family, &router)?;
    let standing: Standing = serde_json::from_str(&subject.line()?)?;
    let start = Instant::now();
    subject
        .child
        .stdin
        .take()
        .ok_or(io::ErrorKind::BrokenPipe)?
        .write_all(b"down\n")?;
    subject.line()?;
    gone()?;
    let down = start.elapsed();
    subject.child.wait()?;

    let killed = if way.survives_sigkill() {
        Duration::ZERO
    } else {
        let mut subject = Subject::start(way, clients, family, &router)?;
        subject.line()?;
        let start = Instant::now();
        subject.child.kill()?;
        gone()?;
        let killed = start.elapsed();
        subject.child.wait()?;
        killed
    };
    Ok(Sample {
        up_ms: standing.up_ms,
        cpu_ms: standing.cpu_ms,
        memory_bytes: standing.memory_bytes,
        down_ms: milliseconds(down),
        killed_ms: milliseconds(killed),
    })
}

/// Whether what is mounted here is seen outside of this house: it was started by hand, or no mount namespace was made for it.
fn is_seen_outside() -> bool {
    let own = mount_namespace().ok();
    std::env::var_os(OUTSIDE).is_none_or(|outside| own.is_none_or(|own| own.as_os_str() == outside))
}

/// The mount namespace of this process, as the kernel names it.
fn mount_namespace() -> io::Result<std::path::PathBuf> {
    std::fs::read_link("/proc/self/ns/mnt")
}

/// Lays an empty folder over `folder`, seen by this house only.
fn cover(folder: &str) -> io::Result<()> {
    nix::mount::mount(
        Some("herd"),
        folder,
        Some("tmpfs"),
        nix::mount::MsFlags::empty(),
        Some("mode=755"),
    )?;
    Ok(())
}

/// The subject: the herd itself.
pub fn subject<H: Herd>(clients: u32, bring_up: impl FnOnce() -> io::Result<H>) -> io::Result<()> {
    // As every run of the program does.
    lanherd::lan::keep_one_heap();
    // Names bound to namespaces go with this process then, as they do in lanherd's own sandbox.
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS)?;
    let before = memory()?;
    let busy = processor_ms()?;
    let start = Instant::now();
    let herd = bring_up()?;
    let up_ms = milliseconds(start.elapsed());
    let cpu_ms = processor_ms()? - busy;
    std::thread::sleep(AT_REST);
    let memory_bytes = (memory()? - before) / f64::from(clients);
    say(&serde_json::to_string(&Standing {
        up_ms,
        cpu_ms,
        memory_bytes,
    })?)?;
    io::stdin().read_exact(&mut [0; 5])?;
    herd.tear_down()?;
    say("closed")
}

/// Remarks that explain a surprising figure.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr(), "herd: {text}");
}

fn say(line: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

struct Subject {
    child: Child,
    lines: BufReader<std::process::ChildStdout>,
}

impl Subject {
    fn start(way: Way, clients: u32, family: Family, router: &str) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([
                "child",
                "subject",
                way.as_str(),
                &clients.to_string(),
                family.as_str(),
            ])
            .env(router::ENVIRONMENT, router)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self {
            child,
            lines: BufReader::new(out),
        })
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.lines.read_line(&mut line)? == 0 {
            return Err(io::Error::other(format!(
                "the subject ended: {}",
                self.child.wait()?
            )));
        }
        Ok(line)
    }
}

/// This process's proportional set size in bytes: its own pages, and its share of shared ones.
fn memory() -> io::Result<f64> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    rollup
        .lines()
        .find_map(|line| {
            line.strip_prefix("Pss:")?
                .trim()
                .strip_suffix(" kB")?
                .parse()
                .ok()
        })
        .map(|kib: f64| kib * 1024.0)
        .ok_or_else(|| io::Error::other("no Pss in /proc/self/smaps_rollup"))
}

/// The processor time of this process so far.
fn processor_ms() -> io::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let milliseconds = |time: TimeVal| time.num_microseconds() as f64 / 1000.0;
    Ok(milliseconds(usage.user_time()) + milliseconds(usage.system_time()))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
