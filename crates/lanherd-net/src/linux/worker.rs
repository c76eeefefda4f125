//! The threads that enter namespaces.
//!
//! Two plain threads take jobs from queues. A job may enter a namespace and is brought home afterwards, even when it
//! panics, since a thread left inside would keep that namespace alive. A client's jobs always go to the same thread and
//! so run in the order in which they were sent, whether or not anybody still waits for the earlier ones. Home is the
//! namespace of the thread that called [`Workers::start`]: new threads inherit it.
//!
//! A call that waits for the kernel's lock of network settings (RTNL) cannot be interrupted, by a signal or by a limit of the
//! socket's. So whoever waits for a job stops waiting when the thread has been at one job for too long; the thread itself
//! is left to the kernel, and goes on with its queue if that answers after all.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{mpsc as async_mpsc, oneshot};
use tokio::time::timeout;

use super::sysctl::Sysctls;
use crate::netlink::{Netlink, RTNL_LIMIT};
use crate::netns::Home;
use lanherd_types::identity::ClientNumber;

/// How many threads: the kernel makes two namespaces at once about 1.6 times as fast as one after the other, and gains
/// nothing from more, since links are made one at a time.
const THREADS: usize = 2;

/// What a worker's thread lends to each job.
pub(super) struct WorkerContext {
    /// The namespace that the thread returns to after each job.
    pub home: Home,
    /// A netlink socket in the home namespace.
    pub netlink: Netlink,
    /// Writes the settings of the namespace that the thread is in.
    pub sysctls: Sysctls,
    /// The runtime that drives the sockets that jobs open.
    pub runtime: Handle,
}

impl WorkerContext {
    fn new(runtime: Handle) -> io::Result<Self> {
        Ok(Self {
            home: Home::here()?,
            netlink: Netlink::open()?,
            sysctls: Sysctls::default(),
            runtime,
        })
    }
}

type Job = Box<dyn FnOnce(&mut WorkerContext) + Send>;

/// After how much of the limit it is told that a job takes long.
const PATIENCE: u32 = 6;
/// How often a wait looks whether its thread goes on.
const LOOK: Duration = Duration::from_secs(1);

/// Why a job's result is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum WorkerError {
    /// The thread is gone: the LAN was closed, or the kernel did not let the thread return home.
    #[error("the thread that enters namespaces is gone; close this LAN and open it anew")]
    Gone,
    /// The kernel does not answer the thread.
    #[error(
        "the kernel has not finished a call of lanherd's for {} s: something on this machine holds its lock of network \
         settings; dmesg may say what, and lanherd clean removes what is left once it is over", .0.as_secs()
    )]
    Stuck(Duration),
}

/// The job that a thread is at, and since when.
#[derive(Debug, Default)]
struct JobProgress(Mutex<Option<Current>>);

#[derive(Debug, Clone, Copy)]
struct Current {
    since: Instant,
    has_been_told: bool,
}

impl JobProgress {
    fn set(&self, current: Option<Current>) {
        *self.0.lock() = current;
    }

    /// Fails if the thread has been at one job for longer than `limit`; tells once that a job takes long.
    fn check(&self, limit: Duration) -> Result<(), WorkerError> {
        let mut current = self.0.lock();
        let Some(current) = current.as_mut() else {
            return Ok(());
        };
        let lasts = current.since.elapsed();
        if lasts >= limit {
            return Err(WorkerError::Stuck(lasts));
        }
        if lasts >= limit / PATIENCE && !current.has_been_told {
            current.has_been_told = true;
            tracing::warn!(
                "the kernel has not finished a call of lanherd's for {} s: something holds its lock of network settings",
                lasts.as_secs()
            );
        }
        Ok(())
    }
}

struct Worker {
    queue: Option<mpsc::Sender<Job>>,
    progress: Arc<JobProgress>,
}

/// The threads, and their queues.
pub(super) struct Workers {
    threads: Mutex<Vec<Worker>>,
    ended: tokio::sync::Mutex<async_mpsc::Receiver<()>>,
    limit: Duration,
}

impl Workers {
    /// Starts the threads; sockets that jobs open are driven by `runtime`.
    pub fn start(runtime: &Handle) -> io::Result<Self> {
        Self::start_with_limit(runtime, RTNL_LIMIT)
    }

    fn start_with_limit(runtime: &Handle, limit: Duration) -> io::Result<Self> {
        let (alive, ended) = async_mpsc::channel(1);
        let threads = (0..THREADS)
            .map(|number| {
                let (queue, jobs) = mpsc::channel();
                let progress = Arc::new(JobProgress::default());
                let context = WorkerContext::new(runtime.clone())?;
                let (alive, at) = (alive.clone(), Arc::clone(&progress));
                thread::Builder::new()
                    .name(format!("lanherd-ns-{number}"))
                    .spawn(move || {
                        work(context, &jobs, &at);
                        at.set(None);
                        drop(alive);
                    })?;
                Ok(Worker {
                    queue: Some(queue),
                    progress,
                })
            })
            .collect::<io::Result<_>>()?;
        Ok(Self {
            threads: Mutex::new(threads),
            ended: tokio::sync::Mutex::new(ended),
            limit,
        })
    }

    /// Queues a job of client `number`; once polled, the job runs even if the future is dropped, or has given up waiting.
    pub async fn run<R: Send + 'static>(
        &self,
        number: ClientNumber,
        job: impl FnOnce(&mut WorkerContext) -> R + Send + 'static,
    ) -> Result<R, WorkerError> {
        let (answer, answered) = oneshot::channel();
        let progress = self.queue(
            number,
            Box::new(move |context| {
                // Nobody waits for it any more: then the result is dropped here.
                let _ = answer.send(job(context));
            }),
        );
        let mut answered = pin!(answered);
        loop {
            match timeout(LOOK.min(self.limit), &mut answered).await {
                Ok(answer) => return answer.map_err(|_| WorkerError::Gone),
                Err(_) => progress.check(self.limit)?,
            }
        }
    }

    /// Queues a job of client `number` whose result nobody waits for.
    pub fn post(
        &self,
        number: ClientNumber,
        job: impl FnOnce(&mut WorkerContext) + Send + 'static,
    ) {
        self.queue(number, Box::new(job));
    }

    fn queue(&self, number: ClientNumber, job: Job) -> Arc<JobProgress> {
        let threads = self.threads.lock();
        let thread = &threads[number.0 as usize % THREADS];
        if let Some(queue) = &thread.queue {
            // A thread that is gone drops the job, and so answers.
            let _ = queue.send(job);
        }
        Arc::clone(&thread.progress)
    }

    /// Ends the threads after the jobs that are queued, and waits for it, unless one is stuck.
    pub async fn stop(&self) -> Result<(), WorkerError> {
        let progress: Vec<_> = {
            let mut threads = self.threads.lock();
            let end = |thread: &mut Worker| {
                thread.queue = None;
                Arc::clone(&thread.progress)
            };
            threads.iter_mut().map(end).collect()
        };
        let mut ended = self.ended.lock().await;
        // Nothing is ever sent: this waits for the last thread to drop its end.
        while timeout(LOOK.min(self.limit), ended.recv()).await.is_err() {
            for thread in &progress {
                thread.check(self.limit)?;
            }
        }
        Ok(())
    }
}

fn work(mut context: WorkerContext, jobs: &mpsc::Receiver<Job>, progress: &JobProgress) {
    while let Ok(job) = jobs.recv() {
        progress.set(Some(Current {
            since: Instant::now(),
            has_been_told: false,
        }));
        if catch_unwind(AssertUnwindSafe(|| job(&mut context))).is_err() {
            tracing::error!("a job in a namespace panicked; only its client is affected");
            if let Err(error) = context.home.return_to() {
                tracing::error!(%error, "a thread cannot return to its own namespace and ends");
                return;
            }
        }
        progress.set(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(200);

    /// No test can hold the kernel's lock without stopping the whole machine: a job that waits stands for a call that does.
    #[tokio::test]
    async fn who_waits_for_a_thread_that_the_kernel_does_not_answer_is_told_and_the_others_go_on() {
        let workers = Workers::start_with_limit(&Handle::current(), SOON).expect("threads");
        let (release, held) = mpsc::channel::<()>();
        let stuck = workers.run(ClientNumber(0), move |_| held.recv()).await;
        assert!(matches!(stuck, Err(WorkerError::Stuck(lasts)) if lasts >= SOON));
        let behind = workers.run(ClientNumber(2), |_| ()).await;
        assert!(matches!(behind, Err(WorkerError::Stuck(_))));
        assert_eq!(workers.run(ClientNumber(1), |_| 7).await, Ok(7));

        release.send(()).expect("the job is waiting");
        assert_eq!(workers.run(ClientNumber(0), |_| 8).await, Ok(8));
        assert_eq!(workers.stop().await, Ok(()));
        assert_eq!(
            workers.run(ClientNumber(0), |_| ()).await,
            Err(WorkerError::Gone)
        );
    }

    #[tokio::test]
    async fn the_end_waits_for_no_thread_that_the_kernel_does_not_answer() {
        let workers = Workers::start_with_limit(&Handle::current(), SOON).expect("threads");
        let (_release, held) = mpsc::channel::<()>();
        workers.post(ClientNumber(1), move |_| {
            let _ = held.recv();
        });
        assert!(matches!(workers.stop().await, Err(WorkerError::Stuck(_))));
    }
}
