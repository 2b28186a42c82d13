//! Durations as Go writes and reads them.
