//! Names of coded values in the languages of readers: English and French, by Fluent.
//!
//! The ways in are [`Names::in_language`], and [`countries`]. Coded values alone have names here: what people wrote stays as
//! it is written.
//! A further language is one `.ftl` file, one line in [`Language`], and the tests below.

pub mod countries;

use fluent_bundle::{FluentResource, concurrent::FluentBundle};
use unic_langid::LanguageIdentifier;

use crate::domain::{lists, routing::Coded};

/// A language that surfaces speak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    English,
    /// French.
    French,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::English, Self::French];

    /// Its BCP 47 tag.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }

    /// Of a tag or locale: `fr`, `fr-BE`, `fr_FR.UTF-8`.
    #[must_use]
    pub fn of_locale(text: &str) -> Option<Self> {
        let primary = text.split(['-', '_', '.', '@']).next().unwrap_or_default();
        Self::ALL
            .into_iter()
            .find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    /// Of the first of POSIX's variables that says anything: `LC_ALL`, `LC_MESSAGES`, `LANG`, in this order. English
    /// where it is none of ours.
    #[must_use]
    pub fn of_variables(variables: [Option<String>; 3]) -> Self {
        variables
            .into_iter()
            .flatten()
            .find(|value| !value.is_empty())
            .and_then(|value| Self::of_locale(&value))
            .unwrap_or_default()
    }

    const fn texts(self) -> &'static str {
        match self {
            Self::English => include_str!("en.ftl"),
            Self::French => include_str!("fr.ftl"),
        }
    }
}

/// The names of one language.
pub struct Names {
    bundle: FluentBundle<FluentResource>,
}

impl Names {
    /// Reads the embedded names.
    #[must_use]
    pub fn in_language(language: Language) -> Self {
        // A test reads both files without a fault; what is left of a faulty one would still have its names.
        let resource = FluentResource::try_new(language.texts().to_owned())
            .unwrap_or_else(|(resource, _)| resource);
        let locale: Option<LanguageIdentifier> = language.tag().parse().ok();
        let mut bundle = FluentBundle::new_concurrent(locale.into_iter().collect());
        bundle.add_resource_overriding(resource);
        Self { bundle }
    }

    /// The name of a value of a list, both as [`lists`] calls them.
    #[must_use]
    pub fn of(&self, list: &str, code: &str) -> Option<String> {
        self.text(&format!("{list}-{code}"))
    }

    /// The name of a value.
    #[must_use]
    pub fn name<T: Coded>(&self, value: T) -> String {
        let list = lists::find(T::TYPE).map(|list| list.name);
        list.and_then(|list| self.of(&list, value.text()))
            .unwrap_or_else(|| value.text().to_owned())
    }

    /// The line that stands before a person who must not learn of an alert.
    #[must_use]
    pub fn do_not_alert(&self) -> String {
        self.text("line-do_not_alert")
            .unwrap_or_else(|| "DO NOT ALERT THE PERSON".to_owned())
    }

    fn text(&self, id: &str) -> Option<String> {
        let pattern = self.bundle.get_message(id)?.value()?;
        let mut errors = Vec::new();
        let text = self.bundle.format_pattern(pattern, None, &mut errors);
        errors.is_empty().then(|| text.into_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::domain::{alert::person::Sex, routing::Kind};

    /// The identifiers that a file defines, in its order.
    fn defined(language: Language) -> Vec<&'static str> {
        let lines = language.texts().lines();
        lines
            .filter(|line| line.starts_with(|first: char| first.is_ascii_alphabetic()))
            .filter_map(|line| line.split_once(" = ").map(|(id, _)| id))
            .collect()
    }

    #[test]
    fn every_value_of_every_list_has_a_name_in_each_language_and_there_are_no_orphans() {
        let mut wanted: BTreeSet<String> = ["line-do_not_alert".to_owned()].into();
        for list in lists::all() {
            wanted.extend(
                list.values
                    .iter()
                    .map(|value| format!("{}-{}", list.name, value.code)),
            );
        }
        for language in Language::ALL {
            let names = Names::in_language(language);
            let read = FluentResource::try_new(language.texts().to_owned());
            assert!(read.is_ok(), "{}: a fault in the file", language.tag());
            for id in &wanted {
                assert!(
                    names.text(id).is_some(),
                    "{}: {id} has no name",
                    language.tag()
                );
            }
            let ids = defined(language);
            let found: BTreeSet<String> = ids.iter().map(|id| (*id).to_owned()).collect();
            assert_eq!(found.len(), ids.len(), "{}: each once", language.tag());
            assert_eq!(found, wanted, "{}: no orphans", language.tag());
        }
    }

    #[test]
    fn names_within_a_list_differ() {
        for language in Language::ALL {
            let names = Names::in_language(language);
            for list in lists::all() {
                let of = |code| names.of(&list.name, code);
                let said: BTreeSet<_> = list.values.iter().map(|value| of(value.code)).collect();
                assert_eq!(
                    said.len(),
                    list.values.len(),
                    "{} {}",
                    language.tag(),
                    list.name
                );
            }
        }
    }

    #[test]
    fn a_name_is_in_its_language_and_what_has_none_says_so() {
        let [english, french] = Language::ALL.map(Names::in_language);
        assert_eq!(english.name(Sex::Female), "female");
        assert_eq!(french.name(Sex::Female), "féminin");
        assert_eq!(french.name(Kind::MissingOffender), "délinquant disparu");
        assert_eq!(french.of("sex", "SEX_FEMALE"), None);
        assert!(french.do_not_alert().contains("DO NOT ALERT THE PERSON"));
        assert_eq!(english.do_not_alert(), "DO NOT ALERT THE PERSON");
    }

    #[test]
    fn the_first_variable_that_says_anything_chooses_the_language() {
        let of = |all: &str, messages: &str, lang: &str| {
            let variables = [all, messages, lang].map(|value| Some(value.to_owned()));
            Language::of_variables(variables)
        };
        assert_eq!(of("fr_FR.UTF-8", "", "en_GB"), Language::French);
        assert_eq!(of("", "fr-BE", "en_GB"), Language::French);
        assert_eq!(of("", "", "fr"), Language::French);
        assert_eq!(of("C", "", "fr"), Language::English);
        assert_eq!(of("", "", "de_DE"), Language::English);
        assert_eq!(
            Language::of_variables([None, None, None]),
            Language::English
        );
        assert_eq!(Language::of_locale("french"), None);
    }
}
