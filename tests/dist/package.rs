//! What users download: the plugin for one platform, with its terms.

use std::fmt;
use std::io;
use std::path::Path;

use flate2::Compression;
use harness::archive::{Archive, architecture, gzip, sha256, system};

/// A platform, in krew's words, which are Go's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Platform {
    pub(crate) os: String,
    pub(crate) arch: String,
}

impl Platform {
    /// That of this machine.
    pub(crate) fn here() -> Self {
        Self {
            os: system().to_owned(),
            arch: architecture().to_owned(),
        }
    }

    /// What the program is called there.
    fn program(&self) -> &'static str {
        if self.os == "windows" {
            "kubectl-imgauto.exe"
        } else {
            "kubectl-imgauto"
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.arch)
    }
}

/// The archive for one platform.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) platform: Platform,
    /// The name of its file.
    pub(crate) file: String,
    /// The file, a tar archive as gzip packs it.
    pub(crate) archive: Vec<u8>,
}

impl Package {
    /// Packs a program.
    pub(crate) fn new(
        version: &str,
        platform: Platform,
        program: Vec<u8>,
        compression: Compression,
    ) -> io::Result<Self> {
        let mut archive = Archive::default();
        archive.file(platform.program(), 0o755, program);
        // krew leaves it to the archive to bring the licence, and takes the whole archive.
        for page in ["LICENSE", "README.md"] {
            archive.file(page, 0o644, read(&harness::checkout().join(page))?);
        }
        Ok(Self {
            file: format!(
                "kubectl-imgauto_v{version}_{}_{}.tar.gz",
                platform.os, platform.arch
            ),
            archive: gzip(&archive.tar(), compression)?,
            platform,
        })
    }

    /// The checksum of the file, as manifests have it.
    pub(crate) fn checksum(&self) -> String {
        sha256(&self.archive)
    }
}

/// Reads a file, and names it if that fails.
pub(crate) fn read(file: &Path) -> io::Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| {
        let text = format!("cannot read {}: {error}", file.display());
        io::Error::new(error.kind(), text)
    })
}
