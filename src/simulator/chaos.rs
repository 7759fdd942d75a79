//! The habit `chaos`: what gateways, proxies and caches do to the answers of a list.
//!
//! One answer in eight is wrong in one of many ways. None of them is an empty list that claims to be the end:
//! no number of identical answers distinguishes that from the truth.

use std::{io::Write, time::Duration};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use rand::{RngExt, rngs::StdRng};

use super::faults::{Fault, throttled};

/// One answer in this many is wrong.
const ONE_IN: u32 = 8;
/// How long a slow answer takes: longer than a second, shorter than any timeout.
const SLOW: Duration = Duration::from_millis(1500);
/// Page size of a gateway that does not forward the limit.
pub(super) const CAP: usize = 20;
/// A gateway's answer for an unknown path, or for a server that is down.
const HTML: &[u8] =
    b"<!DOCTYPE html>\n<html><head><title>Gateway</title></head><body>No upstream.</body></html>\n";

/// What goes wrong with the next answer of a list, if anything.
pub(super) fn next(now: i64, rng: &mut StdRng) -> Option<Fault> {
    if !rng.random_ratio(1, ONE_IN) {
        return None;
    }
    let html = |status| Fault::Status {
        status,
        headers: vec![("content-type", "text/html".to_owned())],
        body: Bytes::from_static(HTML),
    };
    Some(match rng.random_range(0..16) {
        0 => Fault::Earlier,
        1 => Fault::Null,
        2 => Fault::Unfiltered,
        3 => Fault::Capped(CAP),
        4 => Fault::status(500, "server_error", &[]),
        5 => throttled(now, rng),
        6 => html(404),
        7 => html(200),
        8 => Fault::CutAt(rng.random_range(1..20_000)),
        9 => Fault::Damaged,
        10 => Fault::Mark,
        11 => Fault::Gzip,
        12 => Fault::EmptyPage,
        13 => Fault::Twice,
        14 => Fault::Slow(SLOW),
        _ => Fault::Close,
    })
}

/// A record with something in it that is not JSON.
pub(super) fn damaged(body: &[u8], rng: &mut StdRng) -> Vec<u8> {
    let inserts: [&[u8]; 4] = [b"\"odd\":NaN,", b"\"odd\":\"a\x01b\",", b"\"odd\":\"\\q\",", b","];
    let insert = inserts[rng.random_range(0..inserts.len())];
    let (head, rest) = body.split_at(body.iter().position(|byte| *byte == b'{').map_or(0, |at| at + 1));
    [head, insert, rest].concat()
}

/// The body as gzip.
pub(super) fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    match encoder.write_all(body).and_then(|()| encoder.finish()) {
        Ok(packed) => packed.into(),
        // Writing to a vector cannot fail.
        Err(_) => Bytes::new(),
    }
}
