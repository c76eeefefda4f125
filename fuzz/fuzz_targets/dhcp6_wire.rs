#![no_main]

#[path = "../../crates/lanherd-dhcp6/tests/corpus/bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bodies::wire(data));
