//! A configuration file to start from.

use super::options::{self, Opt};
use clap::Command;
use std::fmt::Write;

const HEAD: &str = "\
# Options of `cync`, for whoever does not want to type them.
#
# Every command has a table, and in it its options, by the names that they have on the command line. An option that is on the
# command line beats its variable (CYNC_TOGGLE_COUNT for the --count of `cync toggle`), and that beats what stands here.
# What is of use only with another option (metrics-addr) is left out in runs without that one.
# Authentication codes do not belong here: they come from CYNC_AUTH_CODE, or from the file of auth-file.
";

/// All options of all commands, commented out.
pub(super) fn sample(root: &Command) -> String {
    let mut text = HEAD.to_owned();
    let mut path = None;
    for option in options::all(root).into_iter().filter(|option| !option.arg.is_hide_set()) {
        if path.as_ref() != Some(&option.path) && !option.path.is_empty() {
            let _ = write!(text, "\n#[{}]\n", option.path.join("."));
        }
        let help = option.arg.get_help().map(ToString::to_string).unwrap_or_default();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let _ = write!(text, "# {help}\n#{} = {}\n", option.name(), value(&option));
        path = Some(option.path);
    }
    text
}

/// The default, or something that could stand there.
fn value(option: &Opt) -> String {
    if option.is_flag() {
        return "true".into();
    }
    let default =
        option.arg.get_default_values().first().map(|it| it.to_string_lossy().into_owned());
    let possible = || Some(option.arg.get_possible_values().first()?.get_name().to_owned());
    let value = default.or_else(possible).unwrap_or_else(|| example(option).to_owned());
    let value =
        if value.bytes().all(|byte| byte.is_ascii_digit()) { value } else { format!("{value:?}") };
    if option.is_list() { format!("[{value}]") } else { value }
}

fn example(option: &Opt) -> &'static str {
    let name = option.arg.get_value_names().and_then(|names| names.first());
    match name.map_or("", |name| name.as_str()) {
        "HOST" => "192.168.1.50",
        "IP:PORT" => "127.0.0.1:9001",
        "HOST:PORT" => "192.168.1.50:9000",
        "LABEL" => "kitchen",
        "FILE" | "DIR" => "file",
        "TIME" => "5s",
        "COMMANDS" => "1/5",
        "ROW:N" => "high-loss:17",
        "RRGGBB" => "00fbff",
        "YYYY-MM-DD" => "2025-01-31",
        "PERCENT" | "WHITE" => "40",
        _ => "1",
    }
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_line_of_the_sample_is_right_when_it_counts() {
        let root = crate::Cli::command();
        let sample = sample(&root);
        let parsed = |text: &str| file::parse(&root, text).map(|settings| settings.len());
        assert_eq!(parsed(&sample), Ok(0));
        let live: String = sample
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(rest) if !rest.starts_with(' ') => format!("{rest}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        assert_eq!(parsed(&live), Ok(options::all(&root).len()));
    }
}
