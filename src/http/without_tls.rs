//! What stands for a `web.config` in a build without the feature `tls`: it is refused, so nothing that it asks for exists.

#![allow(clippy::unused_async, reason = "they stand for functions that wait")]

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hyper::header::{HeaderName, HeaderValue};
use tokio::net::TcpStream;

/// There is no TLS.
#[derive(Debug)]
pub enum Tls {}

/// There are no users.
#[derive(Debug)]
pub enum Users {}

/// What would be asked for.
pub struct WebConfig {
    pub users: Option<Users>,
    pub tls: Option<Arc<Tls>>,
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// Why a `web.config` is not taken.
#[derive(Debug, thiserror::Error)]
#[error("{0}: this lanherd was built without TLS and logins: build it with the feature tls")]
pub struct WebConfigError(PathBuf);

/// A connection after its first bytes.
#[expect(dead_code, reason = "nothing is opened")]
pub enum Opened {
    Tls(TcpStream),
    Plain(TcpStream),
}

/// What would be spoken on.
pub type Stream = TcpStream;

impl WebConfig {
    pub fn read(path: &Path) -> Result<Self, WebConfigError> {
        Err(WebConfigError(path.to_owned()))
    }
}

impl Tls {
    pub const fn verifies_every_client(&self) -> bool {
        match *self {}
    }

    pub async fn open(self: &Arc<Self>, _: TcpStream) -> io::Result<Opened> {
        match **self {}
    }
}

impl Users {
    pub async fn admits(&self, _: Option<&HeaderValue>) -> bool {
        match *self {}
    }
}
