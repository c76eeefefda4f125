//! The parent taken down on purpose, and brought up again with what the host itself had set on it.
//!
//! What that was is written down before the parent goes down, so that the next start of the pool, or `lanherd clean`, can
//! bring it up again if this process is killed meanwhile.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use netlink_packet_route::link::LinkFlags;
use tokio::time::sleep;

use super::shared::{NOBODY, Shared};
use super::worker::WorkerError;
use crate::lan::InjectError;
use crate::netlink::{Netlink, request};
use crate::rundir::parent_settings::{ParentSettings, Refused, SETTLING, SETTLING_PAUSE};
use crate::rundir::pool_dir::PoolDir;

/// Takes the parent down, and up again after `pause`, or sooner where the LAN is closed meanwhile.
///
/// It goes on by itself when nobody waits for it any more. Routes, IPv6 addresses and permanent neighbours that the host
/// itself has through the parent are set again.
pub(super) async fn flap(shared: &Arc<Shared>, pause: Duration) -> Result<(), InjectError> {
    let shared = Arc::clone(shared);
    let flapping = tokio::spawn(async move {
        // One at a time: two would bring the parent up too early for one of them.
        let _turn = shared.flapping.lock().await;
        if shared.closing.is_cancelled() {
            return Err("the LAN is being closed".to_owned());
        }
        let name = shared.parent.name.clone();
        let index = shared
            .parent
            .index()
            .ok_or_else(|| format!("there is no parent {name} at present"))?;
        let taking = Arc::clone(&shared);
        let down = shared
            .workers
            .run(NOBODY, move |_| TakenDown::take(taking, index))
            .await
            .map_err(|gone| gone.to_string())?
            .map_err(|error| format!("taking {name} down: {error}"))?;
        tokio::select! {
            () = sleep(pause) => {}
            () = shared.closing.cancelled() => {}
        }
        match shared.workers.run(NOBODY, move |_| down.end()).await {
            // It was brought up where the job was dropped.
            Err(WorkerError::Gone) => Ok(()),
            Err(stuck) => Err(format!("bringing {name} up: {stuck}")),
            Ok(Err(error)) => Err(format!("bringing {name} up: {error}")),
            Ok(Ok(refused)) => settle(&shared, &name, refused).await,
        }
    });
    match flapping.await {
        Ok(done) => done.map_err(InjectError),
        Err(error) => Err(InjectError(error.to_string())),
    }
}

/// Sets again what the kernel refused at first, until it is accepted.
async fn settle(shared: &Arc<Shared>, name: &str, refused: Vec<Refused>) -> Result<(), String> {
    let began = Instant::now();
    let mut refused = refused;
    while !refused.is_empty() && began.elapsed() < SETTLING {
        sleep(SETTLING_PAUSE).await;
        let again = move |_: &mut _| {
            Netlink::open()
                .and_then(|mut netlink| ParentSettings::try_again(&mut netlink, &refused))
        };
        refused = match shared.workers.run(NOBODY, again).await {
            Err(WorkerError::Gone) => return Ok(()),
            Err(stuck) => return Err(format!("setting again what stood on {name}: {stuck}")),
            Ok(tried) => {
                tried.map_err(|error| format!("setting again what stood on {name}: {error}"))?
            }
        };
    }
    shared.forget_taken_down();
    if refused.is_empty() {
        return Ok(());
    }
    let refused: Vec<_> = refused.iter().map(ToString::to_string).collect();
    Err(format!(
        "{name} is up again, but what stood on it could not be set again: {}",
        refused.join("; ")
    ))
}

impl Shared {
    fn write_taken_down(&self, settings: &ParentSettings) -> io::Result<()> {
        let folder = self.folder.lock();
        let gone = || io::Error::other("the LAN is closed");
        folder.as_ref().ok_or_else(gone)?.write_taken_down(settings)
    }

    fn forget_taken_down(&self) {
        let folder = self.folder.lock();
        if let Some(Err(error)) = folder.as_ref().map(PoolDir::forget_taken_down) {
            tracing::warn!(%error, "that the parent was taken down is still written down");
        }
    }
}

/// An interface that stays down until this is dropped.
struct TakenDown {
    shared: Arc<Shared>,
    netlink: Netlink,
    settings: ParentSettings,
    is_down: bool,
}

impl TakenDown {
    /// Takes the interface with this number down, in the calling thread's namespace.
    fn take(shared: Arc<Shared>, index: u32) -> io::Result<Self> {
        let mut netlink = Netlink::open()?;
        let link = netlink.link_by_index(index)?;
        if !link.is_some_and(|link| link.header.flags.contains(LinkFlags::Up)) {
            return Err(io::Error::other("it is down, or gone, already"));
        }
        let settings = ParentSettings::read(&mut netlink, index)?;
        shared.write_taken_down(&settings)?;
        let mut down = Self {
            shared,
            netlink,
            settings,
            is_down: true,
        };
        match down.netlink.send_one(request::down(index)) {
            Ok(()) => Ok(down),
            Err(error) => Err(io::Error::other(error.to_string())),
        }
    }

    /// Brings the interface up, and returns the settings that the kernel does not accept yet.
    fn end(mut self) -> io::Result<Vec<Refused>> {
        self.up()
    }

    fn up(&mut self) -> io::Result<Vec<Refused>> {
        self.is_down = false;
        if self.settings.bring_up(&mut self.netlink)? {
            self.settings.set_again(&mut self.netlink)
        } else {
            Ok(Vec::new())
        }
    }
}

impl Drop for TakenDown {
    fn drop(&mut self) {
        if !self.is_down {
            return;
        }
        match self.up() {
            // What it does not take yet is set by the next start, or by `lanherd clean`.
            Ok(refused) if refused.is_empty() => self.shared.forget_taken_down(),
            Ok(refused) => {
                for refused in refused {
                    tracing::warn!("what stood on the parent is not set again: {refused}");
                }
            }
            Err(error) => {
                tracing::error!(%error, "the parent was taken down and cannot be brought up again");
            }
        }
    }
}
