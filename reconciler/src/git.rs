//! The only user of the Git protocol: mirrors, tree-level commits, push.
