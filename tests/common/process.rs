//! A node as its operator runs it: the real program, its standard output, its exit code.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

/// A node that said `ready`. Dropping it kills it.
pub struct Served {
    child: Child,
    line: String,
    log: PathBuf,
}

/// A start that was refused.
#[derive(Debug)]
pub struct Refused {
    pub code: Option<i32>,
    pub said: String,
}

impl Served {
    /// Starts a node and waits until it serves or ends. Its log goes to `log`.
    pub fn start(config: &Path, log: &Path) -> Result<Self, Refused> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_allpoints"))
            .args(["serve", "--config"])
            .arg(config)
            .arg("--exit-with-parent")
            .env_remove("ALLPOINTS_PROFILE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(log).expect("a log"))
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        output.read_line(&mut line).expect("read");
        if line.starts_with("ready ") {
            let log = log.to_owned();
            return Ok(Self { child, line, log });
        }
        let code = child.wait().expect("ended").code();
        let mut said = line;
        output.read_to_string(&mut said).expect("read");
        said.push_str(&std::fs::read_to_string(log).expect("read"));
        Err(Refused { code, said })
    }

    /// Where one of its listeners is: `exchange`, `desk` or `ops`.
    pub fn at(&self, listener: &str) -> SocketAddr {
        let mut words = self.line.split_whitespace();
        let word = words.find_map(|word| word.strip_prefix(listener)?.strip_prefix('='));
        word.and_then(|address| address.parse().ok())
            .expect("the line says where it listens")
    }

    /// What it has logged until now.
    pub fn logged(&self) -> String {
        std::fs::read_to_string(&self.log).expect("read")
    }

    /// Tells it to look at its files now.
    pub fn hang_up(&self) {
        kill_process(Pid::from_child(&self.child), Signal::HUP).expect("it runs");
    }

    /// Tells it to stop, as an init system does, and waits for its end for at most half a minute.
    pub fn terminate(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
        for _ in 0..600 {
            if let Some(status) = self.child.try_wait().expect("waited") {
                return status;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("it does not end: {}", self.logged());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
