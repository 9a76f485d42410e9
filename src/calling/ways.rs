//! The ways of calling that are configured, and the tasks that keep them: both may change while the node runs.
//!
//! The way in is [`Ways::follow`]. A way is its name: what waits on it stays when it gets another address or secret.

use std::{future::Future, sync::Arc};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use tokio::sync::watch;

use super::way::{Messenger, Way};

pub(super) struct Ways(watch::Sender<Vec<Arc<Way>>>);

impl Ways {
    pub(super) fn new(messengers: impl Iterator<Item = Messenger>) -> Self {
        let ways = messengers.map(|messenger| Arc::new(Way::new(messenger)));
        Self(watch::Sender::new(ways.collect()))
    }

    pub(super) fn all(&self) -> Vec<Arc<Way>> {
        self.0.borrow().clone()
    }

    pub(super) fn named(&self, name: &str) -> Option<Arc<Way>> {
        let ways = self.0.borrow();
        ways.iter().find(|way| way.name() == name).cloned()
    }

    /// The names of all, commas between.
    pub(super) fn names(&self) -> String {
        let ways = self.0.borrow();
        let names: Vec<&str> = ways.iter().map(|way| way.name()).collect();
        names.join(",")
    }

    /// These from now on. A way that is not among them ends; its task then gives up what waits there.
    pub(super) fn follow(&self, messengers: impl Iterator<Item = Messenger>) {
        let held = self.all();
        let followed: Vec<Arc<Way>> = messengers
            .map(|messenger| {
                let same = held.iter().find(|way| way.name() == messenger.name());
                match same {
                    Some(way) => {
                        way.goes_by(messenger);
                        Arc::clone(way)
                    }
                    None => Arc::new(Way::new(messenger)),
                }
            })
            .collect();
        for way in &held {
            if !followed.iter().any(|it| Arc::ptr_eq(it, way)) {
                way.end();
            }
        }
        self.0.send_replace(followed);
    }

    /// Keeps each way, those that come later too, until it is dropped.
    pub(super) async fn keep_each<F: Future<Output = ()>>(&self, keep: impl Fn(Arc<Way>) -> F) {
        let mut changes = self.0.subscribe();
        let mut kept: Vec<Arc<Way>> = Vec::new();
        let mut tasks = FuturesUnordered::new();
        loop {
            let ways = changes.borrow_and_update().clone();
            let new = ways
                .iter()
                .filter(|way| !kept.iter().any(|it| Arc::ptr_eq(it, way)));
            for way in new {
                tasks.push(keep(Arc::clone(way)));
            }
            kept = ways;
            loop {
                tokio::select! {
                    biased;
                    changed = changes.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => return,
                    },
                    Some(()) = tasks.next(), if !tasks.is_empty() => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calling::way::tests::named;

    fn messenger(name: &str, folder: &tempfile::TempDir) -> Messenger {
        Messenger::Webhook(named(name, folder, "http://127.0.0.1:1/".to_owned()))
    }

    #[tokio::test]
    async fn a_way_is_its_name_and_one_that_is_gone_ends() {
        let folder = tempfile::tempdir().unwrap();
        let messenger = |name: &str| messenger(name, &folder);
        let ways = Ways::new(["duty", "night"].into_iter().map(messenger));
        let [duty, night] = ["duty", "night"].map(|name| ways.named(name).unwrap());
        ways.follow(["duty", "day"].into_iter().map(messenger));
        assert_eq!(ways.names(), "duty,day");
        assert!(Arc::ptr_eq(&duty, &ways.named("duty").unwrap()));
        assert!(ways.named("night").is_none());
        assert!(night.is_ended() && !duty.is_ended());
    }

    #[tokio::test]
    async fn a_way_that_comes_later_is_kept_too_and_each_once() {
        let folder = tempfile::tempdir().unwrap();
        let messenger = |name: &str| messenger(name, &folder);
        let ways = Ways::new(std::iter::once(messenger("duty")));
        let (say, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let keep = |way: Arc<Way>| {
            let told = say.send(way.name().to_owned());
            async move {
                told.unwrap();
                std::future::pending::<()>().await;
            }
        };
        let told = async {
            assert_eq!(heard.recv().await.as_deref(), Some("duty"));
            ways.follow(["duty", "day"].into_iter().map(messenger));
            assert_eq!(heard.recv().await.as_deref(), Some("day"));
            assert!(heard.try_recv().is_err(), "each once");
        };
        tokio::select! {
            () = ways.keep_each(keep) => panic!("it goes on"),
            () = told => {}
        }
    }
}
