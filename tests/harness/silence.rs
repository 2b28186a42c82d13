//! A way to an API server on which connections can die without a word, as behind a firewall that has forgotten them.

use std::path::Path;

use kube::config::Kubeconfig;
use tempfile::NamedTempFile;
use tokio::io::copy_bidirectional;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::control_plane::ControlPlane;
use crate::serve::Listening;

/// A way that passes everything on, until it is told to forget.
pub struct SilentWay {
    _listening: Listening,
    forgotten: watch::Sender<()>,
    kubeconfig: NamedTempFile,
}

impl SilentWay {
    /// Starts a way to an API server, for its administrator.
    ///
    /// # Panics
    ///
    /// If the API server is not called by an address and a port.
    pub fn start(plane: &ControlPlane) -> Self {
        let mut kubeconfig = Kubeconfig::read_from(plane.kubeconfig()).expect("it is sound");
        let clusters = kubeconfig.clusters.iter_mut();
        let mut clusters = clusters.filter_map(|named| named.cluster.as_mut());
        let cluster = clusters.next().expect("there is a cluster");
        let url = cluster.server.as_deref().expect("it has an address");
        let server = url.trim_start_matches("https://").trim_end_matches('/');
        let server = server.to_owned();
        let forgotten = watch::Sender::new(());
        let telling = forgotten.clone();
        let listening = Listening::start(move |mut client| {
            let (server, mut forgotten) = (server.clone(), telling.subscribe());
            async move {
                let Ok(mut server) = TcpStream::connect(server).await else {
                    return;
                };
                tokio::select! {
                    // A side that goes away ends the other; there is nobody to tell.
                    _ = copy_bidirectional(&mut client, &mut server) => {}
                    _ = forgotten.changed() => std::future::pending().await,
                }
            }
        });
        cluster.server = Some(format!("https://{}", listening.address()));
        let file = NamedTempFile::with_prefix("imgauto-kubeconfig-");
        let file = file.expect("the temporary folder is writable");
        serde_json::to_writer(&file, &kubeconfig).expect("the file is writable");
        Self {
            _listening: listening,
            forgotten,
            kubeconfig: file,
        }
    }

    /// The kubeconfig of this way.
    pub fn kubeconfig(&self) -> &Path {
        self.kubeconfig.path()
    }

    /// Passes nothing on any more on the connections that are up. They stay up, and new ones work.
    pub fn forget(&self) {
        self.forgotten.send_replace(());
    }
}
