//! Whether files have changed since they were read: by their metadata, which costs nothing to look at.

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt as _, path::Path};

use super::{Config, Part};

/// What a part's files looked like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node) struct Seen(Vec<Option<Stamp>>);

/// Of one file or folder: whatever is done to it, its change time moves.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    changed_s: i64,
    changed_ns: i64,
}

/// What was read last of each part.
#[derive(Debug, Default)]
pub(in crate::node) struct Watch(BTreeMap<Part, Seen>);

impl Watch {
    /// What it looked like when it was read; `None`: it is to be read whatever it looks like.
    pub(super) fn of(&self, part: Part) -> Option<Seen> {
        self.0.get(&part).cloned()
    }

    /// It was read so.
    pub(super) fn saw(&mut self, part: Part, seen: Seen) {
        self.0.insert(part, seen);
    }

    /// It is to be read again.
    pub(super) fn forget(&mut self, part: Part) {
        self.0.remove(&part);
    }

    /// Everything is to be read again.
    pub(super) fn look_at_all(&mut self) {
        self.0.clear();
    }
}

/// Looks at a part's files. Done before they are read: what changes meanwhile is seen the next time.
pub(super) fn look(part: Part, config: &Config) -> Seen {
    Seen(files(part, config).into_iter().map(stamp).collect())
}

fn files(part: Part, config: &Config) -> Vec<&Path> {
    let paths = match part {
        Part::Configuration => vec![&config.file],
        Part::Directory => vec![&config.directory.folder],
        Part::NodeCertificate => vec![&config.exchange.certificate, &config.exchange.key],
        Part::DeskCertificate => vec![&config.desk.certificate, &config.desk.key],
        Part::DeskTrust => vec![&config.desk.ca, &config.desk.crl],
        Part::LogKey => vec![&config.keys.log],
        Part::StatementKey => vec![&config.keys.statement],
        Part::ReceiptKey => vec![&config.keys.receipt],
    };
    paths.into_iter().map(|path| path.as_path()).collect()
}

fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(file).ok()?;
    Some(Stamp {
        device: metadata.dev(),
        inode: metadata.ino(),
        bytes: metadata.size(),
        changed_s: metadata.ctime(),
        changed_ns: metadata.ctime_nsec(),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_that_is_changed_replaced_or_opened_to_others_is_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.pem");
        let mut stamps = vec![stamp(&file)];
        fs::write(&file, "one").expect("written");
        stamps.push(stamp(&file));
        assert_eq!(stamp(&file), stamps[1], "nothing has changed");
        fs::write(&file, "three").expect("written");
        stamps.push(stamp(&file));
        let mode = fs::Permissions::from_mode(0o640);
        // Times of files step with the system's tick.
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::set_permissions(&file, mode).expect("changed");
        stamps.push(stamp(&file));
        fs::write(folder.path().join("b"), "three").expect("written");
        fs::rename(folder.path().join("b"), &file).expect("renamed");
        stamps.push(stamp(&file));
        for pair in stamps.windows(2) {
            assert_ne!(pair[0], pair[1]);
        }
    }
}
