//! Ids and names that are compared byte by byte.
#![no_main]

use allpoints::{
    domain::{id::AuthorityId, text::escape},
    trust::tls::Name,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    if let Ok(id) = text.parse::<AuthorityId>() {
        assert_eq!(id.as_str(), text, "nothing is normalised");
    }
    if let Ok(name) = text.parse::<Name>() {
        assert_eq!(name.to_string(), text, "one spelling alone");
    }
    let shown = escape(text);
    assert!(!shown.chars().any(char::is_control));
});
