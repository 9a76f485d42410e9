//! Allpoints itself: two `allpoints serve` processes and one desk client, all as they are shipped.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::Command,
};

use allpoints::{
    domain::{
        routing::{Priority, Status},
        time::Clock as _,
    },
    node::system::SystemClock,
    proto::desk::v1::SubmitStreamResponse,
    wire::generate::{Recipe, drafts},
};
use bytes::Bytes;
use http::uri::PathAndQuery;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::UnboundedReceiverStream};

use crate::{
    load::{self, Loaded, Told, Work},
    net::{Member, Net, RECEIVER, SENDER},
    own_program,
    plan::{MESSAGE_BYTES, Mode},
    processes::{self, NodeProcess, Usage},
    report::{Node, Run},
};

/// Different drafts, used in turn with ids of their own.
const DRAFTS: usize = 1024;
/// Hexadecimal digits at the end of an id that number the message.
const NUMBER_DIGITS: usize = 12;

/// One run with empty stores.
pub fn run(net: &Net, mode: Mode) -> Run {
    let nodes = [RECEIVER, SENDER].map(|id| {
        let member = Member::read(&net.folder, id);
        let _ = std::fs::remove_dir_all(&member.config.store.folder);
        let node = serve(net, &member);
        (member, node)
    });
    let before = nodes
        .each_ref()
        .map(|(member, node)| Seen::of(member, node));
    let mut client = Command::new(own_program());
    client.arg("us-load").arg(&net.folder).args(mode.words());
    let loaded = processes::load(&mut client);
    let after = nodes
        .each_ref()
        .map(|(member, node)| Seen::of(member, node));
    let mut used = before
        .iter()
        .zip(&after)
        .map(|(before, after)| after.since(before));
    let (receiver, sender) = (used.next().expect("two"), used.next().expect("two"));
    for (member, node) in nodes {
        node.end();
        let _ = std::fs::remove_dir_all(&member.config.store.folder);
    }
    Run {
        loaded,
        sender: Some(sender),
        receiver: Some(receiver),
    }
}

/// Starts a member's node, and waits until it is ready.
pub fn serve(net: &Net, member: &Member) -> NodeProcess {
    let mut serve = Command::new(env!("CARGO_BIN_EXE_allpoints"));
    let config = net.config_file(member.id.as_str());
    serve.arg("serve").arg("--config").arg(config);
    NodeProcess::start(
        serve.arg("--exit-with-parent"),
        &member.home.join("node.log"),
    )
}

struct Seen {
    usage: Usage,
    metrics: String,
}

impl Seen {
    fn of(member: &Member, node: &NodeProcess) -> Self {
        Self {
            usage: node.usage(),
            metrics: metrics(member.config.ops.listen),
        }
    }

    fn figure(&self, name: &str) -> f64 {
        let lines = self.metrics.lines();
        let mut values = lines.filter_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        values.next().unwrap_or_else(|| panic!("no figure {name}"))
    }

    fn since(&self, before: &Self) -> Node {
        let gone = |name| self.figure(name) - before.figure(name);
        Node {
            cpu_seconds: self.usage.cpu_seconds - before.usage.cpu_seconds,
            flushes: gone("allpoints_journal_syncs "),
            entries: gone("allpoints_journal_entries "),
            bytes: gone("allpoints_journal_bytes "),
            idle_mib: before.usage.resident_mib,
            loaded_mib: self.usage.resident_mib,
        }
    }
}

fn metrics(ops: SocketAddr) -> String {
    let mut stream = TcpStream::connect(ops).expect("the ops listener");
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    answer
}

/// `SubmitStreamRequest` with its drafts encoded already: a client that costs as little as the limit's.
#[derive(Clone, PartialEq, prost::Message)]
struct Encoded {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    drafts: Vec<Bytes>,
    #[prost(bool, tag = "2")]
    report_settled: bool,
}

/// The client process.
pub fn load(work: &Work) -> Loaded {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let templates = templates(&work.to);
        let channel = Member::read(&work.folder, SENDER).dial_desk().await;
        let (outgoing, requests) = mpsc::unbounded_channel();
        let mut grpc = tonic::client::Grpc::new(channel);
        grpc.ready().await.expect("ready");
        let path = PathAndQuery::from_static("/allpoints.desk.v1.Desk/SubmitStream");
        let codec = tonic_prost::ProstCodec::<Encoded, SubmitStreamResponse>::default();
        let requests = tonic::Request::new(UnboundedReceiverStream::new(requests));
        let answers = grpc
            .streaming(requests, path, codec)
            .await
            .expect("a stream");
        let told = answers
            .into_inner()
            .map(|answer| told(&answer.expect("an answer"), work.first));
        let before = work.first;
        let make = move |first, count| Encoded {
            drafts: (first..first + count)
                .map(|number| numbered(&templates, before + number))
                .collect(),
            report_settled: true,
        };
        load::drive(work.mode, make, outgoing, told).await
    })
}

/// By their numbers in this load, which began with this one.
fn told(answer: &SubmitStreamResponse, first: u64) -> Told {
    if let Some(refused) = answer.refused.first() {
        panic!("refused: {} {:?}", refused.reason, refused.faults);
    }
    Told {
        accepted: numbers(&answer.accepted, first),
        settled: numbers(&answer.settled, first),
    }
}

fn numbers(ids: &[u8], first: u64) -> Vec<u64> {
    let number = |id: &[u8]| {
        id[10..]
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    let since = |id| number(id) - first;
    ids.chunks_exact(16).map(since).collect()
}

/// An encoded draft, and where the numbering part of its id stands.
struct Template {
    bytes: Vec<u8>,
    number_at: usize,
}

fn templates(to: &str) -> Vec<Template> {
    let recipe = Recipe {
        seed: 7,
        to: vec![to.to_owned()],
        status: Status::Exercise,
        priority: Some(Priority::Routine),
        now: SystemClock::new().now(),
        payload_bytes: Some(MESSAGE_BYTES),
    };
    let encode = |draft: allpoints::proto::alert::v1::Draft| {
        let bytes = draft.encode_to_vec();
        let id = draft.id.as_bytes();
        let at = bytes
            .windows(id.len())
            .position(|part| part == id)
            .expect("its id");
        Template {
            number_at: at + id.len() - NUMBER_DIGITS,
            bytes,
        }
    };
    drafts(recipe).take(DRAFTS).map(encode).collect()
}

fn numbered(templates: &[Template], number: u64) -> Bytes {
    let at = usize::try_from(number).expect("fits") % templates.len();
    let template = &templates[at];
    let mut bytes = template.bytes.clone();
    let digits = format!("{number:0width$x}", width = NUMBER_DIGITS);
    bytes[template.number_at..][..NUMBER_DIGITS].copy_from_slice(digits.as_bytes());
    bytes.into()
}
