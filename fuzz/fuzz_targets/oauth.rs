//! The target `oauth`; see `crates/strongroom-fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strongroom_fuzz::run_target("oauth", bytes));
