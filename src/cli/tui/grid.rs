//! Where each client's cell stands: rows of tens, group by group.

use std::ops::Range;

use super::model::Model;

/// One row of the grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GridRow {
    /// The name of a group, by its index.
    Group(usize),
    /// The cells of these clients.
    Cells(Range<usize>),
}

/// All rows of the grid, and how wide their parts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridPlan {
    pub rows: Vec<GridRow>,
    /// How many columns the number before a row takes, with the space behind it.
    pub label: usize,
    /// From one cell to the next.
    stride: usize,
}

/// Which way to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Back,
    Forth,
    /// So many rows up or down.
    Up(usize),
    Down(usize),
}

impl GridPlan {
    /// For so many columns and rows: with a space beside each cell, where all have room then.
    pub fn new(model: &Model, columns: usize, rows: usize) -> Self {
        let roomy = Self::with(model, columns, 2);
        if roomy.rows.len() <= rows {
            return roomy;
        }
        Self::with(model, columns, 1)
    }

    fn with(model: &Model, columns: usize, stride: usize) -> Self {
        let largest = model.cells().iter().map(|cell| cell.number.0).max();
        let label = largest.unwrap_or(1).to_string().len() + 1;
        let room = columns.saturating_sub(label);
        // Tens stand apart by a column more.
        let tens = (room + 1) / (10 * stride + 1);
        let each = if tens > 0 {
            tens * 10
        } else {
            (room / stride).max(1)
        };
        let mut rows = Vec::new();
        let are_named = model.groups().len() > 1;
        for (index, group) in model.groups().iter().enumerate() {
            if are_named {
                rows.push(GridRow::Group(index));
            }
            let starts = group.cells.clone().step_by(each);
            rows.extend(starts.map(|at| GridRow::Cells(at..group.cells.end.min(at + each))));
        }
        Self {
            rows,
            label,
            stride,
        }
    }

    /// The column of the cell that stands at this place of its row.
    pub const fn column(&self, at: usize) -> usize {
        self.label + at * self.stride + at / 10
    }

    /// The row of a cell, and its place there.
    pub fn find(&self, cell: usize) -> Option<(usize, usize)> {
        self.rows
            .iter()
            .enumerate()
            .find_map(|(at, row)| match row {
                GridRow::Cells(cells) if cells.contains(&cell) => Some((at, cell - cells.start)),
                GridRow::Cells(_) | GridRow::Group(_) => None,
            })
    }

    /// The cell that is reached from another by a step; the last one on the way where it would lead out.
    pub fn step(&self, from: usize, step: Step) -> usize {
        let last = match self.rows.last() {
            Some(GridRow::Cells(cells)) => cells.end.saturating_sub(1),
            Some(GridRow::Group(_)) | None => 0,
        };
        let Some((row, place)) = self.find(from) else {
            return from.min(last);
        };
        let land = |row: &GridRow| match row {
            GridRow::Cells(cells) => Some((cells.start + place).min(cells.end - 1)),
            GridRow::Group(_) => None,
        };
        match step {
            Step::Back => from.saturating_sub(1),
            Step::Forth => (from + 1).min(last),
            Step::Up(by) => {
                let above = self.rows.get(..row).unwrap_or_default();
                let way = above.iter().rev().filter_map(land);
                way.take(by).last().unwrap_or(from)
            }
            Step::Down(by) => {
                let below = self.rows.get(row + 1..).unwrap_or_default();
                let way = below.iter().filter_map(land);
                way.take(by).last().unwrap_or(from)
            }
        }
    }

    /// The first row to be shown of which there are `height`, so that this cell is among them, with the name of its group
    /// where it is in the first row; as near as can be to `top`, which was the first before.
    pub fn scrolled(&self, top: usize, cell: usize, height: usize) -> usize {
        let height = height.max(1);
        let lowest = self.rows.len().saturating_sub(height);
        let Some((row, _)) = self.find(cell) else {
            return top.min(lowest);
        };
        let named = matches!(
            row.checked_sub(1).and_then(|above| self.rows.get(above)),
            Some(GridRow::Group(_))
        );
        let upper = if named && height > 1 { row - 1 } else { row };
        top.clamp((row + 1).saturating_sub(height), upper)
            .min(lowest)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_thousand_have_room_where_a_small_herd_has_more() {
        let plan = GridPlan::new(&sample::model(1_000), 70, 24);
        assert_eq!(plan.rows.len(), 1_000_usize.div_ceil(60));
        assert_eq!(plan.rows[1], GridRow::Cells(60..120));
        assert_eq!(
            (plan.column(0), plan.column(9), plan.column(10)),
            (5, 14, 16)
        );
        let plan = GridPlan::new(&sample::model(20), 70, 24);
        assert_eq!(plan.rows, [GridRow::Cells(0..20)]);
        assert_eq!((plan.column(0), plan.column(1)), (3, 5));
    }

    #[test]
    fn every_cell_is_in_one_row_and_within_the_columns() {
        for clients in [0, 1, 9, 10, 11, 99, 1_000] {
            let model = sample::grouped(clients);
            for columns in 1..130 {
                let plan = GridPlan::new(&model, columns, 10);
                let mut seen = Vec::new();
                for row in &plan.rows {
                    let GridRow::Cells(cells) = row else { continue };
                    seen.extend(cells.clone());
                    let right = plan.column(cells.len() - 1);
                    assert!(right < columns || cells.len() == 1, "{clients} {columns}");
                }
                assert_eq!(seen, (0..clients as usize).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn steps_stay_within_the_herd_and_pass_over_the_names_of_groups() {
        // Of 25: 20 in the first group, 5 in the second.
        let plan = GridPlan::new(&sample::grouped(25), 14, 6);
        let cells = |range| GridRow::Cells(range);
        assert_eq!(
            plan.rows,
            [
                GridRow::Group(0),
                cells(0..10),
                cells(10..20),
                GridRow::Group(1),
                cells(20..25)
            ]
        );
        assert_eq!(plan.step(0, Step::Back), 0);
        assert_eq!(plan.step(9, Step::Forth), 10);
        assert_eq!(plan.step(24, Step::Forth), 24);
        assert_eq!(plan.step(3, Step::Down(1)), 13);
        assert_eq!(plan.step(13, Step::Down(1)), 23);
        assert_eq!(plan.step(19, Step::Down(1)), 24);
        assert_eq!(plan.step(24, Step::Up(1)), 14);
        assert_eq!(plan.step(24, Step::Up(9)), 4);
        assert_eq!(plan.step(4, Step::Up(1)), 4);
        assert_eq!(plan.step(99, Step::Up(1)), 24);
    }

    #[test]
    fn what_is_chosen_is_in_sight() {
        let plan = GridPlan::new(&sample::grouped(1_000), 40, 5);
        for cell in [0, 7, 500, 799, 800, 999] {
            for top in [0, 10, 1_000] {
                for height in [1, 2, 5, 500] {
                    let first = plan.scrolled(top, cell, height);
                    let (row, _) = plan.find(cell).expect("a row");
                    assert!(
                        (first..first + height).contains(&row),
                        "{cell} {top} {height}"
                    );
                }
            }
        }
        assert_eq!(plan.scrolled(9, 0, 5), 0, "the group's name is shown, too");
    }
}
