//! What the tests of lanherd's crates share; never published.
//!
//! - [`corpus`]: the seeds of fuzz targets as ordinary tests.
//! - [`folder`]: a folder of a test's own, which goes with it.
//!
//! With the feature `linux`:
//!
//! - `isolated`: a harness whose every test has a process of its own, which has one thread until the test starts more.
//! - `world`: a small world for one test on the real kernel: a parent, a router at the other end of its cable, a client's port.
//! - `pki`: authorities, certificates and keys, made by openssl.
//!
//! ```
//! # #[cfg(feature = "linux")]
//! assert_eq!(lanherd_testkit::isolated::sh("echo from a shell"), "from a shell");
//! ```

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::new_without_default,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "it is a part of tests: a name says what it does, and a panic is how a test fails"
)]

pub mod corpus;
pub use lanherd_types::test_folder as folder;
#[cfg(feature = "linux")]
pub mod isolated;
#[cfg(feature = "linux")]
pub mod pki;
#[cfg(feature = "linux")]
pub mod world;
