//! A terminal with nobody before it: what a program draws is read as a terminal would show it, and keys are pressed.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::stat::Mode;
use vt100::Parser;

/// It hangs up when this is dropped, and no program has it any more.
pub struct Terminal {
    keyboard: File,
    side: OwnedFd,
    /// Of the side that programs have.
    path: String,
    screen: Arc<Mutex<Parser>>,
    ends: Arc<AtomicBool>,
    stands: Arc<AtomicBool>,
    /// How often nothing had come for a moment.
    pauses: Arc<AtomicU32>,
    reader: Option<JoinHandle<()>>,
}

impl Terminal {
    pub fn new(columns: u16, rows: u16) -> Self {
        // Programs that other tests start at this moment must not have it, or it would never hang up.
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let keyboard = posix_openpt(flags).expect("a terminal");
        grantpt(&keyboard).expect("granted");
        unlockpt(&keyboard).expect("unlocked");
        let path = ptsname_r(&keyboard).expect("its name");
        let side = open(path.as_str(), flags, Mode::empty()).expect("its other side");
        let screen = Arc::new(Mutex::new(Parser::new(some(rows), some(columns), 0)));
        let keyboard = File::from(OwnedFd::from(keyboard));
        let output = keyboard.try_clone().expect("a descriptor");
        let (ends, stands) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let pauses = Arc::<AtomicU32>::default();
        let reader = {
            let (screen, pauses) = (Arc::clone(&screen), Arc::clone(&pauses));
            let (ends, stands) = (Arc::clone(&ends), Arc::clone(&stands));
            std::thread::spawn(move || show(output, &screen, &ends, &stands, &pauses))
        };
        let terminal = Self {
            keyboard,
            side,
            path,
            screen,
            ends,
            stands,
            pauses,
            reader: Some(reader),
        };
        terminal.resize(columns, rows);
        terminal
    }

    /// The side that a program has.
    pub fn side(&self) -> OwnedFd {
        self.side.try_clone().expect("a descriptor")
    }

    /// Presses keys, as a terminal sends them.
    pub fn press(&self, keys: &str) {
        (&self.keyboard)
            .write_all(keys.as_bytes())
            .expect("pressed");
    }

    /// It takes nothing more that is drawn, or goes on with it.
    pub fn stand_still(&self, stands: bool) {
        self.stands.store(stands, Ordering::Relaxed);
    }

    /// What stands on it.
    pub fn text(&self) -> String {
        locked(&self.screen).screen().contents()
    }

    /// What stands on it once nothing more comes: all that a program has said that has ended.
    #[track_caller]
    pub fn last_text(&self) -> String {
        let pauses = || self.pauses.load(Ordering::Relaxed);
        // The first pause may have begun before.
        let (until, wanted) = (
            std::time::Instant::now() + Duration::from_secs(10),
            pauses() + 2,
        );
        while pauses() < wanted {
            let text = self.text();
            assert!(std::time::Instant::now() < until, "it goes on:\n{text}");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.text()
    }

    /// Whether a program has the whole of it, beside what stood there before.
    pub fn is_taken(&self) -> bool {
        locked(&self.screen).screen().alternate_screen()
    }

    /// Whether no cursor is seen.
    pub fn hides_cursor(&self) -> bool {
        locked(&self.screen).screen().hide_cursor()
    }

    /// Makes it larger or smaller.
    pub fn resize(&self, columns: u16, rows: u16) {
        locked(&self.screen)
            .screen_mut()
            .set_size(some(rows), some(columns));
        let (columns, rows) = (columns.to_string(), rows.to_string());
        self.stty(&["cols", &columns, "rows", &rows]);
    }

    /// Its modes, as stty(1) lists them.
    pub fn modes(&self) -> String {
        self.stty(&["-a"])
    }

    /// Waits until what stands on it is as wanted.
    #[track_caller]
    pub fn wait(&self, what: &str, deadline: Duration, is_so: impl Fn(&str) -> bool) -> String {
        let until = std::time::Instant::now() + deadline;
        loop {
            let text = self.text();
            if is_so(&text) {
                return text;
            }
            assert!(
                std::time::Instant::now() < until,
                "{what}: not within {deadline:?}\n{text}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn stty(&self, arguments: &[&str]) -> String {
        let output = Command::new("stty")
            .args(["-F", &self.path])
            .args(arguments)
            .output()
            .expect("stty (Debian package coreutils) is installed");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The reader has a descriptor of this side, too: the terminal hangs up with the last of them.
        self.ends.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

fn show(
    mut output: File,
    screen: &Mutex<Parser>,
    ends: &AtomicBool,
    stands: &AtomicBool,
    pauses: &AtomicU32,
) {
    let mut buffer = [0; 4_096];
    while !ends.load(Ordering::Relaxed) {
        if stands.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(10));
            continue;
        }
        let mut polled = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
        if poll(&mut polled, PollTimeout::from(50_u8)) == Ok(0) {
            pauses.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        // It fails when no program has the other side any more.
        let Ok(count) = output.read(&mut buffer) else {
            return;
        };
        locked(screen).process(buffer.get(..count).unwrap_or_default());
    }
}

fn some(size: u16) -> NonZeroU16 {
    NonZeroU16::new(size).expect("not 0")
}

fn locked(screen: &Mutex<Parser>) -> MutexGuard<'_, Parser> {
    screen.lock().unwrap_or_else(PoisonError::into_inner)
}
