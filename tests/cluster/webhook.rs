//! The webhook, called by a real API server: what is marked, warned of and refused, and what gets past it.

mod apply_loop;
mod contract;
mod debugging;
mod fields;
mod forgery;
mod ground;
mod identity;
mod kinds;
mod modes;
mod namespaces;
mod parts;
mod policies;
mod ratchet;
mod sender;
