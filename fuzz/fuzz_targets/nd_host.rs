#![no_main]

#[path = "../../crates/lanherd-ndp/tests/corpus/bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    bodies::host(data);
});
