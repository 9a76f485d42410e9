//! What keeping costs: two nodes are filled step by step, and restarted at each size.

use std::{path::Path, process::Command, time::Instant};

use crate::{
    Extent,
    net::{Member, Net, RECEIVER, SENDER},
    own_program,
    plan::Mode,
    plot::{Line, Panel},
    processes, table, us,
};

/// Messages kept at each step.
const FULL: [u64; 4] = [1_000, 10_000, 100_000, 1_000_000];
const QUICK: [u64; 2] = [1_000, 10_000];
/// Restarts at each step; the median counts.
const RESTARTS: usize = 3;
const MIB: f64 = 1_048_576.0;

/// One node at one size.
#[derive(Default, Clone, Copy)]
struct Size {
    journal_bytes: f64,
    view_bytes: f64,
    loaded_mib: f64,
    idle_mib: f64,
    restart_seconds: f64,
}

pub fn measure(folder: &Path, extent: Extent) -> Vec<Panel> {
    std::fs::create_dir_all(folder).expect("a folder");
    let net = Net::found(folder, 1);
    let members = [SENDER, RECEIVER].map(|id| Member::read(&net.folder, id));
    let steps: &[u64] = match extent {
        Extent::Full => &FULL,
        Extent::Quick => &QUICK,
    };
    let mut shown = table([
        "messages kept",
        "node",
        "journal B/alert",
        "view B/alert",
        "MiB after load",
        "MiB after restart",
        "restart s",
    ]);
    let mut sizes = Vec::new();
    let mut nodes = members.each_ref().map(|member| us::serve(&net, member));
    let mut held = 0;
    for &kept in steps {
        eprintln!("filling to {kept}");
        fill(folder, held, kept);
        held = kept;
        let loaded = nodes.each_ref().map(|node| node.usage().resident_mib);
        nodes.into_iter().for_each(|node| drop(node.end()));
        let mut at_this = [Size::default(); 2];
        for (number, member) in members.iter().enumerate() {
            let size = Size {
                loaded_mib: loaded[number],
                ..weigh_and_restart(&net, member)
            };
            let each = |bytes: f64| format!("{:.0}", bytes / kept as f64);
            shown.add_row([
                kept.to_string(),
                member.id.to_string(),
                each(size.journal_bytes),
                each(size.view_bytes),
                format!("{:.0}", size.loaded_mib),
                format!("{:.0}", size.idle_mib),
                format!("{:.2}", size.restart_seconds),
            ]);
            at_this[number] = size;
        }
        sizes.push((kept as f64, at_this));
        nodes = members.each_ref().map(|member| us::serve(&net, member));
    }
    nodes.into_iter().for_each(|node| drop(node.end()));
    println!("{shown}");
    panels(&sizes)
}

fn fill(folder: &Path, held: u64, kept: u64) {
    let mut client = Command::new(own_program());
    let mode = Mode::Filled(kept - held);
    client.arg("us-load").arg(folder).args(mode.words());
    processes::load(client.arg(held.to_string()));
}

/// Weighs a stopped node, and starts it some times.
fn weigh_and_restart(net: &Net, member: &Member) -> Size {
    let store = &member.config.store.folder;
    let mut restarts = Vec::new();
    let mut idle_mib = 0.0;
    for _ in 0..RESTARTS {
        let began = Instant::now();
        let node = us::serve(net, member);
        restarts.push(began.elapsed().as_secs_f64());
        idle_mib = node.usage().resident_mib;
        node.end();
    }
    Size {
        journal_bytes: bytes_of(&store.join("journal")),
        view_bytes: bytes_of(&store.join("view")),
        loaded_mib: 0.0,
        idle_mib,
        restart_seconds: crate::median(restarts),
    }
}

/// Bytes that the files of a folder take on the disk, those below it too.
fn bytes_of(folder: &Path) -> f64 {
    use std::os::unix::fs::MetadataExt as _;
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| {
            let entry = entry.expect("an entry");
            let about = entry.metadata().expect("about it");
            match about.is_dir() {
                true => bytes_of(&entry.path()),
                false => (about.blocks() * 512) as f64,
            }
        })
        .sum()
}

fn panels(sizes: &[(f64, [Size; 2])]) -> Vec<Panel> {
    let lines = |figure: fn(f64, &Size) -> f64| {
        [SENDER, RECEIVER]
            .iter()
            .enumerate()
            .map(|(number, id)| Line {
                name: (*id).to_owned(),
                points: sizes
                    .iter()
                    .map(|(kept, nodes)| (*kept, figure(*kept, &nodes[number])))
                    .collect(),
            })
            .collect()
    };
    let panel = |title: &str, lines| Panel {
        title: title.to_owned(),
        across: "messages kept".to_owned(),
        lines,
    };
    vec![
        panel("Restart, seconds", lines(|_, size| size.restart_seconds)),
        panel(
            "Resident after restart, MiB",
            lines(|_, size| size.idle_mib),
        ),
        panel("Resident after load, MiB", lines(|_, size| size.loaded_mib)),
        panel(
            "On disk, MiB (journal and view)",
            lines(|_, size| (size.journal_bytes + size.view_bytes) / MIB),
        ),
    ]
}
