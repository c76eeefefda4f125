//! What became of the objectives of a run, for people: a line each, the last that a run says.

use lanherd::objective::Verdict;
use lanherd::report::ObjectiveEntry;

use super::table::Paint;

/// A line for each, with what is so and what should be.
pub fn lines(objectives: &[ObjectiveEntry], paint: Paint) -> String {
    let lines: Vec<_> = objectives
        .iter()
        .map(|objective| {
            let verdict = objective.verdict;
            let colour = match verdict {
                Verdict::Passed => 32,
                Verdict::Failed => 31,
                Verdict::Inconclusive => 33,
            };
            let verdict = match paint {
                Paint::None => verdict.to_string(),
                Paint::Colours => format!("\x1b[{colour}m{verdict}\x1b[0m"),
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
            ObjectiveEntry::from(&objective.judge(&Figures::default()))
        };
        let objectives = [judge("restarts > 0"), judge("packet loss > 1 %")];
        assert_eq!(
            lines(&objectives, Paint::None),
            "passed: restarts > 0: there were 0 restarts, at most 0\n\
             failed: packet loss > 1 %: there is no packet loss to compare with 1 %: nobody pinged anything that answered, or could have"
        );
        let coloured = lines(&objectives, Paint::Colours);
        assert!(
            coloured.contains("\x1b[32mpassed\x1b[0m")
                && coloured.contains("\x1b[31mfailed\x1b[0m"),
            "{coloured}"
        );
    }
}
