//! What happened to a client's IPv6 in words for a person, a line each.

use std::fmt;

use super::Ipv6Event;
use crate::dhcp6;
use crate::ndp::slaac;
use lanherd_types::identity::Mac;

impl fmt::Display for Ipv6Event {
    /// One line for a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(event) => write_host(f, event),
            Self::Dhcp6(event) => write_dhcp6(f, event),
            Self::NoNat64 => f.write_str(
                "told to do without IPv4, and no router advertises a NAT64: hosts that have only IPv4 cannot be reached",
            ),
            Self::Refused(refused) => write!(f, "{refused}"),
            Self::Undecodable { source, error } => {
                write!(f, "a DHCPv6 message of {source} could not be read: {error}")
            }
            Self::Unsound {
                source,
                is_fragment: true,
            } => write!(f, "a DHCPv6 message of {source} came in fragments"),
            Self::Unsound {
                source,
                is_fragment: false,
            } => write!(f, "the checksum of a DHCPv6 message of {source} is wrong"),
        }
    }
}

fn write_host(f: &mut fmt::Formatter<'_>, event: &slaac::Event) -> fmt::Result {
    use slaac::Event;
    match event {
        Event::AddressFormed { address, kind } => write!(f, "{kind} address {address} formed"),
        Event::AddressUsable { address, kind } => write!(f, "{kind} address {address} is usable"),
        Event::AddressDeprecated { address, announced } => {
            let why = if *announced {
                "its router says so"
            } else {
                "its preferred lifetime has ended"
            };
            write!(f, "{address} is deprecated: {why}")
        }
        Event::AddressPreferred(address) => write!(f, "{address} is preferred again"),
        Event::AddressLost { address, why } => write!(f, "{address} is gone: {why}"),
        Event::AddressDuplicate {
            address,
            holder,
            retried,
        } => {
            write!(f, "{address} is used by {}", OrSomebody(*holder))?;
            f.write_str(if *retried { ", another is tried" } else { "" })
        }
        Event::VerificationUnanswered(address) => {
            write!(f, "the kernel has not said whether {address} is free")
        }
        Event::Disabled => f.write_str("somebody else has the link-local address: IPv6 has ended"),
        Event::RouterFound {
            router, preference, ..
        } => write!(f, "{router} is a default router, preference {preference}"),
        Event::RouterLost { router, why } => {
            write!(f, "{router} is no default router any more: {why}")
        }
        Event::RouterUnreachable(router) => write!(f, "router {router} does not answer"),
        Event::RouterReachable(router) => write!(f, "router {router} answers again"),
        Event::Answered {
            router,
            after,
            unicast,
        } => {
            let how = if *unicast { "" } else { " to all nodes" };
            write!(f, "{router} advertised{how} {} ms after", after.as_millis())?;
            f.write_str(" the first router solicitation")
        }
        Event::Unanswered { solicitations } => {
            write!(f, "no router answered {solicitations} router solicitations")
        }
        Event::Attached { same_link: true } => f.write_str("it is the same link as before"),
        Event::Attached { same_link: false } => f.write_str("it is another link than before"),
        Event::PrefixRenumbered {
            router,
            old,
            new,
            announced,
        } => {
            write!(f, "{router} advertises {new} in place of {old}, ")?;
            f.write_str(if *announced {
                "which it has withdrawn"
            } else {
                "of which it says nothing"
            })
        }
        Event::ResolversChanged { servers, search } => write!(
            f,
            "routers name the resolvers {} and the search list {}",
            List(servers),
            List(search)
        ),
        Event::Pref64Changed(prefixes) => write!(f, "prefixes of the NAT64: {}", List(prefixes)),
        Event::FlagsChanged {
            managed,
            other,
            wanted,
        } => write!(f, "flags M {managed}, O {other}: DHCPv6 {wanted}"),
        Event::CaptivePortalChanged(Some(portal)) => write!(f, "captive portal {portal}"),
        Event::CaptivePortalChanged(None) => f.write_str("no captive portal any more"),
        Event::EncryptedDnsChanged(resolvers) => {
            write!(
                f,
                "{} resolvers over encrypted connections",
                resolvers.len()
            )
        }
        Event::DelegationPreferred(prefix) => {
            write!(f, "of {prefix} a prefix would rather be delegated")
        }
        Event::Ignored {
            reason,
            router,
            option,
        } => {
            write!(f, "an advertisement of {router}")?;
            if let Some((option, offset)) = option {
                write!(f, ", option {option} at byte {offset},")?;
            }
            write!(f, " was ignored: {}", reason.explain())
        }
        Event::Remarked { remark, router } => write!(f, "an advertisement of {router}: {remark}"),
    }
}

fn write_dhcp6(f: &mut fmt::Formatter<'_>, event: &dhcp6::Event) -> fmt::Result {
    use dhcp6::Event;
    match event {
        Event::Probe { addresses, .. } => write!(f, "{} leased, being probed", List(addresses)),
        Event::Bound { lease, by } => write!(f, "{} leased by {by}", Leased(lease)),
        Event::Renewed { lease, by } => write!(f, "{} extended by {by}", Leased(lease)),
        Event::Gone { what, reason } => {
            let (addresses, prefixes) = (&what.addresses, &what.prefixes);
            let addresses = addresses.iter().map(ToString::to_string);
            let prefixes = prefixes.iter().map(ToString::to_string);
            let gone: Vec<String> = addresses.chain(prefixes).collect();
            write!(f, "{} of the DHCPv6 lease is gone: {reason}", List(&gone))
        }
        Event::Lost(reason) => write!(f, "the DHCPv6 lease is gone: {reason}"),
        Event::Ignored { reason, message } => {
            let of = InShort(message.as_ref());
            write!(f, "{of} was ignored: {}", reason.explain())
        }
        Event::Remarked { remark, message } => write!(f, "{}: {remark}", InShort(message.as_ref())),
        Event::FromAfar { message } => {
            let of = InShort(message.as_ref());
            write!(f, "{of} came from an address that is not link-local")
        }
        Event::Refused { refusal, server } => {
            write!(f, "the DHCPv6 server {server} refused: {}", refusal.status)
        }
        Event::Unanswered(what) => write!(f, "no DHCPv6 server answered while {what}"),
        Event::Conflict { address, holder } => {
            write!(f, "leased {address} is used by {}", OrSomebody(*holder))
        }
        Event::Informed(information) => {
            let dns = &information.parameters.dns;
            let server = &information.server;
            write!(
                f,
                "the DHCPv6 server {server} names the resolvers {}",
                List(dns)
            )
        }
        Event::Reconfigured { kind, server } => {
            write!(f, "the DHCPv6 server {server} asked for {kind}")
        }
        Event::Answered(kind) => write!(f, "the {kind} was answered"),
        Event::RateLimited { .. } => f.write_str("more DHCPv6 messages than should be: one waits"),
    }
}

/// Who has an address, where that is known.
struct OrSomebody(Option<Mac>);

impl fmt::Display for OrSomebody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(mac) => write!(f, "{mac}"),
            None => f.write_str("somebody else"),
        }
    }
}

/// Things with commas between them.
struct List<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("(none)");
        }
        for (at, one) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{one}")?;
        }
        Ok(())
    }
}

/// What a lease has, and whose it is.
struct Leased<'a>(&'a dhcp6::Lease);

impl fmt::Display for Leased<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = self.0.addresses().map(|it| it.address.to_string());
        let prefixes = self.0.prefixes().map(|it| it.prefix.to_string());
        let all: Vec<String> = addresses.chain(prefixes).collect();
        write!(f, "{} of server {}", List(&all), self.0.server)
    }
}

/// Which message it was.
struct InShort<'a>(Option<&'a dhcp6::ServerMessage>);

impl fmt::Display for InShort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(message) => write!(f, "{} of {}", message.message_type, message.source),
            None => f.write_str("a DHCPv6 message"),
        }
    }
}
