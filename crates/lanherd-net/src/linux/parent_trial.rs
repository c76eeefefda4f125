//! Tries whether the kernel makes a macvlan on an interface: nothing that can be read of the interface tells.

use std::io;
use std::os::fd::AsRawFd;

use nix::errno::Errno;

use super::parent_error::ParentError;
use crate::config::{LINK, LINK_INDEX, MacvlanMode};
use crate::kernel_module::{Installed, MACVLAN};
use crate::netlink::Netlink;
use crate::netlink::request::{self, Macvlan};
use crate::netns::NetNs;
use lanherd_types::identity::Mac;

/// Nobody meets it: the link is never brought up.
const MAC: Mac = Mac([0x02, 0, 0, 0, 0, 0x01]);
/// What the kernel has by default.
const BROADCAST_QUEUE: u32 = 1_000;

/// Makes a macvlan on the interface, down and in a namespace of its own, with which it goes.
///
/// The interface is known by its name, for messages, and its number. `netlink` is a socket in its namespace.
pub(super) fn try_macvlan(
    netlink: &mut Netlink,
    (name, index): (&str, u32),
    mode: MacvlanMode,
) -> io::Result<Result<(), ParentError>> {
    let namespace = NetNs::create()?;
    let macvlan = Macvlan {
        name: LINK,
        index: LINK_INDEX,
        parent: index,
        mode: mode.into(),
        mac: MAC,
        namespace: namespace.as_raw_fd(),
        broadcast_queue: BROADCAST_QUEUE,
    };
    let Err(error) = netlink.send_one(request::add_macvlan(&macvlan)) else {
        return Ok(Ok(()));
    };
    let error = error.into_io();
    match error.raw_os_error().map(Errno::from_raw) {
        // One in passthru mode has it: the client waits for that to go, since it may be its own of an earlier life.
        Some(Errno::EINVAL) if mode == MacvlanMode::Passthru => Ok(Ok(())),
        Some(errno) => refusal(errno, name).map_or(Err(error), |refusal| Ok(Err(refusal))),
        None => Err(error),
    }
}

/// What the answer to a macvlan that shares its parent says of the parent, if it says something.
fn refusal(errno: Errno, name: &str) -> Option<ParentError> {
    let name = name.to_owned();
    match errno {
        Errno::EOPNOTSUPP => Some(ParentError::NoMacvlan {
            remedy: MACVLAN.remedy(&Installed::look()),
        }),
        Errno::EBUSY => Some(ParentError::Held { name }),
        Errno::EINVAL => Some(ParentError::Passthru { name }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_that_tells_something_of_the_parent_is_told_with_a_remedy() {
        let said = |errno| refusal(errno, "lan0").map(|refusal| refusal.to_string());
        let held = said(Errno::EBUSY).expect("told");
        assert!(
            held.contains("lan0") && held.contains("Open vSwitch"),
            "{held}"
        );
        let passthru = said(Errno::EINVAL).expect("told");
        assert!(passthru.contains("passthru"), "{passthru}");
        let unknown = said(Errno::EOPNOTSUPP).expect("told");
        assert!(
            unknown.contains("CONFIG_MACVLAN") || unknown.contains("modprobe"),
            "{unknown}"
        );
        assert_eq!(said(Errno::EPERM), None);
    }
}
