//! From what a client's link is to have of IPv6 to what the kernel is asked to set, and what the kernel has made of it. Pure.
//!
//! Lifetimes are kept as the moments at which they end, as the kernel knows them. An advertisement prolongs those of a whole herd,
//! and would cost some requests for each client each time; so the kernel is told of a longer lifetime only when less than half of
//! it is left there, or half a minute.

mod delegated;
mod planning;
mod standing;

pub(super) use self::standing::{Examined6, Standing6};

#[cfg(test)]
mod tests;
