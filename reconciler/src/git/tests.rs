//! Against real Git: `git http-backend` behind a small server, results checked with the `git` program.

mod checkout;
mod commit;
mod fetch;
pub(crate) mod fixture;
mod http;
mod push;
mod signing;
mod writer;
