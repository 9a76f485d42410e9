//! `allpoints inbox` and `outbox`: what came in and what went out, newest first; routing only, no person.

use super::touched;
use crate::{
    cli::{
        csv,
        exit::CliError,
        output::{escape, names, table, time},
        session::{Session, read_failed},
    },
    proto::desk::v1::{Box as MailBox, ListRequest, ListResponse, Summary},
};

/// Arguments of `inbox` and `outbox`.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Only what nobody has opened yet
    #[arg(long)]
    unopened: bool,
    /// How many at most (1 to 200)
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// Go on from here: the cursor that the page before ended with
    #[arg(long)]
    cursor: Option<String>,
    /// Write comma-separated values, in which a spreadsheet finds no formula
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// Lists one page.
///
/// # Errors
/// When the node refuses or does not answer.
pub async fn run(args: ListArgs, which: MailBox, session: &Session) -> Result<(), CliError> {
    let request = ListRequest {
        r#box: which.into(),
        cursor: args.cursor.unwrap_or_default(),
        limit: args.limit,
        unopened_only: args.unopened,
        ..ListRequest::default()
    };
    let mut desk = session.desk().await?;
    let page = desk.list(request).await.map_err(read_failed)?.into_inner();
    if args.csv {
        if !page.next_cursor.is_empty() {
            let more = format!("more: --cursor {}", escape(&page.next_cursor));
            session.output.note(&more);
        }
        return session.output.text(&comma_separated(&page));
    }
    session.output.value(&page, |page| render(page, which))
}

/// Every line with its recipients; no person.
fn comma_separated(page: &ListResponse) -> String {
    let header = [
        "reference",
        "statement",
        "thread",
        "kind",
        "status",
        "priority",
        "life",
        "from",
        "issued",
        "recorded",
        "recipient",
        "delivery",
        "since",
        "handling",
        "valid until",
    ];
    let mut shown = csv::line(header);
    for item in &page.items {
        let own = item.deliveries.iter().map(|it| {
            (
                it.recipient.clone(),
                names::delivery_state(it.state),
                time(it.since_us),
                names::handling_life(it.handling),
            )
        });
        let mut rows: Vec<_> = own.collect();
        if rows.is_empty() {
            let handling = names::handling_life(item.handling_life);
            rows.push((
                item.recipients.join(" "),
                String::new(),
                String::new(),
                handling,
            ));
        }
        let origin = item.statement.as_ref().map_or("", |it| it.origin.as_str());
        for (recipient, delivery, since, handling) in rows {
            let cells = [
                item.reference.as_str(),
                &names::statement(item.statement.as_ref()),
                &names::statement(item.thread.as_ref()),
                &names::kind(item.kind),
                &names::status(item.status),
                &names::priority(item.priority),
                &names::alert_life(item.life),
                origin,
                &time(item.issued_at_us),
                &time(item.recorded_at_us),
                &recipient,
                &delivery,
                &since,
                &handling,
                &item.valid_until,
            ];
            // A dash says to people that there is nothing.
            let cells = cells.map(|cell| if cell == "-" { "" } else { cell });
            shown.push_str(&csv::line(cells));
        }
    }
    shown
}

fn render(page: &ListResponse, which: MailBox) -> String {
    if page.items.is_empty() {
        return "nothing here".to_owned();
    }
    let last = match which {
        MailBox::Out => "delivered",
        _ => "handling",
    };
    let mut shown = table([
        "reference",
        "kind",
        "priority",
        "life",
        "from",
        "recorded",
        last,
    ]);
    for item in &page.items {
        shown.add_row([
            escape(&item.reference),
            marked_kind(item),
            names::priority(item.priority),
            names::alert_life(item.life),
            item.statement
                .as_ref()
                .map_or_else(|| "-".to_owned(), |it| escape(&it.origin)),
            time(item.recorded_at_us),
            match which {
                MailBox::Out => delivered(item),
                _ => names::handling_life(item.handling_life),
            },
        ]);
    }
    // The alert that travels and the one that orders may both be here.
    let mut touched = Vec::new();
    for it in page.items.iter().flat_map(|item| &item.touched) {
        if !touched.contains(it) {
            touched.push(it.clone());
        }
    }
    let touched = touched::lines(&touched);
    let shown = match touched.trim_end() {
        "" => shown.to_string(),
        touched => format!("{shown}\n{touched}"),
    };
    if page.next_cursor.is_empty() {
        return shown;
    }
    format!("{shown}\nmore: --cursor {}", escape(&page.next_cursor))
}

/// The kind, with a mark when it is not real (invariant I10), and when the person must not notice.
pub(super) fn marked_kind(item: &Summary) -> String {
    let marked = marked_kind_of(item.kind, item.status, item.do_not_alert);
    if item.kept_to.is_empty() {
        return marked;
    }
    format!("{marked}, kept to {}", escape(&item.kept_to.join(", ")))
}

/// The same of anything that has a kind and a status.
pub(super) fn marked_kind_of(kind: i32, status: i32, do_not_alert: bool) -> String {
    let mut marked = names::kind(kind);
    match names::status(status).as_str() {
        "actual" | "-" => {}
        other => marked.push_str(&format!(" [{}]", other.to_uppercase())),
    }
    if do_not_alert {
        marked.push_str(&format!(" {DO_NOT_ALERT}"));
    }
    marked
}

/// Stands on every line about somebody who must not notice.
pub(super) const DO_NOT_ALERT: &str = "DO NOT ALERT THE PERSON";

fn delivered(item: &Summary) -> String {
    let delivered = item
        .deliveries
        .iter()
        .filter(|it| names::delivery_state(it.state) == "delivered")
        .count();
    let by_hand = item
        .deliveries
        .iter()
        .filter(|it| names::delivery_state(it.state) == "by_hand")
        .count();
    let overdue = item.overdue.len();
    let all = item.deliveries.len().max(item.recipients.len());
    let mut shown = format!("{delivered} of {all}");
    for (count, what) in [(by_hand, "by_hand"), (overdue, "overdue")] {
        if count > 0 {
            shown.push_str(&format!(", {count} {what}"));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::super::specimens::alert;
    use super::*;
    use crate::proto::envelope::v1::Status;

    #[test]
    fn boxes_show_what_is_urgent_unopened_overdue_or_only_an_exercise() {
        let exercise = Summary {
            status: Status::Exercise.into(),
            reference: "XA-26-\u{202e}9K3F7".to_owned(),
            ..alert()
        };
        let discreet = Summary {
            do_not_alert: true,
            kept_to: vec!["airport".to_owned(), "harbour".to_owned()],
            life: 5,
            ..alert()
        };
        let page = ListResponse {
            items: vec![alert(), exercise, discreet],
            next_cursor: "bmV4dA".to_owned(),
        };
        let inbox = render(&page, MailBox::In);
        let outbox = render(&page, MailBox::Out);
        let nothing = render(&ListResponse::default(), MailBox::In);
        insta::assert_snapshot!(format!("{inbox}\n\n{outbox}\n\n{nothing}"));
    }

    #[test]
    fn row_64_comma_separated_lines_hold_no_formula_and_one_recipient_each() {
        let mut sent = alert();
        sent.reference = "=HYPERLINK(1)".to_owned();
        let page = ListResponse {
            items: vec![sent],
            next_cursor: String::new(),
        };
        insta::assert_snapshot!(comma_separated(&page));
    }
}
