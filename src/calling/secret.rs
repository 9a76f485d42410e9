//! The secrets of a webhook: a file of mode 0600, one `whsec_...` a line, the present one first.
//!
//! The way in is [`read`], at each try: a secret is replaced without a restart by putting the new one before the old,
//! and taking the old out when the receiver knows the new. Must never show one.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// What a serialised secret begins with.
const PREFIX: &str = "whsec_";
/// Secrets at once: one, and those that it replaces.
const SECRETS_MAX: usize = 4;

/// Why secrets cannot be used: what was found, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SecretFault {
    #[error("{0}: cannot be read ({1}): expected a file with one `whsec_...` a line")]
    Unreadable(String, String),
    #[error("{0}: its mode is {1:o}, others may read it: `chmod 600` it")]
    Open(String, u32),
    #[error("{0}: line {1} is no secret: expected `whsec_` and 24 to 64 bytes in base64")]
    Line(String, usize),
    #[error("{0}: found {1} secrets, expected 1 to {SECRETS_MAX}")]
    Count(String, usize),
}

/// All secrets of a file, the present one first.
pub(super) fn read(file: &Path) -> Result<Vec<hmac::Key>, SecretFault> {
    let name = file.display().to_string();
    let unreadable =
        |error: std::io::Error| SecretFault::Unreadable(name.clone(), error.to_string());
    let mode = fs::metadata(file).map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SecretFault::Open(name, mode));
    }
    let text = Zeroizing::new(fs::read_to_string(file).map_err(unreadable)?);
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.trim().is_empty());
    let mut keys = Vec::new();
    for (place, line) in lines {
        keys.push(key(line.trim()).ok_or_else(|| SecretFault::Line(name.clone(), place + 1))?);
    }
    match keys.len() {
        1..=SECRETS_MAX => Ok(keys),
        count => Err(SecretFault::Count(name, count)),
    }
}

fn key(line: &str) -> Option<hmac::Key> {
    let bytes = STANDARD.decode(line.strip_prefix(PREFIX)?).ok()?;
    let bytes = Zeroizing::new(bytes);
    (24..=64)
        .contains(&bytes.len())
        .then(|| hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn found(text: &str, mode: u32) -> Result<usize, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        read(&file).map(|keys| keys.len()).map_err(|fault| {
            let text = fault.to_string();
            assert!(!text.contains("MfKQ9"), "{text}");
            text
        })
    }

    #[test]
    fn one_secret_or_several_are_read_and_anything_else_says_what_would_be_right() {
        assert_eq!(found(GOOD, 0o600), Ok(1));
        assert_eq!(found(&format!("{GOOD}\n\n{GOOD}\n"), 0o400), Ok(2));
        for (text, mode, words) in [
            (GOOD, 0o640, "chmod 600"),
            ("", 0o600, "found 0 secrets"),
            (&format!("{GOOD}\n").repeat(5), 0o600, "found 5 secrets"),
            (&GOOD[6..], 0o600, "line 1 is no secret"),
            (
                &format!("{GOOD}\nwhsec_c2hvcnQ="),
                0o600,
                "line 2 is no secret",
            ),
            ("whsec_!!!!", 0o600, "24 to 64 bytes"),
        ] {
            let fault = found(text, mode).unwrap_err();
            assert!(fault.contains(words), "{fault}");
        }
        let none = read(Path::new("/nowhere/secret")).unwrap_err();
        assert!(none.to_string().contains("/nowhere/secret"));
    }
}
