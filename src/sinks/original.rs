//! The record as received, as a text in its document, so that nothing is lost that has no column.

use std::io;

use collectors::Record;

/// The member's name, from the Elastic Common Schema.
pub const NAME: &str = "event.original";

/// Appends `,"event.original":"…"`.
pub fn append(record: &Record, out: &mut Vec<u8>) -> io::Result<()> {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(NAME.as_bytes());
    out.extend_from_slice(b"\":");
    serde_json::to_writer(out, &String::from_utf8_lossy(&record.raw))?;
    Ok(())
}
