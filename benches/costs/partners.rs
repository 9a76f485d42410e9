//! What partners cost: the same alerts to 1, 5, 10 and 20 real nodes, each a process of its own on this machine.

use std::{path::Path, process::Command};

use crate::{
    Extent, median,
    net::{Member, Net, SENDER, partner},
    own_program,
    plan::Mode,
    plot::{Line, Panel},
    processes::{self, NodeProcess},
    table, us,
};

const FULL: [usize; 4] = [1, 5, 10, 20];
const QUICK: [usize; 2] = [1, 3];
/// Deliveries of one run, whatever the number of partners.
const DELIVERIES: u64 = 40_000;
const QUICK_DELIVERIES: u64 = 3_000;

/// The sender's side of one run.
struct Cost {
    deliveries_per_second: f64,
    cpu_us_per_alert: f64,
    cpu_us_per_delivery: f64,
    resident_mib: f64,
}

pub fn measure(folder: &Path, extent: Extent) -> Vec<Panel> {
    let (counts, deliveries, rounds): (&[usize], u64, usize) = match extent {
        Extent::Full => (&FULL, DELIVERIES, 5),
        Extent::Quick => (&QUICK, QUICK_DELIVERIES, 1),
    };
    let mut shown = table([
        "partners",
        "alerts",
        "deliveries/s",
        "sender CPU us/alert",
        "us/delivery",
        "sender MiB",
    ]);
    let mut costs = Vec::new();
    for &count in counts {
        let place = folder.join(count.to_string());
        std::fs::create_dir_all(&place).expect("a folder");
        let net = Net::found(&place, count);
        let alerts = deliveries / count as u64;
        let runs: Vec<Cost> = (0..rounds)
            .map(|round| {
                eprintln!("{count} partners, round {}", round + 1);
                run(&net, count, alerts)
            })
            .collect();
        let of = |figure: fn(&Cost) -> f64| median(runs.iter().map(figure).collect());
        let cost = Cost {
            deliveries_per_second: of(|cost| cost.deliveries_per_second),
            cpu_us_per_alert: of(|cost| cost.cpu_us_per_alert),
            cpu_us_per_delivery: of(|cost| cost.cpu_us_per_delivery),
            resident_mib: of(|cost| cost.resident_mib),
        };
        shown.add_row([
            count.to_string(),
            alerts.to_string(),
            format!("{:.0}", cost.deliveries_per_second),
            format!("{:.0}", cost.cpu_us_per_alert),
            format!("{:.0}", cost.cpu_us_per_delivery),
            format!("{:.0}", cost.resident_mib),
        ]);
        costs.push((count as f64, cost));
    }
    println!("{shown}");
    panels(&costs)
}

/// All nodes with empty stores; one alert goes to all of them.
fn run(net: &Net, partners: usize, alerts: u64) -> Cost {
    let ids = std::iter::once(SENDER.to_owned()).chain((0..partners).map(partner));
    let members: Vec<Member> = ids.map(|id| Member::read(&net.folder, &id)).collect();
    for member in &members {
        let _ = std::fs::remove_dir_all(&member.config.store.folder);
    }
    let nodes: Vec<NodeProcess> = members
        .iter()
        .rev()
        .map(|member| us::serve(net, member))
        .collect();
    let sender = nodes.last().expect("the sender was started last");
    let before = sender.usage();
    let mut client = Command::new(own_program());
    let mode = Mode::Filled(alerts);
    client.arg("us-load").arg(&net.folder).args(mode.words());
    let loaded = processes::load(client.args(["0", "all"]));
    let after = sender.usage();
    let cpu_us = (after.cpu_seconds - before.cpu_seconds) * 1e6;
    let deliveries = (alerts * partners as u64) as f64;
    nodes.into_iter().for_each(|node| drop(node.end()));
    for member in &members {
        let _ = std::fs::remove_dir_all(&member.config.store.folder);
    }
    Cost {
        deliveries_per_second: deliveries / loaded.seconds,
        cpu_us_per_alert: cpu_us / alerts as f64,
        cpu_us_per_delivery: cpu_us / deliveries,
        resident_mib: after.resident_mib,
    }
}

fn panels(costs: &[(f64, Cost)]) -> Vec<Panel> {
    let panel = |title: &str, figure: fn(&Cost) -> f64| Panel {
        title: title.to_owned(),
        across: "partners".to_owned(),
        lines: vec![Line {
            name: SENDER.to_owned(),
            points: costs
                .iter()
                .map(|(count, cost)| (*count, figure(cost)))
                .collect(),
        }],
    };
    vec![
        panel("Sender CPU, us a delivery", |cost| cost.cpu_us_per_delivery),
        panel("Sender resident after load, MiB", |cost| cost.resident_mib),
    ]
}
