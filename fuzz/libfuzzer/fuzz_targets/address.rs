#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| postern_fuzz::targets::address::check(input));
