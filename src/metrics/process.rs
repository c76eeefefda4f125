//! The process' own figures, under their standard names.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use prometheus::core::{Collector, Desc};
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::{Counter, MetricFamily};

/// Those of the library, but for the processors' time: it counts whole seconds, of which no rate over some scrapes can be had.
pub(super) struct Process(ProcessCollector);

impl Process {
    pub(super) fn of_this() -> Self {
        Self(ProcessCollector::for_self())
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.0.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut families = self.0.collect();
        if let (Some(family), Some(seconds)) = (
            families
                .iter_mut()
                .find(|family| family.name() == "process_cpu_seconds_total"),
            processor_seconds(),
        ) {
            for metric in family.mut_metric() {
                let mut counter = Counter::default();
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
