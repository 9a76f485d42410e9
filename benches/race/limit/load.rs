//! The limit's client process.

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;

use super::{Bodies, Reply, relay};
pub use crate::load::Work;
use crate::{
    load::{self, Loaded, Told},
    net::{Member, SENDER},
    plan::MESSAGE_BYTES,
};

/// The first reply kind: durable at A.
const ACCEPTED: u32 = 1;
const REPLY_MAX_BYTES: usize = 4 << 20;

pub fn run(work: &Work) -> Loaded {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let channel = Member::read(&work.folder, SENDER).dial_desk().await;
        let (outgoing, requests) = mpsc::unbounded_channel();
        let replies = relay::open(channel, requests, REPLY_MAX_BYTES)
            .await
            .expect("a stream");
        let told = replies.map(|reply| told(&reply.expect("a reply")));
        let payload: Vec<u8> = (0..MESSAGE_BYTES)
            .map(|at| (at * 131 + at / 7) as u8)
            .collect();
        load::drive(
            work.mode,
            move |first, count| bodies(&payload, first, count),
            outgoing,
            told,
        )
        .await
    })
}

fn bodies(payload: &[u8], first: u64, count: u64) -> Bodies {
    let mut all = BytesMut::with_capacity(payload.len() * usize::try_from(count).expect("fits"));
    let numbered = |number: u64| -> Bytes {
        all.extend_from_slice(&number.to_be_bytes());
        all.extend_from_slice(&payload[8..]);
        all.split().freeze()
    };
    Bodies {
        bodies: (first..first + count).map(numbered).collect(),
        ..Bodies::default()
    }
}

fn told(reply: &Reply) -> Told {
    let number = |id: &[u8]| u64::from_be_bytes(id.try_into().expect("8 bytes"));
    let numbers = reply.ids.chunks_exact(8).map(number).collect();
    match reply.kind {
        ACCEPTED => Told {
            accepted: numbers,
            ..Told::default()
        },
        _ => Told {
            settled: numbers,
            ..Told::default()
        },
    }
}
