//! The addresses of a name that is needed for something else than to be looked up.

use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::time::Instant;

use super::exchange::ask;
use super::lookup::no_resolver;
use super::{DnsCause, Rcode, RecordType};
use crate::activity::address_order::ordered;
use crate::activity::{ClientContext, FamilyChoice};
use crate::family::Family;
use crate::host_name::HostName;
use crate::lan::Port;
use crate::target::is_nobody_else;

/// How many of the client's resolvers are asked for a name that is needed for something else; as many as resolv.conf(5).
pub(in crate::activity) const RESOLVERS: u32 = 3;
/// How long the addresses of one family are waited for once those of the other are there: the Resolution Delay that RFC 8305 (3)
/// recommends.
pub(super) const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

/// Why a name that is needed for something else has no address.
pub(in crate::activity) struct Unresolved {
    /// Whether the tester is to blame.
    pub(in crate::activity) is_the_testers: bool,
    /// The particulars, for a person to read.
    pub(in crate::activity) why: String,
}

/// A name that is needed for something else.
pub(in crate::activity) struct Resolved {
    /// The first address of the name that can be another host's, of each family that may be used; the one that is to be used
    /// first stands first.
    pub(in crate::activity) address: IpAddr,
    /// The one of the other family, where it has one.
    pub(in crate::activity) other: Option<IpAddr>,
    /// How long the answers took, those of resolvers that did not know included.
    pub(in crate::activity) took: Duration,
}

/// The addresses of a name that is needed for something else.
///
/// Looking names up takes kilobytes, and most targets are no names: whoever may do it keeps no room for it.
pub(in crate::activity) async fn addresses_of<P: Port>(
    client: &ClientContext<P>,
    name: &HostName,
    choice: FamilyChoice,
    timeout: Duration,
) -> Result<Resolved, Unresolved> {
    Box::pin(look_up(client, name, choice, timeout)).await
}

async fn look_up<P: Port>(
    client: &ClientContext<P>,
    name: &HostName,
    choice: FamilyChoice,
    timeout: Duration,
) -> Result<Resolved, Unresolved> {
    let connectivity = client.connectivity();
    let usable = match choice {
        FamilyChoice::Only(family) => Some(family),
        FamilyChoice::Either | FamilyChoice::All => match (
            connectivity.has(Family::Ipv4),
            connectivity.has(Family::Ipv6),
        ) {
            (true, true) => None,
            (_, is_ipv6) if is_ipv6 => Some(Family::Ipv6),
            (_, _) => Some(Family::Ipv4),
        },
    };
    if let Some(family) = usable {
        let found = in_turn(client, name, family, timeout).await;
        return found.result.map(|address| Resolved {
            address,
            other: None,
            took: found.took,
        });
    }
    match of_both(client, name, timeout).await {
        (Some(Ok(ipv6)), Some(Ok(ipv4)), took) => {
            let mut addresses = ordered(vec![ipv6, ipv4], &connectivity).into_iter();
            let address = addresses.next().unwrap_or(ipv6);
            Ok(Resolved {
                address,
                other: addresses.next(),
                took,
            })
        }
        (Some(Ok(address)), _, took) | (_, Some(Ok(address)), took) => Ok(Resolved {
            address,
            other: None,
            took,
        }),
        (ipv6, ipv4, _) => {
            let failed = [ipv4, ipv6].into_iter().flatten().filter_map(Result::err);
            Err(failed
                .reduce(|one, other| one.and(&other))
                .unwrap_or(Unresolved {
                    is_the_testers: true,
                    why: format!("{name}: it was not looked up"),
                }))
        }
    }
}

impl Unresolved {
    /// That neither family has an address.
    fn and(self, other: &Self) -> Self {
        Self {
            is_the_testers: self.is_the_testers || other.is_the_testers,
            why: if self.why == other.why {
                self.why
            } else {
                format!("{}; {}", self.why, other.why)
            },
        }
    }
}

/// The address of one family.
struct Found {
    result: Result<IpAddr, Unresolved>,
    took: Duration,
}

/// Of IPv6, of IPv4, and how long it took: `None` of a family that was late.
type OfBoth = (
    Option<Result<IpAddr, Unresolved>>,
    Option<Result<IpAddr, Unresolved>>,
    Duration,
);

/// Asks for the addresses of both families at once, as RFC 8305 (3) has it.
async fn of_both<P: Port>(client: &ClientContext<P>, name: &HostName, timeout: Duration) -> OfBoth {
    let mut ipv6 = pin!(in_turn(client, name, Family::Ipv6, timeout));
    let mut ipv4 = pin!(in_turn(client, name, Family::Ipv4, timeout));
    tokio::select! {
        biased;
        first = ipv6.as_mut() => {
            let (other, took) = the_other(&first, ipv4).await;
            (Some(first.result), other, took)
        }
        first = ipv4.as_mut() => {
            let (other, took) = the_other(&first, ipv6).await;
            (other, Some(first.result), took)
        }
    }
}

/// What the other family has, where it does not take too long; and how long both took.
async fn the_other(
    first: &Found,
    other: Pin<&mut impl Future<Output = Found>>,
) -> (Option<Result<IpAddr, Unresolved>>, Duration) {
    let other = if first.result.is_ok() {
        tokio::time::timeout(RESOLUTION_DELAY, other).await.ok()
    } else {
        Some(other.await)
    };
    match other {
        Some(other) => (Some(other.result), first.took.max(other.took)),
        None => (None, first.took + RESOLUTION_DELAY),
    }
}

/// The address of a family: of each of the client's resolvers in turn, until one knows.
async fn in_turn<P: Port>(
    client: &ClientContext<P>,
    name: &HostName,
    family: Family,
    timeout: Duration,
) -> Found {
    let mut latest = no_resolver(None);
    let mut took = Duration::ZERO;
    let connectivity = client.connectivity();
    for server in connectivity.resolvers().take(RESOLVERS as usize) {
        let began = Instant::now();
        latest = ask(client, server, name, RecordType::of(family), timeout).await;
        took += match &latest.result {
            Ok(answer) => answer.took,
            Err(_) => began.elapsed(),
        };
        match &latest.result {
            Ok(answer) if answer.rcode == Rcode::NoError => {
                let result = first_of_a_host(name, server, &answer.addresses);
                return Found { result, took };
            }
            // The others would say the same: these are answers, not failures to answer.
            Ok(answer) if matches!(answer.rcode, Rcode::NxDomain | Rcode::NoData) => break,
            Ok(_) | Err(_) => {}
        }
    }
    let cause = latest.result.as_ref().err().map(|no| no.cause);
    let unresolved = Unresolved {
        is_the_testers: cause == Some(DnsCause::Tester),
        why: latest.particulars(name),
    };
    Found {
        result: Err(unresolved),
        took,
    }
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
