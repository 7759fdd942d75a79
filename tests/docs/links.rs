use std::{collections::BTreeSet, fs};

use super::{DOCUMENTS, document, path, without_blocks};

/// Where the links of a document lead, as they are written; not those to other hosts.
fn links(text: &str) -> Vec<String> {
    let text = without_blocks(text);
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.to_owned()).filter(|target| !target.contains("://")).collect()
}

/// The file that a link in a document leads to, and the heading in it.
fn resolved<'l>(name: &str, link: &'l str) -> (String, &'l str) {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    if file.is_empty() {
        return (name.to_owned(), anchor);
    }
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in file.split('/') {
        match part {
            ".." => _ = parts.pop().expect("a link stays in the repository"),
            part => parts.push(part),
        }
    }
    (parts.join("/"), anchor)
}

/// Whether a line is the heading that a link leads to.
fn is_anchor(line: &str, anchor: &str) -> bool {
    let Some(title) = line.strip_prefix('#') else { return false };
    let title = title.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    title.replace(|c: char| !c.is_alphanumeric() && !['-', '_'].contains(&c), "") == anchor
}

fn leads_somewhere(name: &str, link: &str) -> bool {
    let (file, anchor) = resolved(name, link);
    let is_heading = || without_blocks(&document(&file)).lines().any(|line| is_anchor(line, anchor));
    path(&file).exists() && (anchor.is_empty() || is_heading())
}

#[test]
fn every_link_in_the_documents_leads_to_a_file_and_a_heading() {
    let mut followed = 0;
    for name in DOCUMENTS {
        for link in links(&document(name)) {
            assert!(leads_somewhere(name, &link), "{name}: {link}");
            followed += 1;
        }
    }
    assert!(followed > 50, "only {followed} were found");
}

#[test]
fn a_link_to_nowhere_is_distinguished_from_one_that_leads_somewhere() {
    assert!(leads_somewhere("docs/faults.md", "sources-and-sinks.md#sinks"));
    assert!(!leads_somewhere("docs/faults.md", "SECURITY.md"));
    assert!(!leads_somewhere("README.md", "docs/faults.md#sinks"));
    assert!(is_anchor("### Operating it", "operating-it") && !is_anchor("Operating it", "operating-it"));
}

#[test]
fn every_page_is_among_the_documents_and_in_their_index() {
    let index = document("docs/README.md");
    let listed: BTreeSet<String> =
        links(&index).iter().map(|link| resolved("docs/README.md", link).0).collect();
    for entry in fs::read_dir(path("docs")).unwrap() {
        let page = format!("docs/{}", entry.unwrap().file_name().to_str().unwrap());
        assert!(DOCUMENTS.contains(&page.as_str()), "{page}");
        assert!(page == "docs/README.md" || listed.contains(&page), "{page}");
    }
}

#[test]
fn the_readme_is_a_page_that_is_read_in_five_minutes() {
    assert!(document("README.md").lines().count() <= 150);
}
