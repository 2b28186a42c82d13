//! Certificates that somebody else puts into a directory, as cert-manager and a mounted Secret do.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::chain::Chain;
use crate::metrics::Metrics;
use crate::reach::Reach;
use crate::tls::{Leaf, LeafError};

#[cfg(test)]
mod tests;

/// How often the files are read. A mounted Secret is exchanged as a whole directory behind symbolic links, of which
/// watches on the files hear the first time and never again; reading a few kilobytes cannot miss anything.
const ROUND: Duration = Duration::from_secs(5);

/// A directory with `tls.crt` and `tls.key`.
pub struct Files {
    directory: PathBuf,
    leaf: Leaf,
    metrics: Metrics,
    reach: Reach,
    /// What was served last.
    known: Option<(Vec<u8>, Vec<u8>)>,
    /// What could not be served, so that it is told once.
    refused: Option<String>,
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
    /// The files of a directory, to be served.
    pub fn new(directory: PathBuf, leaf: Leaf, metrics: Metrics, reach: Reach) -> Self {
        Self {
            directory,
            leaf,
            metrics,
            reach,
            known: None,
            refused: None,
        }
    }

    /// Serves what is in the directory, for ever. What cannot be used is logged, and what was served before stays.
    pub async fn tend(mut self) {
        loop {
            let failed = match self.read().await {
                Ok(None) => None,
                Ok(Some(end)) => {
                    info!(until = %end, "another certificate is served");
                    None
                }
                Err(error) => Some(Chain(&error).to_string()),
            };
            if failed != self.refused {
                if let Some(error) = &failed {
                    warn!(directory = %self.directory.display(), error, "certificate cannot be served");
                }
                self.refused = failed;
            }
            sleep(ROUND).await;
        }
    }

    /// Reads the files and serves them if they are others than before; then it returns when they end.
    async fn read(&mut self) -> Result<Option<Timestamp>, FilesError> {
        let chain = tokio::fs::read(self.directory.join("tls.crt")).await?;
        let key = tokio::fs::read(self.directory.join("tls.key")).await?;
        let found = (chain, key);
        if self.known.as_ref() == Some(&found) {
            return Ok(None);
        }
        // The two may be read from before and after an exchange; then they do not fit, and are read again.
        let end = self.leaf.serve(&found.0, &found.1)?;
        self.metrics.leaf(end.as_second());
        self.reach.given();
        self.known = Some(found);
        Ok(Some(end))
    }
}
