//! What is said over the socket: one JSON object per line each way.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ClientSelector;
use crate::client::Order;
use crate::clock::now;
use crate::fault::Fault;
use crate::identity::{ClientNumber, PoolName};
use crate::phase::Phase;
use crate::pool::{ClientStatus, Event, GroupName};
use crate::report::{BreachEntry, Client};
use lanherd_audit::RouterFound;

/// The version that this program speaks. A change that breaks a reader gets a new one.
pub const VERSION: u64 = 1;

/// The longest request, in bytes, its newline not counted.
pub const MOST_REQUEST: usize = 64 * 1024;

/// What a pool is asked, or told to do: `{"version": 1, "command": "restart", "clients": "3-9"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// How every client is.
    Ps {},
    /// End clients and start them again; costs no budget.
    Restart {
        /// The clients that it is about.
        clients: ClientSelector,
    },
    /// Tell clients to do something about their leases.
    Order {
        /// What they are told to do.
        order: Order,
        /// The clients that are told.
        clients: ClientSelector,
    },
    /// Add clients to the herd.
    Add {
        /// How many clients.
        count: u32,
        /// The group that they are in; the one that bears the pool's name, where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        group: Option<GroupName>,
    },
    /// Let clients release their leases and go.
    Remove {
        /// The clients that it is about.
        clients: ClientSelector,
    },
    /// Break something on purpose.
    Chaos {
        /// What is to break.
        fault: Fault,
        /// The clients that it befalls; all of them where absent. For faults that aim at clients.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clients: Option<ClientSelector>,
        /// How long it lasts. For faults that last.
        #[serde(
            default,
            rename = "for",
            with = "crate::units::serde_duration::option",
            skip_serializing_if = "Option::is_none"
        )]
        lasts: Option<Duration>,
    },
    /// Where a client lives, for a program that is to run there.
    Place {
        /// The number of the client.
        client: ClientNumber,
    },
    /// All that happens from now on; nothing else can be asked on this connection any more.
    Events {},
    /// End the run in order, as if its time were over.
    Stop {},
}

/// What a pool answers, one for each request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The pool with every client of it.
    Herd(HerdListing),
    /// So many clients were told, or restarted.
    Told(u32),
    /// The new clients' numbers.
    Added(Vec<ClientNumber>),
    /// What came of letting clients go.
    Removed(Removed),
    /// What came of a fault, for each that it aimed at.
    Faults(Vec<FaultOutcome>),
    /// Where a client lives.
    Place {
        /// The name of its network namespace.
        namespace: String,
        /// What it is doing.
        phase: Phase,
    },
    /// From here on come events.
    Following {},
    /// One thing that happened.
    Event(Event),
    /// So many events were missed by a reader that was too slow.
    Missed(u64),
    /// The run is ending.
    Stopping {},
    /// The request was not understood or cannot be met; nothing was done.
    Error(String),
}

/// A pool and its clients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HerdListing {
    /// The name of the pool.
    pub pool: PoolName,
    /// The process that runs it, as it sees itself.
    pub pid: u32,
    /// Every client, by number.
    pub clients: Vec<Row>,
    /// The routers that clients have heard, each as it last advertised itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routers: Vec<RouterFound>,
    /// What of it breaks a requirement of an RFC, what binds most first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaches: Vec<BreachEntry>,
}

/// One client of the listing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Until its lease ends if nobody extends it, in seconds; `None` without a lease, or for one without an end.
    pub lease_remaining_seconds: Option<u64>,
    /// All else, as reports have it.
    #[serde(flatten)]
    pub client: Client,
}

impl From<&ClientStatus> for Row {
    fn from(status: &ClientStatus) -> Self {
        let holds = status.phase.has_address() && status.phase != Phase::Leaving;
        let end = status.lease.as_ref().filter(|_| holds);
        Self {
            lease_remaining_seconds: end
                .and_then(crate::dhcp::Lease::expires_at)
                .map(|end| end.saturating_duration_since(now()).as_secs()),
            client: Client::from(status),
        }
    }
}

/// What came of letting clients go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removed {
    /// How many are gone.
    pub clients: u32,
    /// For how many leases a RELEASE was sent.
    pub released: u32,
    /// For how many none could be sent: the server keeps them until they expire.
    #[serde(default)]
    pub unreleased: u32,
    /// What could not be removed, and why.
    pub errors: Vec<String>,
}

/// What came of a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultOutcome {
    /// For this client; `None`: for the parent or the router.
    pub client: Option<ClientNumber>,
    /// Why it was not made; `None`: it was.
    pub error: Option<String>,
}

/// Why a line is no request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// No JSON, or not of the right shape.
    #[error("this is no request: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It says no version.
    #[error("the request says no version: write \"version\": {VERSION}")]
    NoVersion,
    /// It is for another lanherd.
    #[error(
        "the pool speaks version {VERSION} of the protocol, and the request is of version {0}: use the lanherd that started the pool"
    )]
    Version(Value),
}

/// Reads one line.
pub fn parse(line: &[u8]) -> Result<Request, RequestError> {
    let mut object: Map<String, Value> = serde_json::from_slice(line)?;
    match object.remove("version") {
        Some(version) if version == VERSION => Ok(Request::deserialize(Value::Object(object))?),
        Some(version) => Err(RequestError::Version(version)),
        None => Err(RequestError::NoVersion),
    }
}

/// Writes one line, its newline included.
pub fn write(request: &Request) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Line<'a> {
        version: u64,
        #[serde(flatten)]
        request: &'a Request,
    }
    let line = Line {
        version: VERSION,
        request,
    };
    Ok(serde_json::to_string(&line)? + "\n")
}
