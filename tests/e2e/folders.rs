//! The folders that lanherd shares with other users: nobody becomes root by them, and root does nothing there for anybody.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use super::common::host::Host;
use super::common::process::{Outcome, Running};
use super::common::{seconds, wait_for};
use nix::sys::signal::Signal;

/// The folders that all pools share.
const SHARED: [&str; 3] = ["/run/netns", "/run/lanherd", "/etc/netns"];
/// A user without any privilege, and its group.
const USER: u32 = 65534;

/// What starts a program as that user.
const AS_USER: [&str; 6] = [
    "setpriv",
    "--reuid",
    "65534",
    "--regid",
    "65534",
    "--clear-groups",
];

/// The program with three capabilities of its own, for whoever starts it.
const SETCAP: &str = "/run/setcap/lanherd";

/// Gives the shared folders to the user, as older READMEs had root do.
fn give_folders(host: &Host) {
    for folder in SHARED {
        fs::create_dir_all(host.path(folder)).expect("root may");
        chown(host.path(folder), Some(USER), Some(USER)).expect("root may");
    }
}

/// Shares them as `packaging/tmpfiles.d/lanherd.conf` does.
fn share_folders(host: &Host) {
    for folder in SHARED {
        let folder = host.path(folder);
        fs::create_dir_all(&folder).expect("root may");
        chown(&folder, Some(0), Some(USER)).expect("root may");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o1775)).expect("root may");
    }
}

fn install_setcap(host: &Host) {
    host.must(&["mkdir", "-m", "755", "/run/setcap"]);
    host.must(&["cp", "/run/bin/lanherd", SETCAP]);
    let capabilities = "cap_sys_admin,cap_net_admin,cap_net_raw+ep";
    host.must(&["setcap", capabilities, SETCAP]);
}

/// Does something as the user without privilege; it must succeed.
#[track_caller]
fn as_user(host: &Host, script: &str) -> String {
    host.must(&[&AS_USER[..], &["sh", "-c", script]].concat())
}

fn up_as_user(host: &Host, more: &[&str]) -> Running {
    let arguments = host.up_arguments(1, more);
    let command: Vec<&str> = AS_USER
        .into_iter()
        .chain([SETCAP])
        .chain(arguments.iter().map(String::as_str))
        .collect();
    host.start("lanherd", &command)
}

#[test]
fn a_command_has_no_more_rights_than_the_user_who_had_it_run() {
    let (host, _router) = Host::with_dnsmasq();
    give_folders(&host);
    install_setcap(&host);
    // As sudo and su are: whoever runs it is root while it runs.
    host.must(&["cp", "/usr/bin/id", "/run/setcap/id"]);
    host.must(&["chmod", "4755", "/run/setcap/id"]);
    assert_eq!(as_user(&host, "/run/setcap/id -u"), "0\n", "it works here");
    let told = host.folder().join("told");
    let line = format!(
        "(/run/setcap/id -u; grep planted /etc/passwd || echo none; grep -c lanherd: /etc/resolv.conf; \
         grep CapEff /proc/self/status; ping -c 1 -W 5 $LANHERD_ROUTER >/dev/null && echo pings) > {0}.new; \
         mv {0}.new {0}",
        told.display()
    );
    let herd = up_as_user(&host, &["--run-command", &line, "--every", "500ms"]);
    host.wait_configured(1, seconds(30));
    as_user(&host, "echo planted::0:0::/: > /etc/netns/ns1/passwd");
    // One command may run at that instant.
    for _ in 0..2 {
        let _ = fs::remove_file(&told);
        wait_for("the command has run", seconds(30), || {
            told.exists().then_some(())
        });
    }
    let told = fs::read_to_string(&told).expect("it is there");
    let expected = "65534\nnone\n1\nCapEff:\t0000000000000000\npings\n";
    assert_eq!(told, expected);
    drop(herd);
}

/// Runs lanherd as root, which must refuse to work in the user's folders and say what to do.
#[track_caller]
fn refused(host: &Host, arguments: &[&str]) -> Outcome {
    let outcome = host.lanherd(arguments).finish(seconds(20));
    assert_ne!(outcome.code, Some(0), "{outcome:?}");
    for words in [
        "/run/lanherd belongs to user 65534",
        "run lanherd as that user",
    ] {
        assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
    }
    outcome
}

#[test]
fn root_works_in_no_folder_of_another_user_and_follows_no_link_there() {
    let (host, _router) = Host::with_dnsmasq();
    give_folders(&host);
    let victim = host.path("/run/victim");
    fs::write(&victim, "secret\n").expect("written");
    as_user(&host, "mkdir /run/lanherd/ns");
    let up = ["up", "--parent", "lan0", "--clients", "1", "--for", "0s"];
    let lab = ["up", "--lab", "--clients", "1", "--for", "0s"];
    for name in [
        "lock",
        "about",
        "about.new",
        "ns1",
        "ns1.lease",
        "lab",
        "control",
    ] {
        as_user(&host, &format!("ln -s /run/victim /run/lanherd/ns/{name}"));
        refused(&host, &["clean"]);
        refused(&host, &["clean", "--dry-run"]);
        refused(&host, &up);
        refused(&host, &lab);
        let ps = host.lanherd(&["ps"]).finish(seconds(20));
        assert!(!ps.stdout.contains("secret"), "{}", ps.stdout);
        let text = fs::read_to_string(&victim).expect("it is there");
        assert_eq!(text, "secret\n", "{name}");
        as_user(&host, "rm /run/lanherd/ns/*; mkfifo /run/lanherd/ns/fifo");
        // Whoever opened it would wait for ever.
        as_user(
            &host,
            &format!("mv /run/lanherd/ns/fifo /run/lanherd/ns/{name}"),
        );
        refused(&host, &["clean"]);
        refused(&host, &up);
        host.lanherd(&["ps"]).finish(seconds(20));
        as_user(&host, "rm /run/lanherd/ns/*");
    }
}

#[test]
fn root_refuses_a_resolver_folder_that_another_user_may_exchange() {
    for folder in ["/etc/netns", "/run/netns"] {
        let (host, _router) = Host::with_dnsmasq();
        let before = host.snapshot();
        fs::create_dir(host.path(folder)).expect("root may");
        chown(host.path(folder), Some(USER), Some(USER)).expect("root may");
        let outcome = host.up(1, &["--for", "0s"]).finish(seconds(20));
        let words = format!("{folder} belongs to user 65534");
        assert!(outcome.stderr.contains(&words), "{}", outcome.stderr);
        assert_eq!(outcome.code, Some(3));
        fs::remove_dir(host.path(folder)).expect("it is empty");
        assert_eq!(host.snapshot(), before);
    }
}

#[test]
fn in_shared_folders_root_and_a_user_work_side_by_side_and_neither_touches_what_is_the_others() {
    let (host, _router) = Host::with_dnsmasq();
    share_folders(&host);
    install_setcap(&host);
    let before = host.snapshot();
    let theirs = up_as_user(&host, &["--pool", "theirs"]);
    let configured = |host: &Host, namespace: &str| {
        wait_for(namespace, seconds(30), || {
            host.resolver(namespace)?
                .contains("\nnameserver ")
                .then_some(())
        });
    };
    configured(&host, "theirs1");
    let roots = host.up(1, &["--pool", "roots"]);
    configured(&host, "roots1");
    // The sticky bit keeps one from the other's.
    for path in ["/run/lanherd/roots", "/etc/netns/roots1"] {
        let outcome = host.run(&[&AS_USER[..], &["mv", path, &format!("{path}.away")]].concat());
        assert_ne!(outcome.code, Some(0), "{path}");
    }
    // Each in their own, and root in all.
    let exec_in = |who: &[&str], program: &str, pool: &str, command: &[&str]| {
        let exec = [program, "exec", "--pool", pool, "1", "--"];
        let all = [&["env"][..], who, &exec, command].concat();
        host.must(&all)
    };
    for (who, program, pool, group) in [
        (&[][..], "/run/bin/lanherd", "roots", "0\n"),
        (&[][..], "/run/bin/lanherd", "theirs", "0\n"),
        (&AS_USER[..], SETCAP, "theirs", "65534\n"),
    ] {
        let run = |command: &[&str]| exec_in(who, program, pool, command);
        assert_eq!(run(&["grep", "-c", "lanherd:", "/etc/resolv.conf"]), "1\n");
        assert_eq!(run(&["id", "-g"]), group);
        run(&["ping", "-c", "1", "-W", "5", "10.66.0.1"]);
    }
    let rights = [
        "grep",
        "-e",
        "NoNewPrivs",
        "-e",
        "CapEff",
        "/proc/self/status",
    ];
    assert_eq!(
        exec_in(&AS_USER, SETCAP, "theirs", &rights),
        "CapEff:\t0000000000000000\nNoNewPrivs:\t1\n"
    );
    for pool in ["theirs", "roots"] {
        let ps = host.lanherd(&["ps", "--pool", pool]).finish(seconds(20));
        assert_eq!(ps.code, Some(0), "{}", ps.stderr);
    }
    theirs.kill();
    theirs.finish(seconds(10));
    let clean = host.lanherd(&["clean"]).finish(seconds(20));
    assert_eq!(clean.code, Some(0), "{}", clean.stderr);
    assert!(
        clean
            .stdout
            .contains("pool theirs is user 65534's: left alone; run lanherd clean as that user"),
        "{}",
        clean.stdout
    );
    let taken = host
        .up(1, &["--pool", "theirs", "--for", "0s"])
        .finish(seconds(20));
    assert_eq!(taken.code, Some(3), "{}", taken.stderr);
    assert!(
        taken.stderr.contains("/run/lanherd/theirs is user 65534's"),
        "{}",
        taken.stderr
    );
    let clean = [&AS_USER[..], &[SETCAP, "clean"]].concat();
    let clean = host.start("clean", &clean).finish(seconds(20));
    assert_eq!(clean.code, Some(0), "{}", clean.stderr);
    assert!(
        clean.stdout.contains("removed namespace theirs1"),
        "{}",
        clean.stdout
    );
    assert!(
        clean.stdout.contains("pool roots is user 0's"),
        "{}",
        clean.stdout
    );
    roots.signal(Signal::SIGINT);
    let outcome = roots.finish(seconds(30));
    assert_eq!(outcome.code, Some(130), "{}", outcome.stderr);
    let after = host.snapshot();
    assert_eq!((after.links, after.files), (before.links, before.files));
    assert_eq!(after.mounts, before.mounts);
}

/// A machine with mounts of its own for what is run behind these words, as a service manager makes them for a unit.
const AS_UNIT: [&str; 4] = ["unshare", "--mount", "--propagation", "slave"];

/// What the doctor says of a herd on the parent, which it finds fit.
fn doctor(host: &Host) -> String {
    let diagnosis = host
        .lanherd(&["doctor", "--parent", "lan0"])
        .finish(seconds(20));
    assert_eq!(diagnosis.code, Some(0), "{}", diagnosis.stdout);
    diagnosis.stdout
}

#[test]
fn a_herd_that_nobody_sees_says_so_and_how_to_be_seen() {
    let (host, _router) = Host::with_dnsmasq();
    // As systemd has it on every machine.
    host.must(&["mount", "--make-rshared", "/"]);
    // Another user's, with the capabilities, as lanherd@.service runs it.
    share_folders(&host);
    install_setcap(&host);
    let up = host.up_arguments(1, &[]);
    let up: Vec<&str> = AS_UNIT
        .into_iter()
        .chain(AS_USER)
        .chain([SETCAP])
        .chain(up.iter().map(String::as_str))
        .collect();
    let herd = host.start("lanherd", &up);
    herd.wait_online(1, seconds(60));
    let said = herd.stderr();
    assert_eq!(said.matches("PrivateTmp=").count(), 1, "{said}");
    assert!(said.contains("ip netns does not find them"), "{said}");
    assert!(host.run(&["ip", "netns", "exec", "ns1", "true"]).code != Some(0));

    let exec = host
        .lanherd(&["exec", "1", "--", "true"])
        .finish(seconds(20));
    assert_ne!(exec.code, Some(0));
    assert!(!exec.stderr.contains("sandbox"), "{}", exec.stderr);
    let way = exec
        .stderr
        .find("nsenter --target ")
        .map(|at| &exec.stderr[at..]);
    let way: Vec<&str> = way
        .expect(&exec.stderr)
        .split_whitespace()
        .take(4)
        .collect();
    let inside = [
        &way[..],
        &[
            "/run/bin/lanherd",
            "exec",
            "1",
            "--",
            "ip",
            "-br",
            "link",
            "show",
            "lan0",
        ],
    ]
    .concat();
    assert!(host.must(&inside).contains("lan0"), "{way:?}");

    let of_unit = [
        &AS_UNIT[..],
        &["/run/bin/lanherd", "doctor", "--parent", "lan0"],
    ]
    .concat();
    assert!(host.must(&of_unit).contains("warning  mounts: "));
    assert!(!doctor(&host).contains("mounts: "));
    herd.signal(Signal::SIGINT);
    assert_eq!(herd.finish(seconds(60)).code, Some(130));
}

#[test]
fn a_herd_does_without_resolver_files_where_etc_is_read_only_and_says_so_once() {
    let (host, _router) = Host::with_dnsmasq();
    let remount = |how: &str| host.must(&["mount", "-o", &format!("remount,bind,{how}"), "/etc"]);
    host.must(&["mount", "--bind", "/etc", "/etc"]);
    remount("ro");
    let doctor = doctor(&host);
    assert!(doctor.contains("warning  resolver files: "), "{doctor}");
    assert!(!doctor.contains("problem"), "{doctor}");

    let mut more = vec!["--run-command", "cat /etc/resolv.conf", "--for", "4s"];
    let herd = host.up(3, &more);
    let outcome = herd.finish(seconds(90));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let said = &outcome.stderr;
    assert_eq!(said.matches("/etc is read-only").count(), 1, "{said}");
    for wrong in [
        "could not be removed",
        "clean-up failed",
        "surroundings",
        "os error",
    ] {
        assert!(!said.contains(wrong), "{wrong}: {said}");
    }
    assert_eq!(host.report().total("restarts"), 0);

    // What a killed run had made before is not to be removed there, and nothing goes on with it.
    remount("rw");
    more.clear();
    let herd = host.up(1, &more);
    herd.wait_online(1, seconds(60));
    herd.kill();
    drop(herd.finish(seconds(10)));
    remount("ro");
    let refused = host.up(1, &more).finish(seconds(60));
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("/etc/netns/ns1") && refused.stderr.contains("run lanherd clean"),
        "{}",
        refused.stderr
    );
    remount("rw");
    let clean = host.lanherd(&["clean"]).finish(seconds(20));
    assert_eq!(clean.code, Some(0), "{}", clean.stderr);
    assert_eq!(host.resolver("ns1"), None);
}
