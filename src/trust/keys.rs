//! Ed25519 keys, one use each, in files that only their owner reads.
//!
//! The way in: [`SigningKey::generate`], [`SigningKey::load`] and [`verify`]. A key file is one line,
//! `allpoints-private-key-v1 USE BASE64(SEED)`, with mode 0600. Never shows a private key, and never
//! loads one that other users of the machine could have read.

use std::{
    fmt,
    fs::OpenOptions,
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    str::FromStr,
};

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::merkle::sha256;

/// First 8 bytes of SHA-256 over a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 8]);

impl KeyId {
    /// The id of a public key.
    #[must_use]
    pub fn of(public: &[u8; 32]) -> Self {
        let mut id = [0; 8];
        id.copy_from_slice(&sha256(public)[..8]);
        Self(id)
    }
}

/// 16 hexadecimal digits.
impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Reads what [`KeyId`] shows.
impl FromStr for KeyId {
    type Err = NotAKeyId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_id = text.len() == 16 && text.bytes().all(|it| it.is_ascii_hexdigit());
        let number = u64::from_str_radix(text, 16).ok().filter(|_| is_id);
        Ok(Self(number.ok_or(NotAKeyId)?.to_be_bytes()))
    }
}

/// The text is no key's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 16 hexadecimal digits, as `allpoints federation show` prints them")]
pub struct NotAKeyId;

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyUse {
    /// Batches of statements.
    Statement,
    /// Batches of receipts.
    Receipt,
    /// Checkpoints of the own journal.
    Log,
    /// Cosignatures on partners' checkpoints.
    Witness,
    /// The authority's own directory entry.
    Directory,
    /// Root lists and membership, offline.
    Root,
    /// The directory's heads, online.
    Timestamp,
}

impl KeyUse {
    /// Its name in key files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Receipt => "receipt",
            Self::Log => "log",
            Self::Witness => "witness",
            Self::Directory => "directory",
            Self::Root => "root",
            Self::Timestamp => "timestamp",
        }
    }
}

impl fmt::Display for KeyUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A private key with its one use.
pub struct SigningKey {
    key_use: KeyUse,
    seed: Zeroizing<[u8; 32]>,
    pair: Ed25519KeyPair,
    public: [u8; 32],
}

impl SigningKey {
    /// Makes a new key.
    #[must_use]
    #[allow(
        clippy::expect_used,
        reason = "aws-lc stops the process itself when the system gives no randomness"
    )]
    pub fn generate(key_use: KeyUse) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(seed.as_mut_slice()).expect("the system gives randomness");
        Self::from_seed(key_use, seed).expect("any 32 bytes are an Ed25519 seed")
    }

    /// Reads a key file. Refuses one that others can read, or of another use.
    ///
    /// # Errors
    /// Names the file, what was wrong, and the fix.
    pub fn load(path: &Path, key_use: KeyUse) -> Result<Self, KeyError> {
        let text = read_private(path)?;
        let malformed = || KeyError::Malformed {
            path: path.to_owned(),
        };
        let mut words = text.split_ascii_whitespace();
        if words.next() != Some(FORMAT) {
            return Err(malformed());
        }
        let found = words.next().ok_or_else(malformed)?;
        if found != key_use.name() {
            return Err(KeyError::OtherUse {
                path: path.to_owned(),
                found: found
                    .chars()
                    .take(32)
                    .flat_map(char::escape_default)
                    .collect(),
                expected: key_use,
            });
        }
        let encoded = words.next().ok_or_else(malformed)?;
        if words.next().is_some() {
            return Err(malformed());
        }
        let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| malformed())?);
        let mut seed = Zeroizing::new([0; 32]);
        if bytes.len() != seed.len() {
            return Err(malformed());
        }
        seed.copy_from_slice(&bytes);
        Self::from_seed(key_use, seed).ok_or_else(malformed)
    }

    /// Writes a key file with mode 0600; never over an existing one.
    ///
    /// # Errors
    /// When it exists or cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), KeyError> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|source| match source.kind() {
                io::ErrorKind::AlreadyExists => KeyError::Exists {
                    path: path.to_owned(),
                },
                _ => unwritable(path)(source),
            })?;
        let encoded = Zeroizing::new(STANDARD.encode(self.seed.as_slice()));
        let line = Zeroizing::new(format!("{FORMAT} {} {}\n", self.key_use, *encoded));
        file.write_all(line.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(unwritable(path))
    }

    /// Its one use.
    #[must_use]
    pub fn key_use(&self) -> KeyUse {
        self.key_use
    }

    /// Public half.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.public
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId::of(&self.public)
    }

    /// Signs (RFC 8032, Ed25519).
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.pair.sign(message).as_ref());
        signature
    }

    pub(in crate::trust) fn from_seed(key_use: KeyUse, seed: Zeroizing<[u8; 32]>) -> Option<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).ok()?;
        let public = pair.public_key().as_ref().try_into().ok()?;
        Some(Self {
            key_use,
            seed,
            pair,
            public,
        })
    }
}

/// Shows the public half only.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {})", self.key_use, self.id())
    }
}

/// True when `signature` is an Ed25519 signature over `message` by this key (RFC 8032).
#[must_use]
pub fn verify(public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ED25519, public)
        .verify(message, signature)
        .is_ok()
}

/// True for a public key of small order: under it one signature fits many messages, so it proves nothing.
#[must_use]
pub(in crate::trust) fn is_weak(public: &[u8; 32]) -> bool {
    let mut y = *public;
    y[31] &= 0x7f;
    SMALL_ORDER.contains(&y)
}

/// Why a key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not there, or not ours to open.
    #[error("key file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No place to write it.
    #[error("key file {} cannot be written: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Keys are never overwritten.
    #[error("key file {} exists already: move it away first, if it is no longer needed", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Other users of the machine may read or change it.
    #[error(
        "key file {path} has mode {mode:04o}, expected 0600: run `chmod 600 {path}`, and make a new key if others have used this machine",
        path = path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A key has one use.
    #[error("key file {} holds a key for {found}, expected one for {expected}: name the right file", path.display())]
    OtherUse {
        /// The file.
        path: PathBuf,
        /// The use that it names.
        found: String,
        /// The use that is wanted.
        expected: KeyUse,
    },
    /// Not of our making, or damaged.
    #[error("key file {} is no key file: expected one line `{FORMAT} USE BASE64`", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
    },
}

const FORMAT: &str = "allpoints-private-key-v1";
/// Bytes of the longest file that is read as a key.
const KEY_FILE_MAX_BYTES: u64 = 1024;

/// y-coordinates of the points of order 1, 2, 4 and 8, and their non-canonical encodings.
const SMALL_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    edge(0x01, 0x00, 0x00),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    edge(0xec, 0xff, 0x7f),
    edge(0xed, 0xff, 0x7f),
    edge(0xee, 0xff, 0x7f),
];

const fn edge(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut y = [middle; 32];
    y[0] = first;
    y[31] = last;
    y
}

/// Reads a whole key file, after checking the mode of the very file that was opened.
fn read_private(path: &Path) -> Result<Zeroizing<String>, KeyError> {
    let unreadable = |source| KeyError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let file = OpenOptions::new()
        .read(true)
        .open(path)
        .map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    // Room for all of it at once: a buffer that grows would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(
        usize::try_from(KEY_FILE_MAX_BYTES).unwrap_or(1024),
    ));
    if !metadata.is_file() || metadata.len() > KEY_FILE_MAX_BYTES {
        return Err(KeyError::Malformed {
            path: path.to_owned(),
        });
    }
    match file.take(KEY_FILE_MAX_BYTES).read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(source) if source.kind() == io::ErrorKind::InvalidData => Err(KeyError::Malformed {
            path: path.to_owned(),
        }),
        Err(source) => Err(unreadable(source)),
    }
}

fn unwritable(path: &Path) -> impl Fn(io::Error) -> KeyError {
    move |source| KeyError::Unwritable {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// RFC 8032, 7.1: seed, public key, message, signature.
    const RFC_8032: [[&str; 4]; 3] = [
        [
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ],
        [
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ],
        [
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ],
    ];

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect()
    }

    fn key_from(seed: &str) -> SigningKey {
        let seed = Zeroizing::new(bytes(seed).try_into().unwrap());
        SigningKey::from_seed(KeyUse::Statement, seed).unwrap()
    }

    #[test]
    fn signs_as_rfc_8032() {
        for [seed, public, message, signature] in RFC_8032 {
            let key = key_from(seed);
            assert_eq!(key.public().to_vec(), bytes(public));
            assert_eq!(key.sign(&bytes(message)).to_vec(), bytes(signature));
            assert!(verify(&key.public(), &bytes(message), &bytes(signature)));
        }
    }

    #[test]
    fn refuses_another_message_key_or_signature() {
        let [[_, public, _, signature], [_, other, ..], _] = RFC_8032;
        let public: [u8; 32] = bytes(public).try_into().unwrap();
        let other: [u8; 32] = bytes(other).try_into().unwrap();
        let signature = bytes(signature);
        assert!(!verify(&public, b"x", &signature));
        assert!(!verify(&other, b"", &signature));
        for at in 0..signature.len() {
            let mut changed = signature.clone();
            changed[at] ^= 1;
            assert!(!verify(&public, b"", &changed), "byte {at}");
        }
        assert!(!verify(&public, b"", &signature[..63]));
    }

    #[test]
    fn knows_keys_that_prove_nothing() {
        // S = 0 and R the neutral point verify under the neutral point, whatever was said.
        let neutral = edge(0x01, 0x00, 0x00);
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&neutral);
        assert!(verify(&neutral, b"anything", &signature));
        assert!(is_weak(&neutral));
        let mut negative = neutral;
        negative[31] |= 0x80;
        assert!(is_weak(&negative));
        assert!(!is_weak(&SigningKey::generate(KeyUse::Statement).public()));
    }

    #[test]
    fn a_saved_key_comes_back_for_its_use_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("statement.key");
        let key = SigningKey::generate(KeyUse::Statement);
        key.save(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let again = SigningKey::load(&path, KeyUse::Statement).unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(again.id(), key.id());
        let refused = SigningKey::load(&path, KeyUse::Receipt).unwrap_err();
        assert!(
            refused.to_string().ends_with(
                "holds a key for statement, expected one for receipt: name the right file"
            )
        );
        assert!(matches!(key.save(&path), Err(KeyError::Exists { .. })));
    }

    #[test]
    fn row_66_a_key_that_others_can_read_is_refused_with_the_fix() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.key");
        SigningKey::generate(KeyUse::Log).save(&path).unwrap();
        for mode in [0o604, 0o640, 0o644, 0o660, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let message = SigningKey::load(&path, KeyUse::Log)
                .unwrap_err()
                .to_string();
            assert!(message.contains(&format!("mode {mode:04o}")), "{message}");
            assert!(
                message.contains(&format!("chmod 600 {}", path.display())),
                "{message}"
            );
        }
        for mode in [0o600, 0o400] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            SigningKey::load(&path, KeyUse::Log).unwrap();
        }
    }

    #[test]
    fn what_is_no_key_file_is_refused_without_showing_it() {
        let folder = tempfile::tempdir().unwrap();
        let seed = STANDARD.encode([7; 32]);
        let table = [
            String::new(),
            ["-----BEGIN", "PRIVATE", "KEY-----"].join(" "),
            format!("{FORMAT} statement"),
            format!("{FORMAT} statement !!!!"),
            format!("{FORMAT} statement {}", STANDARD.encode([7; 31])),
            format!("{FORMAT} statement {seed} more"),
            format!("{FORMAT} statement {seed}{}", " ".repeat(2000)),
        ];
        for (n, text) in table.iter().enumerate() {
            let path = folder.path().join(format!("{n}.key"));
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            let refused = SigningKey::load(&path, KeyUse::Statement).unwrap_err();
            assert!(
                matches!(refused, KeyError::Malformed { .. }),
                "{n}: {refused}"
            );
            assert!(!refused.to_string().contains(&seed));
        }
        let missing = SigningKey::load(&folder.path().join("none"), KeyUse::Log).unwrap_err();
        assert!(matches!(missing, KeyError::Unreadable { .. }));
    }

    #[test]
    fn an_id_is_sixteen_digits_and_nothing_else() {
        let id = key_from(RFC_8032[0][0]).id();
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in [
            "",
            "+123456789abcdef",
            "123456789abcdef",
            "0123456789abcdef0",
        ] {
            assert_eq!(text.parse::<KeyId>(), Err(NotAKeyId), "{text}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_no_key_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.key");
        fs::write(&path, [0xff; 64]).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let refused = SigningKey::load(&path, KeyUse::Log).unwrap_err();
        assert!(matches!(refused, KeyError::Malformed { .. }), "{refused}");
    }

    #[test]
    fn debugging_shows_no_private_key() {
        let key = key_from(RFC_8032[0][0]);
        assert_eq!(
            format!("{key:?}"),
            format!("SigningKey(statement {})", key.id())
        );
    }
}
