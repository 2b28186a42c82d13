//! Semantic versions read from tags, by the loose rules Flux uses.
