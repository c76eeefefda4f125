//! What is shipped for service managers.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use lanherd_testkit::folder::TestFolder;

fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("packaging")
        .join(path)
}

#[test]
fn systemd_has_nothing_to_say_against_the_unit() {
    let folder = TestFolder::new("unit");
    let unit = fs::read_to_string(shipped("systemd/lanherd@.service")).expect("it is shipped");
    // Wherever programs are installed: systemd.service(5) says in which folders it looks.
    let installed = "\nExecStart=lanherd run ";
    assert!(unit.contains(installed));
    let here = format!("\nExecStart={} run ", env!("CARGO_BIN_EXE_lanherd"));
    let unit = unit.replace(installed, &here);
    let path = folder.file("lanherd@weekend.service");
    fs::write(&path, unit).expect("written");
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .arg(&path)
        .output()
        .expect("systemd-analyze (Debian package systemd) is installed");
    let words = String::from_utf8_lossy(&verified.stderr);
    assert!(
        verified.status.success() && !words.contains("lanherd@"),
        "{words}"
    );
}

/// What a setting of the unit names, as words.
fn setting(unit: &str, name: &str) -> Vec<String> {
    let line = unit.lines().find_map(|line| line.strip_prefix(name));
    let words = line.expect(name).split_whitespace();
    words.map(str::to_owned).collect()
}

#[test]
fn an_end_that_is_a_result_is_followed_by_no_other_start() {
    let unit = fs::read_to_string(shipped("systemd/lanherd@.service")).expect("it is shipped");
    assert!(unit.contains("\nRestart=on-failure\n"), "{unit}");
    // Clients or objectives failed, the file is wrong, an objective is inconclusive; and it was told to end.
    assert_eq!(
        setting(&unit, "RestartPreventExitStatus="),
        ["1", "2", "125"]
    );
    assert_eq!(setting(&unit, "SuccessExitStatus="), ["130"]);
}

#[test]
fn what_has_crashed_is_left_for_the_next_start_and_what_has_ended_is_cleaned_up() {
    let unit = fs::read_to_string(shipped("systemd/lanherd@.service")).expect("it is shipped");
    assert!(unit.contains(" --pool %i --adopt\n"), "{unit}");
    let line = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStopPost=/bin/sh -c '"));
    let script = line
        .expect("ExecStopPost=")
        .trim_end_matches('\'')
        .replace("%i", "weekend");
    let folder = TestFolder::new("stop");
    let program = folder.file("lanherd");
    fs::write(&program, "#!/bin/sh\necho \"$@\"\n").expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a program");
    // What systemd.exec(5) says of how a service ends.
    for (result, is_cleaned) in [
        ("success", true),
        ("exit-code", true),
        ("timeout", true),
        ("signal", false),
        ("core-dump", false),
        ("oom-kill", false),
    ] {
        let said = Command::new("/bin/sh")
            .args(["-c", &script])
            .env("SERVICE_RESULT", result)
            .env("PATH", folder.path())
            .output()
            .expect("a shell");
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let wanted = if is_cleaned {
            "--quiet clean --pool weekend\n"
        } else {
            ""
        };
        assert_eq!(said, wanted, "{result}");
    }
}

#[test]
fn the_shared_folders_are_made_so_that_users_and_root_can_work_side_by_side() {
    let root = TestFolder::new("tmpfiles");
    fs::create_dir(root.file("etc")).expect("a folder");
    fs::create_dir(root.file("run")).expect("a folder");
    fs::write(root.file("etc/passwd"), "root:x:0:0::/:/bin/sh\n").expect("written");
    fs::write(root.file("etc/group"), "root:x:0:\nlanherd:x:4711:\n").expect("written");
    let made = Command::new("systemd-tmpfiles")
        .arg(format!("--root={}", root.path().display()))
        .arg("--create")
        .arg(shipped("tmpfiles.d/lanherd.conf"))
        .output()
        .expect("systemd-tmpfiles (Debian package systemd) is installed");
    let words = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{words}");
    for folder in ["run/netns", "run/lanherd", "etc/netns"] {
        let found = fs::metadata(root.file(folder)).expect("it is made");
        let seen = (found.mode() & 0o7777, found.uid(), found.gid());
        assert_eq!(seen, (0o1775, 0, 4711), "{folder}");
    }
}
