//! A test harness whose every test runs in a process of its own, which has one thread until the test starts more: what the
//! sandbox needs, and what keeps a test's namespaces from leaking into another, so that they run side by side. Each has so much time and no more, and may leave no process behind.

mod watched;

use std::process::{Command, ExitCode, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use self::watched::{Watched, watch};

/// Names the test that a process is to run.
const CASE: &str = "LANHERD_TEST_CASE";
/// Says whose test it is: the process that has started it.
const RUNNER: &str = "LANHERD_TEST_RUNNER";
/// How long a test may take: less than cargo-nextest allows, so that what hangs is told and ended here.
const LIMIT: Duration = Duration::from_secs(900);
/// How long what a test has started may take to end after it, on a machine that is busy.
const GRACE: Duration = Duration::from_secs(10);
/// Names a part of a test that is to be run in a further process.
const PART: &str = "LANHERD_TEST_PART";

/// Who runs a test.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// Whoever runs the tests.
    Caller,
    /// Somebody without any privilege; the tests must be run by root for that.
    Nobody,
}

/// The user and group id of [`User::Nobody`].
pub const NOBODY: u32 = 65534;

pub struct Case {
    pub name: &'static str,
    pub user: User,
    pub run: fn(),
}

/// Declares `main` of a test file: `tests! { Caller: a_sentence, Nobody: another_sentence }`, and the parts that tests run
/// in further processes.
#[macro_export]
macro_rules! isolated_tests {
    ($($user:ident: $name:ident,)+ ; $($part:ident,)*) => {
        fn main() -> ::std::process::ExitCode {
            let cases = [$($crate::isolated::Case {
                name: stringify!($name),
                user: $crate::isolated::User::$user,
                run: $name,
            },)+];
            let parts: &[(&str, fn())] = &[$((stringify!($part), $part),)*];
            $crate::isolated::main(&cases, parts)
        }
    };
}

pub fn main(cases: &[Case], parts: &[(&str, fn())]) -> ExitCode {
    if let Ok(part) = std::env::var(PART) {
        let (_, run) = parts
            .iter()
            .find(|(name, _)| *name == part)
            .expect("a part of that name");
        run();
        return ExitCode::SUCCESS;
    }
    if let Ok(name) = std::env::var(CASE) {
        let case = cases
            .iter()
            .find(|case| case.name == name)
            .expect("a test of that name");
        (case.run)();
        return ExitCode::SUCCESS;
    }
    let options = Options::read(std::env::args().skip(1));
    let selected: Vec<&Case> = cases
        .iter()
        .filter(|case| options.select(case.name))
        .collect();
    if options.list {
        for case in selected {
            println!("{}: test", case.name);
        }
        return ExitCode::SUCCESS;
    }
    let failed = run_side_by_side(&selected, options.at_once());
    if failed > 0 {
        println!("\n{failed} tests failed");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// What libtest's options ask for, as far as such a file knows them: names, or parts of them, select, whole ones after
/// `--exact`; `--list` lists. That is what cargo-nextest needs, which runs each test in a process of its own.
struct Options {
    list: bool,
    exact: bool,
    /// Only what is ignored elsewhere: nothing is.
    ignored: bool,
    filters: Vec<String>,
    test_threads: Option<String>,
}

impl Options {
    const TEST_THREADS: &str = "--test-threads";
    /// Others of libtest's that a value follows.
    const WITH_VALUE: [&str; 5] = ["--color", "--format", "--logfile", "--skip", "-Z"];

    fn read(mut arguments: impl Iterator<Item = String>) -> Self {
        let mut options = Self {
            list: false,
            exact: false,
            ignored: false,
            filters: Vec::new(),
            test_threads: None,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--list" => options.list = true,
                "--exact" => options.exact = true,
                "--ignored" => options.ignored = true,
                Self::TEST_THREADS => options.test_threads = arguments.next().or(Some(argument)),
                option if Self::WITH_VALUE.contains(&option) => drop(arguments.next()),
                option if option.starts_with('-') => {
                    let value = option.strip_prefix(Self::TEST_THREADS);
                    if let Some(number) = value.and_then(|value| value.strip_prefix('=')) {
                        options.test_threads = Some(number.to_owned());
                    }
                }
                _ => options.filters.push(argument),
            }
        }
        options
    }

    fn select(&self, name: &str) -> bool {
        let chosen = |filter: &String| {
            if self.exact {
                name == filter
            } else {
                name.contains(filter)
            }
        };
        !self.ignored && (self.filters.is_empty() || self.filters.iter().any(chosen))
    }

    /// How many tests run at once: as libtest has it, by `--test-threads`, else by `RUST_TEST_THREADS`. Else two for each
    /// processor, where libtest has one: most of their time they wait.
    fn at_once(&self) -> usize {
        let wanted = self.test_threads.clone();
        let wanted = wanted.or_else(|| std::env::var("RUST_TEST_THREADS").ok());
        let number = match &wanted {
            Some(number) => number.parse().ok(),
            None => Some(2 * thread::available_parallelism().map_or(1, usize::from)),
        };
        number.filter(|number| *number > 0).unwrap_or_else(|| {
            let option = Self::TEST_THREADS;
            panic!("{option} and RUST_TEST_THREADS take a number above 0: {wanted:?}")
        })
    }
}

/// Runs the tests, so many at once, and returns how many have failed. Each says so when it has ended.
fn run_side_by_side(cases: &[&Case], at_once: usize) -> usize {
    let next = AtomicUsize::new(0);
    let failed = AtomicUsize::new(0);
    let run_some = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            if !run_apart(case) {
                failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..at_once.min(cases.len()) {
            scope.spawn(run_some);
        }
    });
    failed.into_inner()
}

fn run_apart(case: &Case) -> bool {
    let mut command = Command::new("/proc/self/exe");
    if case.user == User::Nobody {
        use std::os::unix::process::CommandExt;
        command.uid(NOBODY).gid(NOBODY).current_dir("/");
    }
    let runner = std::process::id().to_string();
    let marks = [(CASE, case.name), (RUNNER, runner.as_str())];
    match watch(&mut command, &marks, LIMIT, GRACE) {
        Ok(Watched {
            output,
            trouble: None,
        }) if output.status.success() => {
            println!("test {} ... ok{}", case.name, remarks(&output));
            true
        }
        Ok(Watched { output, trouble }) => {
            let why = trouble.unwrap_or_else(|| output.status.to_string());
            println!("test {} ... FAILED ({why})\n{}", case.name, text(&output));
            false
        }
        Err(error) => {
            println!(
                "test {} ... FAILED: it could not be started (are you root?): {error}",
                case.name
            );
            false
        }
    }
}

/// What a test printed on stdout: measurements.
fn remarks(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout);
    said.lines()
        .fold(String::new(), |text, line| text + "\n     " + line)
}

/// All that a program said.
pub fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .concat()
}

/// A command that runs `part` of this test file in a process of its own.
pub fn part(name: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.env(PART, name);
    command
}

/// Runs a shell script, which must succeed, and gives what it printed.
pub fn sh(script: &str) -> String {
    let output = Command::new("sh")
        .args(["-ec", script])
        .output()
        .expect("a shell");
    assert!(
        output.status.success(),
        "`{script}` failed: {}",
        text(&output)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
