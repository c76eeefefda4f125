//! What a run lets others do to it over its control socket: end it, and make faults of its router.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::control::RunControl;
use crate::fault::Fault;
use crate::lab::LabHandle;

/// What the control server holds of a run.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    stop: CancellationToken,
    lab: Option<LabHandle>,
}

impl Remote {
    /// Of a run that ends when `stop` is cancelled, on this lab, if it is on one.
    pub(super) fn new(stop: CancellationToken, lab: Option<LabHandle>) -> Self {
        Self { stop, lab }
    }
}

impl RunControl for Remote {
    fn stop(&self) {
        self.stop.cancel();
    }

    async fn inject(&self, fault: Fault, lasts: Duration) -> Result<(), String> {
        match &self.lab {
            Some(lab) => lab.inject(fault, lasts).map_err(|error| error.to_string()),
            None => Err(format!(
                "{fault} is a fault of the lab's router, and this router is not the lab's"
            )),
        }
    }
}
