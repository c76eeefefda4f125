//! What a run lets others do to it from outside: end it, and break its router.

use std::time::Duration;

use lanherd::control::Run;
use lanherd::fault::Fault;
use lanherd::lab::LabHandle;
use tokio::sync::watch;

/// The end that somebody may ask for. Clones watch for the same one.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Returns when it is asked for, or was.
    pub async fn comes(&mut self) {
        if self.0.wait_for(|stopped| *stopped).await.is_err() {
            // Nobody is left who could ask.
            std::future::pending::<()>().await;
        }
    }
}

/// What others hold of the run.
#[derive(Debug)]
pub struct Steering {
    stop: watch::Sender<bool>,
    lab: Option<LabHandle>,
}

impl Steering {
    /// With the end that it brings about.
    pub fn new() -> (Self, Stop) {
        let (stop, stopped) = watch::channel(false);
        (Self { stop, lab: None }, Stop(stopped))
    }

    /// Lets others break the router of this lab.
    pub fn with_lab(self, lab: Option<LabHandle>) -> Self {
        Self { lab, ..self }
    }
}

impl Run for Steering {
    fn stop(&self) {
        self.stop.send_replace(true);
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
