//! Archives that depend on nothing but what is in them: the same files give the same bytes.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

/// The size of a header, and what contents are filled up to.
const BLOCK: usize = 512;

/// Files and folders by path, without a slash in front.
#[derive(Clone, Debug, Default)]
pub struct Archive(BTreeMap<String, Entry>);

#[derive(Clone, Debug)]
struct Entry {
    mode: u32,
    /// User and group.
    owner: u32,
    /// `None` is a folder.
    contents: Option<Vec<u8>>,
}

impl Archive {
    /// Adds a file that belongs to root, and the folders it lies in.
    pub fn file(&mut self, path: &str, mode: u32, contents: impl Into<Vec<u8>>) {
        self.add(path, mode, 0, Some(contents.into()));
    }

    /// Adds a folder, and those it lies in.
    pub fn folder(&mut self, path: &str, mode: u32, owner: u32) {
        self.add(path, mode, owner, None);
    }

    fn add(&mut self, path: &str, mode: u32, owner: u32, contents: Option<Vec<u8>>) {
        let path = path.trim_start_matches('/');
        for (end, _) in path.match_indices('/') {
            let above = path[..end].to_owned();
            self.0.entry(above).or_insert(Entry {
                mode: 0o755,
                owner: 0,
                contents: None,
            });
        }
        let entry = Entry {
            mode,
            owner,
            contents,
        };
        self.0.insert(path.to_owned(), entry);
    }

    /// A tar archive: entries in the order of their paths, all from 1970.
    pub fn tar(&self) -> Vec<u8> {
        let mut archive = Vec::new();
        for (path, entry) in &self.0 {
            archive.extend(header(path, entry));
            if let Some(contents) = &entry.contents {
                archive.extend(contents);
                archive.resize(archive.len().next_multiple_of(BLOCK), 0);
            }
        }
        archive.resize(archive.len() + 2 * BLOCK, 0);
        archive
    }
}

/// Packs an archive as gzip does, without name and time.
pub fn gzip(archive: &[u8], compression: Compression) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), compression);
    encoder.write_all(archive)?;
    encoder.finish()
}

/// The SHA-256 of some bytes, in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The architecture of this machine in the words of Go, which are those of OCI and krew.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// The operating system of this machine in the words of Go.
pub fn system() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    }
}

/// The header of an entry in the format ustar.
///
/// # Panics
///
/// If the path is longer than the hundred bytes there are for it, or the file larger than 8 GiB.
fn header(path: &str, entry: &Entry) -> [u8; BLOCK] {
    let size = entry.contents.as_ref().map_or(0, Vec::len);
    let (path, kind) = match entry.contents {
        Some(_) => (path.to_owned(), b"0"),
        None => (format!("{path}/"), b"5"),
    };
    let mut header = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| header[at..at + bytes.len()].copy_from_slice(bytes);
    assert!(path.len() <= 100, "{path} is too long a path");
    let size = format!("{size:011o}");
    assert_eq!(size.len(), 11, "{path} is too large");
    put(0, path.as_bytes());
    put(100, format!("{:07o}", entry.mode).as_bytes());
    put(108, format!("{:07o}", entry.owner).as_bytes());
    put(116, format!("{:07o}", entry.owner).as_bytes());
    put(124, size.as_bytes());
    put(136, b"00000000000");
    put(156, kind);
    put(257, b"ustar\x0000");
    // The sum is taken with blanks in its place.
    put(148, b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}
