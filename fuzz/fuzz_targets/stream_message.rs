#![no_main]

#[path = "../../crates/lanherd-stream/tests/corpus/bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::message(data));
