//! A configuration file.
#![no_main]

use std::path::Path;

use allpoints::node::config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = str::from_utf8(data) {
        let _ = config::parse(text, Path::new("/nowhere/node.toml"));
    }
});
