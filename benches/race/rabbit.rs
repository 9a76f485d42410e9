//! RabbitMQ's quorum queues and shovel, through `benches/peers`, when they are there.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    disk::SystemFlushes,
    load::{Loaded, Percentiles},
    plan::{Contender, MESSAGE_BYTES, Mode, PACE_PER_SECOND, Plan},
    report::{Node, Run},
};

/// Starts and ends brokers, and runs the driver.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/rabbit.sh");
const DRIVER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/benches/peers/target/release/rabbit"
);
/// Messages a second that it is expected to carry at most: sizes the saturated run.
const EXPECTED_PER_SECOND: u64 = 15_000;

/// Two brokers that run.
pub struct Rabbit {
    folder: PathBuf,
}

impl Rabbit {
    /// Starts the brokers, or says why it is skipped.
    pub fn find(plan: &Plan, place: &Path) -> Option<Self> {
        if !plan.contenders.contains(&Contender::Rabbit) {
            return None;
        }
        if !on_path("rabbitmq-server") {
            eprintln!("rabbit: skipped, rabbitmq-server is not installed");
            return None;
        }
        if !Path::new(DRIVER).exists() {
            eprintln!("rabbit: skipped, its driver is not built: see benches/README.md");
            return None;
        }
        let rabbit = Self {
            folder: place.join("rabbit"),
        };
        rabbit.script(&["up"]);
        rabbit.script(&["queues"]);
        Some(rabbit)
    }

    /// One run.
    pub fn run(&self, mode: Mode) -> Run {
        let (count, rate, window) = match mode {
            Mode::Saturated(time) => (time.as_secs() * EXPECTED_PER_SECOND, 0, 4096),
            Mode::Paced(time) => (time.as_secs() * PACE_PER_SECOND, PACE_PER_SECOND, 4096),
            Mode::Single(count) => (count, 0, 1),
        };
        let flushes = SystemFlushes::now();
        let words = [count, MESSAGE_BYTES as u64, rate, window].map(|word| word.to_string());
        let mut arguments = vec!["one"];
        arguments.extend(words.iter().map(String::as_str));
        let line = self.script(&arguments);
        let told: Seen = serde_json::from_str(line.trim()).expect("its one line");
        Run {
            loaded: Loaded {
                messages: count,
                seconds: told.seconds,
                accepted_ms: told.confirmed_ms,
                settled_ms: told.arrived_ms,
                client_cpu_us: 0.0,
            },
            sender: None,
            receiver: Some(Node {
                flushes: SystemFlushes::now().since(&flushes),
                ..Node::default()
            }),
        }
    }

    fn script(&self, arguments: &[&str]) -> String {
        let output = Command::new(SCRIPT)
            .args(arguments)
            .env("RUN", &self.folder)
            .env("DRIVER", DRIVER)
            .stderr(Stdio::inherit())
            .output()
            .expect("its script");
        assert!(output.status.success(), "rabbit.sh {arguments:?} failed");
        String::from_utf8(output.stdout).expect("text")
    }
}

impl Drop for Rabbit {
    fn drop(&mut self) {
        self.script(&["down"]);
    }
}

#[derive(serde::Deserialize)]
struct Seen {
    seconds: f64,
    confirmed_ms: Percentiles,
    arrived_ms: Percentiles,
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).exists())
}
