//! The record of a DHCPv6 lease that a client holds: enough to give it back in the client's name, or to have it confirmed, after
//! the process was killed. Its file stands beside that of the IPv4 lease, and lives as long.

use std::io;
use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

use super::lease_record::{Clock, LeaseFile};
use super::state_file::{self, Content};
use crate::frame6::{Ends6, dhcp6_frame};
use crate::lan::ipv6::Held6;
use lanherd_dhcp6::{ALL_SERVERS, Config, Duid, StoredLease};
use lanherd_types::identity::Mac;

/// The file with a client's DHCPv6 lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lease6Record {
    /// The client's MAC.
    pub mac: Mac,
    /// The address that the client speaks to servers from.
    pub link_local: Ipv6Addr,
    /// How the client calls itself.
    pub duid: Duid,
    /// The lease, timed by the clock that outlives a process.
    pub dhcp6: StoredLease,
    /// Whether it has been requested only: the server may have granted it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_requested: bool,
}

impl Content for Lease6Record {
    const KIND: &'static str = "record of a DHCPv6 lease";
    const REMEDY: &'static str = "remove it; the server keeps the lease until it expires";
    // It was never written in the text format.
    const FIRST_KEY: &'static str = "mac ";

    fn parse_text_format(_text: &str) -> Option<Self> {
        None
    }
}

impl Lease6Record {
    pub fn of(mac: Mac, held: &Held6, clock: Clock) -> Self {
        Self {
            mac,
            link_local: held.link_local,
            duid: held.duid.clone(),
            dhcp6: held.lease.store(clock.into()),
            is_requested: held.is_requested,
        }
    }

    /// What of it is still valid; `None`: nothing is.
    pub fn held(&self, clock: Clock) -> Option<Held6> {
        Some(Held6 {
            link_local: self.link_local,
            duid: self.duid.clone(),
            lease: self.dhcp6.restore(clock.into())?,
            is_requested: self.is_requested,
        })
    }

    /// What was leased, for a person to read: `fd00:77::1616 and 2001:db8:99:ffe0::/60`.
    pub fn leased(&self) -> String {
        let addresses = self.dhcp6.addresses().map(|it| it.address.to_string());
        let prefixes = self.dhcp6.prefixes().map(|it| it.prefix.to_string());
        addresses.chain(prefixes).collect::<Vec<_>>().join(" and ")
    }

    /// The frame with the RELEASE, in the name of the client (RFC 9915, 18.2.7); `None`: it fits into none.
    pub fn release(&self, clock: Clock, rng: &mut fastrand::Rng) -> Option<Vec<u8>> {
        self.held(clock)?.release(self.mac, rng)
    }
}

impl Held6 {
    /// The frame with the RELEASE of the client with that MAC, once and without waiting for an answer; `None`: it fits into none.
    pub fn release(&self, mac: Mac, rng: &mut fastrand::Rng) -> Option<Vec<u8>> {
        let config = Config {
            duid: self.duid.clone(),
            ..Config::new(mac)
        };
        let message = config.release_of(&self.lease, rng);
        let ends = Ends6::to_group(mac, self.link_local, ALL_SERVERS);
        dhcp6_frame(&ends, &message.encode().ok()?)
    }
}

impl From<Clock> for lanherd_dhcp6::Clock {
    fn from(clock: Clock) -> Self {
        Self {
            instant: clock.instant,
            wall: clock.wall,
        }
    }
}

impl LeaseFile {
    /// The DHCPv6 lease, if there is a file; an error where that cannot be used.
    pub fn read6(&self) -> io::Result<Option<Lease6Record>> {
        match self.folder()? {
            Some(folder) => state_file::read(&folder, self.name()),
            None => Ok(None),
        }
    }

    /// Writes a DHCPv6 lease down in place of an earlier one.
    pub fn write6(&self, record: &Lease6Record) -> io::Result<()> {
        state_file::replace(&*self.open_folder()?, self.name(), record)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant, SystemTime};

    use super::*;
    use lanherd_dhcp6::{IaKind, Lease, LeasedAddress, LeasedIa, Lifetimes, Message, MessageType};

    const MAC: Mac = Mac([2, 0, 0x5e, 0x10, 0, 1]);
    const ADDRESS: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x77, 0, 0, 0, 0, 0, 7);
    const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 7);

    fn held(now: Instant) -> Held6 {
        let after = |seconds| Some(now + Duration::from_secs(seconds));
        Held6 {
            link_local: LINK_LOCAL,
            duid: Duid::link_layer(MAC),
            lease: Lease {
                server: Duid::link_layer(Mac([2, 0, 0, 0, 0, 9])),
                ias: vec![LeasedIa {
                    kind: IaKind::Addresses,
                    iaid: 7,
                    renew_at: after(300),
                    rebind_at: after(480),
                    addresses: vec![LeasedAddress {
                        address: ADDRESS,
                        lifetimes: Lifetimes {
                            preferred_until: after(600),
                            valid_until: after(900),
                        },
                    }],
                    prefixes: Vec::new(),
                }],
                parameters: lanherd_dhcp6::Parameters::default(),
                reconfigure: None,
            },
            is_requested: false,
        }
    }

    fn clock(instant: Instant, wall: SystemTime) -> Clock {
        Clock { instant, wall }
    }

    #[test]
    fn a_record_outlives_the_process_and_ends_with_its_lease() {
        let (now, wall) = (Instant::now(), SystemTime::now());
        let record = Lease6Record::of(MAC, &held(now), clock(now, wall));
        let text = state_file::to_text(&record).expect("written");
        let read: Lease6Record = state_file::parse(&text).expect("read");
        assert_eq!(read, record);
        assert_eq!(read.leased(), ADDRESS.to_string());
        // In another process, whose clock began elsewhere.
        let (there, minutes) = (now + Duration::from_secs(7), Duration::from_secs(120));
        let restored = read.held(clock(there, wall + minutes)).expect("valid");
        let address = restored.lease.addresses().next().expect("one");
        let end = address.lifetimes.valid_until.expect("an end");
        let left = (end - there).as_secs_f64();
        assert!((left - 780.0).abs() < 1.0, "{left}");
        let ended = wall + Duration::from_secs(901);
        assert_eq!(read.held(clock(there, ended)), None);
        for cut in ["", "{\"version\":1,\"mac\""] {
            let error = state_file::parse::<Lease6Record>(cut).expect_err("cut short");
            assert!(error.to_string().starts_with("is cut short"), "{error}");
        }
    }

    #[test]
    fn the_release_is_in_the_name_of_the_client() {
        let (now, wall) = (Instant::now(), SystemTime::now());
        let record = Lease6Record::of(MAC, &held(now), clock(now, wall));
        let frame = record.release(clock(now, wall), &mut fastrand::Rng::with_seed(1));
        let frame = frame.expect("a frame");
        assert_eq!(frame[6..12], MAC.octets());
        assert_eq!(frame[22..38], LINK_LOCAL.octets());
        let message = Message::decode(&frame[62..]).expect("a message");
        assert_eq!(message.message_type, MessageType::Release);
        let client = message.options.duid(lanherd_dhcp6::code::CLIENT_ID);
        assert_eq!(client, Some(Duid::link_layer(MAC)));
        let ia = message.options.ias().next().expect("one");
        assert_eq!(ia.iaid, 7);
        assert_eq!(ia.addresses().next().map(|it| it.address), Some(ADDRESS));
    }
}
