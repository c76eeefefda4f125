//! Options: their numbers (RFC 2132 and later), their order on the wire, and their typed values.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use super::lease::Route;
use lanherd_types::words;

/// Option numbers (RFC 2132 where nothing else is said).
pub mod code {
    /// Padding; framing, not content.
    pub const PAD: u8 = 0;
    /// Subnet mask (RFC 2132, 3.3).
    pub const SUBNET_MASK: u8 = 1;
    /// Seconds from UTC.
    pub const TIME_OFFSET: u8 = 2;
    /// Routers, in order of preference.
    pub const ROUTERS: u8 = 3;
    /// Time servers (RFC 868).
    pub const TIME_SERVERS: u8 = 4;
    /// Domain name servers, in order of preference.
    pub const DNS_SERVERS: u8 = 6;
    /// Log servers (RFC 2132, 3.9).
    pub const LOG_SERVERS: u8 = 7;
    /// Host name (RFC 2132, 3.14).
    pub const HOST_NAME: u8 = 12;
    /// Domain name (RFC 2132, 3.17).
    pub const DOMAIN_NAME: u8 = 15;
    /// Interface MTU (RFC 2132, 5.1).
    pub const MTU: u8 = 26;
    /// Broadcast address (RFC 2132, 5.3).
    pub const BROADCAST_ADDRESS: u8 = 28;
    /// Static routes; not used here, as 121 is asked for (RFC 3442).
    pub const STATIC_ROUTES: u8 = 33;
    /// NTP servers (RFC 2132, 8.3).
    pub const NTP_SERVERS: u8 = 42;
    /// `NetBIOS` name servers.
    pub const NETBIOS_NAME_SERVERS: u8 = 44;
    /// `NetBIOS` node type.
    pub const NETBIOS_NODE_TYPE: u8 = 46;
    /// Requested IP address (RFC 2132, 9.1).
    pub const REQUESTED_ADDRESS: u8 = 50;
    /// Lease time in seconds.
    pub const LEASE_TIME: u8 = 51;
    /// The fields `file` and `sname` hold options; framing, not content.
    pub const OVERLOAD: u8 = 52;
    /// DHCP message type (RFC 2132, 9.6).
    pub const MESSAGE_TYPE: u8 = 53;
    /// Server identifier (RFC 2132, 9.7).
    pub const SERVER_ID: u8 = 54;
    /// Parameter request list.
    pub const PARAMETER_REQUESTS: u8 = 55;
    /// An error message for a person.
    pub const MESSAGE: u8 = 56;
    /// The largest message that the sender accepts, in bytes.
    pub const MAX_MESSAGE_SIZE: u8 = 57;
    /// T1, the time until renewing, in seconds.
    pub const RENEWAL_TIME: u8 = 58;
    /// T2, the time until rebinding, in seconds.
    pub const REBINDING_TIME: u8 = 59;
    /// Vendor class identifier (RFC 2132, 9.13).
    pub const VENDOR_CLASS: u8 = 60;
    /// Client identifier (RFC 2132, 9.14).
    pub const CLIENT_ID: u8 = 61;
    /// User class (RFC 3004).
    pub const USER_CLASS: u8 = 77;
    /// Rapid commit (RFC 4039).
    pub const RAPID_COMMIT: u8 = 80;
    /// IPv6-only preferred (RFC 8925).
    pub const V6_ONLY: u8 = 108;
    /// Domain search list (RFC 3397).
    pub const DOMAIN_SEARCH: u8 = 119;
    /// Classless static routes (RFC 3442).
    pub const CLASSLESS_ROUTES: u8 = 121;
    /// Vendor-identifying vendor-specific information (RFC 3925, 4).
    pub const VENDOR_OPTIONS: u8 = 125;
    /// The end of the options; framing, not content.
    pub const END: u8 = 255;
}

words! {
    /// The message types (RFC 2132, 9.6).
    MessageType {
        /// 1, from a client: who has an address?
        Discover = "discover",
        /// 2, from a server: have this one.
        Offer = "offer",
        /// 3, from a client: that one, please.
        Request = "request",
        /// 4, from a client: somebody else uses it.
        Decline = "decline",
        /// 5, from a server: it is yours.
        Ack = "ack",
        /// 6, from a server: it is not.
        Nak = "nak",
        /// 7, from a client: no longer needed.
        Release = "release",
        /// 8, from a client: an address is here, only the rest is wanted.
        Inform = "inform",
    }
}

impl MessageType {
    /// Its number on the wire.
    pub const fn number(self) -> u8 {
        match self {
            Self::Discover => 1,
            Self::Offer => 2,
            Self::Request => 3,
            Self::Decline => 4,
            Self::Ack => 5,
            Self::Nak => 6,
            Self::Release => 7,
            Self::Inform => 8,
        }
    }

    /// The type with that number; `None` for the ones of later RFCs, which no client of ours speaks.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.number() == number)
    }
}

/// How many characters of a server's message for a person (option 56) are kept.
pub const MAX_MESSAGE_CHARS: usize = 128;

/// The options of a message, in the order in which they stand on the wire; a code may stand more than once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options(Vec<(u8, Vec<u8>)>);

impl Options {
    /// A list without options.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Appends an option. A value over 255 bytes is split when it is encoded (RFC 3396, 5).
    ///
    /// [`code::PAD`] and [`code::END`] are framing, which the encoder writes: pushing them does nothing.
    pub fn push(&mut self, code: u8, value: impl Into<Vec<u8>>) -> &mut Self {
        if !matches!(code, code::PAD | code::END) {
            self.0.push((code, value.into()));
        }
        self
    }

    /// Appends an option whose value is a list of addresses.
    pub fn push_addresses(&mut self, code: u8, addresses: &[Ipv4Addr]) -> &mut Self {
        let value: Vec<u8> = addresses.iter().flat_map(Ipv4Addr::octets).collect();
        self.push(code, value)
    }

    /// Appends option 121 with `routes` (RFC 3442).
    pub fn push_routes(&mut self, routes: &[Route]) -> &mut Self {
        let mut value = Vec::new();
        for route in routes {
            let prefix_len = route.prefix_len.min(32);
            value.push(prefix_len);
            value.extend(&route.destination.octets()[..significant_octets(prefix_len)]);
            value.extend(route.gateway.octets());
        }
        self.push(code::CLASSLESS_ROUTES, value)
    }

    /// Makes `value` the only instance of `code`, at the end.
    pub fn set(&mut self, code: u8, value: impl Into<Vec<u8>>) -> &mut Self {
        self.remove(code).push(code, value)
    }

    /// Removes every instance of `code`.
    pub fn remove(&mut self, code: u8) -> &mut Self {
        self.0.retain(|(present, _)| *present != code);
        self
    }

    /// Puts the options whose codes `order` names first, in its order; the others follow as they stood.
    pub fn arrange(&mut self, order: &[u8]) -> &mut Self {
        let place = |code: u8| order.iter().position(|listed| *listed == code);
        self.0
            .sort_by_key(|(code, _)| place(*code).unwrap_or(order.len()));
        self
    }

    /// Whether `code` stands among them, even with an empty value.
    pub fn contains(&self, code: u8) -> bool {
        self.0.iter().any(|(present, _)| *present == code)
    }

    /// All instances of `code` joined in order (RFC 3396, 7), adjacent or not; `None` where there is none.
    // RFC 3396, 7: the parts of an option are joined, adjacent or not.
    pub fn get(&self, code: u8) -> Option<Cow<'_, [u8]>> {
        let mut values = self
            .0
            .iter()
            .filter(|(present, _)| *present == code)
            .map(|(_, value)| value);
        let first = values.next()?;
        Some(
            values.fold(Cow::Borrowed(first.as_slice()), |mut joined, value| {
                joined.to_mut().extend(value);
                joined
            }),
        )
    }

    /// Every instance, in the order on the wire.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.0.iter().map(|(code, value)| (*code, value.as_slice()))
    }

    /// Option 53; `None` where it is absent or of a type that RFC 2131 does not know.
    pub fn message_type(&self) -> Option<MessageType> {
        let [number] = self.fixed(code::MESSAGE_TYPE)?;
        MessageType::from_number(number)
    }

    /// One address; `None` where absent or of another length, which [`Message::decode`](super::Message::decode) has
    /// reported for the options it knows.
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        self.fixed(code).map(<[u8; 4]>::into)
    }

    /// A list of addresses; empty where absent. Bytes that make no whole address are left out.
    pub fn addresses(&self, code: u8) -> Vec<Ipv4Addr> {
        let value = self.get(code).unwrap_or_default();
        value
            .as_chunks::<4>()
            .0
            .iter()
            .copied()
            .map(Ipv4Addr::from)
            .collect()
    }

    /// A time in seconds; `None` where absent or of another length.
    pub fn seconds(&self, code: u8) -> Option<u32> {
        self.fixed(code).map(u32::from_be_bytes)
    }

    /// A 16-bit number; `None` where absent or of another length.
    pub fn short(&self, code: u8) -> Option<u16> {
        self.fixed(code).map(u16::from_be_bytes)
    }

    /// A text, safe to print: without the zeros at its end that some servers send (RFC 2132, 2), and with control
    /// characters and what is no UTF-8 replaced by U+FFFD.
    pub fn text(&self, code: u8) -> Option<String> {
        let value = self.get(code)?;
        let text = String::from_utf8_lossy(&value);
        let text = text.trim_end_matches('\0');
        Some(text.replace(char::is_control, "\u{fffd}"))
    }

    /// Option 56, safe to print, and cut to [`MAX_MESSAGE_CHARS`]: a person reads it, in a table at that.
    pub fn message(&self) -> Option<String> {
        let text = self.text(code::MESSAGE)?;
        let length = text.chars().count();
        if length <= MAX_MESSAGE_CHARS {
            return Some(text);
        }
        let kept: String = text.chars().take(MAX_MESSAGE_CHARS).collect();
        Some(format!("{kept}… ({length} characters in all)"))
    }

    /// Option 121 (RFC 3442) with the bits beyond each prefix cleared; `None` where absent or malformed.
    pub fn routes(&self) -> Option<Vec<Route>> {
        parse_routes(&self.get(code::CLASSLESS_ROUTES)?)
    }

    fn fixed<const N: usize>(&self, code: u8) -> Option<[u8; N]> {
        self.get(code)?.as_ref().try_into().ok()
    }
}

/// Reads a list of destination descriptors and gateways (RFC 3442).
pub(super) fn parse_routes(mut value: &[u8]) -> Option<Vec<Route>> {
    let mut routes = Vec::new();
    while let Some((&prefix_len, rest)) = value.split_first() {
        if prefix_len > 32 {
            return None;
        }
        let (significant, rest) = rest.split_at_checked(significant_octets(prefix_len))?;
        let (gateway, rest) = rest.split_first_chunk::<4>()?;
        let mut destination = [0; 4];
        destination[..significant.len()].copy_from_slice(significant);
        // RFC 3442: bits of a destination beyond its prefix are cleared.
        let mask = u32::MAX
            .checked_shl(32 - u32::from(prefix_len))
            .unwrap_or(0);
        routes.push(Route {
            destination: Ipv4Addr::from_bits(u32::from_be_bytes(destination) & mask),
            prefix_len,
            gateway: (*gateway).into(),
        });
        value = rest;
    }
    Some(routes)
}

/// How many octets of a destination stand in its descriptor (RFC 3442).
fn significant_octets(prefix_len: u8) -> usize {
    usize::from(prefix_len.div_ceil(8))
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 3396, 7: the parts of an option are joined, adjacent or not.
    #[test]
    fn instances_of_one_option_are_joined_whether_adjacent_or_not() {
        let mut options = Options::new();
        options
            .push(code::HOST_NAME, *b"one")
            .push(code::HOST_NAME, *b"-two");
        options
            .push(code::MTU, [5, 220])
            .push(code::HOST_NAME, *b"-three");
        assert_eq!(
            options.text(code::HOST_NAME).as_deref(),
            Some("one-two-three")
        );
        assert_eq!(options.short(code::MTU), Some(1500));
        assert_eq!(options.get(code::DOMAIN_NAME), None);
    }

    #[test]
    fn options_stand_in_the_order_that_is_asked_for_and_the_others_as_they_stood() {
        let mut options = Options::new();
        for (code, value) in [(53, 1), (61, 2), (12, 3), (12, 4), (55, 5)] {
            options.push(code, [value]);
        }
        options.arrange(&[55, 60, 12]);
        let order: Vec<(u8, u8)> = options
            .iter()
            .map(|(code, value)| (code, value[0]))
            .collect();
        assert_eq!(order, [(55, 5), (12, 3), (12, 4), (53, 1), (61, 2)]);
    }

    #[test]
    fn text_is_safe_to_print() {
        let mut options = Options::new();
        options.push(code::MESSAGE, b"go\x1b[2Jaway\xff\n\0\0".to_vec());
        assert_eq!(
            options.text(code::MESSAGE).as_deref(),
            Some("go\u{fffd}[2Jaway\u{fffd}\u{fffd}")
        );
    }

    #[test]
    fn a_long_message_for_a_person_is_cut_and_says_so() {
        let mut options = Options::new();
        options.push(code::MESSAGE, vec![b'a'; 3000]);
        let text = options.message().expect("a message");
        assert_eq!(
            text,
            format!("{}… (3000 characters in all)", "a".repeat(128))
        );
        options.set(code::MESSAGE, vec![b'a'; MAX_MESSAGE_CHARS]);
        assert_eq!(options.message(), options.text(code::MESSAGE));
    }

    #[test]
    fn the_examples_of_rfc_3442_read_back_as_they_are_written() {
        let gateway = Ipv4Addr::new(10, 0, 0, 1);
        let examples: [(Ipv4Addr, u8, &[u8]); 7] = [
            (Ipv4Addr::UNSPECIFIED, 0, &[0]),
            (Ipv4Addr::new(10, 0, 0, 0), 8, &[8, 10]),
            (Ipv4Addr::new(10, 0, 0, 0), 24, &[24, 10, 0, 0]),
            (Ipv4Addr::new(10, 17, 0, 0), 16, &[16, 10, 17]),
            (Ipv4Addr::new(10, 27, 129, 0), 24, &[24, 10, 27, 129]),
            (Ipv4Addr::new(10, 229, 0, 128), 25, &[25, 10, 229, 0, 128]),
            (Ipv4Addr::new(10, 198, 122, 47), 32, &[32, 10, 198, 122, 47]),
        ];
        for (destination, prefix_len, descriptor) in examples {
            let route = Route {
                destination,
                prefix_len,
                gateway,
            };
            let mut options = Options::new();
            options.push_routes(&[route]);
            let expected = [descriptor, &gateway.octets()].concat();
            assert_eq!(
                options.get(code::CLASSLESS_ROUTES).as_deref(),
                Some(expected.as_slice())
            );
            assert_eq!(options.routes(), Some(vec![route]));
        }
    }

    // RFC 3442: bits of a destination beyond its prefix are cleared.
    #[test]
    fn bits_beyond_the_prefix_are_cleared_and_a_broken_route_is_no_route() {
        let read = |value: &[u8]| parse_routes(value);
        let cleared = read(&[9, 10, 255, 10, 0, 0, 1]).map(|routes| routes[0].destination);
        assert_eq!(cleared, Some(Ipv4Addr::new(10, 128, 0, 0)));
        assert_eq!(read(&[33, 1, 2, 3, 4, 5, 10, 0, 0, 1]), None);
        assert_eq!(read(&[24, 10, 0, 0, 10, 0, 0]), None);
        assert_eq!(read(&[0, 10, 0, 0, 1, 24]), None);
    }
}
