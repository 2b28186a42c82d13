//! Real servers for tests and the demo: registry, Git over HTTP(S) and SSH.
