//! Commands run as the client, and nothing of them outlives the client.

use std::fs;
use std::time::{Duration, Instant};

use lanherd_net::lan::{CommandEnd, CommandRan, CommandRequest, Lan, Port};
use lanherd_net::linux::LinuxPort;

use lanherd_testkit::world::*;

fn request(line: &str) -> CommandRequest {
    CommandRequest {
        line: line.to_owned(),
        environment: vec![("LANHERD_CLIENT", "1".to_owned())],
        timeout: Duration::from_secs(20),
    }
}

async fn run(port: &LinuxPort, line: &str) -> CommandRan {
    port.command(request(line)).await
}

/// Processes whose command line has this word, which no other test uses.
fn processes(word: &str) -> usize {
    let all = fs::read_dir("/proc").expect("a /proc");
    let lines = all
        .flatten()
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines
        .filter(|line| String::from_utf8_lossy(line).contains(word))
        .count()
}

#[test]
fn a_command_has_the_clients_network_resolver_and_variables_and_no_input() {
    behind_a_router(async |lan, _| {
        let port = attach(lan, 1).await;
        port.configure(&lease(7)).await.expect("configured");
        let ran = run(
            &port,
            "ip -4 -br addr show lan0; cat /etc/resolv.conf; ls /sys/class/net; echo $LANHERD_CLIENT >&2; cat; exit 7",
        )
        .await;
        assert_eq!(ran.end, CommandEnd::Exit(7), "{ran:?}");
        for word in ["10.9.0.7/24", "nameserver 10.9.0.1", "lan0\n", "\n1\n"] {
            assert!(ran.output.contains(word), "{word:?} is not in {ran:?}");
        }
        assert!(!ran.output.contains("up0"), "{ran:?}");
        let host = fs::read_to_string("/etc/resolv.conf").expect("a file");
        assert_eq!(host, "# the host's own\n");
    });
}

#[test]
fn a_signal_is_told_as_a_shell_does_and_much_output_is_cut_to_its_end() {
    on_a_lan(async |lan| {
        let port = attach(lan, 1).await;
        assert_eq!(run(&port, "kill -TERM $$").await.end, CommandEnd::Exit(143));
        assert_eq!(
            run(&port, "no-such-program").await.end,
            CommandEnd::Exit(127)
        );
        let ran = run(&port, "seq 1 100000").await;
        assert_eq!(ran.end, CommandEnd::Exit(0));
        assert!(
            ran.output.len() == 2_048 && ran.output.ends_with("\n100000\n"),
            "{ran:?}"
        );
    });
}

#[test]
fn what_a_command_leaves_in_the_background_ends_with_it_and_keeps_nobody_waiting() {
    on_a_lan(async |lan| {
        let port = attach(lan, 1).await;
        let began = Instant::now();
        let ran = run(&port, "setsid sleep 86411 & sleep 86411 & echo started").await;
        assert_eq!(
            (ran.end, ran.output.as_str()),
            (CommandEnd::Exit(0), "started\n")
        );
        assert!(began.elapsed() < Duration::from_secs(10));
        assert_eq!(processes("86411"), 0);
    });
}

#[test]
fn a_command_that_takes_too_long_is_killed_with_all_that_it_has_started() {
    on_a_lan(async |lan| {
        let port = attach(lan, 1).await;
        let slow = CommandRequest {
            timeout: Duration::from_millis(300),
            ..request("echo begun; sleep 86412 & trap '' TERM; sleep 86412")
        };
        let ran = port.command(slow).await;
        assert_eq!(
            (ran.end, ran.output.as_str()),
            (CommandEnd::TimedOut, "begun\n")
        );
        assert!(ran.took >= Duration::from_millis(300) && ran.took < Duration::from_secs(5));
        assert_eq!(processes("86412"), 0);
    });
}

#[test]
fn a_client_that_is_detached_takes_its_commands_with_it_whether_or_not_somebody_waits_for_them() {
    on_a_lan(async |lan| {
        let port = std::sync::Arc::new(attach(lan, 1).await);
        let waited_for = tokio::spawn({
            let port = std::sync::Arc::clone(&port);
            async move { port.command(request("sleep 86413; true")).await.end }
        });
        let given_up = tokio::spawn({
            let port = std::sync::Arc::clone(&port);
            async move { port.command(request("sleep 86414; true")).await.end }
        });
        until("both run", || {
            processes("sleep\x0086413") + processes("sleep\x0086414") == 2
        })
        .await;
        given_up.abort();
        assert_eq!(lan.detach(&client(1)).await, []);
        assert_eq!(processes("86413") + processes("86414"), 0);
        assert_eq!(waited_for.await.expect("no panic"), CommandEnd::ClientLeft);
        let late = run(&port, "echo too late").await;
        assert_eq!(late.end, CommandEnd::ClientLeft);
        // A namespace that a process keeps would be named when the LAN is closed.
    });
}
