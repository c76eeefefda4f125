//! What is wrong with feature files, as far as that can be known without running them.

use lanherd::bdd::suite::Suite;

use crate::cli::exit::Exit;
use crate::cli::screen::Screen;

/// So many unknown steps are told one by one: each with what is most like it, which takes time and room.
const TOLD: usize = 50;

/// Says what cannot be read, which steps are unknown, and what is hardly meant.
pub fn complain(suite: &Suite, screen: &Screen) {
    for broken in &suite.broken {
        screen.complain(&format!("error: {broken}"));
    }
    let unknown = suite.unknown_steps();
    for step in unknown.iter().take(TOLD) {
        screen.complain(&step.to_string());
    }
    if unknown.len() > TOLD {
        screen.complain(&format!(
            "and {} more steps that there are not",
            unknown.len() - TOLD
        ));
    }
    for warning in suite.warnings() {
        screen.say(&format!("warning: {warning}"));
    }
}

/// What the files deserve before anything runs.
pub fn verdict(suite: &Suite) -> Exit {
    if suite.broken.is_empty() && suite.unknown_steps().is_empty() {
        Exit::Well
    } else {
        Exit::Usage
    }
}

/// Does what `--check` asks for.
pub fn check(suite: &Suite, screen: &Screen) -> Exit {
    complain(suite, screen);
    let scenarios = suite.scenarios().count();
    let (unknown, broken) = (suite.unknown_steps().len(), suite.broken.len());
    screen.result(&format!(
        "{scenarios} scenario{} in {} feature file{}, {unknown} unknown step{}, {broken} error{}",
        s(scenarios),
        suite.features.len(),
        s(suite.features.len()),
        s(unknown),
        s(broken),
    ));
    verdict(suite)
}

const fn s(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Does what `--list` asks for.
pub fn list(suite: &Suite, reasons: &[String], screen: &Screen) {
    let lines: Vec<_> = suite
        .scenarios()
        .map(|entry| {
            let tags: Vec<_> = entry.tags().map(|tag| format!(" @{tag}")).collect();
            let tags = tags.concat();
            format!(
                "{}  {}: {}{tags}",
                entry.place(),
                entry.feature.name,
                entry.scenario.name
            )
        })
        .collect();
    screen.result(&lines.join("\n"));
    for reason in reasons {
        screen.say(reason);
    }
    complain(suite, screen);
}
