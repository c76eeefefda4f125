//! The other end of the socket: asks a pool, and waits for its answer.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::protocol::{Answer, Request, write};
use crate::identity::PoolName;
use crate::lan::exec::{ExecError, Process};
use crate::lan::running_pools::RunningPool;

/// Why there is no answer to go by.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody listens on the pool's socket.
    #[error(
        "pool {0} cannot be asked: it is just coming or going (try again in some seconds), or a demo"
    )]
    Deaf(PoolName),
    /// The pool has refused, and done nothing.
    #[error("{0}")]
    Refused(String),
    /// The pool ended before it answered.
    #[error("pool {0} ended before it answered")]
    Ended(PoolName),
    /// It took too long.
    #[error("pool {0} did not answer in time")]
    Timeout(PoolName),
    /// Its answer makes no sense here.
    #[error(
        "pool {pool} answered what this program does not understand: {error}; use the lanherd that started it"
    )]
    Strange {
        /// The pool that was asked.
        pool: PoolName,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// The socket broke.
    #[error("pool {pool} cannot be asked: {error}")]
    Io {
        /// The pool that was asked.
        pool: PoolName,
        /// What went wrong with the socket.
        #[source]
        error: io::Error,
    },
}

/// A connection to a pool.
#[derive(Debug)]
pub struct Caller {
    pool: PoolName,
    reader: BufReader<UnixStream>,
}

impl Caller {
    /// Connects to a running pool.
    pub fn call(running: &RunningPool) -> Result<Self, CallError> {
        let pool = running.pool.clone();
        match running.connect() {
            Ok(stream) => Ok(Self {
                pool,
                reader: BufReader::new(stream),
            }),
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused
                ) =>
            {
                Err(CallError::Deaf(pool))
            }
            Err(error) => Err(CallError::Io { pool, error }),
        }
    }

    /// The process that runs the pool.
    pub fn process(&self) -> Result<Process, ExecError> {
        Process::behind(self.reader.get_ref())
    }

    /// Asks, and waits for the answer, for so long at most.
    pub fn ask(&mut self, request: &Request, patience: Duration) -> Result<Answer, CallError> {
        let line = write(request).map_err(|error| self.strange(error))?;
        let stream = self.reader.get_mut();
        stream
            .set_read_timeout(Some(patience))
            .and_then(|()| stream.write_all(line.as_bytes()))
            .or_else(|error| match error.kind() {
                // The pool has hung up, and perhaps said why.
                ErrorKind::BrokenPipe => Ok(()),
                _ => Err(error),
            })
            .map_err(|error| self.io(error))?;
        match self.hear()? {
            Some(Answer::Error(why)) => Err(CallError::Refused(why)),
            Some(answer) => {
                // What may follow are events, and those come when they come.
                let endless = self.reader.get_ref().set_read_timeout(None);
                endless.map_err(|error| self.io(error))?;
                Ok(answer)
            }
            None => Err(CallError::Ended(self.pool.clone())),
        }
    }

    /// The next line that the pool says by itself; `None` when it has ended.
    pub fn hear(&mut self) -> Result<Option<Answer>, CallError> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) => Ok(None),
            Ok(_) => serde_json::from_str(&line)
                .map(Some)
                .map_err(|error| self.strange(error)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                Err(CallError::Timeout(self.pool.clone()))
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(None),
            Err(error) => Err(self.io(error)),
        }
    }

    fn strange(&self, error: serde_json::Error) -> CallError {
        CallError::Strange {
            pool: self.pool.clone(),
            error,
        }
    }

    fn io(&self, error: io::Error) -> CallError {
        CallError::Io {
            pool: self.pool.clone(),
            error,
        }
    }
}
