//! The first hour of a soak against its last.

use crate::page::Page;
use crate::report::Soak;

/// The first hour against the last.
pub(super) fn comparison(page: &mut Page, soak: &Soak) {
    if let Some(comparison) = &soak.comparison {
        let window = comparison.window();
        let rows: Vec<_> = comparison
            .rows
            .iter()
            .map(|row| {
                let text = row.to_string();
                let (_, sides) = text.split_once(": ").unwrap_or((&text, ""));
                let (first, last) = sides.split_once(", then ").unwrap_or((sides, ""));
                vec![
                    row.label(),
                    first.to_owned(),
                    last.to_owned(),
                    row.verdict.as_str().replace('_', " "),
                ]
            })
            .collect();
        page.heading("The beginning against the end");
        page.body().table(
            &[
                "figure",
                &format!("first {window}"),
                &format!("last {window}"),
                "verdict",
            ],
            &rows,
            |verdict| match verdict {
                "drifted" => Some("bad"),
                "steady" | "improved" => Some("good"),
                _ => None,
            },
        );
    }
}
