//! Segment keys, wrapped by the key-encryption key.
//!
//! The way in is [`Keyring::open`]. The file `keyring` in the store's folder holds the key of every
//! segment, sealed as one table with AES-256-GCM under the key-encryption key, which lies in a 0600 file outside
//! the store. Changing that key rewrites this file only ([`Keyring::rewrap`]). A body whose segment key is gone
//! from here can never be read again. A wrong or missing key-encryption key must never change anything.
//!
//! | bytes | field |
//! | --- | --- |
//! | 8 | `APKEYS01` |
//! | 8 | id of the key-encryption key: first bytes of SHA-256 over a label and the key |
//! | 12 | nonce, random, new at every rewriting |
//! | 4 | number of keys, little-endian |
//! | 36 each | sealed: segment id, key |
//! | 16 | tag, over all of the above: the check value |

use std::{
    collections::BTreeMap,
    fmt, fs, io,
    io::{Read, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    digest,
};
use zeroize::Zeroizing;

use super::disk::{self, Disk};

const MAGIC: &[u8; 8] = b"APKEYS01";
/// How every version begins; two digits follow.
const FAMILY: &[u8; 6] = b"APKEYS";
const HEADER_BYTES: usize = 32;
const KEY_BYTES: usize = 36;
const TAG_BYTES: usize = 16;

/// Names the key of one segment.
pub type KeyNumber = u32;

/// Why keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// No such file.
    #[error(
        "the key-encryption key {0} is missing: put it back from its safe copy; without it no kept body can be read"
    )]
    KeyMissing(PathBuf),
    /// Others can read it.
    #[error("the key-encryption key {0} can be read by others (mode {1:o}): chmod 600 {0}")]
    KeyExposed(PathBuf, u32),
    /// Not 64 hexadecimal digits.
    #[error(
        "the key-encryption key {0} is not 64 hexadecimal digits: put it back from its safe copy"
    )]
    KeyMalformed(PathBuf),
    /// Another key than the one the keyring is under.
    #[error(
        "the keyring {keyring} is under key-encryption key {expected}, but {key_file} holds {found}: nothing was changed; put the right key there"
    )]
    WrongKey {
        /// The keyring's file.
        keyring: PathBuf,
        /// The key's file.
        key_file: PathBuf,
        /// Id in the keyring.
        expected: String,
        /// Id of the key given.
        found: String,
    },
    /// It does not open under its own key.
    #[error(
        "the keyring {0} is damaged: restore it from a copy; without it no kept body can be read"
    )]
    Damaged(PathBuf),
    /// Of a version that this program does not know.
    #[error(
        "the store of keyring {0} was made by a newer version of allpoints: run that one; nothing was changed"
    )]
    Newer(PathBuf),
    /// Segments without a keyring.
    #[error(
        "the keyring {0} is missing, but there are segments: restore it from a copy; nothing was changed"
    )]
    KeyringMissing(PathBuf),
    /// A keyring that was put back from a copy that is too old.
    #[error(
        "the keyring {0} has no key for segment {1}, which is in use: it is older than the journal; put its newest copy back; nothing was changed"
    )]
    Older(PathBuf, KeyNumber),
    /// Random numbers or sealing failed.
    #[error("the cryptographic library failed to {0}")]
    Library(&'static str),
    /// The disk.
    #[error("{0}: {1}")]
    Disk(PathBuf, io::Error),
}

/// The key that wraps the segment keys. Zeroed when dropped.
#[derive(Clone)]
pub struct KeyEncryptionKey {
    bytes: Zeroizing<[u8; 32]>,
    file: PathBuf,
}
impl KeyEncryptionKey {
    /// Makes a new key and writes it with mode 0600; never over an existing file.
    ///
    /// # Errors
    /// When the file exists or cannot be written.
    pub fn generate(file: &Path) -> Result<Self, KeyringError> {
        let fault = |error| KeyringError::Disk(file.to_owned(), error);
        let bytes = random_key()?;
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut out = options.open(file).map_err(fault)?;
        let mut text = Zeroizing::new(hex(&*bytes));
        text.push('\n');
        out.write_all(text.as_bytes()).map_err(fault)?;
        out.sync_all().map_err(fault)?;
        let folder = file.parent().filter(|f| !f.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(fault)?;
        Ok(Self {
            bytes,
            file: file.to_owned(),
        })
    }
    /// Reads the key file: 64 hexadecimal digits, readable by its owner alone.
    ///
    /// # Errors
    /// Names the file, what is wrong, and the fix.
    pub fn load(file: &Path) -> Result<Self, KeyringError> {
        let fault = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => KeyringError::KeyMissing(file.to_owned()),
            _ => KeyringError::Disk(file.to_owned(), error),
        };
        let mut source = fs::File::open(file).map_err(fault)?;
        let mode = source.metadata().map_err(fault)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(KeyringError::KeyExposed(file.to_owned(), mode));
        }
        let mut text = Zeroizing::new(Vec::with_capacity(128));
        let mut bounded = Read::by_ref(&mut source).take(128);
        bounded.read_to_end(&mut text).map_err(fault)?;
        let bytes = from_hex(text.trim_ascii());
        let bytes = bytes.ok_or_else(|| KeyringError::KeyMalformed(file.to_owned()))?;
        Ok(Self {
            bytes,
            file: file.to_owned(),
        })
    }
    /// Names the key without telling it: first 8 bytes of a SHA-256, as hexadecimal digits in messages.
    #[must_use]
    pub fn id(&self) -> [u8; 8] {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"allpoints key-encryption key v1\0");
        context.update(&*self.bytes);
        let hash = context.finish();
        let front = hash.as_ref().first_chunk::<8>();
        front.copied().unwrap_or_default()
    }
    fn cipher(&self) -> Result<LessSafeKey, KeyringError> {
        cipher(&self.bytes)
    }
}
impl fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyEncryptionKey({})", hex(&self.id()))
    }
}

/// A segment's key, ready for use. The number goes with every body that is sealed under it.
#[derive(Clone)]
pub struct SegmentKey {
    /// Which one.
    pub number: KeyNumber,
    /// The cipher.
    pub cipher: Arc<LessSafeKey>,
}

/// The keys of all segments, in memory and in the file.
///
/// A file that was found may be the work of a process that was killed, or whose sync failed, right after the
/// rename: seen, and gone at the next power cut. So a key that was found is given for a new segment only after
/// the file was written and synced anew. A segment in use needs no proof: it came into use after its key was synced.
pub struct Keyring {
    path: PathBuf,
    wrapping: KeyEncryptionKey,
    keys: BTreeMap<KeyNumber, Zeroizing<[u8; 32]>>,
    file: OnDisk,
}
/// Whether the file with the keys in memory is known to survive a power cut.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnDisk {
    Synced,
    Unproven,
}
impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} keys)", self.keys.len())
    }
}
impl Keyring {
    /// Where a store keeps it.
    #[must_use]
    pub fn path(folder: &Path) -> PathBuf {
        folder.join("keyring")
    }
    /// Reads an existing keyring; changes nothing.
    ///
    /// # Errors
    /// When the key is the wrong one, or the file is missing or damaged.
    pub fn open(
        disk: &dyn Disk,
        folder: &Path,
        wrapping: KeyEncryptionKey,
    ) -> Result<Self, KeyringError> {
        let path = Self::path(folder);
        if !disk.exists(&path) {
            return Err(KeyringError::KeyringMissing(path));
        }
        let read = || disk::read_all(&*disk.open(&path)?);
        let bytes = read().map_err(|error| KeyringError::Disk(path.clone(), error))?;
        let keys = unwrap_keys(&bytes, &wrapping, &path)?;
        Ok(Self {
            path,
            wrapping,
            keys,
            file: OnDisk::Unproven,
        })
    }
    /// Makes an empty keyring, for a store that has no segments.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(
        disk: &dyn Disk,
        folder: &Path,
        wrapping: KeyEncryptionKey,
    ) -> Result<Self, KeyringError> {
        let mut keyring = Self {
            path: Self::path(folder),
            wrapping,
            keys: BTreeMap::new(),
            file: OnDisk::Unproven,
        };
        keyring.write(disk)?;
        Ok(keyring)
    }
    /// The key of a segment, if it still exists.
    ///
    /// # Errors
    /// When the library refuses it.
    pub fn key(&self, number: KeyNumber) -> Result<Option<SegmentKey>, KeyringError> {
        let key = self.keys.get(&number);
        key.map(|bytes| {
            let cipher = Arc::new(cipher(bytes)?);
            Ok(SegmentKey { number, cipher })
        })
        .transpose()
    }
    /// The key of a segment that is in use.
    ///
    /// # Errors
    /// When the keyring is older than the segment, or the library refuses the key.
    pub fn key_in_use(&self, number: KeyNumber) -> Result<SegmentKey, KeyringError> {
        self.key(number)?
            .ok_or_else(|| KeyringError::Older(self.path.clone(), number))
    }
    /// Segments that are in use for certain: the key of the next is made after groups were written into them.
    #[must_use]
    pub fn segments_in_use(&self) -> u32 {
        self.keys.last_key_value().map_or(0, |(last, _)| *last)
    }
    /// The key of a new segment, in the file and synced when this returns. Asked again, the same key.
    ///
    /// # Errors
    /// When it cannot be written; then the keyring in memory is as before, and the file holds the same keys with or
    /// without the new one, which nothing was sealed under.
    pub fn add(&mut self, disk: &dyn Disk, number: KeyNumber) -> Result<SegmentKey, KeyringError> {
        if let Some(key) = self.key(number)? {
            if self.file == OnDisk::Unproven {
                self.write(disk)?;
            }
            return Ok(key);
        }
        let bytes = random_key()?;
        let cipher = Arc::new(cipher(&bytes)?);
        self.keys.insert(number, bytes);
        if let Err(error) = self.write(disk) {
            self.keys.remove(&number);
            return Err(error);
        }
        Ok(SegmentKey { number, cipher })
    }
    /// Puts all keys under another key-encryption key; no segment is touched.
    ///
    /// # Errors
    /// When it cannot be written; then the file is under the old key, or already under the new one: keep both.
    pub fn rewrap(&mut self, disk: &dyn Disk, to: KeyEncryptionKey) -> Result<(), KeyringError> {
        let before = std::mem::replace(&mut self.wrapping, to);
        self.write(disk).inspect_err(|_| self.wrapping = before)
    }
    /// Temporary file, sync, rename, sync of the folder: the old or the new one is there, whole.
    fn write(&mut self, disk: &dyn Disk) -> Result<(), KeyringError> {
        self.file = OnDisk::Unproven;
        let bytes = wrap_keys(&self.keys, &self.wrapping)?;
        let temporary = self.path.with_extension("new");
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let write = || {
            if disk.exists(&temporary) {
                disk.remove(&temporary)?;
            }
            let file = disk.create(&temporary)?;
            file.write_all_at(&bytes, 0)?;
            failpoint!(KeyringBefore);
            file.sync_all()?;
            disk.rename(&temporary, &self.path)?;
            failpoint!(KeyringWritten);
            disk.sync_dir(folder)
        };
        write().map_err(|error| KeyringError::Disk(self.path.clone(), error))?;
        failpoint!(KeyringAfter);
        self.file = OnDisk::Synced;
        Ok(())
    }
}

fn wrap_keys(
    keys: &BTreeMap<KeyNumber, Zeroizing<[u8; 32]>>,
    wrapping: &KeyEncryptionKey,
) -> Result<Vec<u8>, KeyringError> {
    let nonce = random::<12>()?;
    let count = u32::try_from(keys.len()).map_err(|_| KeyringError::Library("count the keys"))?;
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&wrapping.id());
    header.extend_from_slice(&nonce);
    header.extend_from_slice(&count.to_le_bytes());
    let mut table = Zeroizing::new(Vec::with_capacity(keys.len() * KEY_BYTES));
    for (number, key) in keys {
        table.extend_from_slice(&number.to_le_bytes());
        table.extend_from_slice(&**key);
    }
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = wrapping
        .cipher()?
        .seal_in_place_separate_tag(nonce, Aad::from(&header), &mut table)
        .map_err(|_| KeyringError::Library("seal the keyring"))?;
    header.extend_from_slice(&table);
    header.extend_from_slice(tag.as_ref());
    Ok(header)
}

fn unwrap_keys(
    bytes: &[u8],
    wrapping: &KeyEncryptionKey,
    path: &Path,
) -> Result<BTreeMap<KeyNumber, Zeroizing<[u8; 32]>>, KeyringError> {
    let damaged = || KeyringError::Damaged(path.to_owned());
    let (header, sealed) = bytes.split_at_checked(HEADER_BYTES).ok_or_else(damaged)?;
    let mut rest = match header.strip_prefix(MAGIC) {
        Some(rest) => rest,
        None if header.starts_with(FAMILY) => return Err(KeyringError::Newer(path.to_owned())),
        None => return Err(damaged()),
    };
    let id = rest.split_off(..8).ok_or_else(damaged)?;
    if id != wrapping.id() {
        return Err(KeyringError::WrongKey {
            keyring: path.to_owned(),
            key_file: wrapping.file.clone(),
            expected: hex(id),
            found: hex(&wrapping.id()),
        });
    }
    let nonce = rest.split_off(..12).ok_or_else(damaged)?;
    let count = u32::from_le_bytes(rest.try_into().map_err(|_| damaged())?);
    let expected = (count as usize).checked_mul(KEY_BYTES);
    if expected.and_then(|bytes| bytes.checked_add(TAG_BYTES)) != Some(sealed.len()) {
        return Err(damaged());
    }
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
    let mut table = Zeroizing::new(sealed.to_vec());
    let cipher = wrapping.cipher()?;
    let table = cipher
        .open_in_place(nonce, Aad::from(header), &mut table)
        .map_err(|_| damaged())?;
    let mut keys = BTreeMap::new();
    for row in table.chunks_exact(KEY_BYTES) {
        let (number, key) = row.split_first_chunk::<4>().ok_or_else(damaged)?;
        let key = key.try_into().map_err(|_| damaged())?;
        keys.insert(u32::from_le_bytes(*number), Zeroizing::new(key));
    }
    Ok(keys)
}

fn cipher(key: &[u8; 32]) -> Result<LessSafeKey, KeyringError> {
    UnboundKey::new(&AES_256_GCM, key)
        .map(LessSafeKey::new)
        .map_err(|_| KeyringError::Library("take a key"))
}
fn random_key() -> Result<Zeroizing<[u8; 32]>, KeyringError> {
    let mut key = Zeroizing::new([0; 32]);
    aws_lc_rs::rand::fill(&mut *key).map_err(|_| KeyringError::Library("make random bytes"))?;
    Ok(key)
}
fn random<const N: usize>() -> Result<[u8; N], KeyringError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| KeyringError::Library("make random bytes"))?;
    Ok(bytes)
}
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
fn from_hex(text: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    if text.len() != 2 * key.len() {
        return None;
    }
    for (byte, digits) in key.iter_mut().zip(text.chunks_exact(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16);
        let mut pair = digits.iter().map(|digit| value(*digit));
        let (high, low) = (pair.next()??, pair.next()??);
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(key)
}

/// For the targets of `fuzz/` alone.
#[cfg(feature = "fuzz")]
pub mod fuzz {
    use super::{KeyEncryptionKey, Path, Zeroizing, unwrap_keys};

    /// Reads bytes as a keyring, under a key that nothing is wrapped with.
    pub fn keyring(data: &[u8]) {
        let wrapping = KeyEncryptionKey {
            bytes: Zeroizing::new([5; 32]),
            file: "nowhere".into(),
        };
        let keys = unwrap_keys(data, &wrapping, Path::new("nowhere"));
        assert!(keys.is_err(), "nobody wrapped these");
    }
}

#[cfg(test)]
mod tests {
    use super::{super::disk::simulated::SimulatedDisk, *};

    const FOLDER: &str = "/store";

    fn keys() -> (tempfile::TempDir, KeyEncryptionKey, KeyEncryptionKey) {
        let folder = tempfile::tempdir().unwrap();
        let one = KeyEncryptionKey::generate(&folder.path().join("one")).unwrap();
        let two = KeyEncryptionKey::generate(&folder.path().join("two")).unwrap();
        (folder, one, two)
    }
    fn disk() -> SimulatedDisk {
        let disk = SimulatedDisk::new();
        disk.create_dir(Path::new(FOLDER)).unwrap();
        disk
    }
    fn open(disk: &SimulatedDisk, key: &KeyEncryptionKey) -> Result<Keyring, KeyringError> {
        Keyring::open(disk, Path::new(FOLDER), key.clone())
    }
    fn seals_alike(one: &SegmentKey, two: &SegmentKey) -> bool {
        let seal = |key: &SegmentKey| {
            let mut bytes = *b"body";
            let nonce = Nonce::assume_unique_for_key([0; 12]);
            let _ = key
                .cipher
                .seal_in_place_separate_tag(nonce, Aad::empty(), &mut bytes)
                .unwrap();
            bytes
        };
        seal(one) == seal(two)
    }

    #[test]
    fn a_key_that_was_added_survives_a_power_cut() {
        let (_folder, key, _) = keys();
        let disk = disk();
        let mut keyring = Keyring::create(&disk, Path::new(FOLDER), key.clone()).unwrap();
        let added = keyring.add(&disk, 3).unwrap();
        for seed in 0..50 {
            let found = open(&disk.cut(seed), &key)
                .unwrap()
                .key(3)
                .unwrap()
                .unwrap();
            assert!(seals_alike(&found, &added));
        }
        assert!(open(&disk, &key).unwrap().key(4).unwrap().is_none());
    }
    #[test]
    fn a_wrong_key_is_named_and_touches_nothing() {
        let (_folder, key, other) = keys();
        let disk = disk();
        Keyring::create(&disk, Path::new(FOLDER), key).unwrap();
        let before = disk.snapshot();
        let error = open(&disk, &other).unwrap_err();
        assert!(matches!(error, KeyringError::WrongKey { .. }), "{error}");
        assert_eq!(disk.snapshot(), before);
    }
    #[test]
    fn rewrapping_keeps_the_keys_and_shuts_the_old_key_out() {
        let (_folder, key, other) = keys();
        let disk = disk();
        let mut keyring = Keyring::create(&disk, Path::new(FOLDER), key.clone()).unwrap();
        let added = keyring.add(&disk, 3).unwrap();
        keyring.rewrap(&disk, other.clone()).unwrap();
        let found = open(&disk, &other).unwrap().key(3).unwrap().unwrap();
        assert!(seals_alike(&found, &added));
        assert!(matches!(
            open(&disk, &key),
            Err(KeyringError::WrongKey { .. })
        ));
    }
    #[test]
    fn every_flipped_bit_is_damage() {
        let (_folder, key, _) = keys();
        let disk = disk();
        let mut keyring = Keyring::create(&disk, Path::new(FOLDER), key.clone()).unwrap();
        keyring.add(&disk, 3).unwrap();
        let path = Keyring::path(Path::new(FOLDER));
        for at in 0..disk.snapshot()[&path].len() {
            for bit in 0..8 {
                disk.corrupt(&path, at as u64, |bytes| bytes[0] ^= 1 << bit);
                assert!(open(&disk, &key).is_err(), "bit {bit} of byte {at}");
                disk.corrupt(&path, at as u64, |bytes| bytes[0] ^= 1 << bit);
            }
        }
        assert!(open(&disk, &key).is_ok());
    }
    #[test]
    fn key_files_are_for_their_owner_alone_and_well_formed() {
        let (folder, key, _) = keys();
        let file = folder.path().join("one");
        assert_eq!(KeyEncryptionKey::load(&file).unwrap().id(), key.id());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let error = KeyEncryptionKey::load(&file).unwrap_err().to_string();
        assert!(
            error.ends_with(&format!("chmod 600 {}", file.display())),
            "{error}"
        );
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        for bad in ["", "00", &"g".repeat(64), &"0".repeat(65)] {
            fs::write(&file, bad).unwrap();
            let error = KeyEncryptionKey::load(&file).unwrap_err();
            assert!(matches!(error, KeyringError::KeyMalformed(_)), "{bad}");
        }
        let missing = KeyEncryptionKey::load(&folder.path().join("none")).unwrap_err();
        assert!(matches!(missing, KeyringError::KeyMissing(_)));
        assert!(
            KeyEncryptionKey::generate(&file).is_err(),
            "never over a file"
        );
    }
}
