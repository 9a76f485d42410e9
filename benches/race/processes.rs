//! Children that end with us, and what the system says they used.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// A node as a process. Closing its standard input ends it.
pub struct NodeProcess {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    ready: String,
}

impl NodeProcess {
    /// Starts it and waits for the line that begins with `ready`.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let log_file = std::fs::File::create(log).expect("a log");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log_file)
            .spawn()
            .expect("a process");
        let input = child.stdin.take();
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        let mut line = String::new();
        output.read_line(&mut line).expect("a line");
        assert!(
            line.starts_with("ready"),
            "{} did not start: {line}{}",
            log.display(),
            std::fs::read_to_string(log).unwrap_or_default()
        );
        Self {
            child,
            input,
            output,
            ready: line,
        }
    }

    /// What it said after `ready`.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.ready.split_whitespace().skip(1)
    }

    pub fn usage(&self) -> Usage {
        Usage::of(self.child.id())
    }

    /// Ends it in order, and gives the rest of what it wrote.
    pub fn end(mut self) -> String {
        drop(self.input.take());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("its output");
        let status = self.child.wait().expect("an end");
        assert!(status.success(), "a node ended with {status}");
        rest
    }
}

impl Drop for NodeProcess {
    fn drop(&mut self) {
        // After `end` it is gone already; after a panic it must not stay.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time and memory so far.
#[derive(Debug, Clone, Copy, Default, serde::Serialize)]
pub struct Usage {
    pub cpu_seconds: f64,
    pub resident_mib: f64,
}

impl Usage {
    /// From `/proc`; nothing where there is none.
    pub fn of(process: u32) -> Self {
        let read = |file| std::fs::read_to_string(format!("/proc/{process}/{file}"));
        let stat = read("stat").unwrap_or_default();
        // Fields 14 and 15, in hundredths of a second, counted after the name in brackets.
        let after = stat.rsplit(')').next().unwrap_or_default();
        let ticks = after.split_whitespace().skip(11).take(2);
        let ticks: f64 = ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
        let status = read("status").unwrap_or_default();
        let resident = status.lines().find_map(|line| {
            let kib = line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?;
            kib.trim().parse::<f64>().ok()
        });
        Self {
            cpu_seconds: ticks / 100.0,
            resident_mib: resident.unwrap_or_default() / 1024.0,
        }
    }
}

/// Runs a load process to its end and reads its one line.
pub fn load(command: &mut Command) -> crate::load::Loaded {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .expect("a process");
    assert!(output.status.success(), "the load failed");
    serde_json::from_slice(&output.stdout).expect("its one line")
}
