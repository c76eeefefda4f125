//! A folder of a test's own, here as the tests of every crate know this one: also those that are published, without the test kit.
#![allow(
    clippy::must_use_candidate,
    clippy::panic,
    clippy::print_stderr,
    reason = "it is a part of tests, and a panic is how a test fails"
)]

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A new and empty folder below the one for temporary files. It goes with this; the test fails if it stays, as something that still
/// writes there outlives the test then.
#[derive(Debug)]
pub struct TestFolder(PathBuf);

impl TestFolder {
    /// Makes it; its name says whose it is: `lanherd-NAME-PID-COUNT`.
    ///
    /// # Panics
    /// Where it cannot be made.
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let path = std::env::temp_dir().join(format!(
            "lanherd-{name}-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        ));
        fs::create_dir(&path)
            .unwrap_or_else(|error| panic!("{}: {error}: is it an old one?", path.display()));
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where a file of this name is, or would be.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for TestFolder {
    fn drop(&mut self) {
        match fs::remove_dir_all(&self.0) {
            Ok(()) => {}
            // What the test ran may have removed it.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => fail(&format!("{} stays: {error}", self.0.display())),
        }
    }
}

/// Fails the test from within a `drop`; of one that fails already it is only told.
///
/// # Panics
/// Where the test has not failed yet.
pub fn fail(why: &str) {
    assert!(std::thread::panicking(), "{why}");
    eprintln!("{why}");
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn it_goes_with_what_is_in_it_however_the_test_ends() {
        let folder = TestFolder::new("folder");
        fs::create_dir(folder.file("in")).expect("made");
        fs::write(folder.file("in/file"), "text").expect("written");
        let path = folder.path().to_owned();
        let ended = catch_unwind(AssertUnwindSafe(move || {
            let _folder = folder;
            panic!("as a test that fails");
        }));
        assert!(ended.is_err() && !path.exists());
    }

    #[test]
    fn one_that_cannot_be_removed_fails_the_test() {
        let folder = TestFolder::new("folder");
        let path = folder.path().to_owned();
        fs::remove_dir(&path).expect("removed");
        drop(folder);
        // Not a folder, which remove_dir_all refuses.
        let folder = TestFolder(path.clone());
        fs::write(&path, "").expect("written");
        let ended = catch_unwind(AssertUnwindSafe(move || drop(folder)));
        fs::remove_file(&path).expect("removed");
        assert!(ended.is_err());
    }
}
