//! Semantic version ranges as Masterminds/semver v3 reads them.
