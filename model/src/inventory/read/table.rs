//! Reading one TOML table key by key: what is wrong with a key goes to the fault log, with its place, and at the end so
//! does every key that nobody asked for. The caller gets what could be read and goes on.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{suggest::closest, values::expected};
use crate::inventory::fault::{FaultLog, Wrong};

/// A table that is being read.
pub(super) struct Table<'a> {
    /// How a message names it: `[network]`, `site 'noc'`.
    title: String,
    span: Range<usize>,
    entries: &'a DeTable<'a>,
    asked: Vec<&'static str>,
    /// Keys that are missing, until it turns out that they were merely misspelt.
    lacking: Vec<(&'static str, Wrong)>,
    log: &'a FaultLog<'a>,
}

impl<'a> Table<'a> {
    pub(super) fn new(
        title: impl Into<String>,
        table: &'a Spanned<DeTable<'a>>,
        log: &'a FaultLog<'a>,
    ) -> Self {
        Table::over(title.into(), table.span(), table.get_ref(), log)
    }

    /// A value that ought to be a table; if it is none, that is a fault of `key`.
    pub(super) fn of(
        title: impl Into<String>,
        key: &str,
        value: &'a Spanned<DeValue<'a>>,
        log: &'a FaultLog<'a>,
    ) -> Option<Self> {
        let title = title.into();
        if let DeValue::Table(entries) = value.get_ref() {
            return Some(Table::over(title, value.span(), entries, log));
        }
        log.add_wrong(value.span(), expected("a table", value.get_ref()).about(key));
        None
    }

    fn over(title: String, span: Range<usize>, entries: &'a DeTable<'a>, log: &'a FaultLog<'a>) -> Self {
        Table { title, span, entries, asked: Vec::new(), lacking: Vec::new(), log }
    }

    /// How messages name the table from now on.
    pub(super) fn call(&mut self, title: impl Into<String>) {
        self.title = title.into();
    }

    pub(super) fn title(&self) -> &str {
        &self.title
    }

    /// Its header, or all of an inline table.
    pub(super) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The value of a key, unread.
    pub(super) fn value(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.asked.push(key);
        self.entries.get(key)
    }

    /// Keys that are not read, and no fault.
    pub(super) fn may_have(&mut self, keys: &[&'static str]) {
        self.asked.extend_from_slice(keys);
    }

    /// Every key with its value, for a table whose keys are names.
    pub(super) fn entries(
        &self,
    ) -> impl Iterator<Item = (Spanned<&'a str>, &'a Spanned<DeValue<'a>>)> + use<'a> {
        self.entries.iter().map(|(key, value)| (Spanned::new(key.span(), key.get_ref().as_ref()), value))
    }

    /// What a key says; none when it is missing or wrong.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&'a DeValue<'a>) -> Result<T, Wrong>,
    ) -> Option<Spanned<T>> {
        let value = self.value(key)?;
        match read(value.get_ref()) {
            Ok(read) => Some(Spanned::new(value.span(), read)),
            Err(wrong) => {
                self.log.add_wrong(value.span(), wrong.about(key));
                None
            }
        }
    }

    /// The same of a key that must be there; `example` is a line that would do.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&'a DeValue<'a>) -> Result<T, Wrong>,
    ) -> Option<Spanned<T>> {
        self.require(key, example);
        self.optional(key, read)
    }

    /// Notes it if a key is missing.
    pub(super) fn require(&mut self, key: &'static str, example: &str) {
        if !self.entries.contains_key(key) {
            let wrong = Wrong::new(format!("{} lacks `{key}`", self.title)).help(format!("add {example}"));
            self.lacks(key, wrong);
        }
    }

    /// Notes that a key is missing, in other words than usual.
    pub(super) fn lacks(&mut self, key: &'static str, wrong: Wrong) {
        self.lacking.push((key, wrong));
    }

    /// The table under a key.
    pub(super) fn table(&mut self, key: &'static str, title: impl Into<String>) -> Option<Table<'a>> {
        let value = self.value(key)?;
        Table::of(title, key, value, self.log)
    }

    /// The elements of a list, as they are; a list that is longer than `limit` is a fault, and not read.
    pub(super) fn elements(
        &mut self,
        key: &'static str,
        limit: usize,
        what: &str,
    ) -> &'a [Spanned<DeValue<'a>>] {
        let Some(value) = self.value(key) else { return &[] };
        let DeValue::Array(array) = value.get_ref() else {
            let mut wrong = expected(what, value.get_ref());
            match value.get_ref() {
                DeValue::String(text) => wrong = wrong.help(format!("write {key} = [\"{text}\"]")),
                DeValue::Table(_) if ["site", "target", "maintenance", "contract"].contains(&key) => {
                    wrong = wrong.help("write its header in double brackets");
                }
                _ => {}
            }
            self.log.add_wrong(value.span(), wrong.about(key));
            return &[];
        };
        if array.len() > limit {
            let wrong = Wrong::new(format!("{} of them, and at most {limit} are taken", array.len()));
            self.log.add_wrong(value.span(), wrong.about(key));
            return &[];
        }
        array
    }

    /// The tables under `[[key]]`.
    pub(super) fn tables(&mut self, key: &'static str, limit: usize, title: &str) -> Vec<Table<'a>> {
        let log = self.log;
        let elements = self.elements(key, limit, &format!("entries under {title}"));
        elements.iter().filter_map(|element| Table::of(title, key, element, log)).collect()
    }

    /// What each element of a list says; a wrong one is a fault of its own, one that comes twice too.
    pub(super) fn list<T: PartialEq>(
        &mut self,
        key: &'static str,
        limit: usize,
        what: &str,
        read: impl Fn(&'a DeValue<'a>) -> Result<T, Wrong>,
    ) -> Option<Vec<Spanned<T>>> {
        self.entries.get(key)?;
        let (log, mut list) = (self.log, Vec::new());
        for element in self.elements(key, limit, what) {
            match read(element.get_ref()) {
                Ok(item) if list.iter().any(|other: &Spanned<T>| *other.get_ref() == item) => {
                    let wrong = Wrong::new("stands here twice").help("once is enough");
                    log.add_wrong(element.span(), wrong.about(key));
                }
                Ok(item) => list.push(Spanned::new(element.span(), item)),
                Err(wrong) => log.add_wrong(element.span(), wrong.about(key)),
            }
        }
        Some(list)
    }

    /// Tells of every key that nobody asked for, and of those that are missing.
    pub(super) fn finish(mut self) {
        for key in self.entries.keys() {
            let name = key.get_ref().as_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let meant = self.log.may_suggest().then(|| closest(name, self.asked.iter().copied())).flatten();
            let help = match meant {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("it takes {}", self.asked.join(", ")),
            };
            let wrong = Wrong::new(format!("unknown key `{name}` in {}", self.title)).help(help);
            self.log.add_wrong(key.span(), wrong);
            self.lacking.retain(|(lacking, _)| Some(*lacking) != meant);
        }
        let span = self.span();
        self.lacking.drain(..).for_each(|(_, wrong)| self.log.add_lack(span.clone(), wrong));
    }
}
