//! What clients do once they are online: one file each.

pub mod ping;
