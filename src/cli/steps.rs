//! `lanherd steps`: what a feature file can say.

use std::fmt::Write as _;

use lanherd::bdd::parameters::PARAMETERS;
use lanherd::bdd::vocabulary::{self, Definition, Keyword};

use super::exit::{Exit, UsageError};
use super::screen::Screen;

const AFTER_HELP: &str = "\
Examples:
  lanherd steps
  lanherd steps lease              those that have to do with leases
  lanherd steps --markdown > steps.md";

/// List every step that a feature file can use
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Only steps in which this word occurs
    #[arg(value_name = "WORD")]
    word: Option<String>,
    /// As a page of Markdown
    #[arg(long, conflicts_with = "word")]
    markdown: bool,
}

pub fn run(args: &Args, screen: &Screen) -> anyhow::Result<Exit> {
    let text = if args.markdown {
        vocabulary::markdown()
    } else {
        list(args.word.as_deref())?
    };
    screen.result(text.trim_end());
    Ok(Exit::Well)
}

fn list(word: Option<&str>) -> anyhow::Result<String> {
    let word = word.map(str::to_lowercase);
    let is_wanted = |one: &&Definition| {
        let all = format!("{} {} {}", one.pattern, one.example, one.meaning).to_lowercase();
        word.as_ref().is_none_or(|word| all.contains(word.as_str()))
    };
    let wanted: Vec<_> = vocabulary::definitions().filter(is_wanted).collect();
    if wanted.is_empty() {
        return Err(UsageError::because(format!(
            "no step has to do with {:?}; `lanherd steps` lists all",
            word.unwrap_or_default()
        )));
    }
    let mut text = String::new();
    for keyword in [Keyword::Given, Keyword::When, Keyword::Then] {
        for one in wanted.iter().filter(|one| one.keyword == keyword) {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{} {}", keyword.as_str(), one.pattern);
            if one.example != one.pattern {
                let _ = writeln!(text, "    {} {}", keyword.as_str(), one.example);
            }
            let _ = writeln!(text, "    {}\n", one.meaning);
        }
    }
    if word.is_none() {
        text.push_str("What stands in braces:\n");
        for one in PARAMETERS.iter() {
            let _ = writeln!(text, "  {{{}}}  {}", one.name, one.accepts);
        }
        text.push_str("  {string}  anything in double or single quotes\n");
    }
    Ok(text)
}
