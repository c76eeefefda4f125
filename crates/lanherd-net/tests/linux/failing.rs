//! A kernel test that fails cleans up as one that passes does: the next one finds the machine as it was.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use lanherd_net::lan::{CommandRequest, Port};

use lanherd_testkit::world::*;

/// The calling thread's namespace of a kind, as the kernel names it: `net:[4026531840]`.
fn own_namespace(kind: &str) -> String {
    let link = fs::read_link(format!("/proc/thread-self/ns/{kind}")).expect("a namespace");
    link.to_string_lossy().into_owned()
}

/// The threads that are in one of these namespaces, and the descriptors that hold one of them.
fn holders(namespaces: &[String]) -> Vec<String> {
    let links = |folder: String| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| Some((entry.path(), fs::read_link(entry.path()).ok()?)))
    };
    let numbers = |folder: &str| {
        let names = fs::read_dir(folder).into_iter().flatten().flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let mut holders = Vec::new();
    for process in numbers("/proc") {
        let mut folders = vec![format!("/proc/{process}/fd")];
        let threads = format!("/proc/{process}/task");
        folders.extend(numbers(&threads).map(|thread| format!("{threads}/{thread}/ns")));
        for (path, namespace) in folders.into_iter().flat_map(links) {
            if namespaces
                .iter()
                .any(|one| namespace.as_os_str() == one.as_str())
            {
                holders.push(format!("{} is {}", path.display(), namespace.display()));
            }
        }
    }
    holders
}

#[test]
fn of_a_test_that_panics_no_process_no_namespace_and_no_file_is_left() {
    in_a_world(|| async {
        let (tell, told) = mpsc::channel();
        let panics = AssertUnwindSafe(move || {
            behind_a_router(async move |lan, router| {
                let port = Arc::new(attach(lan, 1).await);
                port.configure(&lease(7)).await.expect("configured");
                let resident = Resident::of("ns1");
                let busy = Arc::clone(&port);
                let command = CommandRequest {
                    line: "echo running >/run/running; sleep 86415; true".into(),
                    environment: Vec::new(),
                    timeout: Duration::from_secs(86_400),
                };
                let _command = tokio::spawn(async move { busy.command(command).await });
                until("the command runs", || exists("/run/running")).await;
                let client = fs::metadata("/run/netns/ns1").expect("bound").ino();
                let namespaces = vec![
                    own_namespace("mnt"),
                    own_namespace("net"),
                    router.run(|| own_namespace("net")),
                    format!("net:[{client}]"),
                ];
                for namespace in &namespaces {
                    let held = holders(std::slice::from_ref(namespace));
                    assert!(!held.is_empty(), "nothing holds {namespace}");
                }
                tell.send((namespaces, resident.pid())).expect("received");
                panic!("it fails");
            });
        });
        let panic = catch_unwind(panics).expect_err("it panicked");
        assert_eq!(panic.downcast_ref(), Some(&"it fails"));
        let (namespaces, resident) = told.recv().expect("told");
        nothing_is_left();
        assert!(!exists(&format!("/proc/{resident}")));
        // The threads of the LAN end by themselves when it is dropped.
        let mut held = Vec::new();
        for _ in 0..500 {
            held = holders(&namespaces);
            if held.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(held, [""; 0]);
    });
}
