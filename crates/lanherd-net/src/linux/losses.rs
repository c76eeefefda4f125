//! What somebody else has taken away from a client, and that it is told.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::endpoint::Endpoint;
use super::sockets::Sockets;
use lanherd_types::phase::Cause;

/// Closes what is left of the sockets and says so.
pub(super) fn socket_lost(endpoint: &Endpoint, sockets: &Sockets, why: &str) {
    sockets.close();
    endpoint.gone(Cause::SocketLost, why.to_owned());
}

/// Whether the namespace still has its name; says so if not.
pub(super) fn examine_name(netns: &Path, endpoint: &Endpoint, sockets: &Sockets) -> bool {
    let name = netns.join(&endpoint.identity.namespace);
    let is_bound = fs::metadata(&name).is_ok_and(|bound| bound.ino() == sockets.namespace);
    if !is_bound {
        let why = format!("{} was removed by somebody else", name.display());
        endpoint.gone(Cause::NamespaceGone, why);
    }
    is_bound
}
