//! Which clients may come in by their certificates.

use std::net::IpAddr;
use std::sync::Arc;

use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::TlsError;
use super::material::Source;
use crate::words;

words! {
    /// What is asked of clients: the words of Go's `crypto/tls`.
    ClientAuth {
        /// No certificate is asked for.
        NoClientCert = "NoClientCert",
        /// A certificate, which need not be sent, and may be anybody's.
        RequestClientCert = "RequestClientCert",
        /// A certificate, which may be anybody's.
        RequireAnyClientCert = "RequireAnyClientCert",
        /// A certificate, which need not be sent; one that is must be of a known authority.
        VerifyClientCertIfGiven = "VerifyClientCertIfGiven",
        /// A certificate of a known authority.
        RequireAndVerifyClientCert = "RequireAndVerifyClientCert",
    }
}

impl ClientAuth {
    /// By its word.
    pub(super) fn named(word: &str) -> Option<Self> {
        // What Prometheus called it once, and still takes.
        if word == "RequireClientCert" {
            return Some(Self::RequireAnyClientCert);
        }
        Self::ALL.iter().copied().find(|one| one.as_str() == word)
    }

    pub(super) const fn verifies(self) -> bool {
        matches!(
            self,
            Self::VerifyClientCertIfGiven | Self::RequireAndVerifyClientCert
        )
    }

    pub(super) const fn requires(self) -> bool {
        matches!(
            self,
            Self::RequireAnyClientCert | Self::RequireAndVerifyClientCert
        )
    }
}

/// Whether a certificate may be used by a client, as `tls_server_config` says.
#[derive(Debug)]
pub(super) struct Clients {
    auth: ClientAuth,
    /// Of the known authorities, where certificates are verified.
    chain: Option<Arc<dyn ClientCertVerifier>>,
    /// The names of the known authorities, so that a client can choose among its certificates.
    hints: Vec<DistinguishedName>,
    /// The names one of which it must have.
    names: Option<Vec<String>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Clients {
    /// The authorities are read now.
    pub(super) fn new(
        auth: ClientAuth,
        authorities: Option<&Source>,
        names: Option<&[String]>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        if let Some(source) = authorities {
            for certificate in source.certificates()? {
                let added = roots.add(certificate);
                added.map_err(|error| {
                    source.wrong(format!("a certificate in it is none: {error}"))
                })?;
            }
        }
        let hints = roots.subjects();
        let chain = match authorities {
            Some(source) if auth.verifies() => {
                let roots = Arc::new(roots);
                let builder =
                    WebPkiClientVerifier::builder_with_provider(roots, Arc::clone(provider));
                Some(builder.build().map_err(|error| source.wrong(error))?)
            }
            _ => None,
        };
        Ok(Self {
            auth,
            chain,
            hints,
            names: names.map(<[_]>::to_vec),
            algorithms: provider.signature_verification_algorithms,
        })
    }
}

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        self.auth.requires()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(chain) = &self.chain {
            chain.verify_client_cert(certificate, others, now)?;
        }
        match &self.names {
            Some(names) if !bears(certificate, names)? => {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
            _ => Ok(ClientCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whether one of a certificate's alternative names (RFC 5280, 4.2.1.6) is exactly one of these: a name of DNS, an address, an
/// e-mail address or a URI.
fn bears(certificate: &CertificateDer<'_>, names: &[String]) -> Result<bool, Error> {
    let malformed = |_| Error::from(CertificateError::BadEncoding);
    let certificate = Certificate::from_der(certificate).map_err(malformed)?;
    let own = certificate
        .tbs_certificate()
        .get_extension::<SubjectAltName>()
        .map_err(malformed)?;
    let Some((_, SubjectAltName(own))) = own else {
        return Ok(false);
    };
    Ok(own.iter().any(|own| match own {
        GeneralName::DnsName(name)
        | GeneralName::Rfc822Name(name)
        | GeneralName::UniformResourceIdentifier(name) => {
            names.iter().any(|wanted| wanted == name.as_str())
        }
        GeneralName::IpAddress(octets) => address(octets.as_bytes())
            .is_some_and(|own| names.iter().any(|wanted| wanted.parse() == Ok(own))),
        _ => false,
    }))
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    four.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}
