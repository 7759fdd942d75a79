//! The terminal, for a text that replaces itself.

use std::io;

use console::{Term, truncate_str};

/// The whole terminal, with a hidden cursor.
pub struct Screen(Term);

impl Screen {
    /// Clears it.
    pub fn open(term: Term) -> io::Result<Self> {
        let screen = Self(term);
        screen.0.hide_cursor()?;
        screen.0.clear_screen()?;
        screen.0.flush()?;
        Ok(screen)
    }

    /// Replaces the text: what does not fit is cut.
    pub fn show(&self, text: impl FnOnce(usize) -> String) -> io::Result<()> {
        let (height, width) = self.0.size();
        let (height, width) = (usize::from(height).max(2), usize::from(width).max(2));
        let text = text(width);
        // Cutting keeps orders to a terminal whole, so there must be none.
        let text = crate::cli::text::lines(&text);
        let lines = text.lines().count();
        let mut shown: Vec<_> =
            text.lines().take(height - 1).map(|line| truncate_str(line, width, "…")).collect();
        if let Some(last) = shown.last_mut().filter(|_| lines > height - 1) {
            *last = format!("… {} more lines", lines + 2 - height).into();
        }
        self.0.move_cursor_to(0, 0)?;
        for line in shown {
            self.0.clear_line()?;
            self.0.write_line(&line)?;
        }
        self.0.clear_to_end_of_screen()?;
        self.0.flush()
    }

    /// Leaves the last text, and shows the cursor below it.
    pub fn close(&self) -> io::Result<()> {
        self.0.show_cursor()?;
        self.0.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // After an error, or a panic.
        _ = self.close();
    }
}
