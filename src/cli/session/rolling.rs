//! The report, and its page, that are written while a run goes on, one file after the other in the same place.

use std::path::PathBuf;

use lanherd::report::{self, Report, ReportFileError};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::cli::screen::Screen;

/// Where it goes. A disk that is slow or full never holds up the run: the file that was written last stays, and it is
/// said once that it is not renewed, and once that it is again.
pub struct Rolling {
    report: Option<PathBuf>,
    html: Option<PathBuf>,
    screen: Screen,
    writing: Option<JoinHandle<Result<(), ReportFileError>>>,
    fails: bool,
}

impl Rolling {
    /// To these files, as far as they are wanted; into a pipe and its like goes the last of each only.
    pub fn new(report: Option<PathBuf>, html: Option<PathBuf>, screen: &Screen) -> Self {
        let replaced = |path: Option<PathBuf>| path.filter(|path| report::is_replaced(path));
        Self {
            report: replaced(report),
            html: replaced(html),
            screen: screen.clone(),
            writing: None,
            fails: false,
        }
    }

    /// Begins to write what `report` makes, unless the one before is not written yet.
    pub fn write(&mut self, report: impl FnOnce() -> Report) {
        let (json, html) = (self.report.clone(), self.html.clone());
        if json.is_none() && html.is_none() {
            return;
        }
        if self.writing.is_some() {
            self.failed("the report is not written yet at the time of the next, which is left out");
            return;
        }
        let report = report();
        self.writing = Some(spawn_blocking(move || {
            if let Some(path) = json {
                report::write(&path, &report)?;
            }
            match html {
                Some(path) => report::write_bytes(&path, report.page_as_it_stands().as_bytes()),
                None => Ok(()),
            }
        }));
    }

    /// Returns when a file is written, or was not; never where none is being written.
    pub async fn written(&mut self) {
        let Some(writing) = &mut self.writing else {
            return std::future::pending().await;
        };
        let result = writing.await;
        self.writing = None;
        match result {
            Ok(Ok(())) if self.fails => {
                self.fails = false;
                self.screen.say("the report is written again");
            }
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.failed(&format!(
                "{error}; the soak goes on, and the last report that was written stays"
            )),
            Err(panic) => self.failed(&format!("the report was not written: {panic}")),
        }
    }

    /// Waits for a file that is being written, so that a later one can take its place.
    pub async fn rest(mut self) {
        if self.writing.is_some() {
            self.written().await;
        }
    }

    fn failed(&mut self, why: &str) {
        if !self.fails {
            self.screen.complain(&format!("error: {why}"));
        }
        self.fails = true;
    }
}
