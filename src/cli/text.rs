//! Output of the commands: tables, and a standard output that may close early. Terminal
//! control sequences in records or server messages are removed.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    io::{self, BufRead, Write},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;

pub(super) use crate::units::{counted, duration, grouped, size, span};
use crate::{config::Environment, stderr};

/// The widest line of our own output.
pub const WIDTH: usize = 110;

/// On a narrower terminal lines break inside words.
const WIDTH_MIN: usize = 40;

/// Writes text for people to standard output. A reader that closes the pipe (`| head`) is no error.
pub fn print(text: &str) -> io::Result<()> {
    write_out(&lines(text))
}

/// Writes a JSON document for programs, and for people who look at it.
pub fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    Ok(write_out(&(inert_json(&serde_json::to_string_pretty(value)?).into_owned() + "\n"))?)
}

/// Writes a JSON document as one line.
pub fn print_json_line(value: &impl Serialize) -> anyhow::Result<()> {
    Ok(write_out(&(inert_json(&serde_json::to_string(value)?).into_owned() + "\n"))?)
}

/// As `print`; returns whether somebody may still read.
pub fn print_to_reader(text: &str) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(lines(text).as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        done => done.map(|()| true),
    }
}

/// Whether somebody may still read standard output: false once the other end of a pipe is closed.
pub fn stdout_is_read() -> bool {
    let out = io::stdout();
    let mut watched = [PollFd::new(&out, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut watched, Some(&now)) {
        Ok(_) => !watched[0].revents().intersects(PollFlags::ERR | PollFlags::HUP),
        Err(_) => true,
    }
}

fn write_out(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

/// Writes a remark to standard error. It is no failure if it cannot be written.
pub fn say(text: fmt::Arguments<'_>) {
    let text = text.to_string();
    stderr::say(&lines(&text));
}

/// Asks on the terminal. Anything but yes means no.
pub fn asked(question: &str) -> io::Result<bool> {
    let mut err = io::stderr().lock();
    write!(err, "{} [y/N] ", lines(question))?;
    err.flush()?;
    drop(err);
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// The alignment of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Lines of equal columns, two spaces apart, each as wide as its widest value. No trailing spaces.
pub fn table(aligns: &[Align], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..aligns.len()).map(|column| wide(rows, column)).collect();
    rows.iter().map(|row| line(aligns, &widths, row)).collect()
}

/// The same within `width`: columns are left out, those first that `least` names first; then the first column is cut.
pub fn fitted(aligns: &[Align], least: &[usize], rows: &[Vec<String>], width: usize) -> String {
    let mut shown: Vec<usize> = (0..aligns.len()).collect();
    let is_wide = |shown: &[usize]| {
        let wanted: usize = shown.iter().map(|column| wide(rows, *column) + 2).sum();
        wanted.saturating_sub(width + 2)
    };
    for column in least {
        if is_wide(&shown) == 0 {
            break;
        }
        shown.retain(|one| one != column);
    }
    let too_wide = is_wide(&shown);
    let first_max = wide(rows, shown.first().copied().unwrap_or(0)).saturating_sub(too_wide).max(1);
    let cells = |row: &Vec<String>| -> Vec<String> {
        let mut cells: Vec<String> = shown.iter().filter_map(|column| row.get(*column).cloned()).collect();
        if let Some(first) = cells.first_mut() {
            *first = cut_end(first, first_max);
        }
        cells
    };
    let rows: Vec<Vec<String>> = rows.iter().map(cells).collect();
    let aligns: Vec<Align> = shown.iter().filter_map(|column| aligns.get(*column).copied()).collect();
    table(&aligns, &rows)
}

/// The widest value of a column.
fn wide(rows: &[Vec<String>], column: usize) -> usize {
    rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
}

/// A text of at most `chars` characters; what is missing at its end is `…`.
pub fn cut_end(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    text.chars().take(chars.saturating_sub(1)).chain(['…']).collect()
}

/// The same, with its end kept: that is the telling part of a path.
pub fn cut_begin(text: &str, chars: usize) -> String {
    let count = text.chars().count();
    if count <= chars {
        return text.to_owned();
    }
    ['…'].into_iter().chain(text.chars().skip(count + 1 - chars.max(1))).collect()
}

/// How wide the output may be: the terminal, or else what `COLUMNS` says; no wider than `WIDTH` if neither is known.
pub fn width(environment: &Environment) -> usize {
    let columns = || environment.get("COLUMNS")?.to_str()?.parse().ok();
    let terminal = || rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col));
    let known = terminal().filter(|columns| *columns > 0).or_else(columns);
    known.unwrap_or(WIDTH).max(WIDTH_MIN)
}

/// One line of a table, with its line break.
pub fn line(aligns: &[Align], widths: &[usize], row: &[String]) -> String {
    let mut line = String::new();
    for ((cell, width), align) in row.iter().zip(widths).zip(aligns) {
        match align {
            Align::Left => line.push_str(&format!("{cell:<width$}  ")),
            Align::Right => line.push_str(&format!("{cell:>width$}  ")),
        }
    }
    line.truncate(line.trim_end().len());
    line + "\n"
}

/// Wraps words into lines that begin with `indent` and are at most `WIDTH` wide, unless a single word is
/// wider.
pub fn wrap(indent: &str, text: &str) -> String {
    wrap_to(WIDTH, indent, text)
}

/// The same for lines of another width.
pub fn wrap_to(width_max: usize, indent: &str, text: &str) -> String {
    let mut lines = String::new();
    let mut width = width_max;
    for word in text.split_whitespace() {
        let chars = word.chars().count();
        if width + 1 + chars > width_max {
            if !lines.is_empty() {
                lines.push('\n');
            }
            lines.push_str(indent);
            width = indent.chars().count();
        } else {
            lines.push(' ');
            width += 1;
        }
        lines.push_str(word);
        width += chars;
    }
    lines + "\n"
}

/// Foreign text on one line, without anything that a terminal interprets.
pub fn tame(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c => inert(c),
    };
    text.chars().map(shown).collect()
}

/// Foreign text with its line breaks and tabs, without anything else that a terminal interprets.
pub fn lines(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| is_order(c) && !matches!(c, '\n' | '\t')) {
        return Cow::Borrowed(text);
    }
    let mut chars = text.chars().peekable();
    let mut shown = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        // Alone, it would overwrite the line.
        let ends_a_line = c == '\r' && chars.peek() == Some(&'\n');
        shown.push(if ends_a_line || matches!(c, '\n' | '\t') { c } else { inert(c) });
    }
    Cow::Owned(shown)
}

/// The same JSON, with characters in strings that a terminal interprets written as `\u` escapes.
pub fn inert_json(json: &str) -> Cow<'_, str> {
    let is_loose = |c: char| !matches!(c, '\n') && is_order(c);
    if !json.contains(is_loose) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if is_loose(c) {
            _ = write!(shown, "\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

fn inert(c: char) -> char {
    if is_order(c) { '\u{fffd}' } else { c }
}

/// Control characters, and characters that change the writing direction: they let one text look like another.
fn is_order(c: char) -> bool {
    let turns_around =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns_around
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_broken_between_words_and_never_lost() {
        let text = "word ".repeat(60);
        let wrapped = wrap("    ", &text);
        assert!(wrapped.lines().all(|line| line.len() <= WIDTH && line.starts_with("    word")));
        assert_eq!(wrapped.split_whitespace().count(), 60);
    }

    #[test]
    fn columns_are_aligned_and_lines_end_with_their_last_value() {
        let rows = [["a", "1", ""], ["bcd", "234", "x"]].map(|row| row.map(str::to_owned).to_vec());
        let text = table(&[Align::Left, Align::Right, Align::Left], &rows);
        assert_eq!(text, "a      1\nbcd  234  x\n");
    }

    #[test]
    fn a_table_that_is_too_wide_loses_its_least_columns_and_then_the_end_of_the_first() {
        let rows = [["acme-audit/local", "live", "3m"], ["b", "parked", "12d"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        let fit = |width| fitted(&[Align::Left; 3], &[1], &rows, width);
        assert_eq!(
            fit(27),
            "acme-audit/local  live    3m\nb                 parked  12d\n"
                .replace("live    3m", "3m")
                .replace("parked  12d", "12d")
        );
        assert_eq!(fit(29), "acme-audit/local  live    3m\nb                 parked  12d\n");
        assert_eq!(fit(13), "acme-au…  3m\nb         12d\n");
        assert_eq!([cut_begin("/a/long/path", 6), cut_begin("short", 6)], ["…/path", "short"]);
    }

    #[test]
    fn text_of_others_cannot_move_the_cursor() {
        assert_eq!(tame("a\n\u{1b}[2Jb\u{202e}"), "a \u{fffd}[2Jb\u{fffd}");
        assert_eq!(lines("a\r\n\tb\rc\u{9b}2J"), "a\r\n\tb\u{fffd}c\u{fffd}2J");
    }

    #[test]
    fn json_means_the_same_when_a_terminal_cannot_obey_it() {
        let value = serde_json::json!({ "a": "\u{9b}2J\u{7f}\u{202e}\u{1b}é" });
        let text = serde_json::to_string_pretty(&value).expect("a value");
        let inert = inert_json(&text);
        assert!(!inert.contains(|c: char| c != '\n' && is_order(c)), "{inert}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&inert).expect("still JSON"), value);
    }
}
