//! What makes a client look like a certain device to a server, as people write it down.

mod device;
mod ipv6;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use device::Device;
pub use ipv6::{Ipv6Persona, Ipv6VendorClass};

use super::client::{ClientId, Config, OfferPolicy, VendorOptions};
use super::options::code;
use lanherd_types::identity::Identity;
use lanherd_types::units::serde_optional_duration;

/// The longest value of one option, in bytes.
const MAX_VALUE: usize = 255;
/// The smallest value of option 57 (RFC 2132, 9.10).
const MIN_MESSAGE_SIZE: u16 = 576;
/// Options that have keys of their own, and the keys.
const KEYED: [(u8, &str); 8] = [
    (code::HOST_NAME, "hostname"),
    (code::PARAMETER_REQUESTS, "parameter-requests"),
    (code::MAX_MESSAGE_SIZE, "max-message-size"),
    (code::VENDOR_CLASS, "vendor-class"),
    (code::CLIENT_ID, "client-id"),
    (code::USER_CLASS, "user-class"),
    (code::RAPID_COMMIT, "rapid-commit"),
    (code::VENDOR_OPTIONS, "vendor-options"),
];

/// What makes a client look like a certain device to a server. What is left out stays as it is otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Persona {
    /// Option 12, in which `{n}` stands for the client's number and `{name}` for its namespace; empty: not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Option 61: `none`, `mac`, `duid`, or its bytes as `01:02:...`, the type first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Option 55, in this order; empty: not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter_requests: Option<Vec<u8>>,
    /// Option 57, in bytes, 576 at least; 0: not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_message_size: Option<u16>,
    /// Option 60; empty: not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor_class: Option<String>,
    /// Option 77 (RFC 3004); empty: not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_class: Option<Vec<String>>,
    /// Option 125 (RFC 3925); empty: not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor_options: Option<Vec<VendorData>>,
    /// More options, by number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<BTreeMap<String, OptionValue>>,
    /// The numbers of the options in the order in which they stand in each message; those that are not named follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub option_order: Option<Vec<u8>>,
    /// Whether replies are asked for as broadcasts (RFC 2131, 4.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broadcast: Option<bool>,
    /// Whether it asks for rapid commit (RFC 4039).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rapid_commit: Option<bool>,
    /// Whether it can do without IPv4 (RFC 8925).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub v6_only: Option<bool>,
    /// Whether it looks for others with its address (RFC 5227).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conflict_detection: Option<bool>,
    /// For how long after the first OFFER it waits for better ones; 0: it takes the first.
    #[serde(
        with = "serde_optional_duration",
        skip_serializing_if = "Option::is_none"
    )]
    pub offer_window: Option<Duration>,
    /// The longest random wait before its first message.
    #[serde(
        with = "serde_optional_duration",
        skip_serializing_if = "Option::is_none"
    )]
    pub start_delay: Option<Duration>,
    /// What it says and does over IPv6.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<Ipv6Persona>,
}

/// What a device has to say in the terms of one vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VendorData {
    /// The vendor's number (IANA, Private Enterprise Numbers).
    pub enterprise: u32,
    /// The vendor's options, each with code and length, as `01:02:ca:fe`.
    pub hex: String,
}

/// The value of an option: text, or bytes as `{ hex = "01:02" }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a text, or bytes as { hex = \"01:02\" }")]
pub enum OptionValue {
    /// Text, as UTF-8.
    Text(String),
    /// The bytes of the option's value.
    Bytes(HexBytes),
}

/// Bytes as they are written in an inline table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HexBytes {
    /// Pairs of hexadecimal digits, as `01:02:ca:fe`; empty: an option without a value.
    pub hex: String,
}

/// What is wrong with a persona, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem}")]
pub struct PersonaError {
    /// The key, as it is written down.
    pub key: &'static str,
    /// The problem and its remedy.
    problem: String,
}

impl PersonaError {
    /// A problem with that key, and its remedy.
    pub fn new(key: &'static str, problem: impl Into<String>) -> Self {
        Self {
            key,
            problem: problem.into(),
        }
    }
}

impl Persona {
    /// The persona of a well-known device; `None` where there is none of that name. [`Device::ALL`] has them all.
    pub fn named(device: &str) -> Option<Self> {
        let is_meant = |known: &&Device| known.as_str() == device;
        Device::ALL
            .iter()
            .find(is_meant)
            .map(|device| device.persona())
    }

    /// How a client with that identity behaves as this device, and otherwise as RFC 2131 says.
    pub fn config(&self, identity: &Identity) -> Result<Config, PersonaError> {
        self.apply(Config::new(identity.mac), identity)
    }

    /// How a client with that identity behaves as this device, and otherwise as `config` says.
    pub fn apply(&self, mut config: Config, identity: &Identity) -> Result<Config, PersonaError> {
        if let Some(hostname) = &self.hostname {
            config.hostname = Some(host_name(hostname, identity)?);
        }
        if let Some(client_id) = &self.client_id {
            config.client_id = parse_client_id(client_id)?;
        }
        if let Some(numbers) = &self.parameter_requests {
            check_numbers("parameter-requests", numbers)?;
            config.parameter_requests.clone_from(numbers);
        }
        if let Some(size) = self.max_message_size {
            config.max_message_size = message_size(size)?;
        }
        if let Some(class) = &self.vendor_class {
            check_text("vendor-class", class)?;
            config.vendor_class = Some(class.clone());
        }
        if let Some(classes) = &self.user_class {
            for class in classes {
                check_text("user-class", class)?;
                if class.is_empty() {
                    return Err(PersonaError::new(
                        "user-class",
                        "has an empty text: leave it out",
                    ));
                }
            }
            config.user_class.clone_from(classes);
        }
        if let Some(vendors) = &self.vendor_options {
            config.vendor_options = vendors.iter().map(vendor).collect::<Result<_, _>>()?;
        }
        if let Some(options) = &self.options {
            config.extra = extra(options)?;
        }
        if let Some(order) = &self.option_order {
            check_numbers("option-order", order)?;
            config.option_order.clone_from(order);
        }
        config.broadcast = self.broadcast.unwrap_or(config.broadcast);
        config.rapid_commit = self.rapid_commit.unwrap_or(config.rapid_commit);
        config.v6_only = self.v6_only.unwrap_or(config.v6_only);
        config.conflict_detection = self.conflict_detection.unwrap_or(config.conflict_detection);
        match self.offer_window {
            Some(Duration::ZERO) => config.offers = OfferPolicy::First,
            Some(window) => config.offers = OfferPolicy::Window(window),
            None => {}
        }
        if let Some(longest) = self.start_delay {
            config.start_delay = Duration::ZERO..=longest;
        }
        Ok(config)
    }
}

fn host_name(pattern: &str, identity: &Identity) -> Result<String, PersonaError> {
    let name = pattern
        .replace("{n}", &identity.number.to_string())
        .replace("{name}", &identity.namespace);
    if name.contains(['{', '}']) {
        let problem = format!(
            "{pattern:?} has braces around something else than n or name: write {{n}} for the client's number, {{name}} for its name"
        );
        return Err(PersonaError::new("hostname", problem));
    }
    check_text("hostname", &name)?;
    Ok(name)
}

fn parse_client_id(text: &str) -> Result<ClientId, PersonaError> {
    match text {
        "none" => Ok(ClientId::None),
        "mac" => Ok(ClientId::Mac),
        "duid" => Ok(ClientId::Duid),
        _ => parse_hex(text)
            .filter(|bytes| (2..=MAX_VALUE).contains(&bytes.len()))
            .map(ClientId::Raw)
            .ok_or_else(|| {
                let problem = format!("{text:?} is no client id: write none, mac, duid, or 2 to 255 bytes as 01:02:ca:fe");
                PersonaError::new("client-id", problem)
            }),
    }
}

fn message_size(size: u16) -> Result<Option<u16>, PersonaError> {
    match size {
        0 => Ok(None),
        MIN_MESSAGE_SIZE.. => Ok(Some(size)),
        1.. => {
            let problem =
                format!("{size} is too small: write {MIN_MESSAGE_SIZE} or more, or 0 to send none");
            Err(PersonaError::new("max-message-size", problem))
        }
    }
}

fn vendor(data: &VendorData) -> Result<VendorOptions, PersonaError> {
    Ok(VendorOptions {
        enterprise: data.enterprise,
        data: value_from_hex("vendor-options", &data.hex)?,
    })
}

/// The options in the order of their numbers.
fn extra(options: &BTreeMap<String, OptionValue>) -> Result<Vec<(u8, Vec<u8>)>, PersonaError> {
    let refuse = |problem: String| Err(PersonaError::new("options", problem));
    let mut extra = Vec::new();
    for (number, value) in options {
        let Some(number) = number
            .parse()
            .ok()
            .filter(|number| (1..255).contains(number))
        else {
            return refuse(format!(
                "{number:?} is no option: write a number from 1 to 254"
            ));
        };
        if let Some((_, key)) = KEYED.iter().find(|(code, _)| *code == number) {
            return refuse(format!("{number} has a key of its own: write {key}"));
        }
        if Config::OWN_OPTIONS.contains(&number) {
            return refuse(format!(
                "{number} is what the client needs to run DHCP: leave it out"
            ));
        }
        let value = match value {
            OptionValue::Text(text) => {
                check_text("options", text)?;
                text.clone().into_bytes()
            }
            OptionValue::Bytes(bytes) => value_from_hex("options", &bytes.hex)?,
        };
        extra.push((number, value));
    }
    extra.sort_by_key(|(number, _)| *number);
    Ok(extra)
}

fn check_numbers(key: &'static str, numbers: &[u8]) -> Result<(), PersonaError> {
    if let Some(framing) = numbers
        .iter()
        .find(|number| matches!(**number, code::PAD | code::END))
    {
        let problem = format!("{framing} is no option but framing: write numbers from 1 to 254");
        return Err(PersonaError::new(key, problem));
    }
    let twice = |at: &usize| numbers[..*at].contains(&numbers[*at]);
    if let Some(at) = (0..numbers.len()).find(twice) {
        let problem = format!("{} stands there twice: write it once", numbers[at]);
        return Err(PersonaError::new(key, problem));
    }
    Ok(())
}

fn check_text(key: &'static str, text: &str) -> Result<(), PersonaError> {
    if text.len() > MAX_VALUE {
        let problem = format!(
            "{} bytes are too long: write {MAX_VALUE} at most",
            text.len()
        );
        return Err(PersonaError::new(key, problem));
    }
    if text.contains(char::is_control) {
        let problem = format!("{text:?} has control characters: leave them out");
        return Err(PersonaError::new(key, problem));
    }
    Ok(())
}

fn value_from_hex(key: &'static str, text: &str) -> Result<Vec<u8>, PersonaError> {
    parse_hex(text)
        .filter(|bytes| bytes.len() <= MAX_VALUE)
        .ok_or_else(|| {
            let problem =
                format!("{text:?} is no value: write up to {MAX_VALUE} bytes as 01:02:ca:fe");
            PersonaError::new(key, problem)
        })
}

/// Pairs of hexadecimal digits with colons between them; an empty text is no bytes.
pub fn parse_hex(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let byte = |pair: &str| {
        let is_pair = pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
        u8::from_str_radix(pair, 16).ok().filter(|_| is_pair)
    };
    text.split(':').map(byte).collect()
}

#[cfg(test)]
mod tests;
