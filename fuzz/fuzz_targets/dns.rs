#![no_main]

#[path = "../../tests/dns_corpus/bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    bodies::dns(data);
});
