//! Tells when it is time to look at the cluster again.
//!
//! Kinds are watched by their metadata alone and nothing of it is kept: each watch begins at the version that the list
//! had when the command looked first, so that waiting costs one open connection for each kind, however large the cluster.

use std::sync::Arc;
use std::time::Duration;

use api::{
    GitRepository, ImageInventory, ImagePolicy, ImageRepository, ImageUpdateAutomation,
    WorkloadKind,
};
use futures::future::join_all;
use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{Api, DynamicObject, ListParams, WatchEvent, WatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, Error};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// The shortest time between two looks.
const REST: Duration = Duration::from_millis(200);

/// How much longer than a look the rest after it is: a large cluster is not asked all the time.
const REST_PER_LOOK: u32 = 4;

/// When a kind that may be listed but not watched is looked at again.
const PERIOD: Duration = Duration::from_secs(2);

/// When a kind that is not there or may not be listed is tried again.
const ABSENCE: Duration = Duration::from_secs(30);

/// Watches a part of a cluster for as long as this lives.
pub(crate) struct Changes {
    bell: Arc<Notify>,
    _watches: JoinSet<()>,
}

impl Changes {
    /// Begins to watch the workloads of a namespace (`None`: of all of them) and what leads to their images.
    ///
    /// What changes after this returned is told.
    pub(crate) async fn begin(client: &Client, namespace: Option<&str>) -> Self {
        let kinds = watches(client, namespace);
        let beginnings = join_all(kinds.iter().map(Watch::begin)).await;
        let bell = Arc::new(Notify::new());
        let mut watches = JoinSet::new();
        for (watch, beginning) in kinds.into_iter().zip(beginnings) {
            watches.spawn(watch.go_on(beginning, Arc::clone(&bell)));
        }
        Self {
            bell,
            _watches: watches,
        }
    }

    /// Waits for the first change after the last look, which took so long.
    ///
    /// Changes that come together are told together: there is a rest after each look.
    pub(crate) async fn next(&self, look: Duration) {
        tokio::time::sleep(REST.max(look * REST_PER_LOOK)).await;
        self.bell.notified().await;
    }
}

/// One kind.
struct Watch {
    /// All of its objects that matter.
    wide: Api<DynamicObject>,
    /// Those that can do if the others may not be listed.
    narrow: Option<Api<DynamicObject>>,
}

/// Where a watch goes on.
struct Beginning {
    api: Api<DynamicObject>,
    version: String,
}

impl Watch {
    /// Asks for the version at which the kind now is.
    async fn begin(&self) -> Result<Beginning, Error> {
        let wide = version(&self.wide).await;
        match (&self.narrow, wide) {
            (Some(narrow), Err(_)) => version(narrow).await,
            (_, wide) => wide,
        }
    }

    /// Rings the bell for each change, and when a change may have been missed.
    async fn go_on(self, mut beginning: Result<Beginning, Error>, bell: Arc<Notify>) {
        loop {
            let ended = match &beginning {
                Ok(beginning) => beginning.listen(&bell).await,
                Err(_) => Ok(()),
            };
            let pause = match (&beginning, ended) {
                (Err(Error::Api(_)), _) => ABSENCE,
                (Ok(_), Ok(())) => Duration::ZERO,
                _ => PERIOD,
            };
            tokio::time::sleep(pause).await;
            beginning = self.begin().await;
            if beginning.is_ok() {
                bell.notify_one();
            }
        }
    }
}

impl Beginning {
    /// Rings the bell for each change until the server ends the watch.
    async fn listen(&self, bell: &Notify) -> Result<(), Error> {
        let params = WatchParams::default();
        let events = self.api.watch_metadata(&params, &self.version).await?;
        let mut events = events.boxed();
        while let Some(event) = events.try_next().await? {
            match event {
                WatchEvent::Bookmark(_) => {}
                WatchEvent::Error(status) => return Err(Error::Api(status)),
                _ => bell.notify_one(),
            }
        }
        Ok(())
    }
}

/// Asks for a list of one object, for the version that the list has.
async fn version(api: &Api<DynamicObject>) -> Result<Beginning, Error> {
    let list = api.list_metadata(&ListParams::default().limit(1)).await?;
    Ok(Beginning {
        api: api.clone(),
        version: list.metadata.resource_version.unwrap_or_default(),
    })
}

/// What is watched: workloads where they are meant, and what decides on their images wherever it is.
fn watches(client: &Client, namespace: Option<&str>) -> Vec<Watch> {
    let everywhere = |kind: &ApiResource| Api::all_with(client.clone(), kind);
    let here = |kind: &ApiResource| {
        namespace.map(|namespace| Api::namespaced_with(client.clone(), namespace, kind))
    };
    let workloads = WorkloadKind::ALL.into_iter().map(|kind| {
        let kind = resource(kind.api_version(), kind.kind(), kind.plural());
        Watch {
            wide: here(&kind).unwrap_or_else(|| everywhere(&kind)),
            narrow: None,
        }
    });
    let deciders = [
        ApiResource::erase::<ImageRepository>(&()),
        ApiResource::erase::<ImagePolicy>(&()),
        ApiResource::erase::<ImageUpdateAutomation>(&()),
        ApiResource::erase::<ImageInventory>(&()),
        ApiResource::erase::<GitRepository>(&()),
        resource(
            "kustomize.toolkit.fluxcd.io/v1",
            "Kustomization",
            "kustomizations",
        ),
    ]
    .map(|kind| Watch {
        wide: everywhere(&kind),
        narrow: here(&kind),
    });
    workloads.chain(deciders).collect()
}

fn resource(api_version: &str, kind: &str, plural: &str) -> ApiResource {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let kind = GroupVersionKind::gvk(group, version, kind);
    ApiResource::from_gvk_with_plural(&kind, plural)
}
