//! A namespace of one test, and what tests do in it.

use std::fmt::Debug;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace as NamespaceObject;
use kube::api::{DeleteParams, PostParams};
use kube::core::ObjectMeta;
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::control_plane::{ControlPlane, Credentials};
use crate::program::{kubectl, kubectl_imgauto, run_with_input};
use crate::serve::wait;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it looks.
const PERIOD: Duration = Duration::from_millis(25);

/// A namespace of a cluster, new and empty, with a home for the programs that work in it.
pub struct Namespace<'a> {
    plane: &'a ControlPlane,
    name: String,
    home: TempDir,
    kubeconfig: Credentials,
}

impl<'a> Namespace<'a> {
    pub(crate) fn create(plane: &'a ControlPlane, prefix: &str) -> Self {
        let object = NamespaceObject {
            metadata: ObjectMeta {
                generate_name: Some(format!("{prefix}-")),
                ..ObjectMeta::default()
            },
            ..NamespaceObject::default()
        };
        let namespaces: Api<NamespaceObject> = Api::all(plane.client());
        let made = wait(async move { namespaces.create(&PostParams::default(), &object).await });
        let made = made.expect("an administrator may make namespaces");
        let name = made.metadata.name.expect("the server names what it makes");
        Self {
            plane,
            kubeconfig: plane.kubeconfig_in(&name),
            name,
            home: TempDir::new().expect("the temporary folder is writable"),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The cluster it is in.
    pub fn plane(&self) -> &'a ControlPlane {
        self.plane
    }

    /// An administrator's kubeconfig that leads here.
    pub fn kubeconfig(&self) -> &Path {
        self.kubeconfig.path()
    }

    /// The home of the programs that work here.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The real kubectl, as an administrator who works here.
    pub fn kubectl(&self) -> Command {
        let mut command = kubectl(self.home());
        command.env("KUBECONFIG", self.kubeconfig());
        command
    }

    /// `kubectl imgauto`, as an administrator who works here.
    pub fn imgauto(&self) -> Command {
        let mut command = kubectl_imgauto(self.home());
        command.env("KUBECONFIG", self.kubeconfig());
        command
    }

    /// Applies manifests (YAML or JSON) as kubectl does; what names no namespace lands here.
    ///
    /// # Panics
    ///
    /// If the API server refuses one of them.
    pub fn apply(&self, manifests: &str) {
        run_with_input(
            self.kubectl()
                .args(["apply", "--server-side", "--filename=-"]),
            manifests,
        );
    }

    /// The objects of a kind here.
    pub fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.plane.client(), &self.name)
    }

    /// Waits until `find` finds what it looks for in an object, which need not be there yet.
    ///
    /// # Panics
    ///
    /// If that takes more than a minute; the message holds the object as it then is.
    pub fn settles<K, T>(&self, name: &str, find: impl Fn(&K) -> Option<T>) -> T
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
        K: Clone + Debug + DeserializeOwned + Serialize + Send + 'static,
    {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (api, wanted) = (self.api::<K>(), name.to_owned());
            let object = wait(async move { api.get_opt(&wanted).await });
            let object = object.unwrap_or_else(|error| panic!("cannot get {name}: {error}"));
            if let Some(found) = object.as_ref().and_then(&find) {
                return found;
            }
            if Instant::now() > deadline {
                let text = serde_json::to_string_pretty(&object).expect("objects are JSON");
                panic!(
                    "{} {}/{name} does not settle:\n{text}",
                    K::kind(&()),
                    self.name
                );
            }
            std::thread::sleep(PERIOD);
        }
    }

    /// Makes a ServiceAccount with a Role of its own and returns its kubeconfig.
    ///
    /// `rules` is the list that stands in a Role.
    pub fn account(&self, name: &str, rules: &Value) -> Credentials {
        let metadata = json!({"name": name});
        let subject = json!({"kind": "ServiceAccount", "name": name, "namespace": self.name});
        let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name});
        let group = "rbac.authorization.k8s.io/v1";
        let items = json!([
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
            {"apiVersion": group, "kind": "Role", "metadata": metadata, "rules": rules},
            {"apiVersion": group, "kind": "RoleBinding", "metadata": metadata, "roleRef": role, "subjects": [subject]},
        ]);
        self.apply(&json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string());
        self.plane.service_account_kubeconfig(&self.name, name)
    }
}

impl Drop for Namespace<'_> {
    fn drop(&mut self) {
        if self.plane.is_foreign() {
            let namespaces: Api<NamespaceObject> = Api::all(self.plane.client());
            let name = self.name.clone();
            wait(async move { namespaces.delete(&name, &DeleteParams::background()).await }).ok();
        }
    }
}
