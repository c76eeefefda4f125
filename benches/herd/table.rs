//! Medians and ratios as a Markdown table.

use std::fmt;

use super::Way;
use super::measure::Sample;

/// All samples, in the order in which they were taken.
#[derive(Default)]
pub struct Table(Vec<(u32, Way, Sample)>);

impl Table {
    pub fn add(&mut self, clients: u32, way: Way, sample: Sample) {
        self.0.push((clients, way, sample));
    }

    fn median(&self, clients: u32, way: Way, field: impl Fn(&Sample) -> f64) -> Option<f64> {
        let mut values: Vec<f64> = self
            .0
            .iter()
            .filter(|(c, w, _)| (*c, *w) == (clients, way))
            .map(|(_, _, sample)| field(sample))
            .collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }

    /// What one more client takes, in bytes: the slope between the smallest and the largest herd, so that what a
    /// process takes once, its threads and its code, is left out.
    fn each_further(&self, way: Way) -> Option<f64> {
        let sizes = || {
            self.0
                .iter()
                .filter(|(_, w, _)| *w == way)
                .map(|(clients, _, _)| *clients)
        };
        let (small, large) = (sizes().min()?, sizes().max()?);
        let total =
            |clients| Some(f64::from(clients) * self.median(clients, way, |s| s.memory_bytes)?);
        (small < large).then_some((total(large)? - total(small)?) / f64::from(large - small))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| clients | way | up | to bare | processor | to bare | down | after SIGKILL | memory per client |"
        )?;
        writeln!(f, "|--:|---|--:|--:|--:|--:|--:|--:|--:|")?;
        let mut rows: Vec<(u32, Way)> = Vec::new();
        for &(clients, way, _) in &self.0 {
            if !rows.contains(&(clients, way)) {
                rows.push((clients, way));
            }
        }
        for (clients, way) in rows {
            let cell = |field: fn(&Sample) -> f64| self.median(clients, way, field).unwrap_or(0.0);
            let up = cell(|s| s.up_ms);
            let to_bare = |own: f64, field: fn(&Sample) -> f64| {
                let bare = self.median(clients, Way::Bare, field);
                bare.map_or_else(|| "–".to_owned(), |bare| format!("{:.2}", own / bare))
            };
            let ratio = to_bare(up, |s| s.up_ms);
            let cpu = cell(|s| s.cpu_ms);
            // What the shell starts are processes of their own.
            let processor = if way.survives_sigkill() {
                "– | –".to_owned()
            } else {
                format!("{cpu:.0} ms | {}", to_bare(cpu, |s| s.cpu_ms))
            };
            let killed = if way.survives_sigkill() {
                "never".to_owned()
            } else {
                format!("{:.0} ms", cell(|s| s.killed_ms))
            };
            let memory = if way.survives_sigkill() {
                "in its daemons".to_owned()
            } else {
                format!("{:.1} KiB", cell(|s| s.memory_bytes) / 1024.0)
            };
            writeln!(
                f,
                "| {clients} | {} | {up:.1} ms | {ratio} | {processor} | {:.0} ms | {killed} | {memory} |",
                way.as_str(),
                cell(|s| s.down_ms),
            )?;
        }
        for way in [Way::Bare, Way::Lanherd] {
            if let Some(further) = self.each_further(way) {
                writeln!(
                    f,
                    "\nEach further client of {}: {:.1} KiB.",
                    way.as_str(),
                    further / 1024.0
                )?;
            }
        }
        Ok(())
    }
}
