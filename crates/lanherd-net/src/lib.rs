#![doc = include_str!("../README.md")]

pub mod bulk;
pub mod config;
pub mod exec;
pub mod frame;
pub mod frame6;
pub mod icmp;
mod kernel;
pub mod kernel_module;
pub mod lan;
pub mod linux;
pub mod listener;
pub mod memory;
pub mod mount_view;
pub mod neighbour_tables;
pub mod netlink;
pub mod netns;
mod raw;
pub mod router_socket;
pub mod rundir;
pub mod sandbox;
mod sys;

pub use kernel::{NO_IPV6, speaks_ipv6};
pub use sys::{drive, give_memory_back, keep_one_heap};
