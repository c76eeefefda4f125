//! Says what a `web.config` asks for, or what is wrong with it: `cargo run -p prometheus-web-config --example judge -- FILE`.

use std::path::PathBuf;
use std::process::ExitCode;

use prometheus_web_config::WebConfig;

#[allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example shows its result"
)]
fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("name the file");
        return ExitCode::from(2);
    };
    match WebConfig::read(&path) {
        Ok(config) => {
            let said = |is_so, yes, no| if is_so { yes } else { no };
            println!(
                "speaks: {}",
                said(config.tls.is_some(), "HTTPS", "plain HTTP")
            );
            println!(
                "asks for: {}",
                said(config.users.is_some(), "name and password", "no password")
            );
            println!(
                "lets in: {}",
                said(config.is_open(), "everybody", "whoever is known")
            );
            for (name, value) in &config.headers {
                println!(
                    "adds: {name}: {}",
                    String::from_utf8_lossy(value.as_bytes())
                );
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
