//! As much of PromQL as it takes to find names, labels and their values.

use crate::metrics::Metrics;
use std::collections::BTreeSet;

const FUNCTIONS: [&str; 8] =
    ["sum", "max", "by", "rate", "increase", "histogram_quantile", "absent", "le"];

/// One word, sign or text of an expression.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Token {
    Word(String),
    Text(String),
    Sign(String),
}

fn tokens(expr: &str) -> Vec<Token> {
    let word = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | ':' | '$' | '.');
    let mut tokens = Vec::new();
    let mut rest = expr.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, len) = if first == '"' {
            let end = rest[1..].find('"').expect("a text ends");
            (Token::Text(rest[1..=end].to_owned()), end + 2)
        } else if word(first) {
            let end = rest.find(|char| !word(char)).unwrap_or(rest.len());
            (Token::Word(rest[..end].to_owned()), end)
        } else {
            let two =
                ["=~", "!~", "!=", "==", ">=", "<="].iter().any(|sign| rest.starts_with(sign));
            let len = if two { 2 } else { first.len_utf8() };
            (Token::Sign(rest[..len].to_owned()), len)
        };
        tokens.push(token);
        rest = rest[len..].trim_start();
    }
    tokens
}

fn is_sign(token: Option<&Token>, sign: &str) -> bool {
    matches!(token, Some(Token::Sign(found)) if found == sign)
}

/// The labels that the expression's value still has.
pub(crate) fn kept(expr: &str) -> BTreeSet<String> {
    let tokens = tokens(expr);
    let mut kept = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        if *token == Token::Word("by".to_owned()) {
            let inside = tokens[at + 2..].iter().take_while(|token| !is_sign(Some(token), ")"));
            kept.extend(inside.filter_map(|token| match token {
                Token::Word(label) => Some(label.clone()),
                _ => None,
            }));
        }
    }
    kept
}

/// The metrics that an expression names.
pub(crate) fn named<'m>(expr: &str, metrics: &'m Metrics) -> Vec<&'m str> {
    let words = tokens(expr).into_iter().filter_map(|token| match token {
        Token::Word(word) => Some(word),
        _ => None,
    });
    words.filter_map(|word| Some(metrics.of_series(&word)?.0)).collect()
}

/// What is wrong with an expression.
pub(crate) fn problems(expr: &str, metrics: &Metrics) -> Vec<String> {
    let tokens = tokens(expr);
    let mut problems = Vec::new();
    let mut labels: BTreeSet<String> = BTreeSet::new();
    let mut series = 0;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        let Token::Word(word) = token else { continue };
        if word.contains(':') {
            series += 1;
            if !metrics.is_recorded(word) {
                problems.push(format!("{word} is not recorded before"));
            }
        } else if word.starts_with("tcp_comm_") {
            series += 1;
            let Some((_, of)) = metrics.of_series(word) else {
                problems.push(format!("there is no {word}"));
                continue;
            };
            labels.extend(of.keys().cloned());
            if word.ends_with("_bucket") {
                labels.insert("le".to_owned());
            }
            if is_sign(tokens.get(at), "{") {
                at += 1;
                while let [Token::Word(label), Token::Sign(sign), Token::Text(value), ..] =
                    &tokens[at..]
                {
                    let asked = if sign.ends_with('~') {
                        value.split('|').collect()
                    } else {
                        vec![value.as_str()]
                    };
                    match of.get(label) {
                        None => problems.push(format!("{word} has no label {label}")),
                        Some(Some(values)) => problems.extend(
                            asked
                                .into_iter()
                                .filter(|asked| !values.contains(*asked))
                                .map(|asked| format!("{word}: no {label} is {asked}")),
                        ),
                        Some(None) => {}
                    }
                    at += if is_sign(tokens.get(at + 3), ",") { 4 } else { 3 };
                }
                if !is_sign(tokens.get(at), "}") {
                    problems.push(format!("{word}: its selector is not understood"));
                }
            }
        } else if is_sign(tokens.get(at), "(") && !FUNCTIONS.contains(&word.as_str()) {
            problems.push(format!("{word} is no function"));
        }
    }
    problems.extend(
        kept(expr).difference(&labels).map(|label| format!("there is no label {label} to keep")),
    );
    if series == 0 {
        problems.push(format!("{expr} names no metric"));
    }
    let count = |sign: &str| tokens.iter().filter(|token| is_sign(Some(token), sign)).count();
    if count("(") != count(")") {
        problems.push(format!("{expr}: parentheses"));
    }
    problems
}

#[test]
fn what_is_misspelt_is_found() {
    let mut metrics = Metrics::of_the_project();
    metrics.record("cync:a:b");
    for good in [
        "sum by (device_id) (rate(tcp_comm_ack_timeout_total[5m])) > 3",
        "histogram_quantile(0.99, sum by (le) (rate(tcp_comm_packet_latency_seconds_bucket[10m])))",
        "cync:a:b < 0.999",
        r#"tcp_comm_connection_state{device_id=~"$device_id",state="ready"} == 0"#,
    ] {
        assert_eq!(problems(good, &metrics), [""; 0], "{good}");
    }
    for (bad, problem) in [
        ("rate(tcp_comm_ack_timeouts_total[5m])", "there is no tcp_comm_ack_timeouts_total"),
        (
            "rate(tcp_comm_packet_latency_seconds[5m])",
            "there is no tcp_comm_packet_latency_seconds",
        ),
        ("tcp_comm_ack_timeout_total_count", "there is no tcp_comm_ack_timeout_total_count"),
        (
            r#"tcp_comm_ack_timeout_total{reason="x"}"#,
            "tcp_comm_ack_timeout_total has no label reason",
        ),
        ("sum by (reason) (tcp_comm_ack_timeout_total)", "there is no label reason to keep"),
        ("rat(tcp_comm_ack_timeout_total[5m])", "rat is no function"),
        ("cync:c < 1", "cync:c is not recorded before"),
        ("1 > 0", "1 > 0 names no metric"),
    ] {
        assert_eq!(problems(bad, &metrics), [problem], "{bad}");
    }
}
