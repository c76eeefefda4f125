//! The address of a name that is needed for something else than to be looked up.

use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::exchange::ask;
use super::lookup::no_resolver;
use super::{DnsCause, Rcode};
use crate::activity::ClientContext;
use crate::host_name::HostName;
use crate::lan::Port;
use crate::target::is_nobody_else;

/// How many of the lease's resolvers are asked for a name that is needed for something else; as many as resolv.conf(5).
pub(in crate::activity) const RESOLVERS: u32 = 3;

/// Why a name that is needed for something else has no address.
pub(in crate::activity) struct Unresolved {
    /// Whether the tester is to blame.
    pub(in crate::activity) is_the_testers: bool,
    /// The particulars, for a person to read.
    pub(in crate::activity) why: String,
}

/// A name that is needed for something else.
pub(in crate::activity) struct Resolved {
    /// The first address of the name that can be another host's.
    pub(in crate::activity) address: IpAddr,
    /// How long the answers took, those of resolvers that did not know included.
    pub(in crate::activity) took: Duration,
}

/// The address of a name that is needed for something else: of each resolver of the lease in turn, until one knows.
pub(in crate::activity) async fn address_of<P: Port>(
    client: &ClientContext<P>,
    name: &HostName,
    timeout: Duration,
) -> Result<Resolved, Unresolved> {
    let mut latest = no_resolver();
    let mut took = Duration::ZERO;
    let connectivity = client.connectivity();
    for server in connectivity.resolvers().take(RESOLVERS as usize) {
        let began = Instant::now();
        latest = ask(client, server, name, timeout).await;
        took += match &latest.result {
            Ok(answer) => answer.took,
            Err(_) => began.elapsed(),
        };
        match &latest.result {
            Ok(answer) if answer.rcode == Rcode::NoError => {
                let address = first_of_a_host(name, server, &answer.addresses)?;
                return Ok(Resolved { address, took });
            }
            // The others would say the same: these are answers, not failures to answer.
            Ok(answer) if matches!(answer.rcode, Rcode::NxDomain | Rcode::NoData) => break,
            Ok(_) | Err(_) => {}
        }
    }
    let cause = latest.result.as_ref().err().map(|no| no.cause);
    Err(Unresolved {
        is_the_testers: cause == Some(DnsCause::Tester),
        why: latest.particulars(name),
    })
}

/// The first address that can be another host's. What a resolver blocks it often says to be 0.0.0.0 or 127.0.0.1, which
/// would be the client itself, and would answer.
fn first_of_a_host(
    name: &HostName,
    server: IpAddr,
    addresses: &[IpAddr],
) -> Result<IpAddr, Unresolved> {
    let first = addresses.iter().find(|address| !is_nobody_else(**address));
    first.copied().ok_or_else(|| {
        let said: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        Unresolved {
            is_the_testers: false,
            why: format!(
                "{name} from {server}: {}, no other host's address",
                said.join(", ")
            ),
        }
    })
}
