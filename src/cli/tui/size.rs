//! How large the terminal is.

use ratatui::crossterm::terminal::window_size;
use ratatui::layout::Size;

/// The size of the terminal now; what terminals began with, where it cannot be told.
pub fn size() -> Size {
    match window_size() {
        Ok(size) if size.columns > 0 && size.rows > 0 => Size::new(size.columns, size.rows),
        Ok(_) | Err(_) => Size::new(80, 24),
    }
}
