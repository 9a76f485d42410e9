//! Founds the demo's federation with the program's own commands: what a person would type, in the same order.

use super::{
    plan::{FEDERATION, PLAYERS, Player},
    processes::{Net, loopback},
};
use crate::cli::exit::{CliError, Exit};

/// Roles that each authority gets a certificate and profile for.
const ROLES: [&str; 3] = ["officer", "ops", "auditor"];

/// Makes roots (2 of 3), authorities, directory and profiles; gives the anchor (`sha256:...`).
///
/// # Errors
/// When one of the commands fails; names it.
pub(super) async fn found(net: &Net) -> Result<String, CliError> {
    let folder = net.federation_folder();
    let path = |name: &str| folder.join(name).display().to_string();
    let root = path("");
    let said = net
        .command(&[
            "federation",
            "init",
            &root,
            "--name",
            FEDERATION,
            "--roots",
            "3",
            "--threshold",
            "2",
        ])
        .await?;
    let anchor = said
        .split_whitespace()
        .find(|word| word.starts_with("sha256:"))
        .ok_or_else(|| CliError::new(Exit::Failed, "`federation init` printed no anchor"))?
        .to_owned();
    let makings = net.nodes().iter().map(|node| {
        let ports = [node.ports.exchange, node.ports.desk, node.ports.ops].map(loopback);
        make_authority(net, node.player, ports, &anchor)
    });
    futures_util::future::try_join_all(makings).await?;
    let applications = PLAYERS.map(|player| file_of(net, player, "application.json"));
    let mut propose = vec!["federation", "propose", &root];
    propose.extend(applications.iter().map(String::as_str));
    net.command(&propose).await?;
    for key in ["root-1.key", "root-2.key"] {
        let (membership, key) = (path("proposal/membership.json"), path(key));
        net.command(&["federation", "sign", &membership, "--key", &key])
            .await?;
    }
    net.command(&["federation", "publish", &root]).await?;
    for player in PLAYERS {
        let (bundle, directory) = (path("directory.bundle"), file_of(net, player, "directory"));
        net.command(&[
            "federation",
            "install",
            &bundle,
            "--directory",
            &directory,
            "--anchor",
            &anchor,
        ])
        .await?;
    }
    Ok(anchor)
}

async fn make_authority(
    net: &Net,
    player: Player,
    [exchange, desk, ops]: [String; 3],
    anchor: &str,
) -> Result<(), CliError> {
    let dir = net.folder_of(player.id).display().to_string();
    net.command(&[
        "pki",
        "init",
        &dir,
        "--authority",
        player.id,
        "--name",
        player.name,
        "--federation",
        FEDERATION,
        "--anchor",
        anchor,
        "--exchange",
        &exchange,
        "--desk",
        &desk,
        "--ops",
        &ops,
        "--contact",
        "Duty officer, liaison unit",
        "--telephone",
        "+999 555 0100",
    ])
    .await?;
    for role in ROLES {
        let profile = file_of(net, player, &format!("{role}.toml"));
        net.command(&[
            "pki",
            "desk",
            &dir,
            "--role",
            role,
            "--name",
            "demo-1",
            "--profile-file",
            &profile,
        ])
        .await?;
    }
    Ok(())
}

fn file_of(net: &Net, player: Player, name: &str) -> String {
    net.folder_of(player.id).join(name).display().to_string()
}
