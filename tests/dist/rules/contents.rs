//! What is in an archive, read as krew's installer reads it.

use std::path::{Component, Path};

use flate2::read::GzDecoder;
use tar::{Entries, EntryType};

/// Names of files that pass for a licence, in lower case.
const LICENCES: [&str; 8] = [
    "license",
    "license.txt",
    "license.md",
    "licenses",
    "licenses.txt",
    "licenses.md",
    "copying",
    "copying.txt",
];

/// The first bytes of what gzip packs.
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Checks an archive from which `bin` is run.
pub(super) fn check(archive: &[u8], bin: &str, check: &mut impl FnMut(bool, &str)) {
    if !archive.starts_with(&MAGIC) {
        check(false, "the archive is a tar archive that gzip packed");
        return;
    }
    let mut archive = tar::Archive::new(GzDecoder::new(archive));
    let found = archive.entries().and_then(|entries| read(entries, check));
    let Ok(files) = found else {
        check(false, "the archive is a tar archive that gzip packed");
        return;
    };
    let licence = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        LICENCES.contains(&name.to_ascii_lowercase().as_str())
    };
    check(
        files.iter().any(|(path, _)| licence(path)),
        "the archive holds a licence",
    );
    let program = files.iter().find(|(path, _)| path == bin);
    check(
        program.is_some_and(|(_, mode)| mode & 0o777 == 0o755),
        "the archive holds the program, which everybody may run",
    );
}

/// Returns the paths and modes of the files.
fn read(
    entries: Entries<'_, GzDecoder<&[u8]>>,
    check: &mut impl FnMut(bool, &str),
) -> std::io::Result<Vec<(String, u32)>> {
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let path = entry.path()?.into_owned();
        let kind = entry.header().entry_type();
        check(
            matches!(kind, EntryType::Regular | EntryType::Directory),
            "the archive holds files and folders only",
        );
        check(stays_inside(&path), "no path leads out of the archive");
        if kind == EntryType::Regular {
            let mode = entry.header().mode()?;
            files.push((path.to_string_lossy().into_owned(), mode));
        }
    }
    Ok(files)
}

/// krew refuses any name with two dots side by side, whatever they mean.
fn stays_inside(path: &Path) -> bool {
    let is_plain = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    path.components().all(is_plain) && !path.to_string_lossy().contains("..")
}
