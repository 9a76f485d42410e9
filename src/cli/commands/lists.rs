//! `allpoints lists`: the coded lists, with the names of their values in the reader's language.

use serde::Serialize;

use crate::{
    cli::{
        exit::{CliError, Exit},
        output::{escape, table},
        session::Session,
    },
    domain::lists::{self, List},
    i18n::{Language, Names, countries},
};

/// Arguments of `lists`.
#[derive(Debug, clap::Args)]
pub struct ListsArgs {
    /// One list, such as warning-kind, or `country`; without it, all but the countries
    name: Option<String>,
}

#[derive(Serialize)]
struct Shown {
    name: String,
    source: &'static str,
    language: &'static str,
    values: Vec<ShownValue>,
}

#[derive(Serialize)]
struct ShownValue {
    code: &'static str,
    published: String,
    wire: String,
    name: String,
}

/// Prints one list or all.
///
/// # Errors
/// Exit 4 when there is no such list.
pub fn run(args: &ListsArgs, session: &Session) -> Result<(), CliError> {
    let names = Names::in_language(session.language);
    let shown = |list: &List| shown(list, &names, session.language.tag());
    match &args.name {
        None => {
            let all: Vec<Shown> = lists::all().iter().map(shown).collect();
            session.output.value(&all, |all| {
                all.iter().map(render).collect::<Vec<_>>().join("\n\n")
            })
        }
        Some(name) if name == COUNTRY => session.output.value(&countries(session.language), render),
        Some(name) => {
            let list = lists::find(name).ok_or_else(|| {
                CliError::new(
                    Exit::NotFound,
                    format!("no list is named `{}`", escape(name)),
                )
                .hint("`allpoints lists` prints them all")
            })?;
            session.output.value(&shown(&list), render)
        }
    }
}

/// The list that is no list of ours.
const COUNTRY: &str = "country";

fn countries(language: Language) -> Shown {
    let value = |named: countries::Named| ShownValue {
        code: named.alpha2,
        published: named.country.to_string(),
        wire: named.alpha2.to_owned(),
        name: named.name.to_owned(),
    };
    Shown {
        name: COUNTRY.to_owned(),
        source: countries::SOURCE,
        language: language.tag(),
        values: countries::all(language).map(value).collect(),
    }
}

fn shown(list: &List, names: &Names, language: &'static str) -> Shown {
    let value = |value: lists::Value| ShownValue {
        name: names
            .of(&list.name, value.code)
            .unwrap_or_else(|| value.code.to_owned()),
        code: value.code,
        published: value.published,
        wire: value.wire,
    };
    Shown {
        values: list.values.iter().cloned().map(value).collect(),
        name: list.name.clone(),
        source: list.source,
        language,
    }
}

fn render(list: &Shown) -> String {
    let mut shown = table(["published", "in a draft", "name"]);
    for value in &list.values {
        shown.add_row([&value.published, &value.wire, &value.name]);
    }
    format!("{} ({})\n{shown}", list.name, list.source)
}

#[cfg(test)]
mod tests {
    use super::*;
    fn list(name: &str, language: Language) -> Shown {
        let list = lists::find(name).unwrap();
        shown(&list, &Names::in_language(language), language.tag())
    }

    #[test]
    fn a_list_is_shown_with_its_source_its_codes_and_its_names() {
        let tlp = list("tlp", Language::English);
        let sex = list("sex", Language::French);
        let json = serde_json::to_string_pretty(&sex).unwrap();
        insta::assert_snapshot!(format!("{}\n\n{}\n\n{json}", render(&tlp), render(&sex)));
    }

    #[test]
    fn countries_are_named_in_the_readers_language() {
        let of = |language| {
            let shown = render(&countries(language));
            let line = shown.lines().find(|line| line.contains(" NL "));
            line.unwrap_or_default().to_owned()
        };
        assert!(of(Language::French).contains("Pays-Bas"));
        assert!(of(Language::English).contains("NLD") && !of(Language::English).contains("Pays"));
        assert!(lists::find(COUNTRY).is_none(), "no name is taken twice");
    }
}
