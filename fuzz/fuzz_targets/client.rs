#![no_main]

#[path = "../../tests/support/dhcp_bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    bodies::client(data);
});
