//! The link that an address is on.

use std::net::SocketAddr;

use crate::config::LINK_INDEX;

/// The address with the link that it is on, where it is a link-local one: a client has one link.
pub(super) fn scoped(to: SocketAddr) -> SocketAddr {
    match to {
        SocketAddr::V6(mut to) if to.ip().is_unicast_link_local() && to.scope_id() == 0 => {
            to.set_scope_id(LINK_INDEX);
            SocketAddr::V6(to)
        }
        to => to,
    }
}
