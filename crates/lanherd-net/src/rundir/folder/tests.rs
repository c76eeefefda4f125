use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use lanherd_types::test_folder::TestFolder;

use super::*;

/// A folder for one test; it goes with this.
struct Scratch(TestFolder);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = TestFolder::new(name);
        fs::create_dir(folder.file("in")).expect("a folder");
        fs::set_permissions(folder.file("in"), Permissions::from_mode(0o700)).expect("ours");
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.file(name)
    }

    fn open(&self) -> Folder {
        Folder::open(&self.path("in"), Trust::Own).expect("opened")
    }
}

#[test]
fn a_link_is_followed_neither_to_a_folder_nor_to_a_file() {
    let scratch = Scratch::new("link");
    let victim = scratch.path("victim");
    fs::write(&victim, "secret").expect("written");
    symlink(scratch.path("in"), scratch.path("link")).expect("linked");
    assert!(Folder::open(&scratch.path("link"), Trust::Anybody).is_err());
    let folder = scratch.open();
    for name in ["file", "file.new"] {
        symlink(&victim, scratch.path("in").join(name)).expect("linked");
    }
    symlink(scratch.0.path(), scratch.path("in/folder")).expect("linked");
    assert!(folder.child("folder", Trust::Anybody).is_err());
    assert!(folder.read("file").is_err());
    assert!(folder.open_in_place("file").is_err());
    assert!(folder.open_or_create("file", 0o600).is_err());
    assert!(folder.create("file", 0o600).is_err());
    // A draft that is a link is removed itself, and so is a link in the file's place.
    folder
        .replace("file", "file.new", "text")
        .expect("replaced");
    assert_eq!(folder.read("file").expect("read").as_deref(), Some("text"));
    folder.remove("folder").expect("removed");
    assert_eq!(fs::read_to_string(&victim).expect("it is there"), "secret");
}

#[test]
fn a_pipe_in_place_of_a_file_is_refused_at_once() {
    let scratch = Scratch::new("pipe");
    let folder = scratch.open();
    let pipe = scratch.path("in/pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let error = folder.read("pipe").expect_err("no file");
    let words = format!("{} is no regular file: remove it", pipe.display());
    assert_eq!(error.to_string(), words);
    assert!(folder.open_in_place("pipe").is_err());
    assert!(folder.open_or_create("pipe", 0o600).is_err());
}

#[test]
fn more_than_lanherd_writes_is_not_read() {
    let scratch = Scratch::new("long");
    let folder = scratch.open();
    let long = folder.create("long", 0o600).expect("made");
    long.set_len(MOST).expect("long");
    assert!(folder.read("long").is_ok());
    long.set_len(MOST + 1).expect("longer");
    let error = folder.read("long").expect_err("too long");
    assert!(error.to_string().contains("larger than any"), "{error}");
}

#[test]
fn a_name_that_leads_out_of_the_folder_is_none() {
    let scratch = Scratch::new("out");
    fs::write(scratch.path("victim"), "secret").expect("written");
    let folder = scratch.open();
    for name in ["../victim", "..", ".", "", "/etc/passwd", "a/b"] {
        assert!(folder.read(name).is_err(), "{name}");
        assert!(folder.remove(name).is_err(), "{name}");
        assert!(folder.child(name, Trust::Anybody).is_err(), "{name}");
    }
}

#[test]
fn a_file_that_cannot_be_written_whole_is_not_there() {
    let scratch = Scratch::new("whole");
    let folder = scratch.open();
    folder.replace("a", "a.new", "one").expect("written");
    // What a kill has left of a draft is no hindrance.
    folder.create("a.new", 0o600).expect("a draft");
    folder.replace("a", "a.new", "two").expect("replaced");
    assert_eq!(folder.read("a").expect("read").as_deref(), Some("two"));
    assert_eq!(folder.names().expect("names"), ["a"]);
    assert_eq!(folder.read("none").expect("none"), None);
}

#[test]
fn who_may_work_where() {
    use Trust::{Anybody, Own, Shared};
    let path = Path::new("/run/lanherd");
    let (root, me, other) = (0, 1000, 1001);
    let fine = [
        (me, 0o755, me, Own),
        (root, 0o700, root, Own),
        (root, 0o755, me, Shared),
        (me, 0o755, me, Shared),
        (root, 0o1777, root, Shared),
        (root, 0o1775, me, Shared),
        (other, 0o777, root, Anybody),
    ];
    for (owner, mode, user, trust) in fine {
        assert_eq!(
            check(owner, mode, user, path, trust),
            Ok(()),
            "{owner} {mode:o} {user}"
        );
    }
    let refused = [
        (me, 0o755, root, Own, "is user 1000's"),
        (root, 0o755, me, Own, "is user 0's"),
        (me, 0o775, me, Own, "others may write"),
        (me, 0o755, root, Shared, "belongs to user 1000"),
        (other, 0o1777, me, Shared, "belongs to user 1001"),
        (root, 0o777, root, Shared, "chmod +t"),
        (me, 0o775, me, Shared, "chmod +t"),
    ];
    for (owner, mode, user, trust, words) in refused {
        let error = check(owner, mode, user, path, trust).expect_err("refused");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn a_kept_folder_is_opened_again_only_when_its_path_leads_elsewhere_or_others_may_change_it() {
    let scratch = Scratch::new("kept");
    let path = scratch.path("folder");
    let mode = |mode| fs::set_permissions(&path, Permissions::from_mode(mode)).expect("a mode");
    let kept = KeptFolder::new(path.clone(), Trust::Own);
    let get = || kept.get(|| Folder::open(&path, Trust::Own));
    assert_eq!(get().expect_err("none").kind(), ErrorKind::NotFound);
    fs::create_dir(&path).expect("a folder");
    mode(0o700);
    let first = get().expect("the folder");
    assert!(Arc::ptr_eq(&first, &get().expect("the folder")));

    mode(0o777);
    let refused = get().expect_err("others may write");
    assert!(Untrusted::of(&refused).is_some(), "{refused}");
    mode(0o700);
    let again = get().expect("the folder");

    fs::rename(&path, scratch.path("elsewhere")).expect("renamed");
    assert_eq!(get().expect_err("gone").kind(), ErrorKind::NotFound);
    fs::create_dir(&path).expect("another folder");
    let other = get().expect("the other folder");
    assert_ne!(again.number, other.number);
    other.create_with("file", 0o600, "text").expect("a file");
    assert!(path.join("file").exists());

    fs::remove_dir_all(&path).expect("removed");
    symlink(scratch.path("elsewhere"), &path).expect("a link");
    get().expect_err("a link is not followed");
}

#[test]
fn a_files_number_is_of_64_bits_also_where_the_kernel_has_it_in_32() {
    assert_eq!(widened(u32::MAX), u64::from(u32::MAX));
    let scratch = Scratch::new("number");
    let file = scratch.path("in").join("file");
    fs::write(&file, "").expect("written");
    let found = scratch.open().look_at("file").expect("looked at");
    let told = fs::metadata(&file).expect("there").ino();
    assert_eq!(found.as_ref().map(inode), Some(told));
}
