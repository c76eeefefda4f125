//! Whose fault a cause is: the words for it, and what is said of clients' own failures.

use crate::phase::Cause;
use crate::words;

words! {
    /// Who is to blame.
    Blame {
        /// The router that gave the lease: what it said, or did not say.
        Router = "router",
        /// Who was asked: the host, the resolver, the server, or the command.
        Target = "target",
        /// The router, the target, or anything between: it cannot be told from the client which.
        Network = "network",
        /// The clients' own link: the parent, its cable, the switch.
        Link = "link",
        /// The tester's own host, or somebody on it.
        Tester = "tester",
        /// The client was not online: the cause of its own failure says whose fault that was.
        Client = "client",
    }
}

impl Cause {
    /// Who is to blame.
    pub const fn blame(self) -> Blame {
        match self {
            Self::NoOffer
            | Self::NoAck
            | Self::Nak
            | Self::Malformed
            | Self::BadLease
            | Self::LeaseExpired
            | Self::NoRouter
            | Self::NoPrefix
            | Self::NoAdvertise
            | Self::NoReply
            | Self::NoAddresses
            | Self::NoBinding
            | Self::NotOnLink
            | Self::RouterLost
            | Self::AddressExpired => Blame::Router,
            Self::AddressConflict => Blame::Network,
            Self::ParentGone | Self::NoCarrier => Blame::Link,
            Self::NameTaken
            | Self::Kernel
            | Self::LinkLost
            | Self::NamespaceGone
            | Self::AddressLost
            | Self::SocketLost
            | Self::MacInUse
            | Self::NoPrivilege
            | Self::NoMemory
            | Self::Crashed
            | Self::Unresponsive => Blame::Tester,
        }
    }
}
