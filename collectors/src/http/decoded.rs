//! Decodes an answer's body: removes compression, which a proxy may add unasked, and a byte order mark.

use std::io::{self, Read};

use bytes::Bytes;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::{HeaderMap, header};

/// The most encodings that are removed; one is usual, two come from a proxy behind a proxy.
const LAYERS_MAX: usize = 4;
const GZIP: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a body cannot be decoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Undecodable {
    /// It exceeds the limit once decompressed.
    TooLarge,
    /// Its compression is broken or unknown.
    Broken(String),
}

/// Decodes the body. The returned headers describe the decoded body.
pub(crate) fn decoded(
    headers: &mut HeaderMap,
    mut body: Bytes,
    bytes_max: usize,
) -> Result<Bytes, Undecodable> {
    let encodings = encodings(headers);
    if encodings.len() > LAYERS_MAX {
        return Err(Undecodable::Broken("compressed too many times".to_owned()));
    }
    for encoding in encodings.iter().rev() {
        if body.is_empty() {
            break;
        }
        body = match encoding.as_str() {
            "identity" => body,
            // A proxy that decompressed it may have left the header.
            "gzip" | "x-gzip" if !body.starts_with(&GZIP) => body,
            "gzip" | "x-gzip" => gunzipped(&body, bytes_max)?,
            "deflate" => inflated(body, bytes_max)?,
            other => {
                let name: String = other.chars().filter(char::is_ascii_alphanumeric).take(20).collect();
                return Err(Undecodable::Broken(format!("compressed with {name}, which was not requested")));
            }
        };
    }
    // No text begins like this, so it is compressed, whatever the headers say.
    if body.starts_with(&GZIP) {
        body = gunzipped(&body, bytes_max)?;
    }
    if body.starts_with(BYTE_ORDER_MARK) {
        body = body.slice(BYTE_ORDER_MARK.len()..);
    }
    if headers.remove(header::CONTENT_ENCODING).is_some() {
        headers.remove(header::CONTENT_LENGTH);
    }
    Ok(body)
}

fn encodings(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let names = values.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase());
    names.filter(|name| !name.is_empty()).collect()
}

fn gunzipped(body: &[u8], bytes_max: usize) -> Result<Bytes, Undecodable> {
    unpacked(MultiGzDecoder::new(body), bytes_max)
}

/// By the standard "deflate" is zlib's format; some servers omit its header. A body that is neither was
/// decompressed on the way.
fn inflated(body: Bytes, bytes_max: usize) -> Result<Bytes, Undecodable> {
    let looks_like_text =
        body.first().is_some_and(|byte| byte.is_ascii_whitespace() || b"{[<".contains(byte));
    match unpacked(ZlibDecoder::new(&body[..]), bytes_max) {
        Err(Undecodable::Broken(_)) => {}
        unpacked => return unpacked,
    }
    match unpacked(DeflateDecoder::new(&body[..]), bytes_max) {
        Err(Undecodable::Broken(_)) if looks_like_text => Ok(body),
        unpacked => unpacked,
    }
}

fn unpacked(packed: impl Read, bytes_max: usize) -> Result<Bytes, Undecodable> {
    let mut bytes = Vec::new();
    let most = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    let read = packed.take(most).read_to_end(&mut bytes);
    if bytes.len() > bytes_max {
        return Err(Undecodable::TooLarge);
    }
    read.map_err(|error| {
        let cut = error.kind() == io::ErrorKind::UnexpectedEof;
        Undecodable::Broken(
            if cut { "compressed, and truncated" } else { "compressed, and damaged" }.to_owned(),
        )
    })?;
    bytes.shrink_to_fit();
    Ok(bytes.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{
        Compression,
        write::{DeflateEncoder, GzEncoder, ZlibEncoder},
    };
    use http::HeaderValue;

    use super::*;

    const TEXT: &str = r#"{"data":[],"has_more":false}"#;
    const MAX: usize = 1000;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut writer = GzEncoder::new(Vec::new(), Compression::default());
        writer.write_all(text).expect("memory");
        writer.finish().expect("memory")
    }

    fn read(encoding: Option<&'static str>, body: Vec<u8>) -> Result<Bytes, Undecodable> {
        let mut headers = HeaderMap::new();
        if let Some(encoding) = encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        let body = decoded(&mut headers, body.into(), MAX)?;
        assert!(!headers.contains_key(header::CONTENT_ENCODING));
        Ok(body)
    }

    #[test]
    fn a_body_is_read_whatever_it_came_in() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(TEXT.as_bytes()).expect("memory");
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(TEXT.as_bytes()).expect("memory");
        let marked = [BYTE_ORDER_MARK, TEXT.as_bytes()].concat();
        let (packed, plain) = (gzip(TEXT.as_bytes()), TEXT.as_bytes().to_vec());
        let two = [gzip(&TEXT.as_bytes()[..9]), gzip(&TEXT.as_bytes()[9..])].concat();
        for (encoding, body) in [
            (None, plain.clone()),
            (None, marked.clone()),
            (None, packed.clone()),
            (Some("gzip"), packed.clone()),
            (Some("X-GZIP"), two),
            (Some("gzip"), gzip(&marked)),
            (Some("identity, gzip"), packed.clone()),
            (Some("gzip, gzip"), gzip(&packed)),
            (Some("gzip"), plain.clone()),
            (Some("deflate"), zlib.finish().expect("memory")),
            (Some("deflate"), raw.finish().expect("memory")),
            (Some("deflate"), plain),
        ] {
            assert_eq!(read(encoding, body).as_deref(), Ok(TEXT.as_bytes()), "{encoding:?}");
        }
        assert_eq!(read(Some("gzip"), Vec::new()).as_deref(), Ok(&[][..]));
    }

    #[test]
    fn what_grows_beyond_the_limit_is_refused_before_it_fills_memory() {
        assert_eq!(read(Some("gzip"), gzip(&vec![b' '; MAX])).map(|body| body.len()), Ok(MAX));
        assert_eq!(read(Some("gzip"), gzip(&vec![b' '; MAX + 1])), Err(Undecodable::TooLarge));
        assert_eq!(read(None, gzip(&vec![b' '; 50_000_000])), Err(Undecodable::TooLarge));
    }

    #[test]
    fn a_packed_body_that_is_cut_or_damaged_is_never_taken_for_a_whole_one() {
        let packed = gzip(TEXT.as_bytes());
        for cut in 2..packed.len() {
            assert!(read(Some("gzip"), packed[..cut].to_vec()).is_err(), "{cut}");
        }
        let mut damaged = packed.clone();
        damaged[packed.len() - 5] ^= 1;
        assert!(read(Some("gzip"), damaged).is_err(), "its checksum is wrong");
        let other = read(Some("br"), b"\x0b\x0d\x80".to_vec()).expect_err("nobody asked for it");
        assert_eq!(other, Undecodable::Broken("compressed with br, which was not requested".into()));
    }
}
