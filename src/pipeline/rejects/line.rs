//! One line of a rejects file.

use std::{
    io::{self, BufWriter, Write},
    ops::Range,
};

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Reject, Side};
use crate::tables::one_line;

/// Size of one write: a record may be as large as a page.
const PIECE_BYTES: usize = 128 << 10;

/// The line without its record, which is the last member.
#[derive(Serialize)]
struct RejectHead<'a> {
    time: &'a str,
    route: &'a str,
    connector: &'a str,
    table: &'a str,
    side: Side,
    kind: &'a str,
    reason: &'a str,
}

/// The record: unchanged if it is JSON, otherwise as a string.
enum Embedded<'a> {
    Json(&'a RawValue),
    Text(String),
}

struct RejectLine<'a> {
    head: RejectHead<'a>,
    record: Embedded<'a>,
}

/// Lines to write. They borrow the records, which may be as large as a page, and many.
pub(super) struct RejectLines<'a> {
    lines: Vec<RejectLine<'a>>,
    /// The size of each line.
    bytes: Vec<u64>,
}

impl<'a> RejectLines<'a> {
    /// One line per record.
    pub(super) fn of(rejects: &'a [Reject], time: &'a str, route: &'a str) -> io::Result<Self> {
        let line = |reject: &'a Reject| RejectLine {
            head: RejectHead {
                time,
                route,
                connector: &reject.connector,
                table: &reject.table.name,
                side: reject.side,
                kind: reject.kind,
                reason: &reject.reason,
            },
            record: serde_json::from_slice(&reject.record).map_or_else(
                |_| Embedded::Text(String::from_utf8_lossy(&one_line(&reject.record)).into_owned()),
                Embedded::Json,
            ),
        };
        let lines: Vec<RejectLine<'_>> = rejects.iter().map(line).collect();
        let bytes = lines.iter().map(|line| {
            let mut counted = ByteCount(0);
            line.write_to(&mut counted).map(|()| counted.0)
        });
        Ok(Self { bytes: bytes.collect::<io::Result<_>>()?, lines })
    }

    /// The size of each line in bytes.
    pub(super) fn bytes(&self) -> &[u64] {
        &self.bytes
    }

    /// Writes some of the lines, in pieces.
    pub(super) fn write_to(&self, places: Range<usize>, out: &mut impl Write) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(PIECE_BYTES, out);
        for line in self.lines.get(places).unwrap_or_default() {
            line.write_to(&mut out)?;
        }
        out.flush()
    }
}

impl RejectLine<'_> {
    fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let mut head = serde_json::to_vec(&self.head)?;
        // Without its closing brace, for one more member.
        head.pop();
        out.write_all(&head)?;
        out.write_all(b",\"record\":")?;
        match &self.record {
            // Its line breaks are between tokens.
            Embedded::Json(json) => {
                for piece in json.get().split(['\n', '\r']) {
                    out.write_all(piece.as_bytes())?;
                }
            }
            Embedded::Text(text) => serde_json::to_writer(&mut *out, text)?,
        }
        out.write_all(b"}\n")
    }
}

/// Counts the bytes written, and discards them.
struct ByteCount(u64);

impl Write for ByteCount {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.0 += piece.len() as u64;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The file name of a route, without extension: `/` becomes `+`, and other special characters become `%` and
/// two hex digits per byte, so that no two routes share a file and none leaves the directory.
pub(super) fn stem(route: &str) -> String {
    let mut name = String::with_capacity(route.len());
    for byte in route.bytes() {
        match byte {
            b'/' => name.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_route_has_a_file_of_its_own_below_the_directory() {
        assert_eq!(stem("acme-audit/local"), "acme-audit+local");
        assert_eq!(stem("../a+b"), "%2E%2E+a%2Bb");
    }
}
