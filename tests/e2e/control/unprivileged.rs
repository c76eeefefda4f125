//! A lab of a person without privilege, and where its folder is.

use super::*;

/// A lab of somebody without privilege, controlled by the same user, with this in its environment.
fn assert_unprivileged_lab(host: &Host, environment: &str, pool: &str, folder: &str) {
    let before = host.snapshot();
    let start = |arguments: &[&str]| {
        let words = ["env", environment, BINARY];
        host.start("lanherd", &[&AS_NOBODY[..], &words, arguments].concat())
    };
    let run = start(&["up", "--lab", "--clients", "2", "--pool", pool]);
    wait_for("the herd is online", seconds(60), || {
        let ps = start(&["ps"]).finish(seconds(30));
        ps.stdout.contains("2 of 2 clients online").then_some(())
    });
    let socket = host.path(&format!("{folder}/{pool}/control"));
    let metadata = fs::metadata(&socket).expect("a socket");
    assert_eq!((metadata.mode() & 0o777, metadata.uid()), (0o600, NOBODY));
    let second = start(&["up", "--lab", "--clients", "2", "--pool", pool]).finish(seconds(30));
    assert_eq!(second.code, Some(3), "{second:?}");
    assert!(second.stderr.contains("is alive in process"), "{second:?}");
    let exec = start(&[
        "exec",
        "2",
        "--",
        "sh",
        "-c",
        "cat /etc/resolv.conf && ping -c 1 8.8.8.8 && exit 7",
    ]);
    let exec = exec.finish(seconds(30));
    assert_eq!(exec.code, Some(7), "{exec:?}");
    assert!(
        exec.stdout.contains(&format!("# lanherd: {pool}2")),
        "{exec:?}"
    );

    // Killed, taken over, and ended in order.
    run.signal(Signal::SIGKILL);
    run.finish(seconds(10));
    let run = start(&["up", "--lab", "--clients", "1", "--pool", pool]);
    wait_for("the next herd is online", seconds(60), || {
        let ps = start(&["ps"]).finish(seconds(30));
        ps.stdout.contains("1 of 1 clients online").then_some(())
    });
    assert_eq!(start(&["stop"]).finish(seconds(30)).code, Some(0));
    let outcome = run.finish(seconds(30));
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(!host.path(folder).exists(), "{folder} is left");

    // Killed, and cleaned up.
    let run = start(&["up", "--lab", "--clients", "1", "--pool", pool]);
    wait_for("the last herd is online", seconds(60), || {
        let ps = start(&["ps"]).finish(seconds(30));
        ps.stdout.contains("1 of 1 clients online").then_some(())
    });
    run.signal(Signal::SIGKILL);
    run.finish(seconds(10));
    let clean = start(&["clean"]).finish(seconds(30));
    assert_eq!(clean.code, Some(0), "{clean:?}");
    assert!(!host.path(folder).exists(), "{folder} is left");
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_person_without_privilege_controls_a_lab_through_the_folder_of_the_login() {
    let host = Host::new();
    let runtime = host.folder().join("runtime");
    fs::create_dir(&runtime).expect("a folder");
    fs::set_permissions(&runtime, fs::Permissions::from_mode(0o700)).expect("ours");
    std::os::unix::fs::chown(&runtime, Some(NOBODY), Some(NOBODY)).expect("root may");
    let runtime = runtime.to_string_lossy();
    let environment = format!("XDG_RUNTIME_DIR={runtime}");
    assert_unprivileged_lab(&host, &environment, "login", &format!("{runtime}/lanherd"));
}

#[test]
fn without_a_login_the_folder_is_in_tmp_and_a_strangers_is_refused() {
    let host = Host::new();
    // A `/tmp` of this machine's own, for the name is the same for all.
    host.must(&["mount", "-t", "tmpfs", "-o", "mode=1777", "none", "/tmp"]);
    let folder = format!("/tmp/lanherd-{NOBODY}");
    assert_unprivileged_lab(&host, "XDG_RUNTIME_DIR=/nonexistent", "tmp", &folder);

    let refused = || {
        let words = [BINARY, "up", "--lab", "--clients", "1"];
        let outcome = host
            .start("lanherd", &[&AS_NOBODY[..], &words].concat())
            .finish(seconds(30));
        assert_eq!(outcome.code, Some(3), "{outcome:?}");
        assert!(outcome.stderr.contains("0700"), "{outcome:?}");
    };
    let path = host.path(&folder);
    fs::create_dir(&path).expect("root's folder");
    refused();
    fs::remove_dir(&path).expect("removed");
    host.must(&["ln", "-s", "/tmp", &folder]);
    refused();
}
