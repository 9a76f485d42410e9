//! C2SP signed notes and tlog checkpoints: the journal's log, signed with the log key.
//!
//! The way in: [`Checkpoint::sign`] and [`Checkpoint::verify`]. Follows <https://c2sp.org/signed-note>
//! and <https://c2sp.org/tlog-checkpoint>, Ed25519 (type 0x01) alone; signatures of unknown keys are
//! passed over, one of the known key that fails refuses the whole note. Never trusts a note's own word
//! for the key that signed it.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    keys::{self, SigningKey},
    merkle::{Hash, sha256},
};
use crate::domain::{id::AuthorityId, limits};

/// A checkpoint's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// `allpoints/ID/log/EPOCH`.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// RFC 6962 root.
    pub root: Hash,
}

/// Name of an authority's log, such as `allpoints/XA-POL/log/1`.
#[must_use]
pub fn log_origin(authority: &AuthorityId, epoch: u32) -> String {
    format!("allpoints/{authority}/log/{epoch}")
}

impl Checkpoint {
    /// The signed note (C2SP tlog-checkpoint, Ed25519); the key's name is the origin.
    #[must_use]
    pub fn sign(&self, key: &SigningKey) -> String {
        let text = self.text();
        let line = signature_line(&self.origin, &text, key);
        format!("{text}\n{line}")
    }

    /// Reads and verifies a note under a public key, whose name is the checkpoint's origin.
    ///
    /// # Errors
    /// When it is no checkpoint, or the signature is not by that key.
    pub fn verify(note: &str, public_key: &[u8; 32]) -> Result<Self, NoteError> {
        let (text, signatures) = split(note)?;
        let checkpoint = Self::parse(text)?;
        verify_signatures(text, signatures, &checkpoint.origin, public_key)?;
        Ok(checkpoint)
    }

    fn text(&self) -> String {
        let root = STANDARD.encode(self.root);
        format!("{}\n{}\n{root}\n", self.origin, self.size)
    }

    fn parse(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.lines();
        let origin = lines.next().unwrap_or_default();
        if !is_key_name(origin) {
            return Err(NoteError::Origin);
        }
        let size = lines.next().unwrap_or_default();
        let legal = size == "0"
            || (!size.starts_with('0') && size.bytes().all(|byte| byte.is_ascii_digit()));
        let size = size.parse().ok().filter(|_| legal).ok_or(NoteError::Size)?;
        let root = STANDARD
            .decode(lines.next().unwrap_or_default())
            .ok()
            .and_then(|root| root.try_into().ok())
            .ok_or(NoteError::Root)?;
        // Extension lines are opaque, but must not be empty.
        if lines.any(str::is_empty) {
            return Err(NoteError::Text);
        }
        Ok(Self {
            origin: origin.to_owned(),
            size,
            root,
        })
    }
}

/// Why a note is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than any checkpoint.
    #[error("the note has {found} bytes, expected at most {max}", max = limits::NOTE_MAX_BYTES)]
    TooLong {
        /// Its bytes.
        found: usize,
    },
    /// No text, no blank line, control characters, or an empty extension line.
    #[error("not a signed note: expected lines of text, a blank line and signature lines")]
    Text,
    /// The first line.
    #[error("not a checkpoint: expected the log's origin without spaces or `+` in the first line")]
    Origin,
    /// The second line.
    #[error("not a checkpoint: expected a decimal tree size in the second line")]
    Size,
    /// The third line.
    #[error("not a checkpoint: expected base64 of 32 bytes in the third line")]
    Root,
    /// A line after the blank one.
    #[error("not a signed note: expected signature lines `— NAME BASE64` after the blank line")]
    SignatureLine,
    /// Nobody we know signed it.
    #[error("the note carries no signature of the expected key under the name {name}")]
    Unsigned {
        /// The key name looked for.
        name: String,
    },
    /// It names the key, but the signature does not verify.
    #[error("the note's signature by {name} does not verify: it was changed or forged")]
    BadSignature {
        /// The key name.
        name: String,
    },
}

const ED25519_TYPE: u8 = 0x01;

/// First 4 bytes of `SHA-256(name || 0x0A || 0x01 || public key)`.
fn note_key_id(name: &str, public_key: &[u8; 32]) -> [u8; 4] {
    let input = [name.as_bytes(), b"\n", &[ED25519_TYPE], public_key].concat();
    let [a, b, c, d, ..] = sha256(&input);
    [a, b, c, d]
}

/// `— name base64(key id || signature)` with its newline.
fn signature_line(name: &str, text: &str, key: &SigningKey) -> String {
    let mut blob = note_key_id(name, &key.public()).to_vec();
    blob.extend_from_slice(&key.sign(text.as_bytes()));
    format!("— {name} {}\n", STANDARD.encode(blob))
}

/// Text with its last newline, and the signature lines.
fn split(note: &str) -> Result<(&str, &str), NoteError> {
    if note.len() > limits::NOTE_MAX_BYTES {
        return Err(NoteError::TooLong { found: note.len() });
    }
    if note.bytes().any(|byte| byte < b' ' && byte != b'\n') {
        return Err(NoteError::Text);
    }
    let at = note.rfind("\n\n").ok_or(NoteError::Text)?;
    let (text, signatures) = note.split_at(at + 1);
    let signatures = signatures.strip_prefix('\n').ok_or(NoteError::Text)?;
    if signatures.is_empty() || !signatures.ends_with('\n') {
        return Err(NoteError::SignatureLine);
    }
    Ok((text, signatures))
}

fn verify_signatures(
    text: &str,
    signatures: &str,
    name: &str,
    public_key: &[u8; 32],
) -> Result<(), NoteError> {
    let wanted = note_key_id(name, public_key);
    let mut signed = false;
    for line in signatures.lines() {
        let (found, blob) = line
            .strip_prefix("— ")
            .and_then(|rest| rest.split_once(' '))
            .filter(|(found, _)| is_key_name(found))
            .ok_or(NoteError::SignatureLine)?;
        let blob = STANDARD
            .decode(blob)
            .map_err(|_| NoteError::SignatureLine)?;
        let (id, signature) = blob
            .split_first_chunk::<4>()
            .filter(|(_, signature)| !signature.is_empty())
            .ok_or(NoteError::SignatureLine)?;
        if found != name || *id != wanted {
            continue;
        }
        if !keys::verify(public_key, text.as_bytes(), signature) {
            return Err(NoteError::BadSignature {
                name: name.to_owned(),
            });
        }
        signed = true;
    }
    signed.then_some(()).ok_or_else(|| NoteError::Unsigned {
        name: name.to_owned(),
    })
}

fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c == '+')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trust::keys::KeyUse;

    /// The example note of Go's `golang.org/x/mod/sumdb/note`.
    const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    const GO_KEY: &str = "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    fn go_key() -> [u8; 32] {
        STANDARD.decode(GO_KEY).unwrap()[1..].try_into().unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            origin: log_origin(&"XA-POL".parse().unwrap(), 1),
            size: 20_852_163,
            root: [7; 32],
        }
    }

    #[test]
    fn verifies_the_reference_note() {
        let (text, signatures) = split(GO_NOTE).unwrap();
        assert_eq!(
            note_key_id("PeterNeumann", &go_key()),
            [0xc7, 0x4f, 0x20, 0xa3]
        );
        verify_signatures(text, signatures, "PeterNeumann", &go_key()).unwrap();
        let changed = text.replace("cryptography", "cryptographY");
        assert_eq!(
            verify_signatures(&changed, signatures, "PeterNeumann", &go_key()),
            Err(NoteError::BadSignature {
                name: "PeterNeumann".to_owned()
            })
        );
    }

    #[test]
    fn reads_the_checkpoint_of_the_specification() {
        let text =
            "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let checkpoint = Checkpoint::parse(text).unwrap();
        assert_eq!(checkpoint.origin, "example.com/behind-the-sofa");
        assert_eq!(checkpoint.size, 20_852_163);
        assert_eq!(checkpoint.text(), text);
    }

    #[test]
    fn a_signed_checkpoint_verifies_under_its_key_alone() {
        let key = SigningKey::generate(KeyUse::Log);
        let note = checkpoint().sign(&key);
        assert!(note.starts_with("allpoints/XA-POL/log/1\n20852163\n"));
        assert_eq!(Checkpoint::verify(&note, &key.public()), Ok(checkpoint()));
        let stranger = SigningKey::generate(KeyUse::Log);
        assert!(matches!(
            Checkpoint::verify(&note, &stranger.public()),
            Err(NoteError::Unsigned { .. })
        ));
    }

    #[test]
    fn other_signatures_are_passed_over_and_none_may_be_forged() {
        let (key, witness) = (
            SigningKey::generate(KeyUse::Log),
            SigningKey::generate(KeyUse::Witness),
        );
        let note = checkpoint().sign(&key);
        let cosigned = note.clone() + &signature_line("witness", &checkpoint().text(), &witness);
        assert_eq!(
            Checkpoint::verify(&cosigned, &key.public()),
            Ok(checkpoint())
        );
        let forged = note + &signature_line(&checkpoint().origin, "other text\n", &key);
        assert!(matches!(
            Checkpoint::verify(&forged, &key.public()),
            Err(NoteError::BadSignature { .. })
        ));
    }

    #[test]
    fn what_is_no_checkpoint_is_refused() {
        let key = SigningKey::generate(KeyUse::Log);
        let root = STANDARD.encode([7; 32]);
        let table = [
            (String::new(), NoteError::Text),
            ("a\n1\n".to_owned(), NoteError::Text),
            (format!("a\n1\n{root}\n\n"), NoteError::SignatureLine),
            (
                format!("a\n1\n{root}\n\n— a AAAA"),
                NoteError::SignatureLine,
            ),
            (
                format!("a\n1\n{root}\n\n- a AAAAAAAA\n"),
                NoteError::SignatureLine,
            ),
            (
                format!("a b\n1\n{root}\n\n— a AAAAAAAA\n"),
                NoteError::Origin,
            ),
            (format!("a\n01\n{root}\n\n— a AAAAAAAA\n"), NoteError::Size),
            (format!("a\n+1\n{root}\n\n— a AAAAAAAA\n"), NoteError::Size),
            ("a\n1\nAAAA\n\n— a AAAAAAAA\n".to_owned(), NoteError::Root),
            (format!("a\r\n1\n{root}\n\n— a AAAAAAAA\n"), NoteError::Text),
            (
                format!("a\n1\n{root}\n\nmore\n\n— a AAAAAAAA\n"),
                NoteError::Text,
            ),
        ];
        for (note, expected) in table {
            assert_eq!(
                Checkpoint::verify(&note, &key.public()),
                Err(expected),
                "{note:?}"
            );
        }
        let unended = checkpoint().sign(&key);
        assert_eq!(
            Checkpoint::verify(unended.trim_end(), &key.public()),
            Err(NoteError::SignatureLine)
        );
        let most = "x".repeat(limits::NOTE_MAX_BYTES);
        assert_eq!(
            Checkpoint::verify(&most, &key.public()),
            Err(NoteError::Text)
        );
        assert!(matches!(
            Checkpoint::verify(&(most + "x"), &key.public()),
            Err(NoteError::TooLong { .. })
        ));
    }

    proptest! {
        #[test]
        fn round_trips(size: u64, root: [u8; 32], epoch: u32) {
            let key = SigningKey::generate(KeyUse::Log);
            let checkpoint = Checkpoint { origin: log_origin(&"XB-POL".parse().unwrap(), epoch), size, root };
            prop_assert_eq!(Checkpoint::verify(&checkpoint.sign(&key), &key.public()), Ok(checkpoint));
        }

        #[test]
        fn any_changed_character_refuses(at: prop::sample::Index) {
            let key = SigningKey::generate(KeyUse::Log);
            let mut note = checkpoint().sign(&key).into_bytes();
            let at = at.index(note.len());
            note[at] ^= 1;
            if let Ok(note) = String::from_utf8(note) {
                prop_assert!(Checkpoint::verify(&note, &key.public()).is_err());
            }
        }
    }
}
