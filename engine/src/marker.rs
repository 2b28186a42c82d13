//! Policy markers in YAML files: find them, plan edits, splice only the marked scalars.
