//! Commit message templates: Go text/template with the deterministic sprig functions.
