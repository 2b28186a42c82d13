//! The Kubernetes types and names users write.
