//! The alert rules and the dashboard name metrics, labels and values that there are; every alert has its runbook.

mod expression;
mod metrics;

use metrics::{Metrics, root};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use yaml_rust2::{Yaml, YamlLoader};

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rules: which each of them defines (`record` or `alert`), its name, its expression, and the rest of it.
fn rules() -> Vec<(&'static str, String, String, Yaml)> {
    let documents = YamlLoader::load_from_str(&read("docs/operations/alerts.yml")).expect("YAML");
    let [document] = documents.as_slice() else { panic!("one document") };
    let groups = document["groups"].as_vec().expect("groups").iter();
    let rules = groups.flat_map(|group| {
        assert!(group["name"].as_str().is_some(), "a group without a name");
        group["rules"].as_vec().expect("rules").clone()
    });
    let named = |rule: Yaml| {
        let kinds = ["record", "alert"].into_iter();
        let (kind, name) = kinds
            .filter_map(|kind| Some((kind, rule[kind].as_str()?.to_owned())))
            .next()
            .expect("a rule records or alerts");
        let expr = rule["expr"].as_str().expect("an expression").to_owned();
        (kind, name, expr, rule)
    };
    rules.map(named).collect()
}

#[test]
fn rules_name_what_is_exposed_or_recorded() {
    let rules = rules();
    assert!(rules.len() > 15, "only {}: they are not found any more", rules.len());
    let mut metrics = Metrics::of_the_project();
    let problems: Vec<_> = rules
        .iter()
        .flat_map(|(kind, name, expr, _)| {
            let problems = expression::problems(expr, &metrics);
            if *kind == "record" {
                metrics.record(name);
            }
            problems.into_iter().map(move |problem| format!("{name}: {problem}"))
        })
        .collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn alerts_say_what_is_wrong_how_bad_it_is_and_what_to_do() {
    let page = read("docs/operations.md");
    let chapter = page.split("\n## Alerts\n").nth(1).expect("the page has a chapter on alerts");
    let chapter = chapter.split("\n## ").next().unwrap_or_default();
    let runbooks: BTreeSet<_> =
        chapter.lines().filter_map(|line| line.strip_prefix("### ")).map(str::to_owned).collect();
    let mut alerts = BTreeSet::new();
    for (_, name, expr, rule) in rules().iter().filter(|(kind, ..)| *kind == "alert") {
        let severity = rule["labels"]["severity"].as_str();
        assert!(matches!(severity, Some("page" | "ticket")), "{name}: {severity:?}");
        let runbook = rule["annotations"]["runbook"].as_str();
        let expected = format!("docs/operations.md#{}", name.to_lowercase());
        assert_eq!(runbook, Some(expected.as_str()), "{name}");
        let summary = rule["annotations"]["summary"].as_str().expect("a summary");
        let kept = expression::kept(expr);
        for label in summary.split("$labels.").skip(1) {
            let label = label.split(|char: char| !char.is_alphanumeric() && char != '_').next();
            assert!(kept.contains(label.unwrap_or_default()), "{name}: no {label:?} is left");
        }
        assert!(alerts.insert(name.clone()), "{name} twice");
    }
    assert_eq!(alerts, runbooks);
}

#[test]
fn alerts_have_the_thresholds_of_the_specification() {
    let rules: BTreeMap<_, _> =
        rules().into_iter().map(|(_, name, expr, _)| (name, expr)).collect();
    for (alert, threshold) in [
        ("CyncSuccessLow", "cync:success:ratio_rate1h < 0.999"),
        ("CyncLatencyHigh", "cync:latency_p99:seconds_rate10m > 0.8"),
        ("CyncLatencyVeryHigh", "cync:latency_p99:seconds_rate10m > 1.5"),
        ("CyncRetransmissions", "cync:retransmissions:ratio_rate30m >= 0.005"),
        ("CyncQueueFull", "cync:queue_full:ratio_rate15m >= 0.01"),
    ] {
        assert_eq!(rules[alert], threshold, "{alert}");
    }
}

#[test]
fn the_dashboard_shows_every_metric_and_nothing_else() {
    let metrics = Metrics::of_the_project();
    let dashboard: Value =
        serde_json::from_str(&read("docs/operations/dashboard.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets: Vec<&str> = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array())
        .flatten()
        .map(|target| target["expr"].as_str().expect("an expression"))
        .collect();
    let problems: Vec<_> =
        targets.iter().flat_map(|expr| expression::problems(expr, &metrics)).collect();
    assert!(problems.is_empty(), "{problems:#?}");
    let shown: BTreeSet<_> =
        targets.iter().flat_map(|expr| expression::named(expr, &metrics)).collect();
    let missing: Vec<_> = metrics.names().filter(|name| !shown.contains(*name)).collect();
    assert!(missing.is_empty(), "not on the dashboard: {missing:?}");
    for (panel, target) in panels.iter().flat_map(|panel| {
        let targets = panel["targets"].as_array().into_iter().flatten();
        targets.map(move |target| (panel, target))
    }) {
        let expr = target["expr"].as_str().unwrap_or_default();
        let legend = target["legendFormat"].as_str().expect("a legend");
        for label in legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()) {
            assert!(expression::kept(expr).contains(label), "{}: {label}", panel["title"]);
        }
    }
}

#[test]
fn panels_have_their_own_place_on_the_dashboard() {
    let dashboard: Value =
        serde_json::from_str(&read("docs/operations/dashboard.json")).expect("JSON");
    let mut taken = BTreeSet::new();
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        let side = |name: &str| panel["gridPos"][name].as_u64().expect("a place");
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{}: its id", panel["title"]);
        assert!(side("x") + side("w") <= 24, "{} is cut off", panel["title"]);
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(taken.insert((x, y)), "{} lies upon another", panel["title"]);
            }
        }
    }
    assert!(ids.len() > 20, "only {} panels", ids.len());
}

#[test]
fn workflows_only_call_the_scripts_that_anybody_can_call() {
    for (workflow, script) in [("ci", ".ci/run"), ("nightly", "qa/nightly")] {
        let text = read(&format!(".github/workflows/{workflow}.yml"));
        let [document] = &YamlLoader::load_from_str(&text).expect("YAML")[..] else {
            panic!("one document")
        };
        let jobs = document["jobs"].as_hash().expect("jobs");
        let steps = jobs.values().flat_map(|job| job["steps"].as_vec().expect("steps"));
        let runs: Vec<_> = steps.filter_map(|step| step["run"].as_str()).collect();
        assert_eq!(runs, [script], "{workflow}");
        assert!(root().join(script).exists(), "{script}");
    }
}
