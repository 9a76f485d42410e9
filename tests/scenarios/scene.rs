//! A scene: nodes of this process, at whose desks officers type the program's own commands.
//!
//! The way in is [`Scene::of`]; [`golden`] compares what a command printed with a
//! file, whatever the run.

use std::path::PathBuf;

use allpoints::{
    proto::desk::v1::{WatchRequest, WatchResponse},
    trust::tls::Role,
};
use serde_json::Value;
use tonic::Streaming;

use crate::common::{Net, until};

/// Some authorities, and one officer at the desk of each.
pub(crate) struct Scene {
    net: Net,
    folder: tempfile::TempDir,
}

impl Scene {
    /// All nodes run and every officer has a profile.
    pub(crate) async fn of(ids: &[&str]) -> Self {
        let net = Net::of(ids).await;
        for id in ids {
            // This issues the certificate that the profile names.
            drop(net.desk(id, Role::Officer).await);
            let text = format!(
                "endpoint = \"{}\"\nauthority = \"{id}\"\ncertificate = \"desk/officer-duty-7.pem\"\n\
                 key = \"desk/officer-duty-7.key\"\nca = \"ca/desk-ca.pem\"\n",
                net.addresses(id).desk
            );
            std::fs::write(net.home(id).join("officer.toml"), text).expect("written");
        }
        let folder = tempfile::tempdir().expect("a folder");
        Self { net, folder }
    }

    /// Writes a file that a command reads; its name holds no space, so that it can stand in a line.
    pub(crate) fn file(&self, name: &str, content: &Value) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content.to_string()).expect("written");
        path.display().to_string()
    }

    /// What the officer of `id` reads after this command, which must succeed.
    pub(crate) async fn done(&self, id: &str, line: &str) -> String {
        let (succeeded, said, error) = self.run(id, line).await;
        assert!(succeeded, "{id}: `allpoints {line}` failed: {error}");
        said
    }

    /// What the officer of `id` is told after this command, which must fail.
    pub(crate) async fn refused(&self, id: &str, line: &str) -> String {
        let (succeeded, said, error) = self.run(id, line).await;
        assert!(!succeeded, "{id}: `allpoints {line}` succeeded: {said}");
        error
    }

    /// Waits until the node of `id` holds this alert.
    pub(crate) async fn until_held(&self, id: &str, reference: &str) {
        self.until_life(id, reference, "ALERT_LIFE_LIVE").await;
    }

    /// Waits until an alert stands so at `id`.
    pub(crate) async fn until_life(&self, id: &str, reference: &str, life: &str) {
        let line = format!("track {reference} --json");
        until("the alert's life", || async {
            let (succeeded, said, _) = self.run(id, &line).await;
            let track: Value = serde_json::from_str(&said).unwrap_or_default();
            (succeeded && track["summary"]["life"] == life).then_some(())
        })
        .await;
    }

    /// Waits until `id` knows that `holder` has received a thread.
    pub(crate) async fn until_received(&self, id: &str, reference: &str, holder: &str) {
        let line = format!("tree {reference} --json");
        until("word of a receipt", || async {
            let (_, said, _) = self.run(id, &line).await;
            let tree: Value = serde_json::from_str(&said).unwrap_or_default();
            let holders = tree["holders"].as_array()?;
            let of_holder = holders.iter().find(|it| it["authority"] == holder)?;
            let at = of_holder["receivedAtUs"].as_str()?;
            (at != "0").then_some(())
        })
        .await;
    }

    /// The reference of the first statement that a command issues, once every recipient's node holds it.
    pub(crate) async fn delivered(&self, id: &str, line: &str) -> String {
        let reference = self.issued(id, line).await;
        let line = format!("track {reference} --wait delivered");
        self.done(id, &line).await;
        reference
    }

    async fn issued(&self, id: &str, line: &str) -> String {
        let said = self.done(id, line).await;
        let prefix = format!("{}-", &id[..2]);
        let mut words = said.split_whitespace();
        // An authority's own id begins as its references do, and is no reference.
        let found =
            words.find(|word| word.starts_with(&prefix) && *word != id && !word.contains('/'));
        found.expect("a reference").to_owned()
    }

    /// What anybody reads in the evidence that `id` takes out, which must be proved.
    pub(crate) async fn proved(&self, id: &str, reference: &str) -> String {
        let file = self.folder.path().join(format!("{id}.evidence"));
        let file = file.display();
        let line = format!("audit export {reference} --output {file}");
        self.done(id, &line).await;
        let anchor = self.net.anchor();
        let line = format!("audit verify {file} --federation {anchor}");
        self.done(id, &line).await
    }

    /// The thread's state at `id`, as a program reads it.
    pub(crate) async fn track(&self, id: &str, reference: &str) -> Value {
        let said = self.done(id, &format!("track {reference} --json")).await;
        serde_json::from_str(&said).expect("JSON")
    }

    /// The references of what `id` has sent, newest first.
    pub(crate) async fn outbox(&self, id: &str) -> Vec<String> {
        let said = self.done(id, "outbox --json").await;
        let page: Value = serde_json::from_str(&said).expect("JSON");
        let items = page["items"].as_array().into_iter().flatten();
        let references = items.map(|item| item["reference"].to_string());
        references.collect()
    }

    /// Calls of the duty desk of `id`, from now on.
    pub(crate) async fn calls(&self, id: &str) -> Calls {
        let mut desk = self.net.desk(id, Role::Duty).await;
        let events = desk.watch(WatchRequest::default()).await;
        Calls(events.expect("watched").into_inner())
    }

    async fn run(&self, id: &str, line: &str) -> (bool, String, String) {
        let profile: PathBuf = self.net.home(id).join("officer.toml");
        // What stands in quotes is one word.
        let words = line
            .split('\'')
            .enumerate()
            .flat_map(|(at, part)| match at % 2 {
                0 => part.split_whitespace().map(str::to_owned).collect(),
                _ => vec![part.to_owned()],
            });
        let words: Vec<String> = words.collect();
        let ran = tokio::task::spawn_blocking(move || {
            let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_allpoints"));
            command.args(words).arg("--profile-file").arg(profile);
            command.output().expect("the program runs")
        });
        let output = ran.await.expect("it ran");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.success(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }
}

/// What a duty desk is called for.
pub(crate) struct Calls(Streaming<WatchResponse>);

impl Calls {
    /// The reference of the alert that the next call of this kind is about.
    pub(crate) async fn next(&mut self, kind: &str) -> String {
        loop {
            let event = self.0.message().await.expect("goes on").expect("an event");
            if event.call == kind {
                return event.summary.expect("an alert").reference;
            }
        }
    }
}

/// Compares what a command printed with the golden file of this name.
pub(crate) fn golden(name: &str, said: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let name = format!("scenarios__{name}");
    settings.bind(|| insta::assert_snapshot!(name, unvarying(said)));
}

/// The same text in every run: times, ids and references become placeholders, numbered as they first
/// appear; and what two partners' nodes receive at once stands in the order of their names.
fn unvarying(said: &str) -> String {
    let mut named = Named::default();
    let lines = in_order(said.lines().collect());
    let lines = lines.iter().map(|line| {
        let words = line.split(' ').map(|word| {
            let said = named.placeholder(word);
            // A table's columns stay as wide as they were.
            let width = if line.contains('┆') {
                word.chars().count()
            } else {
                0
            };
            format!("{said:<width$}")
        });
        words.collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Neighbouring lines that tell of one statement's receipt, by who received it.
fn in_order(mut lines: Vec<&str>) -> Vec<&str> {
    let what = |line: &str| {
        let cells: Vec<_> = line.split('┆').map(str::trim).collect();
        match cells.as_slice() {
            [_, _, what, statement] if what.starts_with("receives ") => {
                Some(format!("{what} {statement}"))
            }
            _ => None,
        }
    };
    let who = |line: &&str| line.split('┆').nth(1).map(str::to_owned);
    for run in lines.chunk_by_mut(|one, next| what(one).is_some() && what(one) == what(next)) {
        run.sort_by_key(who);
    }
    lines
}

/// What was replaced so far.
#[derive(Default)]
struct Named(Vec<String>);

impl Named {
    fn placeholder(&mut self, word: &str) -> String {
        let bare = word.trim_end_matches([',', ';', ':']);
        let after = &word[bare.len()..];
        let is_time = bare.len() == 20 && bare.ends_with('Z') && bare.contains('T');
        let is_id = bare.contains("-POL/");
        let reference = bare.split('-').collect::<Vec<_>>();
        let is_reference = matches!(reference.as_slice(), [country, year, code]
            if country.len() == 2 && year.parse::<u8>().is_ok() && code.len() == 5);
        let placeholder = if is_time {
            "<time>".to_owned()
        } else if is_id {
            format!("{}/<id>", bare.split('/').next().unwrap_or_default())
        } else if is_reference {
            let at = self.0.iter().position(|it| it == bare).unwrap_or_else(|| {
                self.0.push(bare.to_owned());
                self.0.len() - 1
            });
            format!(
                "{}-<{}>",
                reference[0],
                char::from(b'A' + u8::try_from(at).unwrap_or(25))
            )
        } else {
            return word.to_owned();
        };
        format!("{placeholder}{after}")
    }
}

/// Verifies that two runs of one course read the same, and that another course does not.
#[test]
fn only_what_varies_between_runs_is_replaced() {
    let course = |time: &str, code: &str, first: &str, second: &str, word: &str| {
        unvarying(&format!(
            "XA-26-{code}  live\n\
             │ {time} ┆ {first} ┆ receives missing_offender ┆ XA-26-{code} │\n\
             │ {time} ┆ {second} ┆ receives missing_offender ┆ XA-26-{code} │\n\
             │ {time} ┆ XB-POL ┆ answers: {word} ┆ XB-26-{code} │"
        ))
    };
    let one = course("2026-11-24T05:23:20Z", "7F3K9", "XB-POL", "XC-POL", "hit");
    let again = course("2027-01-02T23:00:01Z", "AB12C", "XC-POL", "XB-POL", "hit");
    assert_eq!(one, again);
    assert!(one.starts_with("XA-<A>  live\n"), "{one}");
    for other in [
        course(
            "2026-11-24T05:23:20Z",
            "7F3K9",
            "XB-POL",
            "XC-POL",
            "no_trace",
        ),
        course("2026-11-24T05:23:20Z", "7F3K9", "XB-POL", "XD-POL", "hit"),
    ] {
        assert_ne!(one, other);
    }
}
