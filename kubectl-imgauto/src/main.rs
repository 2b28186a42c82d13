//! `kubectl imgauto`: image updates through Git, from the shell.

fn main() {}
