//! Fields by name: one description of a section reads it and writes it.

use super::error::quoted;
use super::names::nearest;
use super::value::Value;
use std::convert::Infallible;
use toml::de::{DeTable, DeValue};

/// A rule that a text breaks, and at which byte of it.
pub(super) struct Mistake {
    pub(super) at: usize,
    pub(super) rule: String,
}

/// Whoever goes through the fields of a section, to set them or to write them down.
pub(super) trait Fields {
    type Error;

    /// A field that stays as it is if it is not given.
    fn field<V: Value>(&mut self, name: &'static str, value: &mut V) -> Result<(), Self::Error>;

    /// A field that has to be given.
    fn required<V: Value>(&mut self, name: &'static str, value: &mut V) -> Result<(), Self::Error>;

    /// A field that has to be given, and decides which others there are.
    fn tag<V: Value>(&mut self, name: &'static str, value: &mut V) -> Result<(), Self::Error>;
}

/// Reads a section of a text.
pub(super) struct Reader<'t> {
    text: &'t str,
    table: &'t DeTable<'t>,
    at: usize,
    place: String,
    known: Vec<&'static str>,
    missing: Option<&'static str>,
}

impl<'t> Reader<'t> {
    /// Reads what stands above the first section, and knows the sections.
    pub(super) fn new(text: &'t str, table: &'t DeTable<'t>) -> Self {
        Self { text, table, at: 0, place: String::new(), known: Vec::new(), missing: None }
    }

    /// The same field may set two values.
    fn knows(&mut self, name: &'static str) {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
    }

    fn given(&mut self, name: &'static str) -> Option<(usize, &'t str, &'t DeValue<'t>)> {
        self.knows(name);
        let given = self.table.get(name)?;
        let source = self.text.get(given.span()).unwrap_or_default();
        Some((given.span().start, source, given.get_ref()))
    }

    /// Where a field's value begins, or else the section.
    pub(super) fn place_of(&self, name: &str) -> usize {
        self.table.get(name).map_or(self.at, |given| given.span().start)
    }

    /// Reads a section within this one, if there is one. Whether there is.
    pub(super) fn section(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Reader<'t>) -> Result<(), Mistake>,
    ) -> Result<bool, Mistake> {
        let Some((at, source, given)) = self.given(name) else { return Ok(false) };
        let place = if self.place.is_empty() { String::new() } else { format!("{}.", self.place) };
        let place = format!("{place}{name}");
        let DeValue::Table(table) = given else {
            let rule = format!("{name} is {}: it is a section, [{place}]", quoted(source));
            return Err(Mistake { at, rule });
        };
        let mut section = Self { at, place, table, ..Self::new(self.text, table) };
        read(&mut section)?;
        section.finish()?;
        Ok(true)
    }

    /// Reads every section of this name.
    pub(super) fn list(
        &mut self,
        name: &'static str,
        mut read: impl FnMut(&mut Reader<'t>) -> Result<(), Mistake>,
    ) -> Result<(), Mistake> {
        let Some((at, source, given)) = self.given(name) else { return Ok(()) };
        let no_list = |at, source| {
            let rule = format!("{name} is {}: each is a section, [[{name}]]", quoted(source));
            Mistake { at, rule }
        };
        let DeValue::Array(list) = given else { return Err(no_list(at, source)) };
        for given in list {
            let span = given.span();
            let DeValue::Table(table) = given.get_ref() else {
                return Err(no_list(span.start, self.text.get(span).unwrap_or_default()));
            };
            let place = format!("[{name}]");
            let mut section = Self { at: span.start, place, table, ..Self::new(self.text, table) };
            read(&mut section)?;
            section.finish()?;
        }
        Ok(())
    }

    /// Refuses what nobody asked for, and then what was not there to be read.
    pub(super) fn finish(self) -> Result<(), Mistake> {
        let unknown = |key: &&toml::Spanned<_>| !self.known.contains(&Self::name(key));
        let first = self.table.keys().filter(unknown).min_by_key(|key| key.span().start);
        match (first, self.missing) {
            (Some(key), _) => Err(self.unknown(key)),
            (None, Some(name)) => Err(self.lacks(name)),
            (None, None) => Ok(()),
        }
    }

    fn name<'a>(key: &'a toml::Spanned<toml::de::DeString<'_>>) -> &'a str {
        key.get_ref()
    }

    fn unknown(&self, key: &toml::Spanned<toml::de::DeString<'_>>) -> Mistake {
        const AT_THE_TOP: [&str; 5] = ["schema", "name", "about", "seed", "duration_ms"];
        let name = Self::name(key);
        let place = if self.place.is_empty() {
            "at the top of a scenario".to_owned()
        } else {
            format!("in [{}]", self.place)
        };
        let rule = format!("there is no {} {place}", quoted(name));
        let meant = nearest(name, self.known.iter().copied());
        let rule = if let Some(meant) = meant {
            format!("{rule}: did you mean {meant}?")
        } else if !self.place.is_empty() && AT_THE_TOP.contains(&name) {
            format!("{rule}: it belongs above the first section")
        } else {
            format!("{rule}: there is {}", self.known.join(", "))
        };
        Mistake { at: key.span().start, rule }
    }

    fn lacks(&self, name: &str) -> Mistake {
        let rule = if self.place.is_empty() {
            format!("{name} is missing")
        } else {
            format!("{name} is missing in [{}]", self.place)
        };
        Mistake { at: self.at, rule }
    }
}

impl Fields for Reader<'_> {
    type Error = Mistake;

    fn field<V: Value>(&mut self, name: &'static str, value: &mut V) -> Result<(), Mistake> {
        if let Some((at, source, given)) = self.given(name) {
            *value = V::read(given).map_err(|rule| {
                let rule = format!("{name} is {}: {rule}", quoted(source));
                Mistake { at, rule }
            })?;
        }
        Ok(())
    }

    fn required<V: Value>(&mut self, name: &'static str, value: &mut V) -> Result<(), Mistake> {
        if !self.table.contains_key(name) {
            self.missing.get_or_insert(name);
        }
        self.field(name, value)
    }

    fn tag<V: Value>(&mut self, name: &'static str, value: &mut V) -> Result<(), Mistake> {
        if self.table.contains_key(name) {
            return self.field(name, value);
        }
        self.knows(name);
        let close =
            |key: &&toml::Spanned<_>| nearest(Self::name(key), [name].into_iter()).is_some();
        Err(match self.table.keys().find(close) {
            Some(key) => self.unknown(key),
            None => self.lacks(name),
        })
    }
}

/// A field as it is written.
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) text: Option<String>,
    pub(super) always: bool,
}

/// Writes down the fields of a section.
#[derive(Default)]
pub(super) struct Writer(Vec<Entry>);

impl Writer {
    /// The fields that `visit` goes through.
    pub(super) fn entries(visit: impl FnOnce(&mut Self) -> Result<(), Infallible>) -> Vec<Entry> {
        let mut writer = Self::default();
        let Ok(()) = visit(&mut writer);
        writer.0
    }
}

impl Fields for Writer {
    type Error = Infallible;

    fn field<V: Value>(&mut self, name: &'static str, value: &mut V) -> Result<(), Infallible> {
        self.0.push(Entry { name, text: value.text(), always: false });
        Ok(())
    }

    fn required<V: Value>(&mut self, name: &'static str, value: &mut V) -> Result<(), Infallible> {
        self.0.push(Entry { name, text: value.text(), always: true });
        Ok(())
    }

    fn tag<V: Value>(&mut self, name: &'static str, value: &mut V) -> Result<(), Infallible> {
        self.required(name, value)
    }
}
