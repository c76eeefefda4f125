//! Where what stands on the screen, by its size alone.

use ratatui::layout::{Rect, Size};

/// The least that anything can be shown on.
pub const LEAST: Size = Size::new(30, 6);
/// From so many columns and rows on there are charts.
pub const CHARTS: Size = Size::new(100, 24);
/// From so many rows on there are events.
pub const EVENTS: u16 = 16;
/// From so many rows on there is a line of keys.
pub const KEYS: u16 = 12;
/// From so many rows on phases are counted.
pub const PHASES: u16 = 9;

/// The parts of the screen; what there is no room for is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Areas {
    pub head: Rect,
    /// The frame around clients and phases.
    pub herd: Rect,
    pub cells: Rect,
    pub phases: Rect,
    pub joins: Rect,
    pub round_trips: Rect,
    pub failures: Rect,
    pub events: Rect,
    pub keys: Rect,
}

impl Areas {
    /// For this screen; `None` if it is too small for anything.
    pub fn of(size: Size) -> Option<Self> {
        if size.width < LEAST.width || size.height < LEAST.height {
            return None;
        }
        let full = Rect::from((ratatui::layout::Position::ORIGIN, size));
        let mut areas = Self::default();
        let mut rest = full;
        let head = if size.height >= EVENTS { 3 } else { 2 };
        (areas.head, rest) = top(rest, head);
        if size.height >= KEYS {
            (rest, areas.keys) = top(rest, rest.height - 1);
        }
        if size.height >= EVENTS {
            let events = (size.height / 4).clamp(5, 12);
            (rest, areas.events) = top(rest, rest.height - events);
        }
        if size.width >= CHARTS.width && size.height >= CHARTS.height {
            let beside = (size.width * 2 / 5).clamp(40, 64);
            let right = Rect {
                x: rest.right() - beside,
                width: beside,
                ..rest
            };
            rest.width -= beside;
            let chart = (right.height * 2 / 5).min(12);
            let (joins, below) = top(right, chart);
            (areas.joins, (areas.round_trips, areas.failures)) = (joins, top(below, chart));
        }
        areas.herd = rest;
        let inner = Rect {
            x: rest.x + 1,
            y: rest.y + 1,
            width: rest.width - 2,
            height: rest.height - 2,
        };
        let phases = match size.height {
            ..PHASES => 0,
            PHASES..KEYS => 1,
            KEYS.. => (inner.height / 4).clamp(1, 4),
        };
        (areas.cells, areas.phases) = top(inner, inner.height.saturating_sub(phases));
        Some(areas)
    }
}

/// So many rows of an area, and the others.
fn top(area: Rect, rows: u16) -> (Rect, Rect) {
    let rows = rows.min(area.height);
    let above = Rect {
        height: rows,
        ..area
    };
    let below = Rect {
        y: area.y + rows,
        height: area.height - rows,
        ..area
    };
    (above, below)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn areas(width: u16, height: u16) -> Areas {
        Areas::of(Size::new(width, height)).expect("room")
    }

    #[test]
    fn parts_are_dropped_in_the_order_that_is_documented() {
        let has = |areas: Areas| {
            [areas.joins, areas.events, areas.keys, areas.phases].map(|area| !area.is_empty())
        };
        assert_eq!(has(areas(120, 40)), [true; 4]);
        assert_eq!(has(areas(99, 40)), [false, true, true, true]);
        assert_eq!(has(areas(80, 24)), [false, true, true, true]);
        assert_eq!(has(areas(80, 15)), [false, false, true, true]);
        assert_eq!(has(areas(80, 11)), [false, false, false, true]);
        assert_eq!(has(areas(80, 8)), [false; 4]);
        assert_eq!(Areas::of(Size::new(29, 40)), None);
        assert_eq!(Areas::of(Size::new(120, 5)), None);
    }

    #[test]
    fn the_sizes_are_documented_as_they_are() {
        let page = include_str!("../../../docs/tui.md").replace('\n', " ");
        for said in [
            format!("(below {} columns or {} rows)", CHARTS.width, CHARTS.height),
            format!("the events (below {EVENTS} rows)"),
            format!("the line of keys (below {KEYS})"),
            format!("the counts of phases (below {PHASES})"),
            format!("least is {} columns and {} rows", LEAST.width, LEAST.height),
        ] {
            assert!(page.contains(&said), "{said:?}");
        }
    }

    #[test]
    fn parts_lie_within_the_screen_and_beside_each_other() {
        for width in LEAST.width..210 {
            for height in LEAST.height..70 {
                let areas = areas(width, height);
                let parts = [
                    areas.head,
                    areas.herd,
                    areas.joins,
                    areas.round_trips,
                    areas.failures,
                    areas.events,
                    areas.keys,
                ];
                let covered: u32 = parts.iter().map(|area| area.area()).sum();
                assert_eq!(covered, u32::from(width) * u32::from(height), "{areas:?}");
                let screen = Rect::new(0, 0, width, height);
                for (at, part) in parts.iter().enumerate() {
                    assert_eq!(part.intersection(screen), *part, "{areas:?}");
                    for other in parts.iter().skip(at + 1) {
                        assert!(!part.intersects(*other) || part.is_empty() || other.is_empty());
                    }
                }
                assert!(!areas.cells.is_empty(), "{areas:?}");
            }
        }
    }
}
