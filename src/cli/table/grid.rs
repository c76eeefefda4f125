//! How a table looks, and how wide it is.

use std::io::{self, IsTerminal as _};

use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};
use terminal_size::terminal_size_of;

/// A line below the header, and none between rows.
pub(in crate::cli) const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// A table that looks like all of ours, as wide as the terminal; where there is none, 100 columns at most.
pub fn grid(header: Vec<String>) -> Table {
    grid_of_width(header, &[], width())
}

/// The same, of a width, for what will stand in it.
pub(super) fn grid_of_width(header: Vec<String>, rows: &[Vec<String>], width: u16) -> Table {
    // What one copies is not broken in the middle, and no word above a column is; none below it, where there is room.
    let is_wide_enough = least_width_of_all(&header, rows) <= usize::from(width);
    let constraints: Vec<ColumnConstraint> = header
        .iter()
        .enumerate()
        .map(|(at, name)| {
            if is_whole(name) {
                ColumnConstraint::ContentWidth
            } else {
                let cells = rows.iter().filter(|_| is_wide_enough);
                let cells = cells.filter_map(|row| row.get(at));
                let least = cells.map(|cell| least_width(cell)).max();
                let least = least_width(name).max(least.unwrap_or_default());
                ColumnConstraint::LowerBoundary(Width::Fixed(least))
            }
        })
        .collect();
    let mut table = Table::new();
    table
        .load_style(STYLE)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .set_header(header);
    for (column, constraint) in table.column_iter_mut().zip(constraints) {
        column.set_constraint(constraint);
    }
    table
}

/// Whether what stands in the column is copied, and so not broken.
fn is_whole(name: &str) -> bool {
    ["client", "MAC", "address", "router"].contains(&name)
}

/// The columns of the terminal that a table takes at least, with no word broken, and nothing that is copied.
pub(super) fn least_width_of_all(header: &[String], rows: &[Vec<String>]) -> usize {
    let least = |(at, name): (usize, &String)| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        let content = cells.map(|cell| {
            if is_whole(name) {
                cell.lines().map(|line| line.chars().count() + 2).max()
            } else {
                Some(usize::from(least_width(cell)))
            }
        });
        usize::from(least_width(name)).max(content.flatten().max().unwrap_or_default())
    };
    let columns: usize = header.iter().enumerate().map(least).sum();
    // One more stands between two of them.
    columns + header.len().saturating_sub(1)
}

/// The columns of the terminal that the longest word takes, with a space on each side.
fn least_width(name: &str) -> u16 {
    // Not at every white space: some stands where no line is to end.
    let longest = name
        .split([' ', '\n'])
        .map(|word| word.chars().count())
        .max();
    u16::try_from(longest.unwrap_or_default() + 2).unwrap_or(u16::MAX)
}

pub(super) fn width() -> u16 {
    const USUAL: u16 = 100;
    if !io::stdout().is_terminal() {
        return USUAL;
    }
    // Narrower ones break lines themselves; a table that did would be of words cut in pieces.
    terminal_size_of(io::stdout()).map_or(USUAL, |(columns, _)| columns.0.max(80))
}
