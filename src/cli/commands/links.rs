//! `allpoints links`: each partner link, truly working or not, and why not.

use crate::{
    cli::{
        exit::{CliError, Exit},
        output::{beside, escape, table, time},
        session::{Session, read_failed},
    },
    proto::desk::v1::{LaneState, Link, LinksRequest, LinksResponse},
};

/// Arguments of `links`.
#[derive(Debug, clap::Args)]
pub struct LinksArgs {
    /// Send a heartbeat on every lane and wait for it first
    #[arg(long)]
    check: bool,
}

/// Shows every link.
///
/// # Errors
/// Exit 6 when one is not healthy.
pub async fn run(args: LinksArgs, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    let request = LinksRequest { check: args.check };
    let links = desk.links(request).await.map_err(read_failed)?.into_inner();
    session.output.value(&links, render)?;
    let bad: Vec<String> = links
        .links
        .iter()
        .filter(|link| !link.healthy)
        .map(|link| escape(&link.authority))
        .collect();
    if bad.is_empty() {
        return Ok(());
    }
    Err(
        CliError::new(Exit::Unhealthy, format!("not healthy: {}", bad.join(", ")))
            .hint("`allpoints reasons CODE` says what to do about each reason"),
    )
}

fn render(response: &LinksResponse) -> String {
    let mut shown = table([
        "partner",
        "healthy",
        "why not",
        "lanes",
        "queued",
        "oldest",
        "last sign",
        "clock",
        "contact",
    ]);
    for link in &response.links {
        shown.add_row([
            format!("{}\n{}", escape(&link.authority), escape(&link.name)),
            if link.healthy { "yes" } else { "NO" }.to_owned(),
            escape(&link.reason),
            link.lanes.iter().map(lane).collect::<Vec<_>>().join("\n"),
            queued(link),
            time(i64::try_from(link.oldest_queued_us).unwrap_or(i64::MAX)),
            time(link.last_receipt_us),
            clock(link),
            escape(&link.contact),
        ]);
    }
    shown.to_string()
}

fn queued(link: &Link) -> String {
    format!("{}{}", link.queued, beside(link.queued_exercise))
}

fn lane(lane: &LaneState) -> String {
    let name = escape(&lane.lane);
    if lane.up {
        return format!(
            "{name} up since {}, {}, {}",
            time(lane.since_us),
            escape(&lane.peer_uri),
            escape(&lane.key_exchange)
        );
    }
    format!(
        "{name} DOWN since {}, {}, {} tries, next {}",
        time(lane.since_us),
        escape(&lane.reason),
        lane.failures,
        time(lane.next_try_us)
    )
}

fn clock(link: &Link) -> String {
    format!("{:+} ms", link.clock_offset_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_link_says_why_and_since_when() {
        let links = LinksResponse {
            links: vec![Link {
                authority: "XB-POL".to_owned(),
                name: "Bensalem".to_owned(),
                lanes: vec![LaneState {
                    lane: "fast".to_owned(),
                    reason: "CRL_EXPIRED".to_owned(),
                    since_us: 1_795_508_000_000_000,
                    failures: 3,
                    ..LaneState::default()
                }],
                queued: 4,
                queued_exercise: 2,
                reason: "CRL_EXPIRED".to_owned(),
                ..Link::default()
            }],
        };
        let shown = render(&links);
        for word in [
            "NO",
            "CRL_EXPIRED",
            "fast DOWN since 2026-11-24",
            "3 tries",
            "Bensalem",
        ] {
            assert!(shown.contains(word), "{word} in {shown}");
        }
        assert!(!shown.contains("yes"));
        insta::assert_snapshot!(shown);
    }
}
