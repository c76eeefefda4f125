//! How what has changed is written to a terminal: with the sequences for colours that every terminal of sixteen colours
//! knows. crossterm's own backend writes all colours as if of 256, which such terminals take for blinking and the like.

use std::fmt::Write as _;
use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, WindowSize};
use ratatui::buffer::Cell;
use ratatui::crossterm::cursor::{Hide, MoveTo, Show};
use ratatui::crossterm::style::Print;
use ratatui::crossterm::terminal::{self, Clear};
use ratatui::crossterm::{execute, queue};
use ratatui::layout::{Position, Size};
use ratatui::style::{Color, Modifier};

use super::size::size;

/// Writes to a terminal.
#[derive(Debug)]
pub struct SixteenColours<W>(pub W);

impl<W: Write> Backend for SixteenColours<W> {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut next = None;
        let mut rendition = String::new();
        for (x, y, cell) in content {
            if next != Some((x, y)) {
                queue!(self.0, MoveTo(x, y))?;
            }
            next = Some((x + 1, y));
            let wanted = select(cell);
            if rendition != wanted {
                queue!(self.0, Print(&wanted))?;
                rendition = wanted;
            }
            queue!(self.0, Print(cell.symbol()))?;
        }
        queue!(self.0, Print("\u{1b}[0m"))
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        execute!(self.0, Hide)
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        execute!(self.0, Show)
    }

    /// It is hidden, and nobody asks: the answer would come among the keys.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(Position::ORIGIN)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let Position { x, y } = position.into();
        execute!(self.0, MoveTo(x, y))
    }

    fn clear(&mut self) -> io::Result<()> {
        self.clear_region(ClearType::All)
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        let region = match region {
            ClearType::All => terminal::ClearType::All,
            ClearType::AfterCursor => terminal::ClearType::FromCursorDown,
            ClearType::BeforeCursor => terminal::ClearType::FromCursorUp,
            ClearType::CurrentLine => terminal::ClearType::CurrentLine,
            ClearType::UntilNewLine => terminal::ClearType::UntilNewLine,
        };
        execute!(self.0, Clear(region))
    }

    fn size(&self) -> io::Result<Size> {
        Ok(size())
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize {
            columns_rows: size(),
            pixels: Size::default(),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What selects the looks of a cell, whatever they were before (SGR: ECMA-48, 8.3.117; 90 to 97 as aixterm has them).
fn select(cell: &Cell) -> String {
    let mut said = "\u{1b}[0".to_owned();
    for (modifier, code) in [
        (Modifier::BOLD, 1),
        (Modifier::DIM, 2),
        (Modifier::REVERSED, 7),
    ] {
        if cell.modifier.contains(modifier) {
            // Writing to a String cannot fail.
            let _ = write!(said, ";{code}");
        }
    }
    if let Some(colour) = number(cell.fg) {
        let code = if colour < 8 { 30 + colour } else { 82 + colour };
        let _ = write!(said, ";{code}");
    }
    said.push('m');
    said
}

/// Of the sixteen; what is not of these is not drawn here.
const fn number(colour: Color) -> Option<u8> {
    Some(match colour {
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
        Color::Reset | Color::Rgb(..) | Color::Indexed(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use lanherd::phase::Condition;
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::super::theme::Theme;
    use super::*;

    fn written(styles: &[Style]) -> String {
        let width = u16::try_from(styles.len()).expect("a width");
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, 1));
        for (x, style) in (0..).zip(styles) {
            buffer.set_string(x, 0, "x", *style);
        }
        let mut backend = SixteenColours(Vec::new());
        let cells = (0..).zip(&buffer.content).map(|(x, cell)| (x, 0, cell));
        backend.draw(cells).expect("drawn");
        String::from_utf8(backend.0).expect("text")
    }

    #[test]
    fn cells_are_written_in_order_with_what_changes_of_their_looks() {
        let (plain, red) = (Style::new(), Style::new().fg(Color::Red));
        let chosen = red.patch(Theme::CHOSEN);
        let bright = Theme::STRONG.fg(Color::DarkGray);
        assert_eq!(
            written(&[plain, plain, red, red, chosen, bright]),
            "\u{1b}[1;1H\u{1b}[0mxx\u{1b}[0;31mxx\u{1b}[0;7;31mx\u{1b}[0;1;90mx\u{1b}[0m"
        );
    }

    #[test]
    fn every_colour_that_is_used_is_of_the_sixteen() {
        let theme = Theme {
            colours: true,
            unicode: true,
        };
        for condition in Condition::ALL {
            let colour = theme.of_condition(*condition).fg.and_then(number);
            assert!(colour.is_some(), "{condition}");
        }
    }
}
