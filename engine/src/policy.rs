//! Select one tag from many, and say why for each.
