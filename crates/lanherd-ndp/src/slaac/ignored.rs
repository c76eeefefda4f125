//! Which messages and options a host passed over, and why: a closed list, for counters and reports. What the codec could not
//! read [`RemarkReason`](crate::RemarkReason) and [`Reason`](crate::Reason) tell.

use lanherd_types::words;

use crate::options::PrefixInformation;

words! {
    /// Why a message, or an option of one, was of no use to a host.
    Ignored {
        /// It is for another host.
        NotForUs = "not_for_us",
        /// The host is not started, or has stopped.
        NotStarted = "not_started",
        /// The prefix is the link-local one (RFC 4861, 6.3.4; RFC 4862, 5.5.3 b).
        LinkLocalPrefix = "link_local_prefix",
        /// The prefix is of groups, or of the loopback or unspecified address: no host has an address in it.
        UnusablePrefix = "unusable_prefix",
        /// The preferred lifetime is longer than the valid one (RFC 4862, 5.5.3 c).
        PreferredBeyondValid = "preferred_beyond_valid",
        /// The prefix is not of 64 bits: no address can be formed with it (RFC 4862, 5.5.3 d).
        PrefixLength = "prefix_length",
        /// The valid lifetime is below two hours, and what remained was kept (RFC 4862, 5.5.3 e).
        TwoHourRule = "two_hour_rule",
        /// The MTU is below 1,280 or above the link's own (RFC 4861, 6.3.4).
        MtuOutOfRange = "mtu_out_of_range",
        /// There are more than are kept.
        OverLimit = "over_limit",
    }
}

impl Ignored {
    /// Whether it breaks the protocol, or can be of no use to anybody; others are only not for this host, or more than is
    /// kept.
    pub const fn is_malformed(self) -> bool {
        match self {
            Self::LinkLocalPrefix
            | Self::UnusablePrefix
            | Self::PreferredBeyondValid
            | Self::PrefixLength
            | Self::MtuOutOfRange => true,
            Self::NotForUs | Self::NotStarted | Self::TwoHourRule | Self::OverLimit => false,
        }
    }

    /// The reason for a person to read, after "ignored: ".
    pub const fn explain(self) -> &'static str {
        match self {
            Self::NotForUs => "it is for another host",
            Self::NotStarted => "the host does not listen",
            Self::LinkLocalPrefix => "its prefix is the link-local one",
            Self::UnusablePrefix => "its prefix can be no host's",
            Self::PreferredBeyondValid => "it is to be preferred for longer than it is valid",
            Self::PrefixLength => "addresses are formed with prefixes of 64 bits only",
            Self::TwoHourRule => "a valid lifetime below two hours shortens nothing",
            Self::MtuOutOfRange => "the MTU is below 1280 or above the link's own",
            Self::OverLimit => "there are more than are kept",
        }
    }
}

impl PrefixInformation {
    /// Why no host can use the prefix at all.
    // RFC 4862, 5.5.3: a link-local prefix is ignored.
    pub fn unusable(&self) -> Option<Ignored> {
        if self.prefix.is_link_local() {
            return Some(Ignored::LinkLocalPrefix);
        }
        let first = self.prefix.address();
        let is_nobodys =
            first.is_multicast() || self.prefix.length() >= 64 && first.to_bits() >> 64 == 0;
        is_nobodys.then_some(Ignored::UnusablePrefix)
    }

    /// Why no host can form an address with the prefix, though it says that one can.
    pub fn unusable_for_addresses(&self) -> Option<Ignored> {
        // RFC 4862, 5.5.3: a prefix that is preferred for longer than it is valid forms no address.
        if self.preferred > self.valid {
            return Some(Ignored::PreferredBeyondValid);
        }
        // RFC 4862, 5.5.3: a prefix and an identifier of 64 bits have 128 together, or form no address.
        (self.prefix.length() != 64).then_some(Ignored::PrefixLength)
    }
}
