//! Tests that cross programs on real servers, without a cluster.
