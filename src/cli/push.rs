//! What leaves a run by itself: metrics that are pushed, since a run of seconds is over before it is scraped, and failures that
//! are told to a program or a server.
//!
//! A process of its own sends it, which is started before the run goes into its sandbox: on the lab the run itself reaches
//! nothing but the lab. It is told over a pipe, and ends when that does, whatever became of the run.

mod failures;
mod sender;
mod target;

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use lanherd::identity::PoolName;
use lanherd::metrics::Metrics;
use lanherd::pool::Event;
use lanherd::scenario::Timespan;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

use self::failures::FailureFilter;
pub use self::sender::{is_sender, run as send};
use self::target::{Hook, PushTarget};
use super::exit::Exit;
use super::screen::Screen;

/// How long the sender may take to send what is left when the run is over: longer than it gives itself.
const PATIENCE: Duration = Duration::from_secs(40);

/// What the sender is started with, as its only argument. It is not for users.
pub const SENDER: &str = "push-sender";

/// What leaves a run by itself.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Told by itself")]
pub struct PushOptions {
    /// Push the metrics to this Pushgateway at the end, and at intervals, such as <http://127.0.0.1:9091>
    ///
    /// They are put at /metrics/job/lanherd/pool/NAME there, unless the URL names a job.
    #[arg(long, value_name = "URL", value_parser = PushTarget::gateway)]
    push_gateway: Option<PushTarget>,
    /// Push the metrics by OTLP over HTTP (JSON) at the end, and at intervals, such as <http://127.0.0.1:4318>
    ///
    /// They are posted to /v1/metrics there, unless the URL has a path.
    #[arg(long, value_name = "URL", value_parser = PushTarget::otlp)]
    push_otlp: Option<PushTarget>,
    /// How often metrics are pushed while the run goes on
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = push_interval)]
    push_every: Timespan,
    /// Tell this command, on its standard input, or this URL, by POST, of failures in JSON; may be given again
    ///
    /// That is: clients that fail or are given up, families that go down, outages, and the end of a run that did not pass.
    /// The same is told once a minute at most, with how often it happened meanwhile.
    #[arg(long, value_name = "COMMAND|URL", value_parser = Hook::read)]
    on_failure: Vec<Hook>,
}

fn push_interval(text: &str) -> Result<Timespan, String> {
    let span: Timespan = text.parse().map_err(|error| format!("{error}"))?;
    if span.0 < Duration::from_secs(1) {
        return Err("metrics are pushed once a second at most: write 1s, or more".to_owned());
    }
    Ok(span)
}

/// What the sender is told, a line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Parcel {
    /// Where to: the first of all.
    To {
        targets: Vec<PushTarget>,
        hooks: Vec<Hook>,
    },
    /// The metrics as they are now, in the order of the targets.
    Metrics(Vec<String>),
    /// A failure that hooks are to be told of.
    Failure(Value),
}

/// A run's sender, started.
pub struct Pusher {
    process: Child,
    options: PushOptions,
    targets: Vec<PushTarget>,
    pool: PoolName,
    /// How the task is told what tells the sender.
    orders: mpsc::UnboundedSender<PushOrder>,
    /// What that task takes when it is started.
    waiting: Option<mpsc::UnboundedReceiver<PushOrder>>,
    task: Option<JoinHandle<io::Result<()>>>,
}

/// What the task is told.
enum PushOrder {
    /// The run is open, and these are what it counts and tells.
    Follow(Box<Metrics>, Option<broadcast::Receiver<Event>>),
    /// The run is over: this is the last.
    End(Option<Value>),
}

/// By what a run tells its sender that it is open.
#[derive(Clone)]
pub struct PushHandle(mpsc::UnboundedSender<PushOrder>);

impl PushHandle {
    /// From now on these metrics are pushed, and of these events the failures are told.
    pub fn follow(&self, metrics: Metrics, events: Option<broadcast::Receiver<Event>>) {
        // Nobody listens only where the run is over.
        let _ = self.0.send(PushOrder::Follow(Box::new(metrics), events));
    }
}

impl PushOptions {
    /// Starts the sender, if there is anything to send. There must be no sandbox yet.
    pub fn start(self, pool: &PoolName) -> anyhow::Result<Option<Pusher>> {
        let targets: Vec<_> = [&self.push_gateway, &self.push_otlp]
            .into_iter()
            .flatten()
            .map(|target| target.of_pool(pool))
            .collect();
        if targets.is_empty() && self.on_failure.is_empty() {
            return Ok(None);
        }
        // A process group of its own: Ctrl-C is for the run, which then tells how it ended.
        let process = Command::new("/proc/self/exe")
            .arg0("lanherd")
            .arg(SENDER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("the process that pushes metrics and tells of failures cannot be started")?;
        let (orders, waiting) = mpsc::unbounded_channel();
        Ok(Some(Pusher {
            process,
            options: self,
            targets,
            pool: pool.clone(),
            orders,
            waiting: Some(waiting),
            task: None,
        }))
    }
}

impl Pusher {
    /// For whoever opens the run.
    pub fn handle(&self) -> PushHandle {
        PushHandle(self.orders.clone())
    }

    /// Begins to tell the sender. Within a runtime.
    pub fn begin(&mut self, screen: &Screen) -> anyhow::Result<()> {
        let pipes = (self.process.stdin.take(), self.process.stdout.take());
        let ((Some(to), Some(from)), Some(received)) = (pipes, self.waiting.take()) else {
            anyhow::bail!("the process that pushes was begun with before");
        };
        let to = ChildStdin::from_std(to).context("the pipe to the process that pushes")?;
        let from = ChildStdout::from_std(from).context("the pipe to the process that pushes")?;
        let follow = Follow {
            to,
            targets: self.targets.clone(),
            hooks: self.options.on_failure.clone(),
            every: self.options.push_every.0,
            pool: self.pool.clone(),
            started: SystemTime::now(),
            failures: FailureFilter::default(),
        };
        let screen = screen.clone();
        self.task = Some(tokio::spawn(async move {
            let told = follow.run(received);
            let shown = show(from, &screen);
            // The sender ends its side once what it was told is sent.
            let (told, ()) = tokio::join!(told, shown);
            told
        }));
        Ok(())
    }

    /// Tells the sender how the run ended, and why it did not pass, and waits until it has sent what is left.
    pub async fn finish(mut self, exit: Exit, reasons: &[String], screen: &Screen) {
        self.end(failure_of(exit, reasons), screen).await;
    }

    async fn end(&mut self, failure: Option<Value>, screen: &Screen) {
        let Some(mut task) = self.task.take() else {
            return;
        };
        let _ = self.orders.send(PushOrder::End(failure));
        let trouble = match timeout(PATIENCE, &mut task).await {
            Ok(Ok(Ok(()))) => None,
            Ok(Ok(Err(error))) => Some(error.to_string()),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("it took longer than {}s", PATIENCE.as_secs())),
        };
        task.abort();
        if let Some(trouble) = trouble {
            screen.complain(&format!(
                "error: not everything was pushed and told of: {trouble}"
            ));
        }
    }
}

impl Drop for Pusher {
    /// No process stays. What had an orderly end is over already.
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What is told of a run's end; `None`: it passed.
fn failure_of(exit: Exit, reasons: &[String]) -> Option<Value> {
    (exit != Exit::Well)
        .then(|| json!({ "event": "ended", "exit_code": exit.code(), "reasons": reasons }))
}

/// Shows what the sender says, until it ends.
async fn show(from: ChildStdout, screen: &Screen) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        screen.complain(&line);
    }
}

/// The task that tells the sender.
struct Follow {
    to: ChildStdin,
    targets: Vec<PushTarget>,
    hooks: Vec<Hook>,
    every: Duration,
    pool: PoolName,
    started: SystemTime,
    failures: FailureFilter,
}

impl Follow {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<PushOrder>) -> io::Result<()> {
        self.tell(&Parcel::To {
            targets: self.targets.clone(),
            hooks: self.hooks.clone(),
        })
        .await?;
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut metrics: Option<Metrics> = None;
        let mut events: Option<broadcast::Receiver<Event>> = None;
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(PushOrder::Follow(new, more)) => (metrics, events) = (Some(*new), more),
                    // Without an orderly end there are still the last metrics.
                    Some(PushOrder::End(failure)) => {
                        self.push(metrics.as_ref()).await?;
                        if let Some(failure) = failure {
                            self.fail(failure).await?;
                        }
                        break;
                    }
                    None => {
                        self.push(metrics.as_ref()).await?;
                        break;
                    }
                },
                _ = ticks.tick() => self.push(metrics.as_ref()).await?,
                event = next(&mut events) => match event {
                    Ok(event) => {
                        let told = self.failures.of_event(&event, std::time::Instant::now());
                        if let Some(failure) = told {
                            self.fail(failure).await?;
                        }
                    }
                    // Among what was missed there may have been failures: the next of their kind are told of.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => events = None,
                },
            }
        }
        self.to.shutdown().await
    }

    async fn push(&mut self, metrics: Option<&Metrics>) -> io::Result<()> {
        let (Some(metrics), false) = (metrics, self.targets.is_empty()) else {
            return Ok(());
        };
        let bodies = self.targets.iter().map(|target| {
            let (pool, started) = (self.pool.as_str(), self.started);
            target.body(metrics, pool, started, SystemTime::now())
        });
        let parcel = Parcel::Metrics(bodies.collect());
        self.tell(&parcel).await
    }

    async fn fail(&mut self, mut failure: Value) -> io::Result<()> {
        if self.hooks.is_empty() {
            return Ok(());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        failure["pool"] = json!(self.pool.as_str());
        failure["time"] = json!(now.unwrap_or_default().as_secs_f64());
        self.tell(&Parcel::Failure(failure)).await
    }

    async fn tell(&mut self, parcel: &Parcel) -> io::Result<()> {
        let mut line = serde_json::to_vec(parcel)?;
        line.push(b'\n');
        self.to.write_all(&line).await
    }
}

/// The next event, where there are any.
async fn next(events: &mut Option<broadcast::Receiver<Event>>) -> Result<Event, RecvError> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}
