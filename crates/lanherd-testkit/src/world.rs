//! A small world for one test: a thread in network and mount namespaces of its own, with an empty `/run` and `/etc`, a
//! parent `up0`, and a router at the other end of its cable. It vanishes with the thread, however that ends: a test that
//! panics leaves nothing behind either.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use lanherd_dhcp::{Arp, Lease, Lifetime, Route};
use lanherd_net::lan::{EchoRequest, Inbox, Lan, PortEvent};
use lanherd_net::linux::{LanConfig, LinuxLan, LinuxPort};
use lanherd_net::netns::NetNs;
use lanherd_types::identity::{ClientNumber, Identity, Mac, PoolName, Seed};
use lanherd_types::phase::{Cause, Failure};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

pub const PARENT: &str = "up0";
pub const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);

/// Runs a test in a world of its own. Needs root, and says so.
pub fn in_a_world<T: Future<Output = ()>>(test: impl FnOnce() -> T + Send + 'static) {
    let world = thread::Builder::new().name("world".into()).spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)
            .expect("this test needs root: it makes namespaces");
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
            .expect("private mounts");
        for folder in ["/run", "/etc"] {
            mount(Some("world"), folder, Some("tmpfs"), MsFlags::empty(), none).expect("a tmpfs");
        }
        fs::write("/etc/resolv.conf", "# the host's own\n").expect("a resolv.conf");
        ip("link set lo up");
        ip(&format!("link add {PARENT} type veth peer name far0"));
        ip("link set far0 up");
        ip(&format!("link set {PARENT} up"));
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(test());
    });
    let ended = world.expect("a thread").join();
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
}

/// Runs a test on a LAN in a world of its own, and [ends](end) the LAN.
pub fn on_a_lan(test: impl AsyncFnOnce(&LinuxLan) + Send + 'static) {
    in_a_world(|| async {
        let lan = open().await;
        test(&lan).await;
        end(&lan).await;
    });
}

/// The same with a router at the other end of the cable.
pub fn behind_a_router(test: impl AsyncFnOnce(&LinuxLan, &Router) + Send + 'static) {
    behind(Router::start, config(), test);
}

/// The same with this router, and a LAN like that.
pub fn behind(
    router: impl FnOnce() -> Router + Send + 'static,
    config: LanConfig,
    test: impl AsyncFnOnce(&LinuxLan, &Router) + Send + 'static,
) {
    in_a_world(|| async {
        let router = router();
        let (lan, _) = LinuxLan::open(config).await.expect("opened");
        test(&lan, &router).await;
        end(&lan).await;
    });
}

/// Detaches the clients that have a record, whose ports were dropped before, and closes the LAN: nothing may be left of any.
pub async fn end(lan: &LinuxLan) {
    for number in recorded() {
        assert_eq!(lan.detach(&client(number)).await, [], "client {number}");
    }
    assert_eq!(lan.close().await, []);
    nothing_is_left();
}

/// The numbers of the clients that have a record.
fn recorded() -> Vec<u32> {
    let folder = "/run/lanherd/ns";
    if !exists(folder) {
        return Vec::new();
    }
    let names = fs::read_dir(folder).expect("a folder").map(|entry| {
        let name = entry.expect("an entry").file_name();
        name.to_string_lossy().into_owned()
    });
    names
        .filter_map(|name| name.strip_prefix("ns")?.parse().ok())
        .collect()
}

/// Sees that nothing is left of lanherd on the host.
pub fn nothing_is_left() {
    assert_eq!(of_lanherd(), [""; 0], "these are still there");
}

/// Which of the folders that lanherd makes are there.
pub fn of_lanherd() -> Vec<&'static str> {
    let mut folders = vec!["/run/netns", "/etc/netns", "/run/lanherd"];
    folders.retain(|folder| exists(folder));
    folders
}

/// An echo request of a client's.
pub fn echo_request(target: impl Into<IpAddr>, sequence: u16) -> EchoRequest {
    EchoRequest {
        target: target.into(),
        source: None,
        id: 0x5eed,
        sequence,
        nonce: 0x0123_4567_89ab_cdef ^ u64::from(sequence),
    }
}

/// Runs `ip` and returns what it printed; it must succeed.
pub fn ip(arguments: &str) -> String {
    let (worked, text) = try_ip(arguments);
    assert!(worked, "ip {arguments}: {text}");
    text
}

pub fn try_ip(arguments: &str) -> (bool, String) {
    try_run(&format!("ip {arguments}"))
}

/// Runs a program of iproute2 and returns what it printed; it must succeed.
pub fn run(command: &str) -> String {
    let (worked, text) = try_run(command);
    assert!(worked, "{command}: {text}");
    text
}

fn try_run(command: &str) -> (bool, String) {
    let mut words = command.split_whitespace();
    let output = Command::new(words.next().expect("a program"))
        .args(words)
        .output()
        .expect("the test needs iproute2");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (
        output.status.success(),
        text + &String::from_utf8_lossy(&output.stderr),
    )
}

/// The router: the parent's far end in a namespace of its own, kept off `/run/netns`.
pub struct Router {
    namespace: NetNs,
    /// A socket on the DHCP server's port.
    pub server: UdpSocket,
}

impl Router {
    /// Moves the far end into a namespace of its own.
    pub fn start() -> Self {
        let namespace = NetNs::create().expect("a namespace");
        fs::write("/run/router", "").expect("a file");
        let path = format!(
            "/proc/thread-self/fd/{}",
            std::os::fd::AsRawFd::as_raw_fd(&namespace)
        );
        mount(
            Some(path.as_str()),
            "/run/router",
            None::<&str>,
            MsFlags::MS_BIND,
            None::<&str>,
        )
        .expect("bound");
        let router = Self {
            server: within(&namespace, || {
                UdpSocket::bind("0.0.0.0:67").expect("port 67")
            }),
            namespace,
        };
        router.ip("link set lo up");
        router.plug_in_far_end();
        router.server.set_broadcast(true).expect("broadcast");
        router
            .server
            .set_read_timeout(Some(Duration::from_secs(5)))
            .expect("a timeout");
        router
    }

    /// Takes the far end of the parent's cable in.
    pub fn plug_in_far_end(&self) {
        ip("link set far0 netns /run/router");
        self.ip("link set far0 up");
        self.ip(&format!("addr add {ROUTER}/24 dev far0"));
    }

    pub fn ip(&self, arguments: &str) -> String {
        self.run(|| ip(arguments))
    }

    /// Does something in the router's namespace.
    pub fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        within(&self.namespace, work)
    }

    /// Sends a datagram for port 68 to one MAC, as servers do to a client without an address.
    pub fn send_to(&self, mac: Mac, payload: &[u8]) {
        let address = "10.9.0.250";
        self.ip(&format!(
            "neigh replace {address} lladdr {mac} dev far0 nud permanent"
        ));
        let to: SocketAddr = format!("{address}:68").parse().expect("an address");
        self.server.send_to(payload, to).expect("sent");
    }

    /// Sends a datagram for port 68 to everybody.
    pub fn broadcast(&self, payload: &[u8]) {
        within(&self.namespace, || {
            self.server.send_to(payload, "10.9.0.255:68")
        })
        .expect("sent");
    }

    /// Makes it forward packets, as routers do.
    pub fn forward(&self) {
        within(&self.namespace, || {
            fs::write("/proc/sys/net/ipv4/ip_forward", "1")
        })
        .expect("written");
    }

    pub fn mac(&self) -> Mac {
        let text = self.ip("-o link show far0");
        let mac = text
            .split_whitespace()
            .skip_while(|word| *word != "link/ether")
            .nth(1);
        mac.expect("a MAC").parse().expect("a MAC")
    }
}

fn within<R>(namespace: &NetNs, work: impl FnOnce() -> R) -> R {
    namespace.with(work).expect("entered")
}

pub fn config() -> LanConfig {
    LanConfig::new(PARENT, PoolName::default())
}

pub async fn open() -> LinuxLan {
    LinuxLan::open(config()).await.expect("opened").0
}

pub fn client(number: u32) -> Identity {
    Identity::derive(&PoolName::default(), ClientNumber(number), Seed(7))
}

/// What a client was told.
#[derive(Clone, Default)]
pub struct Told(Arc<Mutex<Vec<PortEvent>>>);

impl Told {
    pub fn inbox(&self) -> Inbox {
        let told = self.clone();
        Box::new(move |event| told.0.lock().expect("unpoisoned").push(event))
    }

    pub fn events(&self) -> Vec<PortEvent> {
        self.0.lock().expect("unpoisoned").clone()
    }

    pub fn messages(&self) -> Vec<Vec<u8>> {
        self.those(|event| match event {
            PortEvent::Dhcp(message) => Some(message),
            _ => None,
        })
    }

    pub fn arps(&self) -> Vec<Arp> {
        self.those(|event| match event {
            PortEvent::Arp(arp) => Some(arp),
            _ => None,
        })
    }

    pub fn unconfigured(&self) -> Vec<String> {
        self.those(|event| match event {
            PortEvent::Unconfigured(what) => Some(what),
            _ => None,
        })
    }

    pub fn gone(&self) -> Vec<(Cause, String)> {
        self.those(|event| match event {
            PortEvent::Gone(cause, why) => Some((cause, why)),
            _ => None,
        })
    }

    fn those<T>(&self, wanted: impl Fn(PortEvent) -> Option<T>) -> Vec<T> {
        self.events().into_iter().filter_map(wanted).collect()
    }
}

pub async fn attach(lan: &LinuxLan, number: u32) -> LinuxPort {
    lan.attach(&client(number), Told::default().inbox())
        .await
        .expect("attached")
}

/// Attaches a client, with what it is told.
pub async fn attach_told(lan: &LinuxLan, number: u32) -> (LinuxPort, Told) {
    let told = Told::default();
    let port = lan.attach(&client(number), told.inbox()).await;
    (port.expect("attached"), told)
}

/// Sees a client refused, and returns why.
pub async fn refused_attach(lan: &LinuxLan, number: u32) -> Failure {
    let port = lan.attach(&client(number), Told::default().inbox()).await;
    port.map(drop).expect_err("refused")
}

/// Waits until a condition holds.
pub async fn until(what: &str, holds: impl FnMut() -> bool) {
    until_at_most(Duration::from_secs(10), what, holds).await;
}

/// Waits until a condition holds, and allows it no more than a second.
pub async fn soon(what: &str, holds: impl FnMut() -> bool) {
    until_at_most(Duration::from_secs(1), what, holds).await;
}

async fn until_at_most(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < limit, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub fn exists(path: &str) -> bool {
    Path::new(path).symlink_metadata().is_ok()
}

/// A lease as the router would grant it.
pub fn lease(last: u8) -> Lease {
    Lease {
        address: Ipv4Addr::new(10, 9, 0, last),
        prefix_len: 24,
        server_id: ROUTER,
        routers: vec![ROUTER],
        routes: vec![Route {
            destination: Ipv4Addr::UNSPECIFIED,
            prefix_len: 0,
            gateway: ROUTER,
        }],
        dns: vec![ROUTER],
        domain: Some("lan.example".into()),
        search: Vec::new(),
        mtu: None,
        lifetime: Lifetime::Infinite,
        requested_at: Instant::now(),
    }
}

/// A process that lives in a namespace until it is dropped.
pub struct Resident(Child);

impl Resident {
    pub fn of(namespace: &str) -> Self {
        let mut child = Command::new("ip")
            .args([
                "netns",
                "exec",
                namespace,
                "sh",
                "-c",
                "echo ready; exec cat",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let mut line = String::new();
        let mut output = std::io::BufReader::new(child.stdout.take().expect("its output"));
        std::io::BufRead::read_line(&mut output, &mut line).expect("a line");
        assert_eq!(line, "ready\n");
        Self(child)
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        // `cat` would end with its input as well; a test that failed should not wait for it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
