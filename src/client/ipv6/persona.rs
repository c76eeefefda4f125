//! How a client's IPv6 behaves that looks like a certain device.

use std::str::FromStr;
use std::time::Duration;

use super::Config;
use crate::dhcp::persona::{Ipv6Persona, OptionValue, PersonaError, parse_hex};
use crate::dhcp6::{self, Duid, VendorClass};
use crate::ndp::slaac::{DhcpPolicy, Secret, Solicitations, TemporaryPolicy};
use lanherd_types::identity::Mac;
use lanherd_types::ipv6::{DhcpUse, SolicitationPolicy};

/// The longest value of an option that is written down, in bytes: a message has to fit into a packet (RFC 8200, 5: 1,280 bytes).
const LONGEST: usize = 1024;
/// When identifiers are said to have been made: some time in 2020, as seconds since 2000 (RFC 9915, 11.2).
const MADE: u32 = 631_152_000;

impl Config {
    /// Checks a persona, for the client with that MAC.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(persona: &Ipv6Persona, mac: Mac) -> Result<(), PersonaError> {
        Self::new(mac, Secret([0; 16]), Duration::ZERO).apply(persona)
    }

    /// Has it behave as this device, and in all else as before.
    ///
    /// # Errors
    /// What is wrong with the persona; then some of it may be in force.
    pub fn apply(&mut self, persona: &Ipv6Persona) -> Result<(), PersonaError> {
        let mac = self.host.mac;
        let dhcp6 = &mut self.dhcp6;
        if let Some(text) = &persona.duid {
            dhcp6.duid = duid(text, mac)?;
        }
        if let Some(requests) = &persona.parameter_requests {
            each_once("ipv6.parameter-requests", requests)?;
            dhcp6.requests.clone_from(requests);
        }
        if let Some(class) = &persona.vendor_class {
            let data = texts("ipv6.vendor-class", &class.data)?;
            dhcp6.vendor_class = (!data.is_empty()).then_some(VendorClass {
                enterprise: class.enterprise,
                data,
            });
        }
        if let Some(classes) = &persona.user_class {
            dhcp6.user_class = texts("ipv6.user-class", classes)?;
        }
        if let Some(order) = &persona.option_order {
            each_once("ipv6.option-order", order)?;
            dhcp6.option_order.clone_from(order);
        }
        if let Some(options) = &persona.options {
            let extra = options.iter().map(|(number, value)| option(number, value));
            dhcp6.extra = extra.collect::<Result<_, _>>()?;
            dhcp6.extra.sort_by_key(|(number, _)| *number);
        }
        dhcp6.rapid_commit = persona.rapid_commit.unwrap_or(dhcp6.rapid_commit);
        dhcp6.reconfigure = persona.reconfigure.unwrap_or(dhcp6.reconfigure);
        if let Some(dhcp) = persona.dhcp {
            self.host.dhcp = match dhcp {
                DhcpUse::Flags => DhcpPolicy::Flags,
                DhcpUse::Always => DhcpPolicy::Always,
                DhcpUse::Never => DhcpPolicy::Never,
            };
        }
        if let Some(kind) = persona.identifiers {
            self.set_identifiers(kind);
        }
        if let Some(has_temporary) = persona.temporary_addresses {
            self.host.temporary = has_temporary.then_some(TemporaryPolicy::RFC_8981);
        }
        if let Some(solicitations) = persona.solicitations {
            self.host.solicitations = match solicitations {
                SolicitationPolicy::Three => Solicitations::RFC_4861,
                SolicitationPolicy::Backoff => Solicitations::RFC_7559,
            };
        }
        Ok(())
    }
}

fn duid(text: &str, mac: Mac) -> Result<Duid, PersonaError> {
    let [.., a, b, c] = mac.octets();
    match text {
        "ll" => Ok(Duid::link_layer(mac)),
        // The same in all lives, and not the same for all.
        "llt" => Ok(Duid::link_layer_time(
            mac,
            MADE + u32::from_be_bytes([0, a, b, c]),
        )),
        "uuid" => Ok(Duid::uuid(uuid(mac))),
        _ => {
            let bytes = parse_hex(text);
            let duid = bytes.and_then(|bytes| Duid::from_bytes(&bytes));
            duid.ok_or_else(|| {
                let problem = format!(
                    "{text:?} is no DUID: write ll, llt, uuid, or 3 to 130 bytes as 00:02:ca:fe, the type first"
                );
                PersonaError::new("ipv6.duid", problem)
            })
        }
    }
}

/// A UUID of version 8 (RFC 9562, 5.8), which follows from the MAC.
fn uuid(mac: Mac) -> [u8; 16] {
    let mut seed = [0; 8];
    seed[2..].copy_from_slice(&mac.octets());
    let mut rng = fastrand::Rng::with_seed(u64::from_be_bytes(seed));
    let mut uuid = rng.u128(..).to_be_bytes();
    uuid[6] = uuid[6] & 0x0f | 0x80;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    uuid
}

fn each_once(key: &'static str, numbers: &[u16]) -> Result<(), PersonaError> {
    let twice = |at: &usize| numbers[..*at].contains(&numbers[*at]);
    match (0..numbers.len()).find(twice) {
        None => Ok(()),
        Some(at) => {
            let problem = format!("{} stands there twice: write it once", numbers[at]);
            Err(PersonaError::new(key, problem))
        }
    }
}

fn texts(key: &'static str, texts: &[String]) -> Result<Vec<Vec<u8>>, PersonaError> {
    let bytes = |text: &String| {
        if text.is_empty() || text.len() > LONGEST || text.contains(char::is_control) {
            let problem = format!(
                "{text:?} cannot be sent: write 1 to {LONGEST} bytes without control characters"
            );
            return Err(PersonaError::new(key, problem));
        }
        Ok(text.clone().into_bytes())
    };
    texts.iter().map(bytes).collect()
}

fn option(number: &str, value: &OptionValue) -> Result<(u16, Vec<u8>), PersonaError> {
    let refuse = |problem: String| Err(PersonaError::new("ipv6.options", problem));
    let Ok(code @ 1..) = u16::from_str(number) else {
        return refuse(format!(
            "{number:?} is no option: write a number from 1 to 65535"
        ));
    };
    if dhcp6::Config::OWN_OPTIONS.contains(&code) {
        return refuse(format!(
            "{code} is what the client needs to run DHCPv6: leave it out"
        ));
    }
    let bytes = match value {
        OptionValue::Text(text) => Some(text.clone().into_bytes()),
        OptionValue::Bytes(bytes) => parse_hex(&bytes.hex),
    };
    match bytes.filter(|bytes| bytes.len() <= LONGEST) {
        Some(bytes) => Ok((code, bytes)),
        None => refuse(format!(
            "{code} has no value that can be sent: write text, or up to {LONGEST} bytes as {{ hex = \"01:02\" }}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dhcp::Device;
    use crate::ndp::slaac::Identifiers;

    const MAC: Mac = Mac([2, 0, 0x5e, 0x10, 0, 1]);

    fn config() -> Config {
        Config::new(MAC, Secret([7; 16]), Duration::from_secs(30))
    }

    fn read(text: &str) -> Ipv6Persona {
        toml::from_str(text).expect("a persona")
    }

    #[test]
    fn every_key_has_its_place() {
        let mut config = config();
        let persona = read(
            r#"
            duid = "00:02:00:00:ab:11:01"
            parameter-requests = [24, 23]
            vendor-class = { enterprise = 311, data = ["MSFT 5.0"] }
            user-class = ["living", "room"]
            option-order = [8, 1]
            rapid-commit = true
            reconfigure = true
            dhcp = "always"
            identifiers = "random"
            temporary-addresses = true
            solicitations = "backoff"
            [options]
            39 = { hex = "00:01" }
            17 = "text"
            "#,
        );
        config.apply(&persona).expect("a good persona");
        let dhcp6 = &config.dhcp6;
        assert_eq!(dhcp6.duid.as_bytes(), [0, 2, 0, 0, 0xab, 0x11, 1]);
        assert_eq!(dhcp6.requests, [24, 23]);
        let class = dhcp6.vendor_class.as_ref().expect("a class");
        assert_eq!(
            (class.enterprise, class.data.concat()),
            (311, b"MSFT 5.0".to_vec())
        );
        assert_eq!(dhcp6.user_class.len(), 2);
        assert_eq!(dhcp6.option_order, [8, 1]);
        let numbers: Vec<_> = dhcp6.extra.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [17, 39]);
        assert!(dhcp6.rapid_commit && dhcp6.reconfigure);
        assert_eq!(config.host.dhcp, DhcpPolicy::Always);
        assert!(matches!(
            config.host.identifiers,
            Identifiers::Random { .. }
        ));
        assert_eq!(config.host.temporary, Some(TemporaryPolicy::RFC_8981));
        assert_eq!(config.host.solicitations, Solicitations::RFC_7559);
        // What says nothing changes nothing.
        let before = format!("{config:?}");
        config.apply(&Ipv6Persona::default()).expect("good");
        assert_eq!(format!("{config:?}"), before);
    }

    #[test]
    fn a_duid_of_each_kind_follows_from_the_mac() {
        for (word, kind, length) in [("ll", 3, 10), ("llt", 1, 14), ("uuid", 4, 18)] {
            let made = duid(word, MAC).expect(word);
            assert_eq!((made.as_bytes()[1], made.as_bytes().len()), (kind, length));
            assert_eq!(Ok(&made), duid(word, MAC).as_ref(), "in the next life, too");
            assert_ne!(Ok(made), duid(word, Mac([2, 0, 0x5e, 0x10, 0, 2])));
        }
    }

    #[test]
    fn what_cannot_be_sent_is_named() {
        for (text, key, word) in [
            ("duid = 'lll'", "ipv6.duid", "is no DUID"),
            (
                "parameter-requests = [23, 23]",
                "ipv6.parameter-requests",
                "twice",
            ),
            ("option-order = [1, 1]", "ipv6.option-order", "twice"),
            ("user-class = ['']", "ipv6.user-class", "cannot be sent"),
            (
                "options = { 3 = 'x' }",
                "ipv6.options",
                "needs to run DHCPv6",
            ),
            ("options = { x = 'x' }", "ipv6.options", "is no option"),
            (
                "options = { 39 = { hex = 'q' } }",
                "ipv6.options",
                "no value",
            ),
        ] {
            let error = config().apply(&read(text)).expect_err(text);
            assert_eq!(error.key, key);
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn devices_look_like_themselves_over_ipv6_too() {
        let of = |device: Device| {
            let mut config = config();
            let persona = device.persona().ipv6.unwrap_or_default();
            config.apply(&persona).expect("a good persona");
            config
        };
        let windows = of(Device::Windows);
        assert_eq!(windows.dhcp6.duid.as_bytes()[1], 1);
        assert_eq!(windows.dhcp6.requests, [17, 23, 24, 39]);
        assert!(windows.host.temporary.is_some());
        let android = of(Device::Android);
        assert_eq!(android.host.dhcp, DhcpPolicy::Never);
        assert_eq!(android.host.solicitations, Solicitations::RFC_7559);
        assert_eq!(of(Device::Ios).dhcp6.requests, [23, 24, 103]);
        for device in [Device::Ios, Device::Windows, Device::NetworkManager] {
            assert_eq!(of(device).host.solicitations, Solicitations::RFC_4861);
        }
        assert!(matches!(
            of(Device::Dhclient).host.identifiers,
            Identifiers::Eui64
        ));
        for device in Device::ALL {
            of(*device);
        }
    }
}
