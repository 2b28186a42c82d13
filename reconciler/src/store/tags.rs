//! A list of tags in one piece of memory.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// Tags, bytewise descending as they are stored: one text, every tag with a line break behind it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tags {
    text: String,
}

impl Tags {
    /// Takes tags in the order they come.
    ///
    /// What holds a line break is no tag, and is left out.
    pub fn new<T: AsRef<str>>(tags: impl IntoIterator<Item = T>) -> Self {
        let mut text = String::new();
        for tag in tags {
            let tag = tag.as_ref();
            if !tag.is_empty() && !tag.contains('\n') {
                text.push_str(tag);
                text.push('\n');
            }
        }
        text.shrink_to_fit();
        Self { text }
    }

    /// Reads what [`Self::as_text`] gave.
    pub(super) fn from_text(text: String) -> Self {
        Self { text }
    }

    /// Every tag with a line break behind it.
    pub(super) fn as_text(&self) -> &str {
        &self.text
    }

    /// The tags.
    pub fn iter(&self) -> std::str::Lines<'_> {
        self.text.lines()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.text.bytes().filter(|byte| *byte == b'\n').count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The SHA-256 of the tags with a line break behind each.
    pub(super) fn checksum(&self) -> [u8; 32] {
        Sha256::digest(self.text.as_bytes()).into()
    }

    /// The checksum as `status.lastScanResult.revision` shows it: `sha256:<hex>`.
    #[must_use]
    pub fn revision(&self) -> String {
        revision(&self.checksum())
    }
}

/// Writes a checksum as a revision.
pub(super) fn revision(checksum: &[u8; 32]) -> String {
    let hex: String = checksum.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
