//! A pretend machine: own network, mount and process namespaces, `lan0` as its interface, a router behind it.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use lanherd_types::test_folder::TestFolder;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::process::{Outcome, Running, child_of};
use super::seconds;
use super::snapshot::Snapshot;
use super::terminal::Terminal;

/// The machine's interface, made to be `--parent`.
pub const PARENT: &str = "lan0";

/// The router's own address, on a /16.
pub const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 66, 0, 1);

/// A pretend machine; dropping it ends every process in it, and its namespaces with them.
pub struct Host {
    keeper: Child,
    /// The first process inside, as the real machine numbers it.
    init: u32,
    /// A process in the router's network namespace.
    router: u32,
    folder: TestFolder,
    logs: Mutex<Vec<PathBuf>>,
}

/// What the first process does. `/etc` becomes a copy, for lanherd makes `/etc/netns`, and the real one is not ours.
const SET_UP: &str = r#"
set -e
mount -t tmpfs -o mode=755 none /run
mkdir /run/etc /run/bin
mount -t tmpfs -o mode=755 none /run/etc
cp -a /etc/. /run/etc/
rm -rf /run/etc/netns
mount --move /run/etc /etc
touch /run/bin/lanherd
mount --bind "$BINARY" /run/bin/lanherd
ip link set lo up
unshare --net sleep infinity &
router=$!
tries=0
while [ "$(readlink /proc/$router/ns/net)" = "$(readlink /proc/1/ns/net)" ]; do
    tries=$((tries + 1)); [ $tries -lt 500 ]; sleep 0.01
done
ip link add lan0 type veth peer name lan netns $router
ip link set lan0 up
nsenter -t $router -n sh -e <<'END'
ip link set lo up
ip link set lan up
ip address add 10.66.0.1/16 dev lan
ip address add 8.8.8.8/32 dev lo
ip address add 1.1.1.1/32 dev lo
END
echo ready
exec sleep infinity
"#;

impl Host {
    /// Sets a machine up. Needs root: a test that lacks it fails, and says so.
    pub fn new() -> Self {
        assert!(
            nix::unistd::geteuid().is_root(),
            "this test makes namespaces and needs root: run ./scripts/test, which asks sudo for these tests only"
        );
        let folder = TestFolder::new("test");
        // Tests that run lanherd without root let it write its report here.
        fs::set_permissions(
            folder.path(),
            std::os::unix::fs::PermissionsExt::from_mode(0o777),
        )
        .expect("the folder is ours");
        let mut keeper = Command::new("setpriv")
            .args([
                "--pdeathsig",
                "KILL",
                "unshare",
                "--net",
                "--mount",
                "--pid",
                "--fork",
            ])
            .args([
                "--kill-child",
                "--mount-proc",
                "--propagation",
                "private",
                "sh",
                "-c",
                SET_UP,
            ])
            .env("BINARY", env!("CARGO_BIN_EXE_lanherd"))
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.file("set-up.log")).expect("a log file"))
            .spawn()
            .expect("setpriv and unshare (Debian package util-linux) are installed");
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().expect("piped"))
            .read_line(&mut line)
            .expect("a pipe can be read");
        if line != "ready\n" {
            let log = fs::read_to_string(folder.file("set-up.log")).unwrap_or_default();
            panic!("the pretend machine could not be set up: {log}");
        }
        let init = child_of(keeper.id()).expect("unshare has forked");
        let router = child_of(init).expect("the router's process runs");
        super::wait_for(
            "the first process has nothing more to do",
            seconds(10),
            || (fs::read_to_string(format!("/proc/{init}/comm")).ok()? == "sleep\n").then_some(()),
        );
        Self {
            keeper,
            init,
            router,
            folder,
            logs: Mutex::default(),
        }
    }

    /// A machine whose `lan0` ends at a dnsmasq that serves `10.66.1.0` to `10.66.1.250`.
    pub fn with_dnsmasq() -> (Self, super::router::Router) {
        let host = Self::new();
        let router = super::router::Router::dnsmasq(&host, "10.66.1.0,10.66.1.250", "1h", &[]);
        (host, router)
    }

    /// A folder for the test's files, visible under the same path inside.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What stands on the machine now, to be compared with later.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::take(self.init)
    }

    /// A path of the machine's, as this process can open it.
    pub fn path(&self, inside: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{inside}", self.init))
    }

    /// The machine's network namespace, for threads that enter it.
    pub fn network_namespace(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/net", self.init))
    }

    /// The router's network namespace, for threads that enter it.
    pub fn router_namespace(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/net", self.router))
    }

    /// Starts a program on the machine; its output goes to a log that a failing test shows.
    pub fn start(&self, name: &str, command: &[&str]) -> Running {
        self.start_in(self.init, name, command)
    }

    /// Starts a program in the router's network.
    pub fn start_on_router(&self, name: &str, command: &[&str]) -> Running {
        self.start_in(self.router, name, command)
    }

    /// What a program prints that is run in the router's network, and ends at once.
    pub fn router_shows(&self, command: &[&str]) -> String {
        self.start_on_router("shown", command)
            .finish(seconds(10))
            .stdout
    }

    /// Starts a program on the machine that has a terminal to itself.
    pub fn start_on(&self, terminal: &Terminal, name: &str, command: &[&str]) -> Running {
        let alone = [&["setsid", "--ctty", "--wait"], command].concat();
        let (mut nsenter, log) = self.nsenter(self.init, name, &alone);
        Running::start_on_terminal(&mut nsenter, &log, terminal)
    }

    fn start_in(&self, network: u32, name: &str, command: &[&str]) -> Running {
        let (mut nsenter, log) = self.nsenter(network, name, command);
        Running::start(&mut nsenter, &log)
    }

    fn nsenter(&self, network: u32, name: &str, command: &[&str]) -> (Command, PathBuf) {
        let mut logs = self.logs.lock().expect("no test thread panicked here");
        let log = self.folder.file(&format!("{}-{name}", logs.len()));
        let mut nsenter = Command::new("nsenter");
        nsenter
            .arg(format!("--net=/proc/{network}/ns/net"))
            .args(["--mount", "--pid", "--target", &self.init.to_string()])
            .args(["--wd=/", "--"])
            .args(command);
        logs.push(log.with_extension("out"));
        logs.push(log.with_extension("err"));
        (nsenter, log)
    }

    /// Runs a program on the machine to its end.
    pub fn run(&self, command: &[&str]) -> Outcome {
        self.start(command.first().unwrap_or(&"nothing"), command)
            .finish(seconds(60))
    }

    /// Runs a program that must succeed; its standard output.
    #[track_caller]
    pub fn must(&self, command: &[&str]) -> String {
        let outcome = self.run(command);
        assert_eq!(outcome.code, Some(0), "{command:?}: {}", outcome.stderr);
        outcome.stdout
    }

    /// Starts lanherd with its report going to [`Host::report`].
    pub fn lanherd(&self, arguments: &[&str]) -> Running {
        self.start("lanherd", &[&["/run/bin/lanherd"], arguments].concat())
    }

    /// `lanherd up` on `lan0` with a report, and what more is asked.
    pub fn up(&self, clients: u32, more: &[&str]) -> Running {
        self.lanherd(
            &self
                .up_arguments(clients, more)
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        )
    }

    /// The arguments of [`Host::up`].
    pub fn up_arguments(&self, clients: u32, more: &[&str]) -> Vec<String> {
        ["up", "--parent", PARENT, "--clients"]
            .into_iter()
            .map(str::to_owned)
            .chain([
                clients.to_string(),
                "--report".to_owned(),
                self.report_path(),
            ])
            .chain(more.iter().map(|&argument| argument.to_owned()))
            .collect()
    }

    fn report_path(&self) -> String {
        self.folder
            .path()
            .join("report.json")
            .to_string_lossy()
            .into_owned()
    }

    /// The report that the last lanherd wrote.
    #[track_caller]
    pub fn report(&self) -> super::report::Report {
        super::report::Report::read(Path::new(&self.report_path()))
    }

    /// The resolver file of client `namespace`, as lanherd wrote it.
    pub fn resolver(&self, namespace: &str) -> Option<String> {
        fs::read_to_string(self.path(&format!("/etc/netns/{namespace}/resolv.conf"))).ok()
    }

    /// Waits until clients 1 to `clients` of pool `ns` are configured: their resolver files name a server.
    #[track_caller]
    pub fn wait_configured(&self, clients: u32, deadline: Duration) {
        super::wait_for(
            &format!("{clients} clients are configured"),
            deadline,
            || {
                (1..=clients)
                    .all(|n| {
                        self.resolver(&format!("ns{n}"))
                            .is_some_and(|r| r.contains("\nnameserver "))
                    })
                    .then_some(())
            },
        );
    }

    /// The IPv4 addresses of a client's link, as the kernel lists them.
    pub fn addresses(&self, namespace: &str) -> Vec<String> {
        self.run(&[
            "ip", "-n", namespace, "-4", "-o", "address", "show", "scope", "global",
        ])
        .stdout
        .lines()
        .filter_map(|line| {
            line.split_whitespace()
                .skip_while(|&word| word != "inet")
                .nth(1)
        })
        .map(str::to_owned)
        .collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut all = String::new();
            for log in self
                .logs
                .lock()
                .map(|logs| logs.clone())
                .unwrap_or_default()
            {
                let mut text = String::new();
                if File::open(&log)
                    .and_then(|mut f| f.read_to_string(&mut text))
                    .is_ok()
                    && !text.is_empty()
                {
                    let name = log.file_name().unwrap_or_default().to_string_lossy();
                    let _ = writeln!(all, "--- {name} ---\n{text}");
                }
            }
            eprintln!("{all}");
        }
        // The process namespace ends with its first process, whose parent, the keeper, hears of that when all in it has ended: nothing
        // writes to the folder any more, which goes then.
        if let (Ok(None), Ok(init)) = (self.keeper.try_wait(), i32::try_from(self.init)) {
            let _ = kill(Pid::from_raw(init), Signal::SIGKILL);
        }
        let _ = self.keeper.wait();
    }
}
