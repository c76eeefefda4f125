//! `lanherd completions` and `lanherd man`: made from the command line's own description, so that they cannot disagree
//! with it. The same program always makes the same.

use std::io;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Command, ValueEnum};
use clap_complete::Shell;
use clap_mangen::Man;

use super::exit::Exit;
use super::screen::Screen;

const COMPLETIONS_HELP: &str = "\
Examples:
  lanherd completions bash > /etc/bash_completion.d/lanherd
  lanherd completions zsh > /usr/local/share/zsh/site-functions/_lanherd
  lanherd completions fish > ~/.config/fish/completions/lanherd.fish";

/// Print what completes commands and options in a shell
#[derive(Debug, clap::Args)]
#[command(after_help = COMPLETIONS_HELP)]
pub struct CompletionsArgs {
    /// The shell
    shell: KnownShell,
}

/// The shells that completions are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KnownShell {
    Bash,
    Zsh,
    Fish,
}

impl From<KnownShell> for Shell {
    fn from(shell: KnownShell) -> Self {
        match shell {
            KnownShell::Bash => Self::Bash,
            KnownShell::Zsh => Self::Zsh,
            KnownShell::Fish => Self::Fish,
        }
    }
}

/// Prints the completions of `command`.
pub fn completions(args: &CompletionsArgs, command: Command, screen: &Screen) -> Exit {
    screen.result(complete(args.shell, command).trim_end());
    Exit::Well
}

fn complete(shell: KnownShell, mut command: Command) -> String {
    let name = command.get_name().to_owned();
    let mut text = Vec::new();
    clap_complete::generate(Shell::from(shell), &mut command, name, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

const MAN_HELP: &str = "\
Examples:
  lanherd man | man -l -               read the page of the whole program
  lanherd man --dir /usr/local/share/man/man1   write it, and one page for each subcommand";

/// Print the manual page, or write all pages into a folder
#[derive(Debug, clap::Args)]
#[command(after_help = MAN_HELP)]
pub struct ManArgs {
    /// Write all pages into this folder, which must exist
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints the manual page of `command`, or writes all of its pages.
pub fn man(args: &ManArgs, command: Command, screen: &Screen) -> anyhow::Result<Exit> {
    // A page on `lanherd help` would tell nothing that the others do not.
    let command = command.disable_help_subcommand(true);
    match &args.dir {
        Some(dir) => clap_mangen::generate_to(command, dir).with_context(|| {
            format!(
                "the manual pages cannot be written to {}; name a folder that exists and that you may write to",
                dir.display()
            )
        })?,
        None => screen.result(page(command)?.trim_end()),
    }
    Ok(Exit::Well)
}

fn page(command: Command) -> io::Result<String> {
    let mut text = Vec::new();
    Man::new(command).render(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;
    use crate::cli::logging::Format;

    #[test]
    fn completions_of_each_shell_know_every_subcommand_and_are_the_same_every_time() {
        for shell in KnownShell::value_variants().iter().copied() {
            let text = complete(shell, Cli::command());
            for subcommand in Cli::command().get_subcommands() {
                let name = subcommand.get_name();
                assert!(text.contains(name), "{shell:?} does not know {name}");
            }
            assert_eq!(text, complete(shell, Cli::command()));
        }
    }

    #[test]
    fn the_manual_page_has_the_examples_and_no_date_of_its_own() {
        let text = page(Cli::command()).expect("a page");
        assert!(text.contains("lanherd demo"), "{text}");
        assert_eq!(text, page(Cli::command()).expect("a page"));
    }

    #[test]
    fn every_subcommand_has_a_page_of_its_own() {
        let dir = std::env::temp_dir().join(format!("lanherd-man-{:016x}", fastrand::u64(..)));
        std::fs::create_dir(&dir).expect("a folder");
        let args = ManArgs {
            dir: Some(dir.clone()),
        };
        let written = man(&args, Cli::command(), &Screen::new(true, Format::Text));
        let missing: Vec<String> = Cli::command()
            .get_subcommands()
            .map(|subcommand| format!("lanherd-{}.1", subcommand.get_name()))
            .filter(|page| !dir.join(page).is_file())
            .collect();
        std::fs::remove_dir_all(&dir).expect("removed");
        assert!(matches!(written, Ok(Exit::Well)), "{written:?}");
        assert_eq!(missing, Vec::<String>::new());
    }

    #[test]
    fn a_folder_that_is_not_there_is_named_with_the_remedy() {
        let args = ManArgs {
            dir: Some("/nonexistent/man1".into()),
        };
        let error =
            man(&args, Cli::command(), &Screen::new(true, Format::Text)).expect_err("refused");
        assert!(error.to_string().contains("/nonexistent/man1"), "{error}");
    }
}
