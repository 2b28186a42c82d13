//! Certificates that somebody else puts into a directory, as cert-manager and a mounted Secret do.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::sleep;
use tracing::{info, warn};

use crate::chain::Chain;
use crate::tls::{Leaf, LeafError};

/// How often the files are read. A mounted Secret is exchanged as a whole directory behind symbolic links, of which
/// watches on the files hear the first time and never again; reading a few kilobytes cannot miss anything.
const ROUND: Duration = Duration::from_secs(5);

/// A directory with `tls.crt` and `tls.key`.
#[derive(Clone, Debug)]
pub struct Files {
    directory: PathBuf,
    /// What was read last.
    known: Option<(Vec<u8>, Vec<u8>)>,
}

/// Files that cannot be served.
#[derive(Debug, thiserror::Error)]
enum FilesError {
    #[error("tls.crt and tls.key cannot be read")]
    Read(#[from] io::Error),
    #[error(transparent)]
    Leaf(#[from] LeafError),
}

impl Files {
    /// The files of a directory.
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            known: None,
        }
    }

    /// Serves what is in the directory, for ever. What cannot be used is logged, and what was served before stays.
    pub async fn tend(mut self, leaf: Leaf) {
        loop {
            match self.read(&leaf).await {
                Ok(true) => info!("another certificate is served"),
                Ok(false) => {}
                Err(error) => {
                    warn!(directory = %self.directory.display(), error = %Chain(&error), "certificate cannot be served");
                }
            }
            sleep(ROUND).await;
        }
    }

    /// Reads the files and serves them if they are others than before; returns whether they are.
    async fn read(&mut self, leaf: &Leaf) -> Result<bool, FilesError> {
        let chain = tokio::fs::read(self.directory.join("tls.crt")).await?;
        let key = tokio::fs::read(self.directory.join("tls.key")).await?;
        let found = Some((chain, key));
        if self.known == found {
            return Ok(false);
        }
        if let Some((chain, key)) = &found {
            // The two may be read from before and after an exchange; then they do not fit, and are read again.
            leaf.serve(chain, key)?;
        }
        self.known = found;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use jiff::Timestamp;

    use super::*;
    use crate::certificates::Authority;

    #[tokio::test]
    async fn every_exchange_of_a_mounted_secret_is_seen() {
        let mount = tempfile::tempdir().unwrap();
        let root = mount.path();
        let now = Timestamp::now();
        let authority = Authority::new(now).unwrap();
        symlink("..data/tls.crt", root.join("tls.crt")).unwrap();
        symlink("..data/tls.key", root.join("tls.key")).unwrap();
        let (mut files, leaf) = (Files::new(root.to_owned()), Leaf::default());
        assert!(files.read(&leaf).await.is_err() && !leaf.is_there());
        for version in ["..1", "..2", "..3"] {
            let issued = authority.issue(&["a.b.svc".to_owned()], now).unwrap();
            let folder = root.join(version);
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join("tls.crt"), issued.certificate).unwrap();
            std::fs::write(folder.join("tls.key"), issued.key).unwrap();
            symlink(version, root.join("..tmp")).unwrap();
            std::fs::rename(root.join("..tmp"), root.join("..data")).unwrap();
            assert!(files.read(&leaf).await.unwrap(), "{version}");
            assert!(!files.read(&leaf).await.unwrap(), "nothing is new");
        }
        std::fs::write(root.join("..3/tls.key"), "half").unwrap();
        assert!(files.read(&leaf).await.is_err());
        assert!(leaf.is_there(), "what was served stays");
    }
}
