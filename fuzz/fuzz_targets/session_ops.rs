#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cync_tests::model::run_bytes(data));
