//! Rows 40, 51, 73, 77: a real node's folder, damaged while the node is down.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use allpoints::{node::Node, proto::desk::v1::AuditListRequest, trust::tls::Role};

use crate::{
    Scene, VICTIM,
    forge::Envelope,
    realm::{self, Design, Realm},
};

const DESIGN: Design = Design {
    nodes: &[VICTIM],
    partners: &["XC-T40"],
    suspended: &[],
    tailor: |_, _, _| {},
};

/// As `src/store/journal/group.rs` says: groups begin at sectors, with these bytes if they hold entries.
const ENTRIES_MAGIC: &[u8] = b"APGR\x01\0\0\0";
const SEAL_MAGIC: &[u8] = b"APGR\x02\0\0\0";
const GROUP_HEADER_BYTES: usize = 96;
const SECTOR_BYTES: usize = 512;

/// A node of its own with a few statements in its journal.
fn with_a_journal(story: impl AsyncFnOnce(Arc<Realm>, Journal)) {
    realm::alone(&DESIGN, async |realm| {
        let mut scene = Scene::of(&realm, "XC-T40").await;
        let alert = scene.alert();
        scene.sign_and_send(&alert).await.is_held();
        let second = scene.partner.signs(&scene.alert());
        scene.send(second.clone()).await.is_held();
        // Behind an idle journal stands a seal.
        tokio::time::sleep(Duration::from_millis(400)).await;
        let folder = realm.folder_of(VICTIM).join("data");
        let journal = Journal { folder, second };
        story(realm, journal).await;
    });
}

struct Journal {
    folder: PathBuf,
    /// The statement that was received last.
    second: Envelope,
}

impl Journal {
    /// The first segment's file.
    fn segment(&self) -> PathBuf {
        let files = files_in(&self.folder);
        let named = |file: &&PathBuf| file.ends_with("0000000000.segment");
        files.iter().find(named).expect("a segment").clone()
    }

    /// Where the groups begin that hold entries, in order.
    fn groups(&self) -> Vec<usize> {
        self.sectors_with(ENTRIES_MAGIC)
    }

    /// The last group that holds entries; a seal stands behind it.
    fn last_but_seal(&self) -> usize {
        let group = *self.groups().last().expect("a group");
        let seal = *self.sectors_with(SEAL_MAGIC).last().expect("a seal");
        assert!(group < seal, "the journal is idle");
        group
    }

    fn sectors_with(&self, magic: &[u8]) -> Vec<usize> {
        let bytes = fs::read(self.segment()).expect("read");
        let sectors = bytes.chunks(SECTOR_BYTES).enumerate();
        sectors
            .filter(|(_, sector)| sector.starts_with(magic))
            .map(|(at, _)| at * SECTOR_BYTES)
            .collect()
    }

    fn change(&self, change: impl FnOnce(&mut [u8])) {
        let file = self.segment();
        let mut bytes = fs::read(&file).expect("read");
        change(&mut bytes);
        fs::write(&file, bytes).expect("written");
    }

    /// All files but the lock, by content.
    fn snapshot(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let digest = |file: PathBuf| {
            let bytes = fs::read(&file).expect("read");
            let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
            (file, hash.as_ref().to_vec())
        };
        let files = files_in(&self.folder).into_iter();
        files
            .filter(|file| !file.ends_with("lock"))
            .map(digest)
            .collect()
    }
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(files_in(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn t40_a_damaged_journal_refuses_the_start_and_names_file_and_command() {
    with_a_journal(async |realm, journal| {
        realm.stop(VICTIM).await;
        let (before, groups) = (fs::read(journal.segment()).expect("read"), journal.groups());
        for group in groups.iter().take(3) {
            journal.change(|bytes| flip(bytes, group + GROUP_HEADER_BYTES + 4));
            let damaged = journal.snapshot();
            let said = realm.start(VICTIM).await.expect_err("damaged");
            assert!(said.contains("0000000000.segment"), "{said}");
            assert!(said.contains(&format!("at byte {group}")), "{said}");
            assert!(said.contains("allpoints store check"), "{said}");
            assert_eq!(journal.snapshot(), damaged, "nothing was changed");
            fs::write(journal.segment(), &before).expect("restored");
        }
        realm.start(VICTIM).await.expect("restored from the copy");
        assert_eq!(realm.inbox(VICTIM, "XC-T40").await.len(), 2);
    });
}

#[test]
fn t40_a_damaged_view_is_set_aside_and_rebuilt() {
    with_a_journal(async |realm, journal| {
        realm.stop(VICTIM).await;
        let in_view = |file: &PathBuf| file.components().any(|part| part.as_os_str() == "view");
        let view: Vec<_> = files_in(&journal.folder)
            .into_iter()
            .filter(in_view)
            .collect();
        assert!(!view.is_empty());
        for file in &view {
            let bytes = fs::read(file).expect("read");
            fs::write(file, vec![0xa5; bytes.len()]).expect("written");
        }
        realm.start(VICTIM).await.expect("the journal is whole");
        assert_eq!(realm.inbox(VICTIM, "XC-T40").await.len(), 2);
        let mut scene = Scene::of(&realm, "XC-T40").await;
        scene.send(journal.second).await.is_held();
        let received = ["received", "received"];
        assert_eq!(realm.journal(VICTIM, "XC-T40").await, received);
    });
}

#[test]
fn t51_a_second_process_on_the_same_store_is_refused() {
    with_a_journal(async |realm, _| {
        let mut second = realm.config_of(VICTIM).await;
        second.exchange.listen = "127.0.0.1:0".parse().expect("an address");
        let said = Node::start(second.clone()).await.err().expect("refused");
        let said = said.to_string();
        assert!(said.contains("in use by another process"), "{said}");
        let mut scene = Scene::of(&realm, "XC-T40").await;
        let alert = scene.alert();
        scene.sign_and_send(&alert).await.is_held();
        realm.stop(VICTIM).await;
        let alone = Node::start(second).await.expect("it has the store alone");
        alone.stop().await.expect("it stops");
    });
}

#[test]
fn t73_a_bad_group_with_a_seal_after_it_stops_the_start() {
    with_a_journal(async |realm, journal| {
        let group = journal.last_but_seal();
        realm.stop(VICTIM).await;
        journal.change(|bytes| flip(bytes, group + GROUP_HEADER_BYTES + 4));
        let said = realm.start(VICTIM).await.expect_err("damaged");
        assert!(said.contains(&format!("at byte {group}")), "{said}");
        journal.change(|bytes| flip(bytes, group + GROUP_HEADER_BYTES + 4));
        realm.start(VICTIM).await.expect("whole again");
        assert_eq!(realm.inbox(VICTIM, "XC-T40").await.len(), 2);
    });
}

/// As a crash leaves it: the last group is half there, and nothing behind it.
#[test]
fn t73_a_bad_last_group_without_a_seal_is_cut_and_journaled() {
    with_a_journal(async |realm, journal| {
        let group = journal.last_but_seal();
        let crashed = fs::read(journal.segment()).expect("read");
        realm.stop(VICTIM).await;
        fs::write(journal.segment(), crashed).expect("written");
        journal.change(|bytes| {
            let (_, torn) = bytes.split_at_mut(group + SECTOR_BYTES);
            torn.fill(0);
        });
        realm.start(VICTIM).await.expect("cut");
        assert_eq!(realm.inbox(VICTIM, "XC-T40").await.len(), 1);
        let mut auditor = realm.desk(VICTIM, Role::Auditor).await;
        let listed = auditor.audit_list(AuditListRequest::default()).await;
        let entries = listed.expect("listed").into_inner().entries;
        let cuts = entries.iter().filter(|entry| entry.act == "tail-cut");
        assert_eq!(cuts.count(), 1);
        // What was cut had not been acknowledged, or its sender asks again.
        let mut scene = Scene::of(&realm, "XC-T40").await;
        scene.send(journal.second).await.is_held();
        assert_eq!(realm.inbox(VICTIM, "XC-T40").await.len(), 2);
    });
}

#[test]
fn t77_without_its_key_the_store_is_not_opened_and_not_touched() {
    with_a_journal(async |realm, journal| {
        realm.stop(VICTIM).await;
        let before = journal.snapshot();
        let key = realm.folder_of(VICTIM).join("store.key");
        let kept = key.with_extension("kept");
        fs::rename(&key, &kept).expect("moved");
        let said = realm.start(VICTIM).await.expect_err("missing");
        assert!(said.contains("store.key"), "{said}");
        assert_eq!(journal.snapshot(), before, "untouched");

        // Another node's key, as private as this one's.
        let other = realm.folder_of("XC-T40").join("store.key");
        fs::copy(&other, &key).expect("copied");
        let said = realm.start(VICTIM).await.expect_err("wrong");
        assert!(said.contains("put the right key there"), "{said}");
        assert_eq!(journal.snapshot(), before, "untouched");

        fs::rename(&kept, &key).expect("moved back");
        realm.start(VICTIM).await.expect("the right key");
        assert_eq!(realm.inbox(VICTIM, "XC-T40").await.len(), 2);
    });
}

fn flip(bytes: &mut [u8], at: usize) {
    *bytes.get_mut(at).expect("within") ^= 0x40;
}
