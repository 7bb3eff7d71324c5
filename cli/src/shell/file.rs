//! The configuration file: TOML, a table for each command, its options by their names.

use super::Source;
use super::options::{self, Opt, Setting};
use clap::Command;
use std::env;
use std::ffi::OsString;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Bytes of a file that are read; what is longer is none.
const MOST: u64 = 1 << 20;

/// What the configuration file says.
#[derive(Default, Debug)]
pub(super) struct File {
    /// Where it is, if there is one.
    pub(super) path: Option<PathBuf>,
    settings: Vec<(Opt, usize, Setting)>,
}

/// What is wrong with a file: the line, the key if it has one, and what it is.
pub(super) type Mistake = (usize, String);

impl File {
    /// What it sets this option to.
    pub(super) fn setting(&self, option: &Opt) -> Option<(Source, Setting)> {
        let same = |other: &Opt| other.path == option.path && other.name() == option.name();
        let (option, line, setting) = self.settings.iter().find(|(other, ..)| same(other))?;
        let path = self.path.as_deref().unwrap_or(Path::new("")).display().to_string();
        Some((Source::File(path, *line, option.key()), setting.clone()))
    }
}

/// The file that is asked for, or the usual one if it is there. An error is one line.
pub(super) fn of(root: &Command, asked: Option<&PathBuf>) -> Result<File, String> {
    let variable = || env::var_os("CYNC_CONFIG").filter(|it| !it.is_empty()).map(PathBuf::from);
    let (path, must) = match (asked.cloned(), variable()) {
        (Some(path), _) | (None, Some(path)) => (path, true),
        (None, None) => match usual() {
            Some(path) => (path, false),
            None => return Ok(File::default()),
        },
    };
    let name = path.display();
    let mut bytes = Vec::new();
    let read =
        std::fs::File::open(&path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes));
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound && !must => return Ok(File::default()),
        Err(error) => {
            return Err(format!(
                "{name}: cannot read it: {error}; check --config and CYNC_CONFIG, and that it may be read"
            ));
        }
        Ok(_) if bytes.len() as u64 > MOST => {
            return Err(format!("{name}: longer than {MOST} bytes: no configuration is"));
        }
        Ok(_) => {}
    }
    let text = str::from_utf8(&bytes).map_err(|error| {
        let line = line_of(&bytes, error.valid_up_to());
        format!("{name}:{line}: not text: write it in UTF-8")
    })?;
    let settings = parse(root, text).map_err(|(line, what)| format!("{name}:{line}: {what}"))?;
    Ok(File { path: Some(path), settings })
}

/// Where the file is if nobody says where.
pub(super) fn usual() -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")))?;
    Some(folder.join("cync").join("config.toml"))
}

fn line_of(text: &[u8], at: usize) -> usize {
    let before = text.get(..at).unwrap_or(text);
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

/// All that the text sets, or the first mistake in it.
pub(super) fn parse(root: &Command, text: &str) -> Result<Vec<(Opt, usize, Setting)>, Mistake> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let what = error.message().replace('\n', "; ");
        (
            line_of(text.as_bytes(), at),
            format!("not TOML: {what}; `cync config --sample` has an example"),
        )
    })?;
    let mut reader = Reader {
        root,
        text,
        options: options::all(root),
        settings: Vec::new(),
        mistakes: Vec::new(),
    };
    reader.table(document.get_ref(), root, &mut Vec::new());
    match reader.mistakes.into_iter().min() {
        Some(mistake) => Err(mistake),
        None => Ok(reader.settings),
    }
}

struct Reader<'r> {
    root: &'r Command,
    text: &'r str,
    options: Vec<Opt>,
    settings: Vec<(Opt, usize, Setting)>,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>, command: &Command, path: &mut Vec<String>) {
        for (key, value) in table {
            let line = line_of(self.text.as_bytes(), key.span().start);
            let name: &str = key.get_ref();
            let known = |it: &&Opt| it.path == *path && it.name() == name;
            let option = self.options.iter().find(known).cloned();
            let result = match (value.get_ref(), command.find_subcommand(name), option) {
                (DeValue::Table(table), Some(sub), None) => {
                    path.push(name.to_owned());
                    self.table(table, sub, path);
                    path.pop();
                    Ok(())
                }
                (value, _, Some(option)) => self.option(option, line, value),
                (value, sub, None) => Err(self.unknown(name, value, sub.is_some(), command, path)),
            };
            self.mistakes.extend(result.err().map(|what| (line, what)));
        }
    }

    fn option(&mut self, option: Opt, line: usize, value: &DeValue<'_>) -> Result<(), String> {
        let key = option.key();
        let setting = setting(&option, value).map_err(|expected| {
            format!("{key}: {} is the wrong type: write {expected}", value.type_str())
        })?;
        match option.problem(self.root, &setting) {
            Some(problem) => Err(format!("{key}: {problem}")),
            None => {
                self.settings.push((option, line, setting));
                Ok(())
            }
        }
    }

    fn unknown(
        &self,
        name: &str,
        value: &DeValue<'_>,
        is_command: bool,
        command: &Command,
        path: &[String],
    ) -> String {
        let name = name.escape_debug();
        let full = path.iter().map(|word| format!("{word}.")).collect::<String>();
        if is_command {
            return format!("{full}{name}: a command has a table: write [{full}{name}]");
        }
        let options = self.options.iter().filter(|it| it.path == path).map(Opt::name);
        let commands = command.get_subcommands().map(Command::get_name);
        if value.is_table() {
            let known: Vec<&str> = commands.collect();
            return format!("{full}{name}: unknown command; there are {}", known.join(", "));
        }
        let known: Vec<&str> = options.collect();
        match (known.is_empty(), path.is_empty()) {
            (true, _) => format!("{full}{name}: unknown key: this command has no options"),
            (false, false) => {
                format!("{full}{name}: unknown key; there are {}", known.join(", "))
            }
            (false, true) => format!(
                "{name}: unknown key; outside of a command's table there are {}",
                known.join(", ")
            ),
        }
    }
}

/// What a value sets the option to, or what would.
fn setting(option: &Opt, value: &DeValue<'_>) -> Result<Setting, &'static str> {
    if option.is_flag() {
        let flag = value.as_bool().ok_or("true or false, without quotes")?;
        return Ok(Setting::Flag(flag));
    }
    match value {
        DeValue::Array(items) if option.is_list() => {
            let items: Option<_> =
                items.iter().map(|item| scalar(Spanned::get_ref(item))).collect();
            items.map(Setting::Values).ok_or("texts or numbers in [ ]")
        }
        value => {
            let values = scalar(value).map(|value| Setting::Values(vec![value]));
            values.ok_or(if option.is_list() {
                "texts in [ ]"
            } else {
                "a text in quotes, or a number"
            })
        }
    }
}

fn scalar(value: &DeValue<'_>) -> Option<OsString> {
    match value {
        DeValue::String(text) => Some(OsString::from(text.as_ref())),
        DeValue::Integer(number) => {
            let number = i128::from_str_radix(number.as_str(), number.radix()).ok()?;
            Some(number.to_string().into())
        }
        DeValue::Float(number) => Some(number.as_str().into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn mistake(text: &str) -> String {
        let (line, what) = parse(&crate::Cli::command(), text).unwrap_err();
        format!("{line}: {what}")
    }

    #[test]
    fn a_mistake_is_told_with_its_line_its_key_and_what_to_do() {
        for (text, says) in [
            (
                "[toggle]\ncount = 5\ncuont = 3\n",
                "3: toggle.cuont: unknown key; there are wire, simulate, ",
            ),
            ("\n[tugle]\n", "2: tugle: unknown command; there are toggle, simulate, "),
            (
                "[toggle]\nquiet = \"yes\"\n",
                "2: toggle.quiet: string is the wrong type: write true",
            ),
            ("[toggle]\ndevice-host = true\n", "2: toggle.device-host: boolean is the wrong type"),
            ("[toggle]\ncount = 0\n", "2: toggle.count: invalid value '0' for '--count <N>'"),
            (
                "[toggle]\nstate = \"up\"\n",
                "2: toggle.state: invalid value 'up' for '--state <STATE>'",
            ),
            ("[toggle]\ncount = \n", "2: not TOML: "),
            ("toggle = 3\n", "1: toggle: a command has a table: write [toggle]"),
            ("count = 3\n", "1: count: unknown key; outside of a command's table there are color"),
            ("config = \"x\"\n", "1: config: a command has a table"),
            (
                "[encode]\ndevice = 3\n",
                "2: encode.device: unknown key: this command has no options",
            ),
            ("[encode.power]\ndevice = 255\n", "2: encode.power.device: invalid value"),
            ("[chaos]\nonly = [true]\n", "2: chaos.only: array is the wrong type"),
            ("[b]\n[a]\n", "1: b: unknown command"),
            (
                "[toggle]\nauth-code = \"x\"\n",
                "2: toggle.auth-code: unknown key; there are wire, simulate, ",
            ),
        ] {
            let found = mistake(text);
            assert!(found.starts_with(says) && !found.contains('\n'), "{text:?}: {found}");
        }
    }

    #[test]
    fn values_may_be_texts_numbers_and_lists() {
        let text = "[toggle]\nloss = 0.2\ncount = 0x10\nquiet = true\n[chaos]\nonly = [\"step\", \"high-loss\"]\n";
        let settings = parse(&crate::Cli::command(), text).unwrap();
        let shown: Vec<(String, Setting)> =
            settings.into_iter().map(|(option, _, setting)| (option.key(), setting)).collect();
        let values = |all: &[&str]| Setting::Values(all.iter().map(Into::into).collect());
        for expected in [
            ("toggle.loss".to_owned(), values(&["0.2"])),
            ("toggle.count".to_owned(), values(&["16"])),
            ("toggle.quiet".to_owned(), Setting::Flag(true)),
            ("chaos.only".to_owned(), values(&["step", "high-loss"])),
        ] {
            assert!(shown.contains(&expected), "{expected:?} in {shown:?}");
        }
    }
}
