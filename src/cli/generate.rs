//! `lanherd completions` and `lanherd man`: made from the command line's own description, so that they cannot disagree
//! with it. The same program always makes the same.

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::Context as _;
use clap::builder::PossibleValuesParser;
use clap::{Command, ValueEnum, ValueHint};
use clap_complete::Shell;
use clap_mangen::Man;
use lanherd::dhcp::Device;
use lanherd::fault::{Aim, Fault};
use lanherd::lan::linux::MacvlanMode;
use lanherd::pool::Restart;

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
    screen.data(complete(args.shell, command).trim_end());
    Exit::Well
}

fn complete(shell: KnownShell, command: Command) -> String {
    let name = command.get_name().to_owned();
    let mut command = with_values(command);
    let mut text = Vec::new();
    clap_complete::generate(Shell::from(shell), &mut command, name, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// The same commands, with the words that their options take; those that take neither words nor files take what no shell can know.
fn with_values(command: Command) -> Command {
    command
        .mut_args(|argument| {
            let words = words(argument.get_id().as_str());
            if !words.is_empty() {
                return argument.value_parser(PossibleValuesParser::new(words));
            }
            match argument.get_value_hint() {
                ValueHint::Unknown if argument.get_action().takes_values() => {
                    argument.value_hint(ValueHint::Other)
                }
                _ => argument,
            }
        })
        .mut_subcommands(with_values)
}

/// What an option, or an argument, of this name takes.
fn words(option: &str) -> Vec<String> {
    let faults = |aims: &[Aim]| -> Vec<String> {
        let of_aim = Fault::ALL
            .iter()
            .filter(|fault| aims.contains(&fault.aim()));
        of_aim
            .map(|fault| fault.as_str().replace('_', "-"))
            .collect()
    };
    match option {
        "mode" => owned(MacvlanMode::ALL.iter().map(|mode| mode.as_str())),
        "device" => owned(Device::ALL.iter().map(|device| device.as_str())),
        "restart" => owned(Restart::ALL.iter().map(|restart| restart.as_str())),
        "lab_fault" => faults(&[Aim::Router]),
        "fault" => faults(&[Aim::Client, Aim::Parent, Aim::Router]),
        _ => Vec::new(),
    }
}

fn owned<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    words.map(str::to_owned).collect()
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
        Some(dir) => write_pages(&command, "", dir).with_context(|| {
            format!(
                "the manual pages cannot be written to {}; name a folder that exists and that you may write to",
                dir.display()
            )
        })?,
        None => screen.data(page(command)?.trim_end()),
    }
    Ok(Exit::Well)
}

/// Writes the page of a command, and those of its subcommands.
fn write_pages(command: &Command, above: &str, dir: &Path) -> io::Result<()> {
    let name = format!("{above}{}", command.get_name());
    let shown = command.clone().display_name(name.clone());
    fs::write(dir.join(format!("{name}.1")), page(shown)?)?;
    for subcommand in command.get_subcommands() {
        write_pages(subcommand, &format!("{name}-"), dir)?;
    }
    Ok(())
}

fn page(command: Command) -> io::Result<String> {
    let examples = command.get_after_help().map(ToString::to_string);
    let name = command
        .get_display_name()
        .unwrap_or(command.get_name())
        .to_owned();
    // What stands after the help would be one paragraph, set from margin to margin.
    let command = command
        .after_help(None::<&str>)
        .after_long_help(None::<&str>);
    let mut text = Vec::new();
    Man::new(command).title(name).render(&mut text)?;
    let mut text = String::from_utf8_lossy(&text).into_owned();
    if let Some(examples) = examples {
        text.push_str(&examples_section(&examples));
    }
    Ok(text)
}

/// Lines that begin with a space stay as they are; others are text. Both as roff(7) wants them.
fn examples_section(examples: &str) -> String {
    let mut text = String::from(".SH EXAMPLES\n");
    let mut is_literal = false;
    for line in examples.lines().filter(|line| *line != "Examples:") {
        let wants_literal = line.starts_with(' ');
        if wants_literal != is_literal {
            text.push_str(if wants_literal { ".nf\n" } else { ".fi\n" });
            is_literal = wants_literal;
        }
        if line.is_empty() {
            text.push_str(".PP\n");
            continue;
        }
        let line = line
            .replace('\\', "\\e")
            .replace('-', "\\-")
            .replace('\'', "\\(aq");
        if line.starts_with('.') {
            text.push_str("\\&");
        }
        text.push_str(&line);
        text.push('\n');
    }
    if is_literal {
        text.push_str(".fi\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use lanherd_types::test_folder::TestFolder;

    use super::*;
    use crate::cli::Cli;
    use crate::cli::screen::Format;

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
    fn values_are_completed_by_their_words_and_never_by_names_of_files_that_they_are_not() {
        for shell in KnownShell::value_variants().iter().copied() {
            let text = complete(shell, Cli::command());
            for word in [
                "passthru",
                "network-manager",
                "temporary",
                "ping-loss",
                "delete-link",
            ] {
                assert!(text.contains(word), "{shell:?} does not complete {word}");
            }
        }
        let bash = complete(KnownShell::Bash, Cli::command());
        let after = |option: &str| {
            let (_, rest) = bash
                .split_once(&format!("                {option})\n"))
                .expect("the option");
            rest.split_once(";;").expect("its end").0.to_owned()
        };
        for option in ["--parent", "--pool", "--clients", "--for"] {
            assert!(
                !after(option).contains("compgen -f"),
                "{option}: {}",
                after(option)
            );
        }
        assert!(
            after("--report").contains("compgen -f"),
            "{}",
            after("--report")
        );
        assert!(
            after("--mode").contains("bridge private"),
            "{}",
            after("--mode")
        );
    }

    #[test]
    fn examples_of_a_manual_page_stay_in_lines_of_their_own() {
        let section = examples_section(
            "Examples:\n  lanherd up --lab 'x'\n  lanherd ps\n\nA text.\n.It goes on",
        );
        assert_eq!(
            section,
            ".SH EXAMPLES\n.nf\n  lanherd up \\-\\-lab \\(aqx\\(aq\n  lanherd ps\n.fi\n.PP\nA text.\n\\&.It goes on\n"
        );
    }

    #[test]
    fn the_manual_page_has_the_examples_and_no_date_of_its_own() {
        let text = page(Cli::command()).expect("a page");
        assert!(text.contains("lanherd demo"), "{text}");
        assert_eq!(text, page(Cli::command()).expect("a page"));
    }

    #[test]
    fn every_subcommand_has_a_page_of_its_own() {
        let dir = TestFolder::new("man");
        let args = ManArgs {
            dir: Some(dir.path().to_owned()),
        };
        let written = man(&args, Cli::command(), &Screen::new(true, Format::Text));
        let missing: Vec<String> = Cli::command()
            .get_subcommands()
            .map(|subcommand| format!("lanherd-{}.1", subcommand.get_name()))
            .filter(|page| !dir.file(page).is_file())
            .collect();
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
