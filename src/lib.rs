//! A herd of whole LAN clients on one Linux box, pointed at a router.
//!
//! Each client has its own network namespace, its own macvlan and MAC on a real interface, its own DHCP lease, routes and
//! resolver, and is a supervised actor: what fails is restarted or given up by policy, and the others do not notice. Where
//! no router is at hand, a virtual one ([`lab`]) stands in. When a run is over the host is as it was before.
//!
//! The program `lanherd` is a command line around this library; whatever it does, a program of your own can do.
//!
//! # Hello, router
//!
//! Ten clients join on the virtual router, ping Google DNS once each (which the virtual router answers: no packet leaves
//! the machine), release their leases and leave:
//!
//! ```no_run
//! use lanherd::{Run, target::Target};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let outcome = Run::on_lab().clients(10).ping_once(Target::GoogleDns).block()?;
//!     println!("{outcome}"); // 10 of 10 clients were online at the end, 10 of 10 pings were answered: passed
//!     Ok(outcome.passed().map(drop)?)
//! }
//! ```
//!
//! The example is compiled by the documentation's tests, and not run by them: a run on the lab moves the whole process
//! into namespaces of its own, which the kernel allows only while the process has a single thread, and the harness of
//! documentation tests has several. `examples/hello.rs` is the same program, and the tests do run that one.
//!
//! On a real interface `Run::on_parent("eth0")` does the same, as root.
//!
//! # Where to look next
//!
//! | to | see |
//! |---|---|
//! | run a whole test and judge it: join, hold, soak, churn, storms, faults, objectives, reports | [`run`], `examples/soak.rs`, `examples/chaos.rs`, `examples/objectives.rs`, `examples/acceptance.rs` |
//! | say what a run is to be like in a file or in the words of the command line | [`scenario`] |
//! | drive the clients yourself, step by step | [`testbed::Testbed`], which opens lab, LAN and pool, and [`Pool`], `examples/ten_clients.rs` |
//! | follow what happens as it happens | [`run::Observer`], [`Pool::events`], [`live`] |
//! | write tests in Gherkin | [`bdd`] |
//! | know what clients can do, or teach them something new | [`activity`]: pings, lookups, fetches, commands, connections |
//! | make faults on purpose | [`fault`], [`chaos`] |
//! | use the virtual router alone | [`lab`] |
//! | use the DHCP client without a socket, a clock or a runtime | [`dhcp`] |
//! | read what came of a run | [`report`], [`objective`], [`metrics`] |
//!
//! # Features
//!
//! All are on by default. Without them (`default-features = false`) the library still runs, soaks, judges and reports.
//!
//! | feature | what it adds |
//! |---|---|
//! | `bdd` | feature files in Gherkin |
//! | `cli` | the program, and scenarios as options of a command line |
//! | `tls` | TLS, users and headers for the server of metrics, by a `web.config` |
//! | `tui` | the program's `--tui` |
//!
//! # Privileges
//!
//! The lab needs no root where unprivileged user namespaces are allowed: [`sandbox::enter`] moves the process into
//! namespaces of its own, and must be called while the process has a single thread, before a runtime is built; a [`Run`]
//! does so by itself. A real interface needs `CAP_SYS_ADMIN`, `CAP_NET_ADMIN` and `CAP_NET_RAW`, and no sandbox.
//!
//! # What the library leaves to the caller
//!
//! It prints nothing and installs no subscriber: it tells an [`run::Observer`] of a run's events, logs by [`tracing`], and
//! returns typed errors. It catches no signals, except in [`Run::block`]; a run is ended early by a
//! [`run::CancellationToken`].

pub mod activity;
#[cfg(feature = "bdd")]
pub mod bdd;
pub mod blame;
pub mod bounded;
pub mod chaos;
pub mod client;
mod clock;
pub mod control;
pub mod doctor;
pub mod http;
pub mod live;
pub mod metrics;
pub mod objective;
pub mod page;
pub mod pool;
pub mod report;
pub mod run;
pub mod scenario;
pub mod soak;
pub mod stats;
pub mod target;
pub mod testbed;
pub mod tester;
pub mod url;

pub use lanherd_dhcp as dhcp;
pub use lanherd_dhcp6 as dhcp6;
pub use lanherd_lab as lab;
pub use lanherd_ndp as ndp;
pub use lanherd_net::sandbox;
use lanherd_types::text_error;
pub use lanherd_types::{family, fault, host_name, identity, phase, units};
pub use pool::{Pool, PoolConfig};
pub use run::Run;

/// The one seam between lanherd and the kernel: [`lanherd_net`], under the names that it has had here.
pub mod lan {
    pub use lanherd_net::config::Paths;
    pub use lanherd_net::lan::*;
    pub use lanherd_net::rundir::{LockError, Untrusted, check_shared, resolvers_are_read_only};
    pub use lanherd_net::rundir::{control_socket, leftovers, running_pools};
    pub use lanherd_net::{drive, give_memory_back, keep_one_heap, speaks_ipv6};
    pub use lanherd_net::{
        exec, frame, frame6, icmp, kernel_module, linux, listener, memory, mount_view,
        neighbour_tables, netlink, netns,
    };

    #[cfg(test)]
    pub(crate) use lanherd_lab::fake;
}
