//! Gives libFuzzer the door `journal`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kentongan_fuzz::journal(bytes));
