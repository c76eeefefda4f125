//! TLS for a server, as the `tls_server_config` of Prometheus' `web.config` asks for it.
//!
//! Certificate, key and the authorities of clients are read anew when their files change, which is looked for at each
//! handshake, apart from the reactor: a herd that is soaked for days outlives a certificate of a day. What is wrong with new
//! files is told once, and what was read before holds on. No session is resumed, so that each client is verified by what is
//! in the files now.

mod algorithms;
mod clients;
mod form;
mod material;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::{Mutex, MutexGuard};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::Acceptor;
pub use tokio_rustls::server::TlsStream;

pub(crate) use self::form::Form;
use self::form::Terms;
pub(crate) use self::material::{EVERYBODY, is_open_to_all};
use self::material::{Stamps, Validity};

/// How long a client may take to read why it was refused.
const PARTING: Duration = Duration::from_millis(500);
/// How many bytes of a refused client are still read.
const PARTING_BYTES: u64 = 16 * 1024;

/// What is wrong with a `tls_server_config`, or with a file that it names.
#[derive(Debug, thiserror::Error)]
#[error("tls_server_config.{key}: {why}")]
pub(crate) struct TlsError {
    /// The key that is most to blame.
    key: &'static str,
    /// The reason, and what to do.
    why: String,
}

impl TlsError {
    fn new(key: &'static str, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { key, why }
    }
}

/// A connection, after its first bytes.
pub enum Opened {
    /// The handshake is over, and the client is one that may come in.
    Tls(Box<TlsStream<TcpStream>>),
    /// It speaks without TLS, as HTTP does; nothing has been read of it.
    Plain(TcpStream),
}

/// What TLS needs, kept up to date.
pub struct Tls {
    terms: Terms,
    current: Mutex<Current>,
    /// Held by whoever looks at the files: where they cannot be reached any more, only one thread hangs.
    look: Arc<tokio::sync::Mutex<()>>,
}

struct Current {
    config: Arc<ServerConfig>,
    validity: Option<Validity>,
    /// What the files were like when they were read last, with success or not.
    seen: Stamps,
    has_told_expiry: bool,
}

impl Tls {
    /// What a `tls_server_config` asks for; relative paths in it are relative to `folder`. Says what is ignored, and what to
    /// think of.
    pub(crate) fn new(form: Form, folder: &Path) -> Result<Self, TlsError> {
        let terms = form.into_terms(folder)?;
        for warning in terms.warnings() {
            tracing::warn!("{warning}");
        }
        let seen = terms.stamps();
        let (config, validity) = terms.read()?;
        let tls = Self {
            terms,
            current: Mutex::new(Current {
                config: Arc::new(config),
                validity,
                seen,
                has_told_expiry: false,
            }),
            look: Arc::default(),
        };
        tls.watch_validity(SystemTime::now());
        Ok(tls)
    }

    /// Whether every client has shown a certificate of one of the named authorities.
    pub fn verifies_every_client(&self) -> bool {
        self.terms.verifies_every_client()
    }

    /// The handshake. It may take for ever: the caller says how long it may.
    ///
    /// # Errors
    /// What went wrong with it; the client has been told, if it could be.
    pub async fn open(self: &Arc<Self>, stream: TcpStream) -> io::Result<Opened> {
        let mut first = [0];
        if stream.peek(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // No TLS record begins with a letter (RFC 8446, 5.1), and every request of HTTP does.
        if first[0].is_ascii_alphabetic() {
            return Ok(Opened::Plain(stream));
        }
        let mut acceptor = LazyConfigAcceptor::new(Acceptor::default(), stream);
        let hello = match (&mut acceptor).await {
            Ok(hello) => hello,
            Err(error) => {
                part(acceptor.take_io()).await;
                return Err(error);
            }
        };
        let config = self.config().await;
        match hello.into_stream(config).into_fallible().await {
            Ok(stream) => Ok(Opened::Tls(Box::new(stream))),
            Err((error, stream)) => {
                part(Some(stream)).await;
                Err(error)
            }
        }
    }

    /// As the files are now, if they can be looked at.
    async fn config(self: &Arc<Self>) -> Arc<ServerConfig> {
        if let Ok(turn) = Arc::clone(&self.look).try_lock_owned() {
            let this = Arc::clone(self);
            let look = move || {
                this.look_at_files();
                drop(turn);
            };
            // It fails only if the runtime is ending.
            let _ = tokio::task::spawn_blocking(look).await;
        }
        Arc::clone(&self.current().config)
    }

    fn look_at_files(&self) {
        let stamps = self.terms.stamps();
        if stamps != self.current().seen {
            let read = self.terms.read();
            let mut current = self.current();
            current.seen = stamps;
            match read {
                Ok((config, validity)) => {
                    current.config = Arc::new(config);
                    current.validity = validity;
                    current.has_told_expiry = false;
                    let until = validity.map(Validity::until);
                    tracing::info!(until, "the certificate of the metrics was read anew");
                }
                Err(error) => tracing::warn!(
                    "the new certificate is not used, and the one before is kept: {error}"
                ),
            }
        }
        self.watch_validity(SystemTime::now());
    }

    /// Says once that clients will not believe the certificate.
    fn watch_validity(&self, now: SystemTime) {
        let mut current = self.current();
        let trouble = current.validity.and_then(|validity| validity.trouble(now));
        if let Some(trouble) = trouble
            && !current.has_told_expiry
        {
            current.has_told_expiry = true;
            tracing::warn!(
                "{}: {trouble}, so clients will refuse it: {}",
                self.terms.certificate(),
                self.terms.certificate().renewal()
            );
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock()
    }
}

/// Keys are not shown.
impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

/// Ends a connection so that the client can read why: what it is still sending would else reset the connection, and take the
/// alert with it.
async fn part(stream: Option<TcpStream>) {
    let Some(mut stream) = stream else { return };
    let last_words = async {
        stream.shutdown().await?;
        let mut rest = stream.take(PARTING_BYTES);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    let _ = timeout(PARTING, last_words).await;
}

#[cfg(test)]
pub(crate) mod tests;
