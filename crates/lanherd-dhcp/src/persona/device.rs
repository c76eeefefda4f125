//! Well-known devices, by what they send.
//!
//! The lists of parameters (option 55), the vendor classes (60) and the order of the options are those of published
//! collections of DHCP fingerprints (Fingerbank, Satori), where the same lists stand for many releases of a system; those of
//! Android and `udhcpc` are what their public sources write (`DhcpPacket.java` of AOSP's network stack, `dhcpc.c` of
//! `BusyBox`).
//!
//! Of IPv6: Android's network stack has no `DHCPv6` client for addresses, stable-privacy addresses and temporary ones (`IpClient.java`); Apple's
//! asks for options 23, 24 and 103 (`DHCPv6Client.c` of its `bootp`); Windows has a DUID with a time, the vendor class `MSFT 5.0` of
//! 311, and options 17, 23, 24 and 39 (MS-DHCPE, and captures), random ends of addresses and temporary ones; `dhclient` has a DUID with a time when
//! it asks for addresses (dhclient(8)) and Debian's list of options, with the kernel's addresses of the MAC; `NetworkManager` has a DUID made of
//! the machine's id and RFC 7217's addresses (nm-settings(5)); Linux asks for routers on and on (`ndisc` since 4.10, RFC 7559). Of printers
//! nothing is known, and nothing is said.
//!
//! Devices change with their releases: for one of your own, capture what it sends and write a persona.

use super::{HexBytes, Ipv6Persona, Ipv6VendorClass, OptionValue, Persona};
use lanherd_types::ipv6::{DhcpUse, IdentifierKind, SolicitationPolicy};
use lanherd_types::words;

words! {
    /// A well-known device.
    Device {
        /// A telephone with Android 11 or later.
        Android = "android",
        /// An iPhone or iPad with iOS 14 or later.
        Ios = "ios",
        /// A Mac with macOS 11 or later.
        Macos = "macos",
        /// A computer with Windows 10 or 11.
        Windows = "windows",
        /// A Linux machine with ISC's `dhclient`, as Debian and Ubuntu had it.
        Dhclient = "dhclient",
        /// A Linux machine with `NetworkManager` and its own client.
        NetworkManager = "network-manager",
        /// A small device with `BusyBox`'s `udhcpc`.
        Udhcpc = "udhcpc",
        /// A network printer of HP.
        Printer = "printer",
    }
}

impl Device {
    /// What it sends.
    pub fn persona(self) -> Persona {
        match self {
            Self::Android => Persona {
                hostname: Some("Android-{n}".to_owned()),
                vendor_class: Some("android-dhcp-13".to_owned()),
                v6_only: Some(true),
                ipv6: Some(Ipv6Persona {
                    dhcp: Some(DhcpUse::Never),
                    ..linux(IdentifierKind::Stable, true)
                }),
                ..looks(
                    "mac",
                    &[1, 3, 6, 15, 26, 28, 51, 58, 59, 43, 114, 108],
                    1500,
                    &[53, 61, 50, 54, 57, 60, 12, 55],
                )
            },
            Self::Ios => Persona {
                hostname: Some("iPhone-{n}".to_owned()),
                v6_only: Some(true),
                ..apple(&[1, 121, 3, 6, 15, 108, 114, 119, 252])
            },
            Self::Macos => Persona {
                hostname: Some("Mac-{n}".to_owned()),
                v6_only: Some(true),
                ..apple(&[1, 121, 3, 6, 15, 108, 114, 119, 252, 95, 44, 46])
            },
            Self::Windows => Persona {
                hostname: Some("DESKTOP-{n}".to_owned()),
                vendor_class: Some("MSFT 5.0".to_owned()),
                ipv6: Some(Ipv6Persona {
                    duid: Some("llt".to_owned()),
                    parameter_requests: Some(vec![17, 23, 24, 39]),
                    vendor_class: Some(Ipv6VendorClass {
                        enterprise: 311,
                        data: vec!["MSFT 5.0".to_owned()],
                    }),
                    option_order: Some(vec![8, 1, 3, 25, 39, 16, 6]),
                    ..addresses(IdentifierKind::Random, true)
                }),
                ..looks(
                    "mac",
                    &[1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252],
                    0,
                    &[53, 61, 50, 54, 12, 81, 60, 55],
                )
            },
            Self::Dhclient => Persona {
                hostname: Some("{name}".to_owned()),
                ipv6: Some(Ipv6Persona {
                    duid: Some("llt".to_owned()),
                    parameter_requests: Some(vec![23, 24, 39, 31]),
                    ..linux(IdentifierKind::Eui64, false)
                }),
                ..looks(
                    "none",
                    &[1, 28, 2, 3, 15, 6, 119, 12, 44, 47, 26, 121, 42],
                    0,
                    &[53, 54, 50, 12, 55],
                )
            },
            Self::NetworkManager => Persona {
                hostname: Some("{name}".to_owned()),
                ipv6: Some(Ipv6Persona {
                    duid: Some("uuid".to_owned()),
                    ..addresses(IdentifierKind::Stable, false)
                }),
                ..looks(
                    "mac",
                    &[
                        1, 2, 6, 12, 15, 26, 28, 121, 3, 33, 40, 41, 42, 119, 249, 252, 17,
                    ],
                    576,
                    &[53, 61, 55, 57, 50, 54, 12],
                )
            },
            Self::Udhcpc => Persona {
                hostname: Some("{name}".to_owned()),
                vendor_class: Some("udhcp 1.30.1".to_owned()),
                ipv6: Some(Ipv6Persona {
                    dhcp: Some(DhcpUse::Never),
                    ..linux(IdentifierKind::Eui64, false)
                }),
                ..looks(
                    "mac",
                    &[1, 3, 6, 12, 15, 28, 42],
                    576,
                    &[53, 61, 50, 54, 57, 55, 60, 12],
                )
            },
            Self::Printer => Persona {
                hostname: Some("HP{n}".to_owned()),
                vendor_class: Some("Hewlett-Packard JetDirect".to_owned()),
                ..looks(
                    "none",
                    &[6, 3, 1, 15, 66, 67, 13, 44],
                    0,
                    &[53, 50, 54, 12, 55, 60],
                )
            },
        }
    }
}

/// Apple's devices ask for a lease of ninety days (option 51) and have no vendor class.
fn apple(parameters: &[u8]) -> Persona {
    let ninety_days = OptionValue::Bytes(HexBytes {
        hex: "00:76:a7:00".to_owned(),
    });
    Persona {
        options: Some([("51".to_owned(), ninety_days)].into()),
        ipv6: Some(Ipv6Persona {
            parameter_requests: Some(vec![23, 24, 103]),
            ..addresses(IdentifierKind::Stable, true)
        }),
        ..looks("mac", parameters, 1500, &[53, 55, 57, 61, 50, 54, 51, 12])
    }
}

fn addresses(identifiers: IdentifierKind, has_temporary: bool) -> Ipv6Persona {
    Ipv6Persona {
        identifiers: Some(identifiers),
        temporary_addresses: Some(has_temporary),
        solicitations: Some(SolicitationPolicy::Three),
        ..Ipv6Persona::default()
    }
}

/// A device whose kernel asks for routers.
fn linux(identifiers: IdentifierKind, has_temporary: bool) -> Ipv6Persona {
    Ipv6Persona {
        solicitations: Some(SolicitationPolicy::Backoff),
        ..addresses(identifiers, has_temporary)
    }
}

fn looks(client_id: &str, parameters: &[u8], max_message_size: u16, order: &[u8]) -> Persona {
    Persona {
        client_id: Some(client_id.to_owned()),
        parameter_requests: Some(parameters.into()),
        max_message_size: Some(max_message_size),
        option_order: Some(order.into()),
        // What the device does not send must not come from elsewhere.
        vendor_class: Some(String::new()),
        ..Persona::default()
    }
}
