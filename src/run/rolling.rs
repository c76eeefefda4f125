//! The report, and its page, that are renewed while a soak goes on.

use std::path::PathBuf;

use tokio::task::{JoinHandle, spawn_blocking};

use super::info::RunInfo;
use super::observer::{Announcer, RunEvent};
use lanherd_audit::RouterFindings;

use crate::pool::{Figures, HerdStatus};
use crate::report::{self, Report, ReportFileError};

/// The files of a report that is renewed. A disk that is slow or full never holds up the run: the file that was written
/// last stays, and the observer is told once that it is not renewed, and once that it is again.
pub(super) struct RollingReport {
    report: Option<PathBuf>,
    html: Option<PathBuf>,
    info: RunInfo,
    announcer: Announcer,
    writing: Option<JoinHandle<Result<(), ReportFileError>>>,
    is_failing: bool,
}

impl RollingReport {
    /// A report of the run that `info` tells of, to these files, as far as they are wanted. A path that is no regular
    /// file, such as a pipe, is left to the report at the end.
    pub(super) fn new(
        report: Option<PathBuf>,
        html: Option<PathBuf>,
        info: RunInfo,
        announcer: Announcer,
    ) -> Self {
        let replaced = |path: Option<PathBuf>| path.filter(|path| report::is_replaced(path));
        Self {
            report: replaced(report),
            html: replaced(html),
            info,
            announcer,
            writing: None,
            is_failing: false,
        }
    }

    /// Begins to write how the run stands, unless the report before is not written yet.
    pub(super) fn renew(
        &mut self,
        herd: &HerdStatus,
        figures: &Figures,
        routers: &RouterFindings,
        soak: report::Soak,
    ) {
        let (json, html) = (self.report.clone(), self.html.clone());
        if json.is_none() && html.is_none() {
            return;
        }
        if self.writing.is_some() {
            self.failed("the report is not written yet at the time of the next, which is left out");
            return;
        }
        let summary = self.info.summary(None, 0, Some(soak), figures);
        let report = Report::new(herd, figures, summary).with_routers(routers);
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

    /// Returns when a file that is being written is complete, or has failed; never where none is being written.
    pub(super) async fn written(&mut self) {
        let Some(writing) = &mut self.writing else {
            return std::future::pending().await;
        };
        let result = writing.await;
        self.writing = None;
        match result {
            Ok(Ok(())) if self.is_failing => {
                self.is_failing = false;
                self.announcer.tell(&RunEvent::ReportRenewed);
            }
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.failed(&format!(
                "{error}; the soak goes on, and the last report that was written stays"
            )),
            Err(panic) => self.failed(&format!("the report was not written: {panic}")),
        }
    }

    /// Waits for a file that is being written, so that the last report can take its place.
    pub(super) async fn rest(mut self) {
        if self.writing.is_some() {
            self.written().await;
        }
    }

    fn failed(&mut self, why: &str) {
        if !self.is_failing {
            let why = why.to_owned();
            self.announcer.tell(&RunEvent::ReportNotRenewed { why });
        }
        self.is_failing = true;
    }
}
