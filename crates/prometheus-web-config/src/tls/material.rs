//! Certificates and keys in PEM (RFC 7468), in files or in the `web.config` itself.

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::TlsError;

/// The largest file, in bytes: a bundle of all public authorities has 250 KB.
const MOST: u64 = 1024 * 1024;

/// Where something in PEM stands.
#[derive(Clone)]
pub(super) struct Source {
    /// The key that says so.
    pub(super) key: &'static str,
    place: Place,
}

#[derive(Clone)]
enum Place {
    File(PathBuf),
    Inline(String),
}

/// What a file was like: it has changed where this has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// Of its owner and mode, too.
    changed: (i64, i64),
}

/// Those of all files, in order; `None`: it was not there.
pub(super) type Stamps = Vec<Option<Stamp>>;

impl Source {
    /// Of a pair of keys one of which may be given.
    pub(super) fn new(
        (file_key, file): (&'static str, Option<PathBuf>),
        (inline_key, inline): (&'static str, Option<String>),
        folder: &Path,
    ) -> Result<Option<Self>, TlsError> {
        let file = file.filter(|file| !file.as_os_str().is_empty());
        let inline = inline.filter(|text| !text.is_empty());
        let (key, place) = match (file, inline) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                let why = format!("{inline_key} is given, too: choose one");
                return Err(TlsError::new(file_key, why));
            }
            (Some(file), None) => (file_key, Place::File(folder.join(file))),
            (None, Some(text)) => (inline_key, Place::Inline(text)),
        };
        Ok(Some(Self { key, place }))
    }

    /// What the file is like now.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        let Place::File(path) = &self.place else {
            return None;
        };
        let metadata = fs::metadata(path).ok()?;
        Some(Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// An error about it.
    pub(super) fn wrong(&self, why: impl fmt::Display) -> TlsError {
        let why = match &self.place {
            Place::File(path) => format!("{}: {why}", path.display()),
            Place::Inline(_) => why.to_string(),
        };
        TlsError::new(self.key, why)
    }

    /// How to put another there.
    pub(super) const fn renewal(&self) -> &'static str {
        match self.place {
            Place::File(_) => "put a new one there, which is read at once",
            Place::Inline(_) => "put a new one there, and start again",
        }
    }

    /// One certificate or more.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        let pem = self.pem(false)?;
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .map_err(|error| self.wrong(format!("it is not in PEM: {error}")))?;
        if certificates.is_empty() {
            let remedy =
                "there is no certificate in it: it begins with -----BEGIN CERTIFICATE-----";
            return Err(self.wrong(remedy));
        }
        Ok(certificates)
    }

    /// A private key.
    pub(super) fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let pem = self.pem(true)?;
        let text = String::from_utf8_lossy(&pem);
        if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
            || text.contains("Proc-Type: 4,ENCRYPTED")
        {
            let remedy = "the key is encrypted, and nobody could be asked for its password: decrypt it with \
                          openssl pkey -in KEY -out PLAIN, and chmod 600 that";
            return Err(self.wrong(remedy));
        }
        PrivateKeyDer::pem_slice_iter(&pem)
            .next()
            .ok_or_else(|| {
                self.wrong(
                    "there is no private key in it: it begins with -----BEGIN PRIVATE KEY-----",
                )
            })?
            .map_err(|error| self.wrong(format!("it is not in PEM: {error}")))
    }

    fn pem(&self, is_secret: bool) -> Result<Vec<u8>, TlsError> {
        let path = match &self.place {
            Place::Inline(text) => return Ok(text.clone().into_bytes()),
            Place::File(path) => path,
        };
        let unreadable = |error| self.wrong(format!("it cannot be read: {error}"));
        // Before it is opened: to open a pipe is to wait for its other end.
        if !fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(self.wrong("this is no file: name one in PEM"));
        }
        let file = File::open(path).map_err(unreadable)?;
        if is_secret && is_open_to_all(file.metadata().map_err(unreadable)?.mode()) {
            return Err(self.wrong(EVERYBODY));
        }
        let mut pem = Vec::new();
        file.take(MOST + 1)
            .read_to_end(&mut pem)
            .map_err(unreadable)?;
        if pem.len() as u64 > MOST {
            return Err(self.wrong("it is larger than 1 MiB: leave out what is not needed"));
        }
        Ok(pem)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::File(path) => write!(f, "{}", path.display()),
            Place::Inline(_) => write!(f, "tls_server_config.{}", self.key),
        }
    }
}

/// Why a key is not taken. A group may read it: Debian's `ssl-cert` is made for this.
pub(crate) const EVERYBODY: &str = "everybody on this machine can read the key: chmod o= it";

/// Whether a file of this mode can be read or written by everybody.
pub(crate) const fn is_open_to_all(mode: u32) -> bool {
    mode & 0o006 != 0
}

/// From when to when a certificate is valid (RFC 5280, 4.1.2.5).
#[derive(Debug, Clone, Copy)]
pub(super) struct Validity {
    from: SystemTime,
    until: SystemTime,
}

impl Validity {
    /// That of a certificate, if it can be read.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let certificate = Certificate::from_der(certificate).ok()?;
        let validity = certificate.tbs_certificate().validity();
        Some(Self {
            from: validity.not_before.to_system_time(),
            until: validity.not_after.to_system_time(),
        })
    }

    /// Its end, for people.
    pub(super) fn until(self) -> String {
        humantime::format_rfc3339_seconds(self.until).to_string()
    }

    /// Why it is not valid now.
    pub(super) fn trouble(self, now: SystemTime) -> Option<String> {
        let written = humantime::format_rfc3339_seconds;
        if now > self.until {
            Some(format!(
                "the certificate has expired at {}",
                written(self.until)
            ))
        } else if now < self.from {
            Some(format!(
                "the certificate is valid from {} only",
                written(self.from)
            ))
        } else {
            None
        }
    }
}
