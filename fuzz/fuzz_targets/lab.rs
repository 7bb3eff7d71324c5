#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cync_tests::property::decode_lab_stream(data));
