//! What became of the objectives of a run, for people: a line each, the last that a run says.

use std::io::{self, IsTerminal as _};

use lanherd::objective::Verdict;
use lanherd::report::Objective;

/// Whether results are told in colours: to a person who did not say otherwise (<https://no-color.org>).
pub fn has_colours() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stdout().is_terminal() && !refused
}

/// A line for each, with what is so and what should be.
pub fn lines(objectives: &[Objective], in_colours: bool) -> String {
    let lines: Vec<_> = objectives
        .iter()
        .map(|objective| {
            let verdict = match (objective.verdict, in_colours) {
                (verdict, false) => verdict.to_string(),
                (Verdict::Passed, true) => format!("\x1b[32m{}\x1b[0m", Verdict::Passed),
                (Verdict::Failed, true) => format!("\x1b[31m{}\x1b[0m", Verdict::Failed),
                (Verdict::Inconclusive, true) => {
                    format!("\x1b[33m{}\x1b[0m", Verdict::Inconclusive)
                }
            };
            format!("{verdict}: {}: {}", objective.text, objective.words)
        })
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use lanherd::objective;
    use lanherd::pool::Figures;

    use super::*;

    #[test]
    fn each_objective_is_told_with_its_verdict_and_in_its_colour_only_where_there_are_colours() {
        let judge = |text: &str| {
            let objective: objective::Objective = text.parse().expect("an objective");
            Objective::from(&objective.judge(&Figures::default()))
        };
        let objectives = [judge("restarts > 0"), judge("packet loss > 1 %")];
        assert_eq!(
            lines(&objectives, false),
            "passed: restarts > 0: there were 0 restarts, at most 0\n\
             failed: packet loss > 1 %: there is no packet loss to compare with 1 %: nobody pinged anything that answered, or could have"
        );
        let coloured = lines(&objectives, true);
        assert!(
            coloured.contains("\x1b[32mpassed\x1b[0m")
                && coloured.contains("\x1b[31mfailed\x1b[0m"),
            "{coloured}"
        );
    }
}
