//! Makes the pool's folder and its records again where somebody else has removed them while the pool runs.

use std::io;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::shared::Shared;
use crate::rundir::host_entries::HostEntries;
use crate::rundir::lease_record::{Clock, LeaseFile};
use crate::rundir::pool_dir::PoolDir;
use crate::rundir::pool_manifest::PoolManifest;
use crate::rundir::shared_dirs;

/// From one look at the pool's folder to the next.
const UPKEEP: Duration = Duration::from_secs(3);

/// Looks after the pool's folder until the pool is given up.
pub(super) async fn look_after_records(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let looked = tokio::task::spawn_blocking(move || shared.look_after_records());
        if !looked.await.unwrap_or(true) {
            return;
        }
    }
}

impl Shared {
    /// Says, once, that somebody has removed what this process had written down.
    pub(super) fn tell_loss(&self, error: &io::Error) {
        if !self.has_told_loss.swap(true, Ordering::Relaxed) {
            let paths = &self.config.paths;
            let (state, resolv) = (paths.pool(&self.config.pool), &paths.resolv);
            tracing::warn!(
                %error,
                "somebody has removed what lanherd keeps in {} or {}: it is made again where it is missed, and all is \
                 cleaned up in the end; until then a kill may leave what lanherd clean does not find",
                state.display(),
                resolv.display()
            );
        }
    }

    /// Takes the pool's folder anew, and writes down again what is there.
    pub(super) fn restore_records(&self) -> io::Result<()> {
        let mut folder = self.folder.lock();
        let Some(held) = folder.as_mut() else {
            return Err(io::Error::other("the pool has been given up"));
        };
        if held.is_there()? {
            // Somebody else who missed it was faster.
            return Ok(());
        }
        shared_dirs::prepare_host(&self.config.paths).map_err(io::Error::other)?;
        *held = PoolDir::take(&self.config.paths, &self.config.pool).map_err(io::Error::other)?;
        held.write_manifest(&PoolManifest::on(&self.config, self.parent.index()))?;
        for (namespace, record) in self.ledger.all() {
            let entries = HostEntries::new(&self.folders, &namespace);
            if entries.record()?.is_none()
                && let Err(error) = entries.write_record(&record)
            {
                tracing::warn!(%error, "a record cannot be made again");
            }
        }
        // None is forgotten meanwhile: its file would stay.
        for (namespace, lease) in self.written.lock().iter() {
            let file = LeaseFile::new(&self.folders.pool, namespace);
            if !file.is_whole()?
                && let Err(error) = file.write(lease, Clock::now())
            {
                tracing::warn!(%error, "a lease cannot be written down again");
            }
        }
        for (namespace, record) in self.written6.lock().iter() {
            let file = LeaseFile::of_ipv6(&self.folders.pool, namespace);
            if file.read6().ok().flatten().is_none()
                && let Err(error) = file.write6(record)
            {
                tracing::warn!(%error, "a DHCPv6 lease cannot be written down again");
            }
        }
        Ok(())
    }

    /// Makes again what somebody has removed of the pool's folder; returns whether there is anything to look after any more.
    fn look_after_records(&self) -> bool {
        let is_there = {
            let folder = self.folder.lock();
            match folder.as_ref() {
                Some(held) => held.is_there(),
                None => return false,
            }
        };
        let restored = match is_there {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.tell_loss(&io::ErrorKind::NotFound.into());
                self.restore_records()
            }
            Err(error) => Err(error),
        };
        if let Err(error) = restored {
            // It is tried again, and who needs a record and has none says so.
            tracing::debug!(%error, "the pool's folder cannot be looked after");
        }
        true
    }
}
