//! Real servers for tests, on loopback: registries, Git over HTTP and SSH, a proxy, a Kubernetes control plane, and the
//! built programs.
//!
//! Every server listens on a port of its own that the system chose, and ends when its value is dropped, also when the
//! test panics. Servers that are processes of their own end even when the test is killed. What a test needs and the
//! machine lacks is a failure that names `make setup`, never a skipped test. Nothing here returns errors: a harness
//! that cannot do its work panics and says why.

pub mod api_front;
pub mod archive;
pub mod balancer;
pub mod control_plane;
pub mod crowd;
pub mod deployed;
pub mod fault_registry;
pub mod file_server;
pub mod flux;
pub mod git;
pub mod git_server;
pub mod idle;
pub mod injector;
pub mod krew;
pub mod load;
pub mod lone_webhook;
pub mod namespace;
pub mod object_server;
pub mod population;
pub mod program;
pub mod proxy;
pub mod reconciler;
pub mod registry;
pub mod replicas;
pub mod scripted_server;
pub mod silence;
pub mod ssh_server;
pub mod tls;
pub mod webhook;

mod serve;

use std::path::{Path, PathBuf};

pub use api_front::ApiFront;
pub use control_plane::{ControlPlane, Credentials};
pub use fault_registry::FaultRegistry;
pub use file_server::FileServer;
pub use git::{Forge, Repository, git};
pub use git_server::GitServer;
pub use injector::Injector;
pub use krew::Krew;
pub use lone_webhook::LoneWebhook;
pub use namespace::Namespace;
pub use object_server::ObjectServer;
pub use proxy::HttpProxy;
pub use reconciler::Reconciler;
pub use registry::Registry;
pub use replicas::Replicas;
pub use scripted_server::ScriptedServer;
pub use serve::wait;
pub use ssh_server::SshServer;
pub use tls::Authority;
pub use webhook::Webhook;

/// Returns the root of the checkout that the tests were built from.
pub fn checkout() -> &'static Path {
    static ROOT: std::sync::LazyLock<PathBuf> = std::sync::LazyLock::new(|| {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        package
            .parent()
            .expect("the package lies in the checkout")
            .to_path_buf()
    });
    &ROOT
}
