//! Every relative link of every page leads to a file, and to a heading of it if it says so; every page is in the book.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Folders with pages of others, or none.
const SKIPPED: [&str; 4] = ["target", ".git", "artifacts", "corpus"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every page, by its path from the root.
fn pages() -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    collect(&root(), Path::new(""), &mut found);
    found
}

fn collect(folder: &Path, path: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).expect("a folder can be listed") {
        let entry = entry.expect("an entry can be read").path();
        let Some(name) = entry.file_name() else { continue };
        let path = path.join(name);
        if entry.is_dir() {
            if !SKIPPED.iter().any(|skipped| name == *skipped) {
                collect(&entry, &path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            let text = fs::read_to_string(&entry).expect("a page can be read");
            found.insert(path, text);
        }
    }
}

/// A page's lines outside blocks of code.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    page.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// Where the links of a page lead that lead to files.
fn links(page: &str) -> Vec<String> {
    let mut links = Vec::new();
    for line in prose(page) {
        // What stands between backticks is no link.
        let plain: Vec<&str> = line.split('`').step_by(2).collect();
        let plain = plain.join("");
        let targets = plain.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let files =
            targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"));
        links.extend(files.map(str::to_owned));
    }
    links
}

/// The names of a page's headings, as links spell them.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut seen = BTreeMap::new();
    let headings = prose(page).filter(|line| line.starts_with('#'));
    let headings = headings.map(|line| line.trim_start_matches('#').trim());
    headings
        .map(|heading| {
            let heading: String = heading.to_lowercase().replace(' ', "-");
            let anchor: String = heading
                .chars()
                .filter(|char| char.is_alphanumeric() || matches!(char, '-' | '_'))
                .collect();
            let times: &mut u32 = seen.entry(anchor.clone()).or_default();
            *times += 1;
            if *times == 1 { anchor } else { format!("{anchor}-{}", *times - 1) }
        })
        .collect()
}

/// Where a link of a page leads, from the root.
fn resolved(page: &Path, target: &str) -> PathBuf {
    let mut path = page.parent().map(Path::to_owned).unwrap_or_default();
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir => {
                assert!(path.pop(), "{}: {target} leads outside", page.display())
            }
            Component::CurDir => {}
            part => path.push(part),
        }
    }
    path
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let mut checked = 0;
    let mut broken = Vec::new();
    for (page, text) in &pages {
        for link in links(text) {
            checked += 1;
            let (target, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let path = if target.is_empty() { page.clone() } else { resolved(page, target) };
            let exists = root().join(&path).exists();
            let known =
                |anchor| pages.get(&path).is_some_and(|text| anchors(text).contains(anchor));
            if !exists || !anchor.is_empty() && !known(anchor) {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(checked > 100, "only {checked}: they are not found any more");
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_page_of_the_book_is_in_its_contents_and_in_summary_md_alike() {
    let pages = pages();
    let listed = |page: &str| -> Vec<PathBuf> {
        let page = Path::new(page);
        links(&pages[page])
            .iter()
            .map(|link| resolved(page, link))
            .filter(|path| path.starts_with("docs"))
            .collect()
    };
    let contents = listed("docs/README.md");
    let book = pages.keys().filter(|path| path.parent() == Some(Path::new("docs")));
    for page in book.filter(|page| !page.ends_with("README.md") && !page.ends_with("SUMMARY.md")) {
        assert!(contents.contains(page), "{} is not in docs/README.md", page.display());
    }
    let summary = listed("docs/SUMMARY.md");
    assert_eq!(summary.first(), Some(&PathBuf::from("docs/README.md")));
    assert_eq!(summary[1..], contents);
}

#[test]
fn links_and_headings_are_found_where_they_are() {
    let page = "# A *title*, and `code`\n[a](b.md#c) `[no](x)` [d](https://e.f) ![g](h.png)\n```sh\n[no](y)\n# no\n```\n## Again\n## Again\n[i](#again-1)";
    assert_eq!(links(page), ["b.md#c", "h.png", "#again-1"]);
    let expected = ["a-title-and-code", "again", "again-1"].map(str::to_owned);
    assert_eq!(anchors(page), BTreeSet::from(expected));
    assert_eq!(resolved(Path::new("docs/decisions/a.md"), "../b.md"), Path::new("docs/b.md"));
}
