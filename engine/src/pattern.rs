//! Go regular expressions and `Expand` templates.
