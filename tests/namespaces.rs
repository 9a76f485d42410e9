//! Real nodes in networks of their own, and the wire between two of them cut in the middle of a delivery.
//!
//! ```text
//!   XA-POL ====/ cut /==== XB-POL
//!       \\                //
//!        ====  XC-POL  ====          goes on meanwhile with both
//! ```
//!
//! Each node is a process in a network namespace; each wire is a veth pair between two. Needs root and `ip` (iproute2).

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

#[path = "common/fleet.rs"]
mod fleet;
#[path = "common/skip.rs"]
mod skip;

use std::{
    collections::BTreeSet,
    fs::File,
    net::SocketAddr,
    os::fd::AsFd as _,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use allpoints::{
    domain::{routing::Status, time::Clock as _},
    proto::desk::v1 as pb,
    trust::tls::Role,
    wire::generate::{Recipe, drafts},
};
use fleet::{Door, Fleet};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::time::Instant;

const IDS: [&str; 3] = ["XA-POL", "XB-POL", "XC-POL"];
const XA: usize = 0;
const XB: usize = 1;
const XC: usize = 2;

/// Alerts that are accepted after the wire was cut; before that they are sent without end.
const AFTER: usize = 1_000;
/// Alerts of one call.
const AT_ONCE: usize = 50;
/// Alerts of each other road in use, while the wire is cut.
const MEANWHILE: usize = 100;
/// A lane that failed waits up to a minute before it dials again.
const SETTLED_WITHIN: Duration = Duration::from_secs(100);

/// Where a node's exchange listens, the same in every network.
fn exchange(at: usize) -> SocketAddr {
    SocketAddr::from(([10, 77, 0, u8::try_from(at + 1).expect("few")], 7443))
}

/// `ip` with these words; what it said when it failed.
fn ip(words: &str) -> Result<(), String> {
    let done = Command::new("ip").args(words.split(' ')).output();
    let done = done.map_err(|error| format!("ip: {error}"))?;
    match done.status.success() {
        true => Ok(()),
        false => Err(format!(
            "ip {words}: {}",
            String::from_utf8_lossy(&done.stderr)
        )),
    }
}

/// Three networks with a wire between each two. Dropped, they are gone, whatever became of the test.
struct Networks(Vec<String>);

impl Drop for Networks {
    fn drop(&mut self) {
        for name in &self.0 {
            // One that was never made is as gone as the others.
            drop(ip(&format!("netns del {name}")));
        }
    }
}

impl Networks {
    /// `None` where networks cannot be made.
    fn laid() -> Option<Self> {
        let name = |id: &&str| format!("allpoints-{}-{id}", std::process::id());
        let networks = Self(IDS.iter().map(name).collect());
        for (at, name) in networks.0.iter().enumerate() {
            ip(&format!("netns add {name}")).ok()?;
            ip(&format!("-n {name} link set lo up")).expect("loopback");
            let address = exchange(at).ip();
            ip(&format!("-n {name} addr add {address}/32 dev lo")).expect("an address");
        }
        for (one, other) in [(XA, XB), (XA, XC), (XB, XC)] {
            networks.wire(one, other);
        }
        Some(networks)
    }

    fn name(&self, at: usize) -> &str {
        self.0.get(at).expect("a network")
    }

    /// A wire between two, up at both ends.
    fn wire(&self, one: usize, other: usize) {
        let (here, there) = (self.name(one), self.name(other));
        let add =
            format!("-n {here} link add to-{other} type veth peer name to-{one} netns {there}");
        ip(&add).expect("a wire");
        self.mend(one, other);
        self.mend(other, one);
    }

    /// One end is up, and knows what is at the other.
    fn mend(&self, one: usize, other: usize) {
        let (here, from, to) = (self.name(one), exchange(one).ip(), exchange(other).ip());
        ip(&format!("-n {here} link set to-{other} up")).expect("up");
        let route = format!("-n {here} route replace {to}/32 dev to-{other} src {from}");
        ip(&route).expect("a route");
    }

    /// One end is down: nothing passes, nobody is told.
    fn cut(&self, one: usize, other: usize) {
        let here = self.name(one);
        ip(&format!("-n {here} link set to-{other} down")).expect("down");
    }

    /// The wire is taken out.
    fn take_out(&self, one: usize, other: usize) {
        let here = self.name(one);
        ip(&format!("-n {here} link del to-{other}")).expect("taken out");
    }

    /// Does something in one network, on a thread of its own.
    fn within<T: Send>(&self, at: usize, story: impl AsyncFnOnce() -> T + Send) -> T {
        let network = File::open(Path::new("/run/netns").join(self.name(at)));
        let network = network.expect("its file");
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                let kind = Some(LinkNameSpaceType::Network);
                move_into_link_name_space(network.as_fd(), kind).expect("let in");
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                runtime.expect("a runtime").block_on(story())
            });
            match inside.join() {
                Ok(told) => told,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}

/// The nodes in their networks. The processes end before the networks do.
struct Scene {
    fleet: Fleet,
    networks: Networks,
}

impl Scene {
    fn set() -> Option<Self> {
        let networks = Networks::laid()?;
        let local = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let place = |at: usize| (IDS[at], [exchange(at), local(7444), local(7445)]);
        let program = Path::new(env!("CARGO_BIN_EXE_allpoints"));
        let places = [place(XA), place(XB), place(XC)];
        let mut fleet = Fleet::found_at(program, &places).expect("a federation");
        for at in [XA, XB, XC] {
            let through = ["ip", "netns", "exec", networks.name(at)];
            fleet.start_through(at, &through).expect("a member");
            fleet.start(at).expect("it serves");
        }
        Some(Self { fleet, networks })
    }

    fn door(&self, at: usize, role: Role) -> Door {
        let member = self.fleet.members().get(at).expect("a member");
        member
            .door_for(role, self.fleet.clock())
            .expect("a certificate")
    }

    /// An officer of one who is to send alerts to another.
    fn errand(&self, from: usize, to: usize) -> Errand<'_> {
        let mut seed = [0; 8];
        aws_lc_rs::rand::fill(&mut seed).expect("randomness");
        Errand {
            networks: &self.networks,
            from,
            door: self.door(from, Role::Officer),
            recipe: Recipe {
                seed: u64::from_le_bytes(seed),
                to: vec![IDS[to].to_owned()],
                status: Status::Exercise,
                priority: None,
                now: self.fleet.clock().now(),
                payload_bytes: None,
            },
        }
    }

    /// The statements that one's journal has under this act, of the peer; oldest first.
    fn journal(&self, at: usize, act: &str, peer: usize) -> Vec<Vec<u8>> {
        let door = self.door(at, Role::Auditor);
        self.networks.within(at, async || {
            let mut desk = door.open().await.expect("a desk");
            let (mut found, mut cursor) = (Vec::new(), String::new());
            loop {
                let request = pb::AuditListRequest {
                    cursor,
                    limit: 200,
                    id: String::new(),
                };
                let page = desk.audit_list(request).await.expect("listed").into_inner();
                let fits = |entry: &pb::AuditEntry| entry.act == act && entry.peer == IDS[peer];
                let fitting = page.entries.into_iter().filter(fits);
                found.extend(fitting.map(|entry| entry.statement.expect("of a statement").id));
                if page.next_cursor.is_empty() {
                    found.reverse();
                    return found;
                }
                cursor = page.next_cursor;
            }
        })
    }

    /// How one's link to another stands.
    fn link(&self, at: usize, peer: usize) -> pb::Link {
        let door = self.door(at, Role::Ops);
        self.networks.within(at, async || {
            let mut desk = door.open().await.expect("a desk");
            let links = desk.links(pb::LinksRequest { check: false }).await;
            let links = links.expect("told").into_inner().links;
            let of_peer = links.into_iter().find(|link| link.authority == IDS[peer]);
            of_peer.expect("a link")
        })
    }

    /// All of it is delivered, once: held once there, under one receipt here, and nothing waits.
    fn all_delivered_once(&self, from: usize, to: usize, count: usize) {
        until("all is delivered", || {
            self.journal(from, "receipt-stored", to).len() >= count
        });
        until("nothing waits", || waiting(&self.link(from, to)) == 0);
        let (held, receipted) = (
            self.journal(to, "received", from),
            self.journal(from, "receipt-stored", to),
        );
        let road = format!("{} to {}", IDS[from], IDS[to]);
        assert_eq!(held.len(), count, "{road}");
        assert_eq!(receipted.len(), count, "{road}");
        let each: BTreeSet<_> = held.iter().collect();
        assert_eq!(each.len(), count, "{road}: each once");
        assert_eq!(each, receipted.iter().collect(), "{road}: the same");
    }
}

/// Somebody's alerts, to be sent from one network.
struct Errand<'a> {
    networks: &'a Networks,
    from: usize,
    door: Door,
    recipe: Recipe,
}

impl Errand<'_> {
    /// Sends some at once until this is so, and then so many; each call is answered: accepted, durable. Gives how many.
    fn run(self, is_so: impl Fn() -> bool + Sync, after: usize) -> usize {
        let mut supply = drafts(self.recipe);
        let door = &self.door;
        self.networks.within(self.from, async || {
            let mut desk = door.open().await.expect("a desk");
            let (mut count, mut left) = (0, after / AT_ONCE);
            while left > 0 {
                if is_so() {
                    left -= 1;
                }
                count += AT_ONCE;
                let request = pb::SubmitRequest {
                    drafts: supply.by_ref().take(AT_ONCE).collect(),
                    dry_run: false,
                    ..<_>::default()
                };
                let accepted = desk.submit(request).await.expect("accepted").into_inner();
                assert_eq!(accepted.submitted.len(), AT_ONCE);
            }
            count
        })
    }
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < SETTLED_WITHIN, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Cuts while alerts go over; gives how many were accepted in all, and how many of all so far had come over.
fn cut_in_the_middle(scene: &Scene, before: usize, cut: impl Fn()) -> (usize, usize) {
    let is_cut = AtomicBool::new(false);
    let sent = thread::scope(|scope| {
        let errand = scene.errand(XA, XB);
        let sending = scope.spawn(|| errand.run(|| is_cut.load(Ordering::SeqCst), AFTER));
        until("some of it is there", || {
            scene.journal(XB, "received", XA).len() > before
        });
        cut();
        is_cut.store(true, Ordering::SeqCst);
        // Both accept on: what goes to the other waits, what goes to the third is delivered.
        scene.errand(XB, XA).run(|| true, MEANWHILE);
        scene.errand(XA, XC).run(|| true, MEANWHILE);
        scene.errand(XB, XC).run(|| true, MEANWHILE);
        sending.join().expect("all was accepted")
    });
    let over = scene.journal(XB, "received", XA).len();
    assert!(
        over > before && over < before + sent,
        "in the middle: {over}"
    );
    until("both say what waits", || {
        waiting(&scene.link(XA, XB)) > 0 && waiting(&scene.link(XB, XA)) > 0
    });
    (sent, over)
}

/// Verifies that two partners whose wire is cut in the middle of a delivery, shortly and for long, lose nothing and
/// deliver nothing twice; that both accept on meanwhile and say what waits; and that the third notices nothing.
#[test]
fn what_a_cut_wire_holds_up_is_delivered_once_when_it_is_mended() {
    let Some(scene) = Scene::set() else {
        skip::skipped("networks that are cut: they need root and `ip` (iproute2)");
        return;
    };
    until("links are well", || {
        scene.link(XA, XB).healthy && scene.link(XB, XA).healthy
    });

    // One end is down, for so short that the streams may outlive it.
    let (first, _) = cut_in_the_middle(&scene, 0, || scene.networks.cut(XA, XB));
    for from in [XA, XB] {
        scene.all_delivered_once(from, XC, MEANWHILE);
    }
    scene.networks.mend(XA, XB);
    scene.all_delivered_once(XA, XB, first);
    scene.all_delivered_once(XB, XA, MEANWHILE);

    // The wire is taken out, until both have given their streams up.
    let (second, over) = cut_in_the_middle(&scene, first, || scene.networks.take_out(XA, XB));
    for (here, there) in [(XA, XB), (XB, XA)] {
        until("the link is shown as down", || {
            let link = scene.link(here, there);
            !link.healthy
                && link
                    .lanes
                    .iter()
                    .any(|lane| !lane.up && !lane.reason.is_empty())
        });
    }
    assert_eq!(scene.journal(XB, "received", XA).len(), over, "it is cut");
    for from in [XA, XB] {
        scene.all_delivered_once(from, XC, 2 * MEANWHILE);
    }
    let other = scene.link(XA, XC);
    assert!(other.healthy, "{other:?}");
    scene.networks.wire(XA, XB);
    scene.all_delivered_once(XA, XB, first + second);
    scene.all_delivered_once(XB, XA, 2 * MEANWHILE);
}

/// Drills and what is real: these tests send drills.
fn waiting(link: &pb::Link) -> u64 {
    link.queued + link.queued_exercise
}
