//! Gives libFuzzer the door `replay`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kentongan_fuzz::replay(bytes));
