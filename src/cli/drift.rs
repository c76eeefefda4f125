//! What a soak found, for people: the first hour beside the last.

use std::fmt::Write as _;

use comfy_table::Table;
use lanherd::report::Soak;
use lanherd::soak::{ComparedFigure, Comparison, ComparisonRow, Side, Unit, Verdict};

use super::table::STYLE;

/// The comparison, and a line on who came and went.
pub fn render(soak: &Soak) -> String {
    let mut text = String::new();
    match &soak.comparison {
        Some(comparison) => {
            text.push_str(&table(comparison));
            text.push('\n');
            text.push_str(&verdict(comparison));
        }
        None => text.push_str("too short a soak to compare its beginning with its end"),
    }
    let turnover = &soak.turnover;
    let leavers = turnover.left + turnover.vanished;
    if leavers + turnover.skipped > 0 {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n{} clients left and {} came, {} of those that left without a word, {} storms",
            leavers, turnover.came, turnover.vanished, turnover.storms
        );
        if turnover.skipped > 0 {
            let _ = write!(text, "; {} were to leave and could not", turnover.skipped);
        }
    }
    text
}

fn table(comparison: &Comparison) -> String {
    let window = comparison.window();
    let mut table = Table::new();
    table.load_style(STYLE).set_header([
        "median / 95 % / 99 % (samples)".to_owned(),
        format!("first {window}"),
        format!("last {window}"),
        "verdict".to_owned(),
    ]);
    for row in &comparison.rows {
        table.add_row([
            row.label(),
            cell(row.figure, &row.first),
            cell(row.figure, &row.last),
            row.verdict.as_str().replace('_', " "),
        ]);
    }
    table.trim_fmt()
}

/// `first and last 1h: nothing drifted`.
fn verdict(comparison: &Comparison) -> String {
    let drifts: Vec<_> = comparison.drifts().map(ComparisonRow::label).collect();
    let window = comparison.window();
    let has = |verdict| comparison.rows.iter().any(|row| row.verdict == verdict);
    let open: Vec<_> = comparison
        .inconclusive()
        .map(ComparisonRow::label)
        .collect();
    if !drifts.is_empty() {
        format!(
            "from the first {window} to the last this drifted: {}",
            drifts.join(", ")
        )
    } else if !open.is_empty() {
        format!(
            "from the first {window} to the last nothing is known to have drifted; inconclusive, as the tester itself was later in \
             the last: {}",
            open.join(", ")
        )
    } else if has(Verdict::Steady) || has(Verdict::Improved) {
        format!("from the first {window} to the last nothing drifted")
    } else {
        format!("the first {window} and the last have too few samples to compare")
    }
}

fn cell(figure: ComparedFigure, side: &Side) -> String {
    let (Some(mean), Some(p50), Some(p95), Some(p99)) = (side.mean, side.p50, side.p95, side.p99)
    else {
        return "-".to_owned();
    };
    match figure.unit() {
        Unit::Milliseconds => format!("{p50:.2} / {p95:.2} / {p99:.2} ms ({})", side.samples),
        Unit::Share => format!("{:.3} %", mean * 100.0),
        Unit::AnHour => format!("{mean:.1}"),
        Unit::Bytes => format!("{:.1} MiB", p50 / 1_048_576.0),
        Unit::Count => format!("{p50:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(samples: u64, value: f64) -> Side {
        let value = (samples > 0).then_some(value);
        Side {
            samples,
            mean: value,
            p50: value,
            p95: value,
            p99: value,
        }
    }

    fn comparison(rows: Vec<ComparisonRow>) -> Comparison {
        Comparison {
            window_ms: 3_600_000.0,
            first_at_ms: 0.0,
            last_at_ms: 7_200_000.0,
            drifted: rows.iter().any(|row| row.verdict == Verdict::Drifted),
            rows,
        }
    }

    fn row(figure: ComparedFigure, first: Side, last: Side, verdict: Verdict) -> ComparisonRow {
        let target = None;
        ComparisonRow {
            figure,
            target,
            first,
            last,
            verdict,
        }
    }

    #[test]
    fn what_drifted_is_in_the_table_and_in_the_line_below() {
        let memory = |mib: f64| side(30, mib * 1_048_576.0);
        let both = comparison(vec![
            row(
                ComparedFigure::JoinTime,
                side(600, 12.0),
                side(0, 0.0),
                Verdict::TooFew,
            ),
            row(
                ComparedFigure::DhcpTime,
                side(600, 12.0),
                side(599, 24.5),
                Verdict::Drifted,
            ),
            row(
                ComparedFigure::ResidentMemory,
                memory(20.0),
                memory(20.5),
                Verdict::Steady,
            ),
        ]);
        let shown = table(&both);
        for words in [
            "first 1h",
            "12.00 / 12.00 / 12.00 ms (600)",
            "24.50 / 24.50 / 24.50 ms (599)",
            "20.5 MiB",
            "too few",
        ] {
            assert!(shown.contains(words), "{words:?} is not in\n{shown}");
        }
        assert_eq!(
            verdict(&both),
            "from the first 1h to the last this drifted: time to lease"
        );
        assert!(verdict(&comparison(vec![])).contains("too few samples"));
    }
}
