//! The process' own figures, under their standard names.

use std::fs;
use std::io;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeValLike;
use nix::unistd::{SysconfVar, sysconf};
use prometheus::core::{Collector, Desc};
use prometheus::proto::{self, MetricFamily};
use prometheus::{Counter, IntGauge};

/// What every client library of Prometheus tells of its process on Linux, read when somebody asks. (The library has it as well, by
/// way of crates that take longer to compile than itself; and it counts the processors' time in whole seconds, of which no rate
/// over some scrapes can be had.)
pub(super) struct Process {
    processor_time: Counter,
    open_files: IntGauge,
    most_files: IntGauge,
    virtual_memory: IntGauge,
    resident_memory: IntGauge,
    started: IntGauge,
    threads: IntGauge,
}

impl Process {
    pub(super) fn of_this() -> prometheus::Result<Self> {
        let process = Self {
            processor_time: Counter::new(
                "process_cpu_seconds_total",
                "Total user and system CPU time spent in seconds.",
            )?,
            open_files: IntGauge::new("process_open_fds", "Number of open file descriptors.")?,
            most_files: IntGauge::new(
                "process_max_fds",
                "Maximum number of open file descriptors.",
            )?,
            virtual_memory: IntGauge::new(
                "process_virtual_memory_bytes",
                "Virtual memory size in bytes.",
            )?,
            resident_memory: IntGauge::new(
                "process_resident_memory_bytes",
                "Resident memory size in bytes.",
            )?,
            started: IntGauge::new(
                "process_start_time_seconds",
                "Start time of the process since unix epoch in seconds.",
            )?,
            threads: IntGauge::new("process_threads", "Number of OS threads in the process.")?,
        };
        if let Some(seconds) = started() {
            set(&process.started, seconds);
        }
        Ok(process)
    }

    fn parts(&self) -> [&dyn Collector; 7] {
        [
            &self.processor_time,
            &self.open_files,
            &self.most_files,
            &self.virtual_memory,
            &self.resident_memory,
            &self.started,
            &self.threads,
        ]
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.parts().into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        if let Ok(count) = open_files() {
            set(&self.open_files, count);
        }
        // One that is unlimited has no number. (It is as wide as the machine has it: 32 bits on some.)
        if let Ok((soft, _)) = getrlimit(Resource::RLIMIT_NOFILE)
            && let Ok(most) = i64::try_from(soft)
        {
            self.most_files.set(most);
        }
        if let Some(stat) = Stat::of_this() {
            let page = of_system(SysconfVar::PAGE_SIZE).unwrap_or(4096);
            set(&self.virtual_memory, stat.virtual_bytes);
            set(&self.resident_memory, stat.resident_pages * page);
            set(&self.threads, stat.threads);
        }
        let mut families: Vec<MetricFamily> = Vec::new();
        for part in self.parts() {
            families.extend(part.collect());
        }
        // Set as it is: what a counter has been given cannot be read and raised in one step, and two may ask at once.
        if let (Some(family), Some(seconds)) = (families.first_mut(), processor_seconds()) {
            for metric in family.mut_metric() {
                let mut counter = proto::Counter::default();
                counter.set_value(seconds);
                metric.set_counter(counter);
            }
        }
        families
    }
}

/// What this process has used of all processors, in seconds, in itself and in the kernel.
#[allow(
    clippy::cast_precision_loss,
    reason = "exact to the microsecond for centuries"
)]
fn processor_seconds() -> Option<f64> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).ok()?;
    let used = usage.user_time() + usage.system_time();
    Some(used.num_microseconds() as f64 / 1e6)
}

fn set(gauge: &IntGauge, value: u64) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}

/// The one through which they are listed is not counted.
fn open_files() -> io::Result<u64> {
    Ok((fs::read_dir("/proc/self/fd")?.count() as u64).saturating_sub(1))
}

/// When this process was started, in seconds since the epoch; `None`: `/proc` does not tell.
fn started() -> Option<u64> {
    let ticks = of_system(SysconfVar::CLK_TCK)?;
    let machine = machine_started(&fs::read_to_string("/proc/stat").ok()?)?;
    Some(machine + Stat::of_this()?.started_ticks / ticks)
}

fn of_system(what: SysconfVar) -> Option<u64> {
    u64::try_from(sysconf(what).ok()??).ok()
}

/// When the machine was started, in seconds since the epoch: `btime` of `proc_stat(5)`.
fn machine_started(stat: &str) -> Option<u64> {
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

/// What `proc_pid_stat(5)` tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    threads: u64,
    /// Since the machine was started.
    started_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    fn of_this() -> Option<Self> {
        // A program's name may be cut within a character.
        Self::read(&String::from_utf8_lossy(&fs::read("/proc/self/stat").ok()?))
    }

    fn read(text: &str) -> Option<Self> {
        // The second field is the program's name in brackets, which may have blanks and brackets in it.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse().ok();
        Some(Self {
            threads: field(20)?,
            started_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_blanks_and_brackets_moves_no_field() {
        let text = "16238 (a) b (c) R 16230 16230 29902 0 -1 4194304 99 0 0 0 1 2 0 0 20 0 7 0 7700121 3133440 381 184467440737095 0\n";
        let stat = Stat {
            threads: 7,
            started_ticks: 7_700_121,
            virtual_bytes: 3_133_440,
            resident_pages: 381,
        };
        assert_eq!(Stat::read(text), Some(stat));
        assert_eq!(Stat::read("16238 (a) R 1 2"), None);
        assert_eq!(
            machine_started("cpu 1 2\nbtime 1764244900\nprocesses 3\n"),
            Some(1_764_244_900)
        );
        assert_eq!(machine_started("cpu 1 2\n"), None);
    }

    #[test]
    fn this_process_is_told_by_the_seven_standard_figures() {
        let process = Process::of_this().expect("made");
        let families = process.collect();
        let value = |name: &str| {
            let family = families.iter().find(|family| family.name() == name);
            let metric = &family.expect(name).get_metric()[0];
            metric.get_gauge().get_value()
        };
        assert_eq!(families.len(), 7);
        assert_eq!(process.desc().len(), 7);
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let age = now.expect("after the epoch").as_secs_f64() - value("process_start_time_seconds");
        // Tests last minutes at most; the kernel's moment of its own start is rounded.
        assert!((-2.0..3600.0).contains(&age), "{age}");
        assert!(value("process_threads") >= 2.0);
        assert!(value("process_open_fds") >= 3.0);
        assert!(value("process_open_fds") <= value("process_max_fds"));
        assert!(value("process_resident_memory_bytes") > 1e6);
        assert!(value("process_virtual_memory_bytes") > value("process_resident_memory_bytes"));
    }
}
