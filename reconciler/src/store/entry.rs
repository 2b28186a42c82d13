//! What one entry of the store looks like on disk.
//!
//! One byte of version, 32 bytes of checksum, the length of the name (u16) and of the text (u32),
//! little end first, the name, and the text compressed as one block of LZ4.

use super::tags::revision;
use super::{StoredTags, Tags};

/// The version written here. Entries of another one are not there.
const VERSION: u8 = 1;

/// Bytes before the name.
const PREFIX: usize = 1 + 32 + 2 + 4;

/// The longest text an entry may say it holds: more than any listing may grow to.
const TEXT_LIMIT: usize = 256 << 20;

/// An entry without its tags.
pub(super) struct Header<'a> {
    checksum: [u8; 32],
    pub(super) canonical: &'a str,
    text_length: usize,
    block: &'a [u8],
}

impl Header<'_> {
    /// Whether the entry holds this list, of this image.
    pub(super) fn is(&self, canonical: &str, checksum: &[u8; 32]) -> bool {
        self.canonical == canonical && self.checksum == *checksum
    }

    /// The checksum as a status shows it.
    pub(super) fn revision(&self) -> String {
        revision(&self.checksum)
    }
}

/// Writes an entry.
pub(super) fn encode(canonical: &str, tags: &Tags) -> Vec<u8> {
    let text = tags.as_text().as_bytes();
    let block = lz4_flex::block::compress(text);
    // A name of an image is at most a host and 255 letters; a longer one would not be read back, and is listed again.
    let name_length = u16::try_from(canonical.len()).unwrap_or(u16::MAX);
    let text_length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let mut value = Vec::with_capacity(PREFIX + canonical.len() + block.len());
    value.push(VERSION);
    value.extend_from_slice(&tags.checksum());
    value.extend_from_slice(&name_length.to_le_bytes());
    value.extend_from_slice(&text_length.to_le_bytes());
    value.extend_from_slice(canonical.as_bytes());
    value.extend_from_slice(&block);
    value
}

/// Reads an entry but for its tags; `None` if it is none of this version.
pub(super) fn header(value: &[u8]) -> Option<Header<'_>> {
    let (version, rest) = value.split_first()?;
    if *version != VERSION {
        return None;
    }
    let (checksum, rest) = rest.split_first_chunk::<32>()?;
    let (name_length, rest) = rest.split_first_chunk::<2>()?;
    let (text_length, rest) = rest.split_first_chunk::<4>()?;
    let (name, block) = rest.split_at_checked(u16::from_le_bytes(*name_length).into())?;
    Some(Header {
        checksum: *checksum,
        canonical: std::str::from_utf8(name).ok()?,
        text_length: usize::try_from(u32::from_le_bytes(*text_length)).ok()?,
        block,
    })
}

/// Reads an entry; `None` if it is none of this version, or not what was written.
pub(super) fn decode(value: &[u8]) -> Option<StoredTags> {
    let header = header(value)?;
    if header.text_length > TEXT_LIMIT {
        return None;
    }
    let text = lz4_flex::block::decompress(header.block, header.text_length).ok()?;
    let tags = Tags::from_text(String::from_utf8(text).ok()?);
    let intact = tags.checksum() == header.checksum;
    intact.then(|| StoredTags {
        canonical: header.canonical.to_owned(),
        revision: revision(&header.checksum),
        tags,
    })
}
