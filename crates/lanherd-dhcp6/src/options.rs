//! Options: their numbers (RFC 9915, 21, where nothing else is said), their order on the wire, and their typed values.

use std::net::Ipv6Addr;

use super::status::printable;
use super::{Duid, Status};

/// Option numbers (RFC 9915, 21, where nothing else is said).
pub mod code {
    /// The client's DUID.
    pub const CLIENT_ID: u16 = 1;
    /// The server's DUID.
    pub const SERVER_ID: u16 = 2;
    /// Identity association for non-temporary addresses.
    pub const IA_NA: u16 = 3;
    /// Identity association for temporary addresses; RFC 9915 has done away with it.
    pub const IA_TA: u16 = 4;
    /// An address, within an identity association.
    pub const IA_ADDRESS: u16 = 5;
    /// Which options are wanted: ORO.
    pub const OPTION_REQUEST: u16 = 6;
    /// How much a server wants to be chosen.
    pub const PREFERENCE: u16 = 7;
    /// Hundredths of a second since the exchange began.
    pub const ELAPSED_TIME: u16 = 8;
    /// A relayed message.
    pub const RELAY_MESSAGE: u16 = 9;
    /// Authentication (RFC 8415, 21.11).
    pub const AUTHENTICATION: u16 = 11;
    /// A server that wants unicast; RFC 9915 has done away with it.
    pub const SERVER_UNICAST: u16 = 12;
    /// Status code (RFC 8415, 21.13).
    pub const STATUS: u16 = 13;
    /// Rapid commit: two messages in the place of four (RFC 8415, 21.14).
    pub const RAPID_COMMIT: u16 = 14;
    /// The classes that the client's user put it in (RFC 8415, 21.15).
    pub const USER_CLASS: u16 = 15;
    /// What the client's vendor says of it (RFC 8415, 21.16).
    pub const VENDOR_CLASS: u16 = 16;
    /// Options that a vendor has defined (RFC 8415, 21.17).
    pub const VENDOR_OPTIONS: u16 = 17;
    /// The interface of a relay.
    pub const INTERFACE_ID: u16 = 18;
    /// What a RECONFIGURE asks for.
    pub const RECONFIGURE_MESSAGE: u16 = 19;
    /// RECONFIGURE is accepted.
    pub const RECONFIGURE_ACCEPT: u16 = 20;
    /// Recursive name servers (RFC 3646, 3).
    pub const DNS_SERVERS: u16 = 23;
    /// Domain search list (RFC 3646, 4).
    pub const DOMAIN_SEARCH: u16 = 24;
    /// Identity association for prefix delegation.
    pub const IA_PD: u16 = 25;
    /// A prefix, within an identity association.
    pub const IA_PREFIX: u16 = 26;
    /// SNTP servers (RFC 4075).
    pub const SNTP_SERVERS: u16 = 31;
    /// When to ask again for what is not leased.
    pub const INFORMATION_REFRESH_TIME: u16 = 32;
    /// The client's domain name (RFC 4704).
    pub const CLIENT_FQDN: u16 = 39;
    /// NTP servers (RFC 5908).
    pub const NTP_SERVERS: u16 = 56;
    /// The part of a delegated prefix that is the link's to the server (RFC 6603).
    pub const PREFIX_EXCLUDE: u16 = 67;
    /// The longest time between SOLICITs.
    pub const SOL_MAX_RT: u16 = 82;
    /// The longest time between INFORMATION-REQUESTs.
    pub const INF_MAX_RT: u16 = 83;
    /// Where the captive portal's API is (RFC 8910).
    pub const CAPTIVE_PORTAL: u16 = 103;
}

/// One option: its number, its value, and for those that have options within them, these.
#[derive(Debug, Clone)]
pub struct DhcpOption {
    /// The number of its kind; those with a name are in [`code`].
    pub code: u16,
    /// Its value; of one that has options within it, what stands before them.
    pub value: Vec<u8>,
    /// The options within it.
    pub nested: Options,
    pub(super) offset: Option<usize>,
}

impl DhcpOption {
    /// One that has options within it.
    pub fn container(code: u16, value: impl Into<Vec<u8>>, nested: Options) -> Self {
        Self {
            code,
            value: value.into(),
            nested,
            offset: None,
        }
    }

    /// Where its number stands, counted from the message's first byte; `None`: it was never on a wire.
    pub const fn offset(&self) -> Option<usize> {
        self.offset
    }

    /// The length of its value on the wire, in bytes.
    pub fn wire_len(&self) -> usize {
        self.value.len() + self.nested.wire_len()
    }
}

impl PartialEq for DhcpOption {
    /// Where an option stood is no part of what it says.
    fn eq(&self, other: &Self) -> bool {
        (self.code, &self.value, &self.nested) == (other.code, &other.value, &other.nested)
    }
}

impl Eq for DhcpOption {}

/// The options of a message, or of an option, in the order in which they stand on the wire; a number may stand more than once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options(pub(super) Vec<DhcpOption>);

impl Options {
    /// A list without any options.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Appends an option.
    pub fn push(&mut self, code: u16, value: impl Into<Vec<u8>>) -> &mut Self {
        self.push_option(DhcpOption::container(code, value, Self::new()))
    }

    /// Appends an option as a whole.
    pub fn push_option(&mut self, option: DhcpOption) -> &mut Self {
        self.0.push(option);
        self
    }

    /// Appends an option whose value is a list of addresses.
    pub fn push_addresses(&mut self, code: u16, addresses: &[Ipv6Addr]) -> &mut Self {
        let value: Vec<u8> = addresses.iter().flat_map(Ipv6Addr::octets).collect();
        self.push(code, value)
    }

    /// Appends option 6, which asks for `codes`.
    pub fn push_requests(&mut self, codes: &[u16]) -> &mut Self {
        let value: Vec<u8> = codes.iter().flat_map(|code| code.to_be_bytes()).collect();
        self.push(code::OPTION_REQUEST, value)
    }

    /// Appends option 13.
    pub fn push_status(&mut self, status: &Status) -> &mut Self {
        let text = status.message.as_deref().unwrap_or_default();
        let number = u16::from(status.code).to_be_bytes();
        self.push(code::STATUS, [&number, text.as_bytes()].concat())
    }

    /// Makes `value` the only instance of `code`, at the end.
    pub fn set(&mut self, code: u16, value: impl Into<Vec<u8>>) -> &mut Self {
        self.remove(code).push(code, value)
    }

    /// Removes every instance of `code`.
    pub fn remove(&mut self, code: u16) -> &mut Self {
        self.0.retain(|option| option.code != code);
        self
    }

    /// Puts the options whose numbers `order` names first, in its order; the others follow as they stood.
    pub fn arrange(&mut self, order: &[u16]) -> &mut Self {
        let place = |code: u16| order.iter().position(|listed| *listed == code);
        self.0
            .sort_by_key(|option| place(option.code).unwrap_or(order.len()));
        self
    }

    /// Whether `code` stands among them, even with an empty value.
    pub fn contains(&self, code: u16) -> bool {
        self.first(code).is_some()
    }

    /// The first instance of `code`: an option that stands more than once is not joined (RFC 9915, 21).
    // RFC 9915, 21: of an option that may stand once the first counts, and instances are never joined.
    pub fn first(&self, code: u16) -> Option<&DhcpOption> {
        self.0.iter().find(|option| option.code == code)
    }

    /// The value of the first instance of `code`.
    pub fn get(&self, code: u16) -> Option<&[u8]> {
        self.first(code).map(|option| option.value.as_slice())
    }

    /// Every option, in the order on the wire.
    pub fn iter(&self) -> std::slice::Iter<'_, DhcpOption> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A DUID; `None` where absent or of a length that it cannot have.
    pub fn duid(&self, code: u16) -> Option<Duid> {
        Duid::from_bytes(self.get(code)?)
    }

    /// A number of one byte; `None` where absent or of another length.
    pub fn byte(&self, code: u16) -> Option<u8> {
        self.fixed(code).map(u8::from_be_bytes)
    }

    /// A number of two bytes; `None` where absent or of another length.
    pub fn short(&self, code: u16) -> Option<u16> {
        self.fixed(code).map(u16::from_be_bytes)
    }

    /// A time in seconds; `None` where absent or of another length.
    pub fn seconds(&self, code: u16) -> Option<u32> {
        self.fixed(code).map(u32::from_be_bytes)
    }

    /// A list of addresses; empty where absent. Bytes that make no whole address are left out.
    pub fn addresses(&self, code: u16) -> Vec<Ipv6Addr> {
        let (whole, _) = self.get(code).unwrap_or_default().as_chunks::<16>();
        whole.iter().copied().map(Ipv6Addr::from).collect()
    }

    /// The numbers in option 6.
    pub fn requests(&self) -> Vec<u16> {
        let value = self.get(code::OPTION_REQUEST).unwrap_or_default();
        let (whole, _) = value.as_chunks::<2>();
        whole.iter().copied().map(u16::from_be_bytes).collect()
    }

    /// Option 13, which where it is absent means success (RFC 9915, 21.13).
    // RFC 9915, 21.13: where no status stands, success is meant.
    pub fn status(&self) -> Status {
        self.get(code::STATUS)
            .and_then(Status::parse)
            .unwrap_or(Status::SUCCESS)
    }

    /// A text, safe to print and of bounded length.
    pub fn text(&self, code: u16) -> Option<String> {
        self.get(code).map(printable)
    }

    fn fixed<const N: usize>(&self, code: u16) -> Option<[u8; N]> {
        self.get(code)?.try_into().ok()
    }

    /// Their length on the wire, in bytes.
    pub fn wire_len(&self) -> usize {
        self.0.iter().map(|option| 4 + option.wire_len()).sum()
    }
}

impl<'a> IntoIterator for &'a Options {
    type Item = &'a DhcpOption;
    type IntoIter = std::slice::Iter<'a, DhcpOption>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromIterator<DhcpOption> for Options {
    fn from_iter<I: IntoIterator<Item = DhcpOption>>(options: I) -> Self {
        Self(options.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 9915, 21: of an option that may stand once the first counts, and instances are never joined.
    #[test]
    fn the_first_instance_counts_and_none_are_joined() {
        let mut options = Options::new();
        options
            .push(code::PREFERENCE, [7])
            .push(code::PREFERENCE, [9, 9]);
        assert_eq!(options.byte(code::PREFERENCE), Some(7));
        assert_eq!(options.len(), 2);
        options.set(code::PREFERENCE, [1]);
        assert_eq!(options.byte(code::PREFERENCE), Some(1));
        assert_eq!(options.len(), 1);
    }

    #[test]
    fn options_stand_in_the_order_that_is_asked_for_and_the_others_as_they_stood() {
        let mut options = Options::new();
        for code in [1, 8, 3, 3, 6] {
            options.push(code, []);
        }
        options.arrange(&[6, 99, 3]);
        let order: Vec<u16> = options.iter().map(|option| option.code).collect();
        assert_eq!(order, [6, 3, 3, 1, 8]);
    }

    // RFC 9915, 21.13: where no status stands, success is meant.
    #[test]
    fn typed_values_of_another_length_are_none() {
        let mut options = Options::new();
        assert_eq!(options.status(), Status::SUCCESS);
        options.push(code::STATUS, [0, 6]);
        assert_eq!(options.status().to_string(), "NoPrefixAvail");
        options.push(code::ELAPSED_TIME, [1]);
        assert_eq!(options.short(code::ELAPSED_TIME), None);
        options.push(code::OPTION_REQUEST, [0, 23, 0, 24, 9]);
        assert_eq!(options.requests(), [23, 24]);
        options.push(code::DNS_SERVERS, [0; 40]);
        assert_eq!(
            options.addresses(code::DNS_SERVERS),
            [Ipv6Addr::UNSPECIFIED; 2]
        );
        options.push(code::CLIENT_ID, [1]);
        assert_eq!(options.duid(code::CLIENT_ID), None);
    }
}
