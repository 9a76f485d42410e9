//! Reading and writing in an authority's folder: never over a key, durable, private where it must be.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use zeroize::Zeroizing;

use super::PkiError;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Mode 0644.
    Public,
    /// Mode 0600.
    Owner,
}

impl Access {
    const fn mode(self) -> u32 {
        match self {
            Self::Public => 0o644,
            Self::Owner => 0o600,
        }
    }
}

/// Makes a folder that only its owner enters; one that exists is left as it is.
pub(super) fn make_folder(folder: &Path) -> Result<(), PkiError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(fault("make", folder))
}

/// Writes a file that must not exist yet, durably.
pub(super) fn write_new(file: &Path, bytes: &[u8], access: Access) -> Result<(), PkiError> {
    let mut opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(access.mode())
        .open(file)
        .map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => PkiError::Exists(file.to_owned()),
            _ => fault("write", file)(source),
        })?;
    opened
        .write_all(bytes)
        .and_then(|()| opened.sync_all())
        .map_err(fault("write", file))?;
    sync_parent(file)
}

/// Replaces a public file as a whole, durably: readers see the old one or the new one.
pub(super) fn replace(file: &Path, bytes: &[u8]) -> Result<(), PkiError> {
    let parent = file.parent().unwrap_or(Path::new("."));
    let mut fresh = tempfile::NamedTempFile::new_in(parent).map_err(fault("write", file))?;
    fresh
        .write_all(bytes)
        .and_then(|()| {
            fresh
                .as_file()
                .set_permissions(fs::Permissions::from_mode(Access::Public.mode()))
        })
        .and_then(|()| fresh.as_file().sync_all())
        .map_err(fault("write", file))?;
    fresh
        .persist(file)
        .map_err(|error| fault("write", file)(error.error))?;
    sync_parent(file)
}

/// Copies a private file to a name that must be free, durably.
pub(super) fn keep_private(file: &Path, kept: &Path) -> Result<(), PkiError> {
    let bytes = read_private(file)?;
    write_new(kept, bytes.as_bytes(), Access::Owner)
}

/// Puts a file in the place of another, durably: readers see the old one or the new one.
pub(super) fn put_in_place(file: &Path, place: &Path) -> Result<(), PkiError> {
    fs::rename(file, place).map_err(fault("rename", file))?;
    sync_parent(place)
}

/// Removes a file, durably.
pub(super) fn remove(file: &Path) -> Result<(), PkiError> {
    fs::remove_file(file).map_err(fault("remove", file))?;
    sync_parent(file)
}

/// Reads a text that must be there.
pub(super) fn read(file: &Path) -> Result<String, PkiError> {
    fs::read_to_string(file).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => PkiError::Missing(file.to_owned()),
        _ => fault("read", file)(source),
    })
}

/// Reads a private key's text; refuses one that others can read.
pub(super) fn read_private(file: &Path) -> Result<Zeroizing<String>, PkiError> {
    let mode = fs::metadata(file)
        .map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => PkiError::Missing(file.to_owned()),
            _ => fault("read", file)(source),
        })?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(PkiError::KeyExposed(file.to_owned()));
    }
    read(file).map(Zeroizing::new)
}

/// Refuses what exists already.
pub(super) fn require_absent(file: &Path) -> Result<(), PkiError> {
    match file.symlink_metadata() {
        Ok(_) => Err(PkiError::Exists(file.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(fault("read", file)(error)),
    }
}

fn sync_parent(file: &Path) -> Result<(), PkiError> {
    let parent = file.parent().filter(|p| !p.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    File::open(parent)
        .and_then(|folder| folder.sync_all())
        .map_err(fault("sync", parent))
}

fn fault<'a>(act: &'static str, file: &'a Path) -> impl FnOnce(io::Error) -> PkiError + 'a {
    move |source| PkiError::File {
        act,
        file: file.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_private_and_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.key");
        write_new(&file, b"one", Access::Owner).unwrap();
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        let error = write_new(&file, b"two", Access::Owner).unwrap_err();
        assert!(matches!(&error, PkiError::Exists(path) if *path == file));
        assert!(require_absent(&file).is_err());
        assert_eq!(*read_private(&file).unwrap(), "one");
    }

    #[test]
    fn a_key_that_others_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.key");
        write_new(&file, b"one", Access::Public).unwrap();
        assert!(matches!(read_private(&file), Err(PkiError::KeyExposed(_))));
    }

    #[test]
    fn a_public_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.crl");
        replace(&file, b"one").unwrap();
        replace(&file, b"two").unwrap();
        assert_eq!(read(&file).unwrap(), "two");
        assert!(require_absent(&folder.path().join("b")).is_ok());
    }
}
