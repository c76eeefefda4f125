//! A herd of whole LAN clients on one Linux box, pointed at a router.

pub mod dhcp;
pub mod identity;
pub mod lab;
pub mod lan;
pub mod phase;
pub mod sandbox;
