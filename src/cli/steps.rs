//! `lanherd steps`: what a feature file can say.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use lanherd::bdd::glue;
use lanherd::bdd::parameters::PARAMETERS;
use lanherd::bdd::vocabulary::{self, Definition, Keyword};
use lanherd::bounded;

use super::exit::{Exit, UsageError};
use super::screen::Screen;

/// The largest file that may be ours, in bytes.
const MOST: u64 = 1 << 20;

const AFTER_HELP: &str = "\
Examples:
  lanherd steps
  lanherd steps lease              those that have to do with leases
  lanherd steps --markdown > steps.md
  lanherd steps --glue features    for editors: writes features/lanherd.steps.js, which Cucumber's extensions read";

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
    /// Write the steps to a file in this folder, as Cucumber's official extensions for editors read them
    ///
    /// They complete steps then, and mark those that are none. A file that lanherd wrote before is written anew, and no other.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["word", "markdown"])]
    glue: Option<PathBuf>,
}

pub fn run(args: &Args, screen: &Screen) -> anyhow::Result<Exit> {
    if let Some(folder) = &args.glue {
        return write_glue(folder, screen);
    }
    let text = if args.markdown {
        vocabulary::markdown()
    } else {
        list(args.word.as_deref())?
    };
    screen.result(text.trim_end());
    Ok(Exit::Well)
}

/// Writes the file for editors into the folder, which it makes if need be.
fn write_glue(folder: &Path, screen: &Screen) -> anyhow::Result<Exit> {
    let path = folder.join(glue::FILE_NAME);
    let failed = || {
        format!(
            "{} cannot be written; name a folder that you may write to",
            path.display()
        )
    };
    fs::create_dir_all(folder).with_context(failed)?;
    match bounded::read_to_string(&path, MOST) {
        Ok(there) if !there.starts_with(glue::FIRST_LINE) => {
            return Err(not_ours(&path));
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        // It is longer than one of ours can be, or no text.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::InvalidData | ErrorKind::FileTooLarge
            ) =>
        {
            return Err(not_ours(&path));
        }
        Err(error) => return Err(error).with_context(failed),
    }
    fs::write(&path, glue::javascript()).with_context(failed)?;
    screen.result(&format!(
        "wrote {}: {} steps\nCucumber's extensions for editors find it beside feature files",
        path.display(),
        vocabulary::definitions().count()
    ));
    Ok(Exit::Well)
}

fn not_ours(path: &Path) -> anyhow::Error {
    UsageError::because(format!(
        "{} was not made by lanherd, and stays as it is: move it away, or name another folder",
        path.display()
    ))
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

#[cfg(test)]
mod tests {
    use lanherd_types::test_folder::TestFolder;

    use super::*;
    use crate::cli::screen::Format;

    fn written(folder: &Path) -> anyhow::Result<Exit> {
        write_glue(folder, &Screen::new(true, Format::Text))
    }

    #[test]
    fn a_file_of_ours_is_written_anew_and_one_that_is_not_stays() {
        let folder = TestFolder::new("glue");
        let features = folder.file("features");
        let path = features.join(glue::FILE_NAME);
        assert!(written(&features).is_ok());
        assert_eq!(
            fs::read_to_string(&path).expect("written"),
            glue::javascript()
        );
        // Of another version.
        fs::write(&path, format!("{}\n// of old\n", glue::FIRST_LINE)).expect("written");
        assert!(written(&features).is_ok());
        assert_eq!(
            fs::read_to_string(&path).expect("written"),
            glue::javascript()
        );
        let large = " ".repeat(2 << 20);
        for others in [
            b"Given('it is mine', () => {})\n".as_slice(),
            b"",
            &[0xff; 9],
            large.as_bytes(),
        ] {
            fs::write(&path, others).expect("written");
            let refusal = written(&features).expect_err("refused").to_string();
            assert!(
                refusal.contains("lanherd.steps.js") && refusal.contains("move it away"),
                "{refusal}"
            );
            assert_eq!(fs::read(&path).expect("there"), others);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_is_named_with_the_remedy() {
        let folder = TestFolder::new("glue");
        let file = folder.file("features");
        fs::write(&file, "").expect("written");
        let refusal = written(&file).expect_err("refused").to_string();
        assert!(
            refusal.contains("features") && refusal.contains("name a folder"),
            "{refusal}"
        );
    }
}
