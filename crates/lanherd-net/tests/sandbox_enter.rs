//! The sandbox against the real kernel, with privilege and without.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test prints what it measured, and ends where it cannot go on"
)]

use std::collections::BTreeMap;
use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;

use lanherd_net::sandbox::{self, Barrier, Entrance, SandboxError};
use lanherd_testkit::isolated::{NOBODY, part, sh, text};

lanherd_testkit::isolated_tests! {
    Nobody: without_privilege_one_becomes_root_of_namespaces_of_ones_own,
    Nobody: without_privilege_named_namespaces_and_their_resolvers_work_inside,
    Nobody: without_privilege_the_host_sees_nothing_and_reads_as_before,
    Nobody: files_made_inside_by_relative_path_belong_to_the_user_outside,
    Caller: root_needs_no_user_namespace_and_leaves_nothing_on_the_host,
    Caller: etc_and_run_hold_inside_what_they_hold_outside,
    Caller: a_sandbox_in_a_sandbox_is_empty_too,
    Caller: a_process_with_threads_is_refused,
    Caller: where_user_namespaces_are_used_up_the_limit_is_named,
    ;
    enter_and_look_for_namespaces,
    be_refused,
}

fn enter() {
    if let Err(error) = sandbox::enter() {
        panic!("{error}");
    }
}

fn namespace(kind: &str) -> PathBuf {
    fs::read_link(format!("/proc/self/ns/{kind}")).expect("a namespace")
}

fn names_in(path: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(path) else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

/// What `work` does in a child process leaves these directories of the host as they were.
fn leaves_the_host_alone(work: impl FnOnce()) {
    let look = || {
        ["/run", "/run/netns", "/etc", "/etc/netns"]
            .map(|path| (Path::new(path).exists(), names_in(path)))
    };
    let before = look();
    work();
    assert_eq!(look(), before, "the host's directories changed");
}

fn without_privilege_one_becomes_root_of_namespaces_of_ones_own() {
    assert_eq!(
        sandbox::check().expect("allowed here"),
        Entrance::UserNamespace
    );
    let outside = ["user", "net", "mnt"].map(namespace);
    assert!(!sandbox::is_inside());
    enter();
    assert!(sandbox::is_inside());
    for (kind, outside) in ["user", "net", "mnt"].into_iter().zip(outside) {
        assert_ne!(namespace(kind), outside, "{kind}");
    }
    assert_eq!(sh("id -u"), "0");
    // Loopback is up, and nothing else is there.
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket
        .send_to(b"x", socket.local_addr().expect("an address"))
        .expect("loopback is up");
    assert_eq!(sh("ls /proc/self/net/dev_snmp6"), "lo");
}

fn without_privilege_named_namespaces_and_their_resolvers_work_inside() {
    enter();
    named_namespaces_and_their_resolvers_work();
}

fn named_namespaces_and_their_resolvers_work() {
    sh("ip netns add ns1; ip netns exec ns1 ip link set lo up");
    fs::create_dir("/etc/netns/ns1").expect("a folder");
    fs::write("/etc/netns/ns1/resolv.conf", "nameserver 10.77.0.1\n").expect("a file");
    assert_eq!(
        sh("ip netns exec ns1 cat /etc/resolv.conf"),
        "nameserver 10.77.0.1"
    );
    assert_eq!(sh("ip netns list"), "ns1");
    fs::create_dir("/run/lanherd/ns").expect("a state folder");
}

fn without_privilege_the_host_sees_nothing_and_reads_as_before() {
    leaves_the_host_alone(|| {
        let output = part("enter_and_look_for_namespaces")
            .output()
            .expect("started");
        assert!(output.status.success(), "{}", text(&output));
    });
}

fn enter_and_look_for_namespaces() {
    enter();
    for path in ["/run/netns", "/run/lanherd", "/etc/netns"] {
        assert_eq!(names_in(path), [""; 0], "{path}");
    }
    named_namespaces_and_their_resolvers_work();
}

fn files_made_inside_by_relative_path_belong_to_the_user_outside() {
    use std::os::unix::fs::MetadataExt;
    let folder = std::env::temp_dir().join(format!("lanherd-sandbox-{}", std::process::id()));
    fs::create_dir(&folder).expect("a folder");
    let outside = fs::File::open(&folder).expect("open");
    std::env::set_current_dir(&folder).expect("there");
    enter();
    fs::write("report.json", "{}").expect("a relative path");
    let absolute = fs::read_to_string(folder.join("report.json"));
    fs::remove_file("report.json").expect("removed");
    fs::remove_dir(&folder).expect("removed");
    assert_eq!(absolute.expect("the same file by its absolute path"), "{}");
    // Uid 0 inside is the user's own outside: that is what the map says.
    assert_eq!(outside.metadata().expect("metadata").uid(), 0);
    let map = fs::read_to_string("/proc/self/uid_map").expect("a map");
    let map: Vec<u32> = map
        .split_whitespace()
        .map(|word| word.parse().expect("a number"))
        .collect();
    assert_eq!(map, [0, NOBODY, 1]);
}

fn root_needs_no_user_namespace_and_leaves_nothing_on_the_host() {
    assert_eq!(
        sandbox::check().expect("root"),
        Entrance::Privileged,
        "this test needs root, or CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_NET_RAW and CAP_NET_BIND_SERVICE"
    );
    leaves_the_host_alone(|| {
        let output = part("enter_and_look_for_namespaces")
            .output()
            .expect("started");
        assert!(output.status.success(), "{}", text(&output));
    });
    let user = namespace("user");
    enter();
    assert_eq!(namespace("user"), user);
}

/// Each entry of a directory with what it is: a link's text, a file's size, or the number of entries in it.
fn inventory(path: &str) -> BTreeMap<String, String> {
    let own = ["netns", "lanherd"];
    let names = names_in(path)
        .into_iter()
        .filter(|name| !own.contains(&name.as_str()));
    names
        .map(|name| {
            let entry = Path::new(path).join(&name);
            let kind = fs::symlink_metadata(&entry).expect("metadata").file_type();
            let what = if kind.is_symlink() {
                format!("-> {}", fs::read_link(&entry).expect("a link").display())
            } else if kind.is_dir() {
                format!("{:?}", names_in(&entry.to_string_lossy()))
            } else {
                format!(
                    "{kind:?} {} bytes",
                    fs::metadata(&entry).expect("metadata").len()
                )
            };
            (name, what)
        })
        .collect()
}

fn etc_and_run_hold_inside_what_they_hold_outside() {
    let outside = ["/etc", "/run"].map(inventory);
    let release = fs::read("/etc/os-release").expect("a relative link");
    enter();
    assert_eq!(["/etc", "/run"].map(inventory), outside);
    assert_eq!(
        fs::read("/etc/os-release").expect("a relative link"),
        release
    );
}

fn a_sandbox_in_a_sandbox_is_empty_too() {
    enter();
    named_namespaces_and_their_resolvers_work();
    let output = part("enter_and_look_for_namespaces")
        .output()
        .expect("started");
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(sh("ip netns list"), "ns1");
}

fn a_process_with_threads_is_refused() {
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || wait.recv());
    let before = namespace("net");
    let refused = sandbox::enter();
    drop(done);
    let _ = thread.join();
    assert!(
        matches!(refused, Err(SandboxError::Threads(2))),
        "{refused:?}"
    );
    assert_eq!(namespace("net"), before);
}

fn where_user_namespaces_are_used_up_the_limit_is_named() {
    let script = "echo 0 >/proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-all --inh-caps=-all \"$0\"";
    let exe = std::env::current_exe().expect("a path");
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "sh", "-ec", script])
        .arg(exe)
        .env("LANHERD_TEST_PART", "be_refused")
        .output()
        .expect("unshare");
    assert!(output.status.success(), "{}", text(&output));
}

fn be_refused() {
    let before = namespace("net");
    let expected = Barrier::Limit {
        sysctl: "user.max_user_namespaces".to_owned(),
    };
    match sandbox::enter() {
        Err(SandboxError::Forbidden(barrier)) => assert_eq!(barrier, expected),
        other => panic!("{other:?}"),
    }
    assert_eq!(namespace("net"), before);
}
