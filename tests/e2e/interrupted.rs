//! However a run ends, the machine is as it was: at once, or after the next start or `clean`.

use nix::sys::signal::Signal;

use super::common::host::Host;
use super::common::seconds;
use super::common::snapshot::Snapshot;

/// A herd of six that stands, on a machine that looked like this before.
fn standing() -> (
    Host,
    super::common::router::Router,
    Snapshot,
    super::common::process::Running,
) {
    let (host, router) = Host::with_dnsmasq();
    let before = host.snapshot();
    let herd = host.up(6, &[]);
    host.wait_configured(6, seconds(30));
    (host, router, before, herd)
}

#[test]
fn ctrl_c_releases_and_removes_everything() {
    let (host, _router, before, herd) = standing();
    herd.signal(Signal::SIGINT);
    let outcome = herd.finish(seconds(30));
    assert_eq!(outcome.code, Some(130), "{}", outcome.stderr);
    assert_eq!(host.report().total("leaked_objects"), 0);
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_service_manager_that_says_terminate_gets_the_same() {
    let (host, _router, before, herd) = standing();
    herd.signal(Signal::SIGTERM);
    let outcome = herd.finish(seconds(30));
    assert_eq!(outcome.code, Some(130), "{}", outcome.stderr);
    assert_eq!(host.snapshot(), before);
}

#[test]
fn ctrl_c_while_the_herd_still_joins_leaves_nothing_either() {
    let host = Host::new();
    let before = host.snapshot();
    // Nobody serves: all clients are between link and lease.
    let herd = host.up(20, &["--join-rate", "1000/s"]);
    super::common::wait_for("namespaces appear", seconds(20), || {
        host.path("/run/netns/ns5").exists().then_some(())
    });
    herd.signal(Signal::SIGINT);
    assert_eq!(herd.finish(seconds(30)).code, Some(130));
    assert_eq!(host.snapshot(), before);
}

#[test]
fn clean_removes_what_a_killed_run_left_and_says_so() {
    let (host, _router, before, herd) = standing();
    host.must(&["ip", "netns", "add", "other"]);
    herd.signal(Signal::SIGKILL);
    herd.finish(seconds(10));
    assert_ne!(host.snapshot(), before, "SIGKILL leaves names behind");

    let dry = host.lanherd(&["clean", "--dry-run"]).finish(seconds(30));
    assert_eq!(dry.code, Some(0), "{}", dry.stderr);
    assert!(
        dry.stdout.contains("ns6") && !dry.stdout.contains("other"),
        "{}",
        dry.stdout
    );
    assert!(
        host.path("/run/netns/ns6").exists(),
        "a dry run removes nothing"
    );

    let clean = host.lanherd(&["clean"]).finish(seconds(30));
    assert_eq!(clean.code, Some(0), "{}", clean.stderr);
    assert!(clean.stdout.contains("ns6"), "{}", clean.stdout);
    assert!(
        host.path("/run/netns/other").exists(),
        "what lanherd did not make stays"
    );
    let after = host.snapshot();
    assert!(
        !after.files.iter().any(|file| file.contains("/ns")
            && !file.contains("netns/other")
            && file != "/run/netns"),
        "{after:#?}"
    );
    assert!(
        !after
            .files
            .iter()
            .any(|file| file.starts_with("/etc/netns/")),
        "{after:#?}"
    );
    assert_eq!(after.links, before.links);
}

#[test]
fn the_next_run_of_the_same_pool_cleans_up_after_one_that_was_killed() {
    let (host, _router, before, herd) = standing();
    herd.signal(Signal::SIGKILL);
    herd.finish(seconds(10));
    let outcome = host
        .up(3, &["--ping", "8.8.8.8", "--for", "1s"])
        .finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(host.report().total("online"), 3);
    assert_eq!(host.snapshot().links, before.links);
    let left: Vec<String> = host
        .snapshot()
        .files
        .difference(&before.files)
        .filter(|file| file.contains("/ns"))
        .filter(|file| !["/run/netns", "/etc/netns"].contains(&file.as_str()))
        .cloned()
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn killed_at_any_moment_of_its_start_nothing_is_left_after_clean() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    for delay in [5, 20, 40, 80, 160, 320] {
        let herd = host.up(30, &["--join-rate", "1000/s"]);
        let pid = herd.pid();
        std::thread::sleep(std::time::Duration::from_millis(delay));
        herd.signal(Signal::SIGKILL);
        herd.finish(seconds(10));
        let clean = host.lanherd(&["clean"]).finish(seconds(30));
        assert_eq!(
            clean.code,
            Some(0),
            "killed {pid} after {delay} ms: {}",
            clean.stderr
        );
        let after = host.snapshot();
        assert_eq!(after.links, before.links, "killed after {delay} ms");
        assert!(
            !after
                .files
                .iter()
                .any(|file| file.starts_with("/run/netns/") || file.starts_with("/etc/netns/")),
            "killed after {delay} ms: {:#?}",
            after.files
        );
    }
}

#[test]
fn a_lab_that_is_killed_leaves_at_most_its_control_socket_and_clean_removes_that() {
    let host = Host::new();
    let before = host.snapshot();
    let herd = host.lanherd(&["up", "--lab", "--clients", "10"]);
    super::common::wait_for("the herd says something", seconds(30), || {
        (!herd.stderr().is_empty()).then_some(())
    });
    herd.signal(Signal::SIGKILL);
    herd.finish(seconds(10));
    super::common::wait_for("all else is as it was", seconds(10), || {
        let mut after = host.snapshot();
        after.files.retain(|file| !file.starts_with("/run/lanherd"));
        (after == before).then_some(())
    });
    let clean = host.lanherd(&["clean"]).finish(seconds(30));
    assert_eq!(clean.code, Some(0), "{}", clean.stderr);
    assert_eq!(host.snapshot(), before);
}

/// The lab's folder on the host is made before there may be a second thread, and so before anybody can listen to signals.
#[test]
fn a_lab_that_is_ended_as_soon_as_its_folder_is_there_leaves_nothing() {
    let host = Host::new();
    let before = host.snapshot();
    let lock = host.path("/run/lanherd/ns/lock");
    for round in 0..15 {
        let herd = host.lanherd(&["up", "--lab", "--clients", "1"]);
        let deadline = std::time::Instant::now() + seconds(30);
        while !lock.exists() {
            assert!(std::time::Instant::now() < deadline, "no folder");
            std::thread::yield_now();
        }
        herd.signal(Signal::SIGTERM);
        let outcome = herd.finish(seconds(60));
        assert_eq!(outcome.code, Some(130), "{round}: {}", outcome.stderr);
        assert_eq!(host.snapshot(), before, "{round}: {}", outcome.stderr);
    }
}
