//! Output formats of query results: a table, JSON, CSV.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use super::text::{self, Align};
use crate::{
    digest::hex,
    sinks::sqlite::query::{ResultCell, Rows},
};

/// How many rows determine the widths of a table; later ones are written as they come.
const MEASURED_ROWS: usize = 100;
/// The widest value of a table: a whole record would push everything else off the screen.
const CELL_CHARS_MAX: usize = 60;

/// An output format that must be finished.
pub trait Finish: Rows {
    /// Writes what is still buffered.
    fn finish(&mut self) -> io::Result<()>;
}

/// A table for people. Long values are cut; `--json` and `--csv` print them whole.
pub struct TableRows<W> {
    out: W,
    aligns: Vec<Align>,
    widths: Vec<usize>,
    held: Vec<Vec<String>>,
    measuring: bool,
    cell_chars_max: usize,
}

impl<W: Write> TableRows<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        let cell_chars_max = CELL_CHARS_MAX;
        let (aligns, widths, held) = (Vec::new(), Vec::new(), Vec::new());
        Self { out, aligns, widths, held, measuring: true, cell_chars_max }
    }

    /// As [`TableRows::new`], without cutting values: for those that are known to be short.
    pub fn whole(out: W) -> Self {
        Self { cell_chars_max: usize::MAX, ..Self::new(out) }
    }

    fn measured(&mut self) -> io::Result<()> {
        self.measuring = false;
        if self.held.len() == 1 {
            self.aligns.fill(Align::Left);
        }
        let rule = self.widths.iter().map(|width| "-".repeat(*width)).collect();
        self.held.insert(self.held.len().min(1), rule);
        for row in std::mem::take(&mut self.held) {
            self.out.write_all(text::line(&self.aligns, &self.widths, &row).as_bytes())?;
        }
        Ok(())
    }

    fn measure(&mut self, row: &[String]) {
        for (width, cell) in self.widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
}

impl<W: Write> Rows for TableRows<W> {
    fn columns(&mut self, names: &[&str]) -> io::Result<()> {
        let names: Vec<String> =
            names.iter().map(|name| cut(&text::tame(name), self.cell_chars_max)).collect();
        self.aligns = vec![Align::Right; names.len()];
        self.widths = vec![0; names.len()];
        self.measure(&names);
        self.held.push(names);
        Ok(())
    }

    fn row(&mut self, values: &[ResultCell<'_>]) -> io::Result<()> {
        let row: Vec<String> = values.iter().map(|value| shown(value, self.cell_chars_max)).collect();
        if !self.measuring {
            return self.out.write_all(text::line(&self.aligns, &self.widths, &row).as_bytes());
        }
        for (align, value) in self.aligns.iter_mut().zip(values) {
            if matches!(value, ResultCell::Text(_) | ResultCell::Bytes(_)) {
                *align = Align::Left;
            }
        }
        self.measure(&row);
        self.held.push(row);
        if self.held.len() > MEASURED_ROWS {
            self.measured()?;
        }
        Ok(())
    }
}

impl<W: Write> Finish for TableRows<W> {
    fn finish(&mut self) -> io::Result<()> {
        if self.measuring {
            self.measured()?;
        }
        self.out.flush()
    }
}

fn shown(value: &ResultCell<'_>, chars_max: usize) -> String {
    match value {
        ResultCell::Null => String::new(),
        ResultCell::Integer(number) => number.to_string(),
        ResultCell::Real(number) => number.to_string(),
        // Only the visible part of a long text is processed.
        ResultCell::Text(text) => {
            let after = chars_max.saturating_add(1);
            let end = text.char_indices().nth(after).map_or(text.len(), |(place, _)| place);
            cut(&text::tame(&text[..end]), chars_max)
        }
        ResultCell::Bytes(bytes) => cut(&hex(&bytes[..bytes.len().min(chars_max)]), chars_max),
    }
}

fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    text.chars().take(chars_max - 1).chain(['…']).collect()
}

/// One JSON object per line, for programs: every value is exact.
pub struct JsonRows<W> {
    out: W,
    names: Vec<String>,
}

impl<W: Write> JsonRows<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, names: Vec::new() }
    }
}

impl<W: Write> Rows for JsonRows<W> {
    fn columns(&mut self, names: &[&str]) -> io::Result<()> {
        let quoted: Result<Vec<String>, _> = names.iter().map(serde_json::to_string).collect();
        self.names = quoted?.iter().map(|name| text::inert_json(name).into_owned()).collect();
        Ok(())
    }

    fn row(&mut self, values: &[ResultCell<'_>]) -> io::Result<()> {
        for (place, (name, value)) in self.names.iter().zip(values).enumerate() {
            let before = if place == 0 { '{' } else { ',' };
            write!(self.out, "{before}{name}:")?;
            match value {
                ResultCell::Null => self.out.write_all(b"null")?,
                ResultCell::Integer(number) => write!(self.out, "{number}")?,
                // JSON has no NaN or infinity: they become null.
                ResultCell::Real(number) => serde_json::to_writer(&mut self.out, number)?,
                ResultCell::Text(text) => {
                    let quoted = serde_json::to_string(text)?;
                    self.out.write_all(text::inert_json(&quoted).as_bytes())?;
                }
                ResultCell::Bytes(bytes) => serde_json::to_writer(&mut self.out, &hex(bytes))?,
            }
        }
        self.out.write_all(if values.is_empty() { b"{}\n" } else { b"}\n" })
    }
}

impl<W: Write> Finish for JsonRows<W> {
    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// CSV with a line of names, by RFC 4180 except that a line ends as the lines of every other output do.
pub struct CsvRows<W: Write> {
    out: csv::Writer<W>,
    raw: bool,
}

impl<W: Write> CsvRows<W> {
    /// Unless `raw`, text is escaped so that neither a terminal nor a spreadsheet interprets it.
    pub fn new(out: W, raw: bool) -> Self {
        Self { out: csv::Writer::from_writer(out), raw }
    }

    fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.raw {
            return Cow::Borrowed(text);
        }
        let text = text::lines(text);
        if is_formula(&text) { Cow::Owned(format!("'{text}")) } else { text }
    }
}

/// Whether a spreadsheet would calculate this text (by OWASP's list on CSV injection), other than a plain
/// number.
fn is_formula(text: &str) -> bool {
    const BEGINNINGS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    let is_number = || {
        let of_digits = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'));
        of_digits && text.parse::<f64>().is_ok()
    };
    text.starts_with(BEGINNINGS) && !is_number()
}

impl<W: Write> Rows for CsvRows<W> {
    fn columns(&mut self, names: &[&str]) -> io::Result<()> {
        let names: Vec<_> = names.iter().map(|name| self.text(name)).collect();
        self.out.write_record(names.iter().map(AsRef::<str>::as_ref)).map_err(io_error)
    }

    fn row(&mut self, values: &[ResultCell<'_>]) -> io::Result<()> {
        for value in values {
            let written = match value {
                ResultCell::Null => self.out.write_field(""),
                ResultCell::Integer(number) => self.out.write_field(number.to_string()),
                ResultCell::Real(number) => self.out.write_field(number.to_string()),
                ResultCell::Text(text) => {
                    let text = self.text(text);
                    self.out.write_field(text.as_ref())
                }
                ResultCell::Bytes(bytes) => self.out.write_field(hex(bytes)),
            };
            written.map_err(io_error)?;
        }
        self.out.write_record(None::<&[u8]>).map_err(io_error)
    }
}

impl<W: Write> Finish for CsvRows<W> {
    fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Keeps the error kind, by which a closed pipe is recognised.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written<'a, R: Finish>(make: impl FnOnce(&'a mut Vec<u8>) -> R, out: &'a mut Vec<u8>) {
        let mut rows = make(out);
        rows.columns(&["Id", "n"]).expect("in memory");
        rows.row(&[ResultCell::Text("a\"b,\nc"), ResultCell::Integer(7)]).expect("in memory");
        rows.row(&[ResultCell::Null, ResultCell::Real(f64::NAN)]).expect("in memory");
        rows.finish().expect("in memory");
    }

    #[test]
    fn json_is_one_object_a_line_whatever_the_values_hold() {
        let mut out = Vec::new();
        written(JsonRows::new, &mut out);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "{\"Id\":\"a\\\"b,\\nc\",\"n\":7}\n{\"Id\":null,\"n\":null}\n"
        );
    }

    #[test]
    fn csv_quotes_what_would_break_a_line() {
        let mut out = Vec::new();
        written(|out| CsvRows::new(out, false), &mut out);
        assert_eq!(String::from_utf8_lossy(&out), "Id,n\n\"a\"\"b,\nc\",7\n,NaN\n");
    }

    /// One text as CSV.
    fn in_csv(text: &str, raw: bool) -> String {
        let mut out = Vec::new();
        let mut rows = CsvRows::new(&mut out, raw);
        rows.columns(&["a", "b"]).expect("in memory");
        rows.row(&[ResultCell::Text(text), ResultCell::Integer(-1)]).expect("in memory");
        rows.finish().expect("in memory");
        drop(rows);
        let out = String::from_utf8(out).expect("text");
        out.strip_prefix("a,b\n").and_then(|out| out.strip_suffix(",-1\n")).expect("one row").to_owned()
    }

    #[test]
    fn what_a_spreadsheet_would_calculate_is_text_in_csv_unless_it_is_asked_for_as_it_is() {
        for formula in ["=1+1", "+1 555", "-2+3", "@SUM(A1)", "\t=1", "＝1", "-", "+inf", "=HYPERLINK(\"x\")"]
        {
            let quoted =
                |text: &str| text.contains('"').then(|| format!("\"{}\"", text.replace('"', "\"\"")));
            let guarded = format!("'{formula}");
            assert_eq!(in_csv(formula, false), quoted(&guarded).unwrap_or(guarded));
            assert_eq!(in_csv(formula, true), quoted(formula).unwrap_or(formula.to_owned()));
        }
        assert_eq!(in_csv("\r\n=1", false), "\"'\r\n=1\"");
        for harmless in ["-1", "+1.5", "-2.5e-3", "2026-01-01", "a=b", ""] {
            assert_eq!(in_csv(harmless, false), harmless);
        }
    }

    #[test]
    fn no_order_to_a_terminal_is_in_csv_unless_it_is_asked_for_as_it_is() {
        assert_eq!(in_csv("a\u{1b}[2Jb\rc\u{9b}1m", false), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}1m");
        assert_eq!(in_csv("a\u{1b}[2Jb", true), "a\u{1b}[2Jb");
    }

    #[test]
    fn no_order_to_a_terminal_is_in_json_and_it_means_the_same() {
        let mut out = Vec::new();
        let mut rows = JsonRows::new(&mut out);
        rows.columns(&["a"]).expect("in memory");
        rows.row(&[ResultCell::Text("\u{1b}[2J\u{9b}1m\u{7f}")]).expect("in memory");
        rows.finish().expect("in memory");
        assert_eq!(String::from_utf8_lossy(&out), "{\"a\":\"\\u001b[2J\\u009b1m\\u007f\"}\n");
    }

    #[test]
    fn a_table_is_written_before_the_result_has_ended() {
        let mut out = Vec::new();
        let mut rows = TableRows::new(&mut out);
        rows.columns(&["n"]).expect("in memory");
        for number in 0..1000 {
            rows.row(&[ResultCell::Integer(number)]).expect("in memory");
            assert!(rows.held.len() <= MEASURED_ROWS);
        }
        rows.finish().expect("in memory");
        assert_eq!(String::from_utf8_lossy(&out).lines().count(), 1002);
    }

    #[test]
    fn a_long_value_is_cut_in_a_table() {
        let mut out = Vec::new();
        let mut rows = TableRows::new(&mut out);
        let long = "é".repeat(10_000);
        rows.columns(&["a"]).expect("in memory");
        rows.row(&[ResultCell::Text(&long)]).expect("in memory");
        rows.finish().expect("in memory");
        let last = String::from_utf8_lossy(&out).lines().last().map(|line| line.chars().count());
        assert_eq!(last, Some(CELL_CHARS_MAX));
    }
}
