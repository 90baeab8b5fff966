//! What was typed: reads keys of one TOML table as the type they must have and notes every fault with
//! its line, so that a file with five mistakes is mended in one round and not in five.

use std::{fmt::Display, ops::RangeInclusive};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Longest value quoted in a fault; the rest is cut.
const QUOTED_CHARS_MAX: usize = 60;

/// Every fault of one file.
pub(super) struct Faults<'a> {
    text: &'a str,
    found: Vec<(usize, String)>,
}

impl<'a> Faults<'a> {
    pub(super) fn new(text: &'a str) -> Faults<'a> {
        Faults { text, found: Vec::new() }
    }

    /// Notes what is wrong at a byte of the file.
    pub(super) fn add(&mut self, at: usize, what: impl Into<String>) {
        let line = 1 + self.text.bytes().take(at).filter(|b| *b == b'\n').count();
        self.found.push((line, what.into()));
    }

    /// Line and fault, in the order of the file.
    pub(super) fn sorted(mut self) -> Vec<(usize, String)> {
        self.found.sort();
        self.found
    }
}

/// One table of the file, e.g. the second `[[log]]`.
pub(super) struct Section<'t, 'i> {
    name: &'static str,
    table: &'t DeTable<'i>,
    at: usize,
}

impl<'t, 'i> Section<'t, 'i> {
    /// `name` stands before each key in a fault; empty for the file itself. Notes unknown keys.
    pub(super) fn new(
        name: &'static str,
        table: &'t DeTable<'i>,
        at: usize,
        allowed: &[&str],
        faults: &mut Faults,
    ) -> Section<'t, 'i> {
        let section = Section { name, table, at };
        for key in table.keys() {
            let typed = key.get_ref().as_ref();
            if !allowed.contains(&typed) {
                let path = section.path(typed);
                let allowed = allowed.join(", ");
                faults.add(
                    key.span().start,
                    format!("{path}: there is no such key; allowed are {allowed}"),
                );
            }
        }
        section
    }

    /// Where a key's value stands; the table's begin when it is not there.
    pub(super) fn at_key(&self, key: &str) -> usize {
        self.get(key).map_or(self.at, |value| value.span().start)
    }

    /// A key as a fault names it, e.g. `log.start`.
    pub(super) fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    /// A text, where the key is given.
    pub(super) fn text(&self, key: &str, faults: &mut Faults) -> Option<&'t str> {
        let value = self.get(key)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong_type(key, value, "a text in quotes", faults);
        }
        text
    }

    /// A text that must be given.
    pub(super) fn required(&self, key: &str, why: &str, faults: &mut Faults) -> Option<&'t str> {
        if self.get(key).is_none() {
            faults.add(self.at, format!("{} is missing: {why}", self.path(key)));
        }
        self.text(key, faults)
    }

    /// A text turned into what it means; `read` says what is allowed when it cannot.
    pub(super) fn parsed<T, E: Display>(
        &self,
        key: &str,
        faults: &mut Faults,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(key, faults)?;
        self.noted(key, text, read(text), faults)
    }

    /// As [`Section::parsed`], of a key that must be given.
    pub(super) fn required_parsed<T, E: Display>(
        &self,
        key: &str,
        why: &str,
        faults: &mut Faults,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.required(key, why, faults)?;
        self.noted(key, text, read(text), faults)
    }

    /// A whole number within `allowed`, where the key is given.
    pub(super) fn number(
        &self,
        key: &str,
        allowed: RangeInclusive<u64>,
        faults: &mut Faults,
    ) -> Option<u64> {
        let value = self.get(key)?;
        let Some(typed) = value.get_ref().as_integer() else {
            self.wrong_type(key, value, "a whole number", faults);
            return None;
        };
        let digits = typed.as_str();
        let number = u64::from_str_radix(digits, typed.radix()).ok();
        let number = number.filter(|number| allowed.contains(number));
        if number.is_none() {
            let (least, most) = allowed.into_inner();
            let path = self.path(key);
            faults.add(
                value.span().start,
                format!("{path} = {digits}: allowed are {least} to {most}"),
            );
        }
        number
    }

    /// True or false, where the key is given.
    pub(super) fn flag(&self, key: &str, faults: &mut Faults) -> Option<bool> {
        let value = self.get(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong_type(key, value, "true or false", faults);
        }
        flag
    }

    /// A list of texts; empty where the key is not given.
    pub(super) fn texts(&self, key: &str, faults: &mut Faults) -> Vec<String> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let texts = value.get_ref().as_array().and_then(|items| {
            items.iter().map(|item| item.get_ref().as_str().map(str::to_owned)).collect()
        });
        if texts.is_none() {
            self.wrong_type(key, value, "a list of texts, e.g. [\"a\", \"b\"]", faults);
        }
        texts.unwrap_or_default()
    }

    /// True when the value is a text and not, say, a number.
    pub(super) fn is_text(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value.get_ref().is_str())
    }

    /// Whether the key is given.
    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// A table of its own, e.g. `[spool]`.
    pub(super) fn table(
        &self,
        key: &'static str,
        allowed: &[&str],
        faults: &mut Faults,
    ) -> Option<Section<'t, 'i>> {
        let value = self.get(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type(key, value, &format!("a table: [{key}]"), faults);
            return None;
        };
        Some(Section::new(key, table, value.span().start, allowed, faults))
    }

    /// Tables that may stand several times, e.g. `[[log]]`; at most `most` are read.
    pub(super) fn tables(
        &self,
        key: &'static str,
        most: usize,
        allowed: &[&str],
        faults: &mut Faults,
    ) -> Vec<Section<'t, 'i>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(key, value, &format!("tables: [[{key}]], in double brackets"), faults);
            return Vec::new();
        };
        if items.len() > most {
            let count = items.len();
            faults
                .add(value.span().start, format!("{count} [[{key}]]: at most {most} are allowed"));
        }
        let mut sections = Vec::new();
        for item in items.iter().take(most) {
            match item.get_ref().as_table() {
                Some(table) => {
                    sections.push(Section::new(key, table, item.span().start, allowed, faults));
                }
                None => self.wrong_type(key, item, &format!("a table: [[{key}]]"), faults),
            }
        }
        sections
    }

    fn get(&self, key: &str) -> Option<&'t Spanned<DeValue<'i>>> {
        self.table.iter().find(|(name, _)| name.get_ref().as_ref() == key).map(|(_, value)| value)
    }

    fn noted<T, E: Display>(
        &self,
        key: &str,
        text: &str,
        read: Result<T, E>,
        faults: &mut Faults,
    ) -> Option<T> {
        let quoted: String = text.chars().take(QUOTED_CHARS_MAX).collect();
        read.map_err(|allowed| {
            let path = self.path(key);
            faults.add(self.at_key(key), format!("{path} = {quoted:?}: {allowed}"));
        })
        .ok()
    }

    fn wrong_type(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        needed: &str,
        faults: &mut Faults,
    ) {
        let path = self.path(key);
        let found = value.get_ref().type_str();
        faults.add(value.span().start, format!("{path} is of type {found}; it must be {needed}"));
    }
}
