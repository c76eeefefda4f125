//! The threads that enter namespaces.
//!
//! Two plain threads take jobs from queues. A job may enter a namespace and is brought home afterwards, even when it
//! panics, since a thread left inside would keep that namespace alive. A client's jobs always go to the same thread and
//! so run in the order in which they were sent, whether or not anybody still waits for the earlier ones. Home is the
//! namespace of the thread that called [`Workers::start`]: new threads inherit it.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::{mpsc as async_mpsc, oneshot};

use super::sysctl::Sysctls;
use crate::netlink::Netlink;
use crate::netns::Home;
use lanherd_types::identity::ClientNumber;

/// How many threads: the kernel makes two namespaces at once about 1.6 times as fast as one after the other, and gains
/// nothing from more, since links are made one at a time.
const THREADS: usize = 2;

/// What a job finds on its thread.
pub(super) struct Bench {
    pub home: Home,
    /// A conversation about home.
    pub netlink: Netlink,
    /// The way to settings of the namespace that the thread is in.
    pub sysctls: Sysctls,
    /// The runtime that drives the sockets that jobs open.
    pub runtime: Handle,
}

impl Bench {
    fn new(runtime: Handle) -> io::Result<Self> {
        Ok(Self {
            home: Home::here()?,
            netlink: Netlink::open()?,
            sysctls: Sysctls::default(),
            runtime,
        })
    }
}

type Job = Box<dyn FnOnce(&mut Bench) + Send>;

/// The thread is gone: the LAN was closed, or the kernel did not let the thread return home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the thread that enters namespaces is gone; close this LAN and open it anew")]
pub(super) struct WorkerGone;

/// The queues of the threads.
pub(super) struct Workers {
    queues: Mutex<Vec<mpsc::Sender<Job>>>,
    ended: tokio::sync::Mutex<async_mpsc::Receiver<()>>,
}

impl Workers {
    /// Starts the threads; sockets that jobs open are driven by `runtime`.
    pub fn start(runtime: &Handle) -> io::Result<Self> {
        let (alive, ended) = async_mpsc::channel(1);
        let queues = (0..THREADS)
            .map(|number| {
                let (queue, jobs) = mpsc::channel();
                let bench = Bench::new(runtime.clone())?;
                let alive = alive.clone();
                thread::Builder::new()
                    .name(format!("lanherd-ns-{number}"))
                    .spawn(move || {
                        work(bench, &jobs);
                        drop(alive);
                    })?;
                Ok(queue)
            })
            .collect::<io::Result<_>>()?;
        Ok(Self {
            queues: Mutex::new(queues),
            ended: tokio::sync::Mutex::new(ended),
        })
    }

    /// Queues a job of client `number`; once polled, the job runs even if the future is dropped.
    pub async fn run<R: Send + 'static>(
        &self,
        number: ClientNumber,
        job: impl FnOnce(&mut Bench) -> R + Send + 'static,
    ) -> Result<R, WorkerGone> {
        let (answer, answered) = oneshot::channel();
        self.post(number, move |bench| {
            // Nobody waits for it any more: then the result is dropped here.
            let _ = answer.send(job(bench));
        });
        answered.await.map_err(|_| WorkerGone)
    }

    /// Queues a job of client `number` whose result nobody waits for.
    pub fn post(&self, number: ClientNumber, job: impl FnOnce(&mut Bench) + Send + 'static) {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(queue) = queues.get(number.0 as usize % THREADS) {
            // A thread that is gone drops the job, and so answers.
            let _ = queue.send(Box::new(job));
        }
    }

    /// Ends the threads after the jobs that are queued, and waits for it.
    pub async fn stop(&self) {
        self.queues
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        // Nothing is ever sent: this waits for the last thread to drop its end.
        let _ = self.ended.lock().await.recv().await;
    }
}

fn work(mut bench: Bench, jobs: &mpsc::Receiver<Job>) {
    while let Ok(job) = jobs.recv() {
        if catch_unwind(AssertUnwindSafe(|| job(&mut bench))).is_err() {
            tracing::error!("a job in a namespace panicked; only its client is affected");
            if let Err(error) = bench.home.return_to() {
                tracing::error!(%error, "a thread cannot return to its own namespace and ends");
                return;
            }
        }
    }
}
