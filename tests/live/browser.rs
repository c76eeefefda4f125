//! Chromium without a screen, driven by the messages of its `DevTools` protocol over a pipe: JSON, each ended by a NUL.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use lanherd_testkit::folder::{self, TestFolder};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};

/// How long it may take to answer: to start, on a busy machine, most of all.
const PATIENCE: Duration = Duration::from_secs(60);

/// Chromium ends when its pipe is closed, and some of its processes later than the first: they write to its folder until then. So
/// all are of a process namespace, which is only over when the last of them is, and then the folder goes. The shell is in a process
/// group of its own: it does its work, too, when the test is killed. Chromium hears on descriptor 3 and answers on 4.
const SCRIPT: &str = r#"
folder=$1
shift
[ "$(id -u)" -eq 0 ] || user='--user --map-root-user'
TMPDIR=$folder unshare ${user-} --pid --fork --kill-child --mount-proc \
    sh -c 'chromium "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1; exit' sh "$@"
rm -rf "$folder"
"#;

/// It ends when this is dropped.
pub struct Browser {
    process: Child,
    folder: TestFolder,
    heard: Receiver<Value>,
    session: Option<String>,
    latest: u64,
    complaints: Vec<String>,
    requests: Vec<String>,
}

impl Browser {
    pub fn start() -> Self {
        let folder = TestFolder::new("browser");
        let profile = folder.file("profile");
        let mut process = Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(folder.path())
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--window-size=1280,900",
                "--remote-debugging-pipe",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("sh");
        let mut answers = BufReader::new(process.stdout.take().expect("a pipe"));
        let (tell, heard) = channel();
        std::thread::spawn(move || {
            let mut message = Vec::new();
            while let Ok(1..) = answers.read_until(0, &mut message) {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else {
                    break;
                };
                message.clear();
                if tell.send(value).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self {
            process,
            folder,
            heard,
            session: None,
            latest: 0,
            complaints: Vec::new(),
            requests: Vec::new(),
        };
        let target = browser.order("Target.createTarget", &json!({"url": "about:blank"}));
        let session = browser.order(
            "Target.attachToTarget",
            &json!({"targetId": target["targetId"], "flatten": true}),
        );
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.order(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Where it keeps its profile and its temporary files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn open(&mut self, url: &str) {
        self.order("Page.navigate", &json!({"url": url}));
    }

    /// What an expression is.
    pub fn value(&mut self, expression: &str) -> Value {
        // As in the console, so that names can be used again.
        let parameters = json!({"expression": expression, "returnByValue": true, "replMode": true});
        let mut result = self.order("Runtime.evaluate", &parameters);
        assert!(result["exceptionDetails"].is_null(), "{result}");
        result["result"]["value"].take()
    }

    /// The text of an element, with its white space as one blank each.
    pub fn text(&mut self, selector: &str) -> String {
        let value = self.value(&format!(
            "document.querySelector('{selector}')?.textContent"
        ));
        let text = value.as_str().unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The number at the beginning of that text; 0 where there is none.
    pub fn number(&mut self, selector: &str) -> f64 {
        let text = self.value(&format!(
            "const found = document.querySelector('{selector}'); found ? found.textContent : ''"
        ));
        let first = text.as_str().unwrap_or_default().split_whitespace().next();
        first.and_then(|first| first.parse().ok()).unwrap_or(0.0)
    }

    #[track_caller]
    pub fn wait(
        &mut self,
        what: &str,
        patience: Duration,
        mut is_so: impl FnMut(&mut Self) -> bool,
    ) {
        let began = Instant::now();
        while !is_so(self) {
            let late = began.elapsed() > patience;
            assert!(
                !late,
                "{what}: not within {patience:?}: {}",
                self.text("body main")
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    pub fn key(&mut self, key: &str, code: u32) {
        for kind in ["rawKeyDown", "keyUp"] {
            let parameters =
                json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code});
            self.order("Input.dispatchKeyEvent", &parameters);
        }
    }

    /// As on a phone.
    pub fn phone(&mut self) {
        let size = json!({"width": 375, "height": 740, "deviceScaleFactor": 2, "mobile": true});
        self.order("Emulation.setDeviceMetricsOverride", &size);
        std::thread::sleep(Duration::from_millis(500));
    }

    /// What was said on the console as a warning or an error, and what was thrown.
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// What was asked for, by address.
    pub fn requests(&self) -> &[String] {
        &self.requests
    }

    fn order(&mut self, method: &str, parameters: &Value) -> Value {
        self.latest += 1;
        let mut order = json!({"id": self.latest, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            order["sessionId"] = json!(session);
        }
        let orders = self.process.stdin.as_mut().expect("a pipe");
        orders
            .write_all(format!("{order}\0").as_bytes())
            .expect("chromium runs: run ./scripts/test packages");
        loop {
            let mut message = self
                .heard
                .recv_timeout(PATIENCE)
                .unwrap_or_else(|error| panic!("chromium, {method}: {error}"));
            if message["id"] == self.latest {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].take();
            }
            self.note(&message);
        }
    }

    fn note(&mut self, message: &Value) {
        let parameters = &message["params"];
        let level = |value: &Value| matches!(value.as_str(), Some("error" | "warning" | "assert"));
        match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => self.complaints.push(parameters.to_string()),
            Some("Runtime.consoleAPICalled") if level(&parameters["type"]) => {
                self.complaints.push(parameters.to_string());
            }
            Some("Log.entryAdded") if level(&parameters["entry"]["level"]) => {
                self.complaints.push(parameters.to_string());
            }
            Some("Network.requestWillBeSent") => {
                let url = parameters["request"]["url"].as_str().unwrap_or_default();
                self.requests.push(url.to_owned());
            }
            _ => {}
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let began = Instant::now();
        while matches!(self.process.try_wait(), Ok(None)) {
            if began.elapsed() > PATIENCE {
                if let Ok(group) = i32::try_from(self.process.id()) {
                    let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
                }
                let _ = self.process.wait();
                folder::fail("chromium did not end when its pipe was closed");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
