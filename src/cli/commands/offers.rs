//! `allpoints offers`: own live alerts that were for a group or for all, and that who joined later does not have yet.
//!
//! Listing gives nothing to anybody, and `--decline` takes one off the list. `--extend` shows what would go to whom, asks, and extends one alert after another.

use std::io::{BufRead as _, IsTerminal as _};

use crate::{
    cli::{
        connection::Desk,
        exit::{CliError, Exit},
        output::{escape, names, table, time},
        session::{Session, read_failed},
        submit::{self, Effect},
        thread,
    },
    proto::desk::v1::{DeclineOfferRequest, Offer, OffersRequest, OffersResponse},
};

use super::{
    extend::{self, GroundArgs},
    list::marked_kind,
};

/// Arguments of `offers`.
#[derive(Debug, clap::Args)]
pub struct OffersArgs {
    /// Only what is offered for these authorities, separated by commas
    #[arg(long, value_delimiter = ',')]
    to: Vec<String>,
    /// Extend all that is listed, after asking
    #[arg(long)]
    extend: bool,
    /// Give this alert to none of them, or to none of `--to`; it is not offered for them again
    #[arg(
        long,
        value_name = "ID",
        conflicts_with = "extend",
        requires = "reason"
    )]
    decline: Option<String>,
    /// Why not; kept sealed in the journal
    #[arg(long, requires = "decline")]
    reason: Option<String>,
    #[command(flatten)]
    ground: GroundArgs,
    /// Do not ask
    #[arg(long, requires = "extend")]
    yes: bool,
}

/// Lists every offer; extends them when that is asked for, and confirmed.
///
/// # Errors
/// Exit 2 when nobody is there to confirm; else as the node says. What was extended until then stays so.
pub async fn run(args: OffersArgs, session: &Session) -> Result<(), CliError> {
    let mut desk = session.desk().await?;
    if let Some(id) = args.decline {
        let request = DeclineOfferRequest {
            id,
            to: args.to,
            reason: args.reason.unwrap_or_default(),
        };
        let declined = desk.decline_offer(request).await.map_err(read_failed)?;
        return session.output.value(&declined.into_inner(), |it| {
            let (reference, to) = (escape(&it.reference), escape(&it.declined.join(", ")));
            format!("{reference} is not given to {to}, and not offered for them again")
        });
    }
    let offers = all(&mut desk, &args.to).await?;
    session.output.value(&offers, render)?;
    if !args.extend || offers.items.is_empty() {
        return Ok(());
    }
    if !args.yes {
        confirm(&offers, session)?;
    }
    for offer in offers.items {
        let id = offer.summary.as_ref().map(|it| it.reference.clone());
        let target = thread::find(&mut desk, &id.unwrap_or_default()).await?;
        let draft = extend::draft(&target, offer.newcomers, args.ground.clone());
        let response = submit::submit(&mut desk, session, vec![draft], Effect::Accept).await?;
        session
            .output
            .value(&response, |it| submit::render(it, Effect::Accept))?;
    }
    Ok(())
}

/// Page after page; of each offer, those newcomers that are asked for.
async fn all(desk: &mut Desk, to: &[String]) -> Result<OffersResponse, CliError> {
    let mut offers = OffersResponse::default();
    let mut request = OffersRequest::default();
    loop {
        let page = desk.offers(request).await.map_err(read_failed)?;
        let page = page.into_inner();
        offers.items.extend(narrowed(page.items, to));
        if page.next_cursor.is_empty() {
            return Ok(offers);
        }
        request = OffersRequest {
            cursor: page.next_cursor,
            ..OffersRequest::default()
        };
    }
}

fn narrowed<'a>(
    offers: impl IntoIterator<Item = Offer> + 'a,
    to: &'a [String],
) -> impl Iterator<Item = Offer> + 'a {
    offers.into_iter().filter_map(move |mut offer| {
        let asked_for = |name: &String| to.is_empty() || to.contains(name);
        offer.newcomers.retain(asked_for);
        (!offer.newcomers.is_empty()).then_some(offer)
    })
}

/// One line from whoever sits there: `yes`, and nothing else.
fn confirm(offers: &OffersResponse, session: &Session) -> Result<(), CliError> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err(CliError::new(
            Exit::Usage,
            "nobody is there to confirm what would be extended; nothing was",
        )
        .hint("look at the list, then say it again with --yes"));
    }
    session
        .output
        .note(&format!("{}\nType `yes` to extend:", question(offers)));
    let mut line = String::new();
    let read = input.lock().read_line(&mut line);
    match read {
        Ok(_) if line.trim() == "yes" => Ok(()),
        _ => Err(CliError::new(
            Exit::Usage,
            "not confirmed; nothing was extended",
        )),
    }
}

fn question(offers: &OffersResponse) -> String {
    let mut newcomers: Vec<String> = offers
        .items
        .iter()
        .flat_map(|offer| &offer.newcomers)
        .map(|name| escape(name))
        .collect();
    newcomers.sort_unstable();
    newcomers.dedup();
    format!(
        "{} alerts would be given, with all that stands in their threads, to {}: {}.",
        offers.items.len(),
        newcomers.len(),
        newcomers.join(", ")
    )
}

fn render(offers: &OffersResponse) -> String {
    if offers.items.is_empty() {
        return "nothing is offered: all for whom an alert is have it".to_owned();
    }
    let mut shown = table(["reference", "kind", "priority", "recorded", "for", "new"]);
    for offer in &offers.items {
        let summary = offer.summary.clone().unwrap_or_default();
        let listed = |names: &[String]| {
            let names: Vec<String> = names.iter().map(|name| escape(name)).collect();
            names.join(", ")
        };
        shown.add_row([
            escape(&summary.reference),
            marked_kind(&summary),
            names::priority(summary.priority),
            time(summary.recorded_at_us),
            listed(&offer.addressed),
            listed(&offer.newcomers),
        ]);
    }
    shown.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::specimens::alert;
    use super::*;

    fn offer(newcomers: &[&str]) -> Offer {
        Offer {
            summary: Some(alert()),
            addressed: vec!["@nordic".to_owned(), "all".to_owned()],
            newcomers: newcomers.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn what_is_offered_for_whom_is_a_table_and_a_question() {
        let offers = OffersResponse {
            items: vec![offer(&["XD-POL"]), offer(&["XD-POL", "XE-POL"])],
            ..OffersResponse::default()
        };
        let nothing = render(&OffersResponse::default());
        insta::assert_snapshot!(format!(
            "{}\n\n{}\n\n{nothing}",
            render(&offers),
            question(&offers)
        ));
    }

    #[test]
    fn only_those_who_are_asked_for_are_extended_to() {
        let offers = || [offer(&["XD-POL"]), offer(&["XD-POL", "XE-POL"])];
        let named = |to: &[&str]| {
            let to: Vec<String> = to.iter().map(ToString::to_string).collect();
            let left = narrowed(offers(), &to);
            left.map(|it| it.newcomers).collect::<Vec<_>>()
        };
        assert_eq!(named(&[]).len(), 2);
        assert_eq!(named(&["XE-POL"]), [["XE-POL"]]);
        assert!(named(&["XF-POL"]).is_empty());
    }
}
