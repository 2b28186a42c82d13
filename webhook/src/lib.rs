//! The admission server: it marks how workloads stand to their image policies, and guards them where a namespace asks
//! for it.
//!
//! [`wire`] reads reviews and writes answers, [`policies`] knows policies and namespaces, [`review`] and [`checks`]
//! answer from both, [`routes`] serves it. What is decided is decided in [`engine::admission`].

#[cfg(test)]
mod api_server;
pub mod body;
pub mod certificates;
pub mod checks;
pub mod metrics;
pub mod patch;
pub mod policies;
pub mod process;
pub mod reach;
pub mod review;
pub mod routes;
pub mod server;
pub mod tls;
pub mod trace;
pub mod wire;

pub use engine::chain;
