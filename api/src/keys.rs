//! Names that are looked up: groups, annotations, finalizers, condition types, managers.

/// API group of the image kinds.
pub const IMAGE_GROUP: &str = "image.toolkit.fluxcd.io";
/// API version of the image kinds, with its group.
pub const IMAGE_API_VERSION: &str = "image.toolkit.fluxcd.io/v1";
/// API group of `GitRepository`.
pub const SOURCE_GROUP: &str = "source.toolkit.fluxcd.io";
/// API version of `GitRepository`, with its group.
pub const SOURCE_API_VERSION: &str = "source.toolkit.fluxcd.io/v1";
/// Our own API group, for what Flux's kinds have no place for.
pub const IMGAUTO_GROUP: &str = "imgauto.dev";

/// Annotation by which a user asks for a reconcile; only a change of its value counts.
pub const RECONCILE_REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";
/// Finalizer Flux puts on its objects; it is removed from objects that are being deleted.
pub const FLUX_FINALIZER: &str = "finalizers.fluxcd.io";

/// Condition: the last reconcile succeeded.
pub const READY: &str = "Ready";
/// Condition: a reconcile is under way or will be retried.
pub const RECONCILING: &str = "Reconciling";
/// Condition: nothing helps but a change of the object.
pub const STALLED: &str = "Stalled";

/// The namespace Flux lives in unless told otherwise.
pub const DEFAULT_NAMESPACE: &str = "flux-system";
