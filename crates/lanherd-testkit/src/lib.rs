//! What the tests of lanherd's crates share; never published.
//!
//! - [`isolated`]: a harness whose every test has a process of its own, which has one thread until the test starts more.
//! - [`world`]: a small world for one test on the real kernel: a parent, a router at the other end of its cable, a client's port.
//! - [`folder`]: a folder of a test's own, which goes with it.
//! - [`pki`]: authorities, certificates and keys, made by openssl.
//!
//! ```
//! use lanherd_testkit::isolated::sh;
//!
//! assert_eq!(sh("echo from a shell"), "from a shell");
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

pub mod folder;
pub mod isolated;
pub mod pki;
pub mod world;
