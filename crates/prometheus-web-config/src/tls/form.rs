//! `tls_server_config` as it is written, and what of it can be done.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{Error, InconsistentKeys, ServerConfig, SupportedProtocolVersion};

use super::TlsError;
use super::algorithms::{curves, listed, suites, versions};
use super::clients::{ClientAuth, Clients};
use super::material::{Source, Stamps, Validity};

/// `tls_server_config` of Prometheus' exporter toolkit. An empty text is as none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Form {
    cert: Option<String>,
    key: Option<String>,
    client_ca: Option<String>,
    cert_file: Option<PathBuf>,
    key_file: Option<PathBuf>,
    client_ca_file: Option<PathBuf>,
    client_auth_type: Option<String>,
    client_allowed_sans: Option<Vec<String>>,
    min_version: Option<String>,
    max_version: Option<String>,
    cipher_suites: Option<Vec<String>>,
    prefer_server_cipher_suites: Option<bool>,
    curve_preferences: Option<Vec<String>>,
}

/// What TLS is to be like, with the names of the files.
pub(super) struct Terms {
    certificate: Source,
    key: Source,
    authorities: Option<Source>,
    auth: ClientAuth,
    names: Option<Vec<String>>,
    versions: Vec<&'static SupportedProtocolVersion>,
    provider: Arc<CryptoProvider>,
    prefers_own_order: bool,
    warnings: Vec<String>,
}

impl Form {
    /// What is asked for, and can be done.
    pub(super) fn into_terms(self, folder: &Path) -> Result<Terms, TlsError> {
        let certificate = Source::new(("cert_file", self.cert_file), ("cert", self.cert), folder)?
            .ok_or_else(|| TlsError::new("cert_file", "this is missing: name the certificate"))?;
        let key = Source::new(("key_file", self.key_file), ("key", self.key), folder)?.ok_or_else(
            || TlsError::new("key_file", "this is missing: name the certificate's key"),
        )?;
        let authorities = Source::new(
            ("client_ca_file", self.client_ca_file),
            ("client_ca", self.client_ca),
            folder,
        )?;
        let auth = client_auth(self.client_auth_type.as_deref(), authorities.as_ref())?;
        if let Some(names) = &self.client_allowed_sans {
            check_names(names, auth)?;
        }
        let versions = versions(self.min_version.as_deref(), self.max_version.as_deref())?;
        let mut warnings = Vec::new();
        if auth != ClientAuth::NoClientCert && !auth.verifies() {
            warnings.push(format!(
                "tls_server_config.client_auth_type: with {auth} a client makes its certificate itself, so nobody is kept \
                 out; {} keeps out",
                ClientAuth::RequireAndVerifyClientCert
            ));
        }
        let (suites, ignored) = suites(self.cipher_suites.unwrap_or_default(), &versions)?;
        warnings.extend(ignored);
        let (curves, ignored) = curves(self.curve_preferences.unwrap_or_default())?;
        warnings.extend(ignored);
        let provider = CryptoProvider {
            cipher_suites: suites,
            kx_groups: curves,
            ..ring::default_provider()
        };
        Ok(Terms {
            certificate,
            key,
            authorities,
            auth,
            names: self.client_allowed_sans,
            versions,
            provider: Arc::new(provider),
            prefers_own_order: self.prefer_server_cipher_suites.unwrap_or(true),
            warnings,
        })
    }

    /// Whether the private key stands in the form itself.
    pub(crate) fn holds_a_key(&self) -> bool {
        self.key.as_ref().is_some_and(|key| !key.is_empty())
    }
}

fn client_auth(word: Option<&str>, authorities: Option<&Source>) -> Result<ClientAuth, TlsError> {
    let key = "client_auth_type";
    let auth = match word.filter(|word| !word.is_empty()) {
        None => ClientAuth::NoClientCert,
        Some(word) => ClientAuth::named(word).ok_or_else(|| {
            let choice = listed(ClientAuth::ALL.iter().map(|auth| auth.as_str()));
            TlsError::new(key, format!("{word:?} is none: choose {choice}"))
        })?,
    };
    match authorities {
        None if auth.verifies() => Err(TlsError::new(
            "client_ca_file",
            format!("{auth} needs this: name the authority of the clients' certificates"),
        )),
        Some(source) if auth == ClientAuth::NoClientCert => Err(TlsError::new(
            key,
            format!(
                "{} is given, and clients are not asked for certificates: choose {}",
                source.key,
                ClientAuth::RequireAndVerifyClientCert
            ),
        )),
        _ => Ok(auth),
    }
}

fn check_names(names: &[String], auth: ClientAuth) -> Result<(), TlsError> {
    let key = "client_allowed_sans";
    if names.is_empty() {
        let why = "this allows nobody: name one, or leave it out";
        return Err(TlsError::new(key, why));
    }
    if !auth.requires() {
        let why = format!(
            "with {auth} a client need not show a certificate: choose {}",
            ClientAuth::RequireAndVerifyClientCert
        );
        return Err(TlsError::new(key, why));
    }
    Ok(())
}

impl Terms {
    /// What whoever wrote the form should know.
    pub(super) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(super) const fn verifies_every_client(&self) -> bool {
        matches!(self.auth, ClientAuth::RequireAndVerifyClientCert)
    }

    /// Where the certificate stands.
    pub(super) const fn certificate(&self) -> &Source {
        &self.certificate
    }

    /// What the files are like now.
    pub(super) fn stamps(&self) -> Stamps {
        let sources = [&self.certificate, &self.key].into_iter();
        sources
            .chain(&self.authorities)
            .map(Source::stamp)
            .collect()
    }

    /// What to answer with, by what is in the files now, and how long the certificate is valid.
    pub(super) fn read(&self) -> Result<(ServerConfig, Option<Validity>), TlsError> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&self.versions)
            .map_err(|error| TlsError::new("cipher_suites", error.to_string()))?;
        let builder = if self.auth == ClientAuth::NoClientCert {
            builder.with_no_client_auth()
        } else {
            let authorities = self.authorities.as_ref();
            let names = self.names.as_deref();
            let clients = Clients::new(self.auth, authorities, names, &self.provider)?;
            builder.with_client_cert_verifier(Arc::new(clients))
        };
        let certificates = self.certificate.certificates()?;
        let validity = certificates.first().and_then(Validity::of);
        let key = self.key.private_key()?;
        let pair = CertifiedKey::from_der(certificates, key, &self.provider);
        let pair = pair.map_err(|error| self.unfit(&error))?;
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.ignore_client_order = self.prefers_own_order;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok((config, validity))
    }

    fn unfit(&self, error: &Error) -> TlsError {
        match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => self.key.wrong(format!(
                "this is not the key of the certificate in {}: name the two that belong together",
                self.certificate
            )),
            Error::InvalidCertificate(why) => {
                let why = format!("the certificate cannot be used ({why:?}): it must be of X.509 version 3");
                self.certificate.wrong(why)
            }
            other => self.key.wrong(format!(
                "the key cannot be used ({other}): take one of RSA with 2048 bits or more, ECDSA (P-256, P-384) or Ed25519"
            )),
        }
    }
}
