use lanherd_types::test_folder::TestFolder;

use super::*;

fn names(folder: &TestFolder) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).expect("a folder").flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_that_is_replaced_keeps_its_mode() {
    let folder = TestFolder::new("mode");
    let path = folder.file("r.json");
    for mode in [0o600, 0o640, 0o604] {
        fs::write(&path, "old").expect("written");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("changed");
        write_bytes(&path, b"new").expect("written");
        let found = fs::metadata(&path).expect("a file");
        assert_eq!(found.mode() & 0o777, mode);
        assert_eq!(fs::read(&path).expect("read"), b"new");
    }
}

#[test]
fn drafts_of_killed_runs_are_removed_and_those_that_are_being_written_stay() {
    let folder = TestFolder::new("drafts");
    let path = folder.file("r.json");
    fs::write(folder.file(".lanherd-report-0badf00d"), "half").expect("written");
    fs::write(folder.file(".lanherd-report-of-mine"), "mine").expect("written");
    let (draft, file) = DraftFile::create(&path).expect("a draft");
    check_writable(&path).expect("it can be written");
    let written = draft
        .path
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let mut expected = vec![".lanherd-report-of-mine".to_owned(), written];
    expected.sort();
    assert_eq!(names(&folder), expected);
    drop(file);
    write_bytes(&path, b"whole").expect("written");
    assert_eq!(names(&folder), [".lanherd-report-of-mine", "r.json"]);
}

#[test]
fn runs_that_write_into_one_folder_at_one_time_lose_no_report() {
    let folder = TestFolder::new("crowd");
    let is_over = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        // Whoever begins to write looks for what killed runs have left; here that never ends.
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                clear(folder.path());
            }
        });
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let path = folder.file(&format!("{writer}.json"));
                scope.spawn(move || (0..300).try_for_each(|_| write_bytes(&path, b"whole")))
            })
            .collect();
        let outcomes: Vec<_> = writers
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect();
        is_over.store(true, Ordering::Relaxed);
        for outcome in outcomes {
            outcome.expect("no panic").expect("written");
        }
    });
    assert_eq!(names(&folder).len(), 4);
}

#[test]
fn one_file_under_two_spellings_is_found() {
    let folder = TestFolder::new("twice");
    let (one, other) = (folder.file("x"), folder.file("y"));
    let spelt = folder
        .path()
        .join("..")
        .join(folder.path().file_name().expect("a name"))
        .join("x");
    let both = |a: &Path, b: &Path| check_apart(&[("--report", a), ("--html", b)]).is_ok();
    assert!(both(&one, &other));
    assert!(!both(&one, &one) && !both(&one, &spelt));
    fs::write(&one, "").expect("written");
    assert!(!both(&one, &spelt));
    std::os::unix::fs::symlink(&one, &other).expect("a link");
    assert!(!both(&one, &other));
    let null = Path::new("/dev/null");
    assert!(both(null, null));
}

#[test]
fn a_pipe_that_nobody_reads_is_given_up() {
    let folder = TestFolder::new("pipe");
    let path = folder.file("pipe");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    check_writable(&path).expect("it could be written");
    assert!(!is_replaced(&path));
    // How long a program waits, tests/e2e/output.rs shows.
    let error = write_to_readers(&path, b"text", Duration::from_secs(1));
    let error = error.expect_err("nobody reads");
    assert!(matches!(error, ReportFileError::NoReader(_)), "{error}");
    // One that is read takes more than a pipe holds. Another one: whoever was given up still waits at the first.
    let path = folder.file("read");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let reader = path.clone();
    let reading = thread::spawn(move || fs::read(reader).expect("read"));
    let text = vec![b'x'; 1 << 20];
    write_bytes(&path, &text).expect("written");
    assert!(reading.join().expect("read").ends_with(&text));
}
