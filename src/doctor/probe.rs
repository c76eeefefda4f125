//! Trying what the kernel must be able to do, in a namespace that is gone again afterwards.

use std::io;
use std::thread;

use nix::net::if_::if_nametoindex;
use rtnetlink::packet_route::link::MacVlanMode;
use rtnetlink::{LinkMacVlan, LinkVeth, new_connection};

use crate::lan::netns::NetNs;

/// What became of trying something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrialResult {
    /// The kernel did it.
    Works,
    /// The kernel refused, for this reason.
    Refused(String),
    /// It was not tried: privileges, or something before it, are missing.
    NotTried,
}

impl From<io::Result<()>> for TrialResult {
    fn from(result: io::Result<()>) -> Self {
        match result {
            Ok(()) => Self::Works,
            Err(error) => Self::Refused(error.to_string()),
        }
    }
}

/// What the kernel can do of what a herd needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// Making a network namespace.
    pub namespace: TrialResult,
    /// Making a veth pair: the lab's uplink.
    pub veth: TrialResult,
    /// Making a macvlan: a client's link.
    pub macvlan: TrialResult,
}

impl Kernel {
    /// Nothing was tried.
    pub const UNKNOWN: Self = Self {
        namespace: TrialResult::NotTried,
        veth: TrialResult::NotTried,
        macvlan: TrialResult::NotTried,
    };

    /// Tries all of it on a thread of its own, whose namespace ends with it.
    pub(super) fn probe() -> Self {
        let refused = |error: String| Self {
            namespace: TrialResult::Refused(error),
            ..Self::UNKNOWN
        };
        let probing = thread::Builder::new()
            .name("lanherd-doctor".to_owned())
            .spawn(|| -> io::Result<Self> { NetNs::create()?.with(probe_links)? });
        match probing.map(thread::JoinHandle::join) {
            Ok(Ok(Ok(kernel))) => kernel,
            Ok(Ok(Err(error))) | Err(error) => refused(error.to_string()),
            Ok(Err(_)) => refused("the attempt panicked".to_owned()),
        }
    }
}

/// In the calling thread's namespace, which is new and empty: nothing is up, so nothing can be sent.
fn probe_links() -> io::Result<Kernel> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        let (connection, handle, _) = new_connection()?;
        let driver = tokio::spawn(connection);
        let pair = LinkVeth::new("probe0", "probe1").build();
        let veth = kernel(handle.link().add(pair).execute().await);
        let macvlan = match (&veth, if_nametoindex("probe0")) {
            (Ok(()), Ok(parent)) => {
                let link = LinkMacVlan::new("probe2", parent, MacVlanMode::Bridge).build();
                kernel(handle.link().add(link).execute().await).into()
            }
            // No parent to try it on: an empty namespace has none but the loopback, which carries no macvlan.
            (Err(_), _) | (_, Err(_)) => TrialResult::NotTried,
        };
        driver.abort();
        Ok(Kernel {
            namespace: TrialResult::Works,
            veth: veth.into(),
            macvlan,
        })
    })
}

fn kernel(answer: Result<(), rtnetlink::Error>) -> io::Result<()> {
    answer.map_err(|error| match error {
        rtnetlink::Error::NetlinkError(refusal) => refusal.to_io(),
        other => io::Error::other(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_kernel_can_do_all_of_it_and_the_attempt_leaves_nothing_here() {
        let home = NetNs::current().expect("a namespace").inode();
        let kernel = Kernel::probe();
        assert_eq!(kernel.namespace, TrialResult::Works);
        assert_eq!(kernel.veth, TrialResult::Works);
        assert_eq!(kernel.macvlan, TrialResult::Works);
        assert_eq!(NetNs::current().expect("a namespace").inode(), home);
        for name in ["probe0", "probe1", "probe2"] {
            assert!(if_nametoindex(name).is_err(), "{name} was left");
        }
    }
}
