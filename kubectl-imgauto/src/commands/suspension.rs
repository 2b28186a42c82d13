//! Suspending and resuming: one field, whoever changes it.

use serde_json::{Value, json};

use super::field_owners::Path;
use super::objects::Objects;
use super::{manifest, ownership};
use crate::error::CliError;
use crate::image_kind::ImageKind;
use crate::session::Session;

/// The name under which objects are suspended, resumed and asked for.
///
/// It does not begin with `kubectl`: Flux's kustomize-controller takes what such managers own for edits by hand and takes
/// it back with its next run, and then a suspended automation would be at work again within minutes. Flux's own CLI is
/// not caught by that rule either.
pub(crate) const SWITCHER: &str = "imgauto";

/// What is done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    /// Its controller is to leave it alone.
    Suspend,
    /// Its controller is to work on it again.
    Resume,
}

impl Switch {
    /// The verb of the command line.
    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Resume => "resume",
        }
    }

    /// The change of the object.
    ///
    /// Like flux, resuming leaves no field behind.
    pub(crate) fn change(self) -> Value {
        match self {
            Self::Suspend => json!({"spec": {"suspend": true}}),
            Self::Resume => json!({"spec": {"suspend": null}}),
        }
    }

    /// Switches an object, with flux's lines, and warns if somebody will switch it back.
    pub(crate) async fn apply<K: ImageKind>(
        self,
        session: &mut Session<'_>,
        objects: &Objects<K>,
        object: &K,
    ) -> Result<(), CliError> {
        let name = object.meta().name.as_deref().unwrap_or_default();
        let (human, namespace, verb) = (K::HUMAN, &objects.namespace, self.verb());
        let (doing, done) = match self {
            Self::Suspend => ("suspending", "suspended"),
            Self::Resume => ("resuming", "resumed"),
        };
        let word = K::NOUN.word();
        let warning = ownership::warning(
            object.meta(),
            &[suspend_path()],
            &format!("{human} {name}"),
            &format!("kubectl imgauto {verb} {word} {name} -n {namespace} --export"),
        );
        if let Some(warning) = warning {
            session.warn(&warning);
        }
        session.note(&format!("{doing} {human} {name} in {namespace} namespace"));
        objects.change(name, SWITCHER, &self.change()).await?;
        session.done(&format!("{human} {done}"));
        Ok(())
    }

    /// Returns the manifest of an object as it is after the switch.
    pub(crate) fn manifest<K: ImageKind>(self, object: &K) -> Result<String, CliError> {
        let mut value = manifest::of(object)?;
        if let Some(spec) = value.get_mut("spec").and_then(Value::as_object_mut) {
            match self {
                Self::Suspend => {
                    spec.insert("suspend".to_owned(), Value::Bool(true));
                }
                Self::Resume => {
                    spec.remove("suspend");
                }
            }
        }
        manifest::yaml(&value)
    }
}

/// The field.
fn suspend_path() -> Path {
    vec!["spec".to_owned(), "suspend".to_owned()]
}
