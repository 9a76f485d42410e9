//! Opens everything that a node serves, in order, and checks that it fits together. Serves nothing yet.

use std::{fs, path::Path, sync::Arc};

use arc_swap::ArcSwap;
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::{
    calling::{self, Ways},
    config::Config,
    error::NodeError,
    listeners::Listeners,
    signing,
    view::LazyView,
};
use crate::{
    domain::{limits::RECIPIENTS_MAX, time::Clock},
    store::{self, Store, StoreConfig, disk::RealDisk},
    trust::{
        batch::{BatchSigner, Purpose},
        directory::{Directory, DirectoryHandle},
        keys::{KeyError, KeyUse, SigningKey},
    },
};

/// What the configuration names, opened and checked.
pub(super) struct Parts {
    pub(super) directory: DirectoryHandle,
    pub(super) listeners: Listeners,
    pub(super) statement_signer: BatchSigner,
    pub(super) receipt_signer: BatchSigner,
    pub(super) log_key: SigningKey,
    pub(super) pseudonym_key: [u8; 32],
    pub(super) store: Store,
    pub(super) ways: Ways,
}

/// Opens in the order in which a fault is cheapest: keys, directory, certificates, and last the store.
pub(super) fn open(config: &Config, clock: &Arc<dyn Clock>) -> Result<Parts, NodeError> {
    // Files that cannot be read are named before the directory is asked about what is in them.
    for (file, key_use) in signing_files(config) {
        named_key(file, key_use)?;
    }
    let log_key = named_key(&config.keys.log, KeyUse::Log)?;
    let directory = Directory::load(
        &config.directory.folder,
        config.directory.anchor,
        clock.now(),
    )
    .map_err(|source| NodeError::Directory {
        folder: config.directory.folder.clone(),
        source: Box::new(source),
    })?;
    if directory.member(&config.authority).is_none() {
        return Err(NodeError::NotListed {
            authority: config.authority,
            version: directory.version(),
        });
    }
    tracing::info!(
        version = directory.version(),
        members = directory.members().take(RECIPIENTS_MAX).count(),
        "the directory holds"
    );
    let federation = directory.federation().to_owned();
    let [statement_key, receipt_key] = signing_files(config)
        .map(|(file, key_use)| signing::at_start(file, key_use, &directory, config.authority));
    let (statement_key, receipt_key) = (statement_key?, receipt_key?);
    let directory: DirectoryHandle = Arc::new(ArcSwap::from_pointee(directory));
    let listeners = Listeners::open(config, &directory, &**clock)?;
    let ways = calling::open(config)?;
    // The store first: it says best what is wrong with its key.
    let store = open_store(config, clock)?;
    let pseudonym_key = pseudonym_key(&config.store.key)?;
    Ok(Parts {
        listeners,
        directory,
        statement_signer: BatchSigner::new(
            &federation,
            config.authority,
            Purpose::Statement,
            statement_key,
        ),
        receipt_signer: BatchSigner::new(
            &federation,
            config.authority,
            Purpose::Receipt,
            receipt_key,
        ),
        log_key,
        pseudonym_key,
        store,
        ways,
    })
}

/// A key that the configuration names; one that cannot be read is told by the configuration's key.
fn named_key(file: &Path, key_use: KeyUse) -> Result<SigningKey, NodeError> {
    SigningKey::load(file, key_use).map_err(|error| match error {
        KeyError::Unreadable { path, source } => NodeError::File {
            what: match key_use {
                KeyUse::Statement => "keys.statement",
                KeyUse::Receipt => "keys.receipt",
                KeyUse::Log => "keys.log",
                KeyUse::Witness | KeyUse::Directory | KeyUse::Root | KeyUse::Timestamp => "keys",
            },
            file: path,
            source,
        },
        error => error.into(),
    })
}

/// The files of the keys that sign what goes abroad.
pub(super) fn signing_files(config: &Config) -> [(&Path, KeyUse); 2] {
    [
        (&config.keys.statement, KeyUse::Statement),
        (&config.keys.receipt, KeyUse::Receipt),
    ]
}

fn open_store(config: &Config, clock: &Arc<dyn Clock>) -> Result<Store, NodeError> {
    let view = LazyView::new(config.store.folder.join("view"));
    let (store, recovery) = Store::open(
        StoreConfig {
            folder: config.store.folder.clone(),
            key_file: config.store.key.clone(),
            authority: config.authority,
        },
        Arc::new(RealDisk),
        Box::new(view),
        Arc::clone(clock),
    )?;
    told(&recovery);
    Ok(store)
}

fn told(recovery: &store::Recovery) {
    tracing::info!(
        entries = recovery.entries,
        replayed = recovery.replayed,
        "the journal holds"
    );
    if recovery.torn_groups > 0 {
        tracing::warn!(
            bytes = recovery.tail_cut_bytes,
            "a torn last group was cut: it had not been acknowledged"
        );
    }
    if !recovery.loss.missing.is_empty() {
        tracing::error!(
            entries = recovery.loss.missing.len(),
            "entries of the journal are missing since a repair"
        );
    }
    if let Some(why) = &recovery.view_rebuilt {
        tracing::warn!(%why, "the view was rebuilt from the journal");
    }
}

/// Keys the callers' pseudonyms: derived from the store's key file, so that they stay the same.
fn pseudonym_key(store_key: &Path) -> Result<[u8; 32], NodeError> {
    let secret = Zeroizing::new(read("store.key", store_key)?);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    let tag = hmac::sign(&key, b"allpoints.pseudonym.v1");
    let mut derived = [0; 32];
    for (byte, from) in derived.iter_mut().zip(tag.as_ref()) {
        *byte = *from;
    }
    Ok(derived)
}

fn read(what: &'static str, file: &Path) -> Result<Vec<u8>, NodeError> {
    fs::read(file).map_err(|source| NodeError::File {
        what,
        file: file.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonyms_are_keyed_by_the_store_and_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str, content: &str| {
            let file = folder.path().join(name);
            fs::write(&file, content).expect("written");
            pseudonym_key(&file).expect("derived")
        };
        assert_eq!(file("a", "one"), file("b", "one"));
        assert_ne!(file("a", "one"), file("b", "two"));
        let missing = pseudonym_key(&folder.path().join("none")).expect_err("missing");
        assert!(missing.to_string().contains("store.key"));
    }
}
