//! Versions, cipher suites and curves, by the names of Go's `crypto/tls`, which Prometheus takes.
//!
//! What Go has and rustls has not is ignored, and that is told: what remains is as safe. What nobody has is refused, and so is
//! a choice of which nothing remains.

use tokio_rustls::rustls::crypto::SupportedKxGroup;
use tokio_rustls::rustls::crypto::ring::{cipher_suite, kx_group};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{SupportedCipherSuite, SupportedProtocolVersion};

use super::TlsError;
use crate::words;

words! {
    /// A version of TLS.
    Version {
        /// TLS 1.2 (RFC 5246).
        Tls12 = "TLS12",
        /// TLS 1.3 (RFC 8446).
        Tls13 = "TLS13",
    }
}

impl Version {
    const fn supported(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tls12 => &TLS12,
            Self::Tls13 => &TLS13,
        }
    }
}

/// The cipher suites of TLS 1.2 that there are, by the names of Go's `crypto/tls`.
const SUITES: [(&str, SupportedCipherSuite); 6] = [
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];
/// Those of TLS 1.3, in the order of preference. They are always on, as in Go.
const SUITES_13: [(&str, SupportedCipherSuite); 3] = [
    (
        "TLS_AES_128_GCM_SHA256",
        cipher_suite::TLS13_AES_128_GCM_SHA256,
    ),
    (
        "TLS_AES_256_GCM_SHA384",
        cipher_suite::TLS13_AES_256_GCM_SHA384,
    ),
    (
        "TLS_CHACHA20_POLY1305_SHA256",
        cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    ),
];
/// Those that Go has and rustls has not: without forward secrecy, or with a padding that has often been attacked.
const OTHER_SUITES: [&str; 11] = [
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
];
const CURVES: [(&str, &dyn SupportedKxGroup); 3] = [
    ("X25519", kx_group::X25519),
    ("CurveP256", kx_group::SECP256R1),
    ("CurveP384", kx_group::SECP384R1),
];
const OTHER_CURVES: [&str; 2] = ["CurveP521", "X25519MLKEM768"];

/// From the lowest to the highest.
pub(super) fn versions(
    least: Option<&str>,
    most: Option<&str>,
) -> Result<Vec<&'static SupportedProtocolVersion>, TlsError> {
    let version = |key, word: Option<&str>, default| match word.filter(|word| !word.is_empty()) {
        None => Ok(default),
        Some(word) => {
            let known = Version::ALL.iter().find(|known| known.as_str() == word);
            known.copied().ok_or_else(|| {
                let why = match word {
                    "TLS10" | "TLS11" => {
                        format!("{word} is broken, and not supported (RFC 8996)")
                    }
                    _ => format!("{word:?} is no version"),
                };
                let choice = listed(Version::ALL.iter().map(|version| version.as_str()));
                TlsError::new(key, format!("{why}: choose {choice}"))
            })
        }
    };
    let least = version("min_version", least, Version::Tls12)?;
    let most = version("max_version", most, Version::Tls13)?;
    if least > most {
        let why = format!("{least} is above max_version, {most}: let it be that at most");
        return Err(TlsError::new("min_version", why));
    }
    let all = Version::ALL.iter().copied();
    let within = all.filter(|version| (least..=most).contains(version));
    Ok(within.map(Version::supported).collect())
}

/// Those to use, and what is ignored.
pub(super) fn suites(
    wanted: Vec<String>,
    versions: &[&'static SupportedProtocolVersion],
) -> Result<(Vec<SupportedCipherSuite>, Option<String>), TlsError> {
    let key = "cipher_suites";
    let of_13 = SUITES_13.into_iter().map(|(_, suite)| suite);
    if wanted.is_empty() {
        let of_12 = SUITES.into_iter().map(|(_, suite)| suite);
        return Ok((of_13.chain(of_12).collect(), None));
    }
    let (mut of_12, mut ignored) = (Vec::new(), Vec::new());
    for name in wanted {
        if let Some((_, suite)) = SUITES.iter().find(|(known, _)| *known == name) {
            of_12.push(*suite);
        } else if OTHER_SUITES.contains(&name.as_str()) {
            ignored.push(name);
        } else if !SUITES_13.iter().any(|(known, _)| *known == name) {
            let why = format!("{name:?} is none: choose {}", listed(names(&SUITES)));
            return Err(TlsError::new(key, why));
        }
    }
    if of_12.is_empty() && versions.contains(&&TLS12) {
        let why = format!(
            "none of them is supported for TLS 1.2: choose {}, or set min_version to {}",
            listed(names(&SUITES)),
            Version::Tls13
        );
        return Err(TlsError::new(key, why));
    }
    Ok((of_13.chain(of_12).collect(), told(key, &ignored)))
}

/// Those to use, in order, and what is ignored.
pub(super) fn curves(
    wanted: Vec<String>,
) -> Result<(Vec<&'static dyn SupportedKxGroup>, Option<String>), TlsError> {
    let key = "curve_preferences";
    if wanted.is_empty() {
        return Ok((CURVES.into_iter().map(|(_, curve)| curve).collect(), None));
    }
    let (mut curves, mut ignored) = (Vec::new(), Vec::new());
    for name in wanted {
        match CURVES.iter().find(|(known, _)| *known == name) {
            Some((_, curve)) => curves.push(*curve),
            None if OTHER_CURVES.contains(&name.as_str()) => ignored.push(name),
            None => {
                let why = format!("{name:?} is none: choose {}", listed(names(&CURVES)));
                return Err(TlsError::new(key, why));
            }
        }
    }
    if curves.is_empty() {
        let why = format!(
            "none of them is supported: choose {}",
            listed(names(&CURVES))
        );
        return Err(TlsError::new(key, why));
    }
    Ok((curves, told(key, &ignored)))
}

fn names<'a, T>(table: &'a [(&'a str, T)]) -> impl Iterator<Item = &'a str> {
    table.iter().map(|(name, _)| *name)
}

fn told(key: &str, ignored: &[String]) -> Option<String> {
    let names = listed(ignored.iter().map(String::as_str));
    (!ignored.is_empty())
        .then(|| format!("tls_server_config.{key}: {names} is ignored: it is not supported"))
}

pub(super) fn listed<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}
