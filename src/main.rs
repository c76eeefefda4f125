//! The program `lanherd`: a herd of LAN clients from the command line.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
