//! Holds the arrows between the layers: each uses only those above it.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// From the top down. Surfaces (the last ones) may use every layer, but not each other.
const LAYERS: [&str; 6] = ["domain", "trust", "wire", "store", "delivery", "calling"];
const SURFACES: [&str; 2] = ["exchange", "desk"];
/// Above delivery, in tests only: nothing uses it.
const SIMULATION: &str = "simulation";
/// Names of coded values: uses `domain` alone, and serves the surfaces for people.
const NAMES: &str = "i18n";
/// For programs of an authority, beside the node: speaks to it through the desk API, and shares that with `cli` alone.
const CLIENT: &str = "client";
/// What the client may use: nothing that a node is made of.
const CLIENT_USES: [&str; 3] = ["domain", "trust", "wire"];
/// Wire up, and may use everything below `cli`.
const NODE: &str = "node";
const CLI: &str = "cli";

#[test]
fn layers_use_only_those_above_them() {
    let mut broken = Vec::new();
    for layer in LAYERS
        .iter()
        .chain(&SURFACES)
        .chain(&[SIMULATION, NAMES, CLIENT, NODE, CLI])
    {
        for file in sources(&Path::new("src").join(layer)) {
            let text = fs::read_to_string(&file).unwrap();
            for (number, used) in used_layers(&text) {
                if !allowed(layer, &used) {
                    broken.push(format!("{}:{number}: {layer} uses {used}", file.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "arrows broken:\n{}", broken.join("\n"));
}

#[test]
fn domain_is_pure() {
    let foreign = [
        "tokio",
        "prost",
        "pbjson",
        "sled",
        "tonic::",
        "std::fs",
        "std::net",
        "SystemTime",
        "crate::proto",
    ];
    for file in sources(Path::new("src/domain")) {
        let text = fs::read_to_string(&file).unwrap();
        for word in foreign {
            let found = code_lines(&text).any(|(_, line)| line.contains(word));
            assert!(!found, "{} names {word}", file.display());
        }
    }
}

#[test]
fn sled_is_named_in_one_file() {
    let files: Vec<_> = sources(Path::new("src"))
        .into_iter()
        .filter(|file| {
            code_lines(&fs::read_to_string(file).unwrap())
                .any(|(_, line)| line.contains("sled::") && !line.contains("sled::SledView"))
        })
        .collect();
    assert_eq!(files, [PathBuf::from("src/store/view/sled.rs")]);
}

#[test]
fn main_is_under_fifty_lines_and_no_file_is_past_six_hundred() {
    assert!(fs::read_to_string("src/main.rs").unwrap().lines().count() < 50);
    for file in sources(Path::new("src")) {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(
            lines <= 600,
            "{} has {lines} lines: split it by noun",
            file.display()
        );
    }
}

/// A reason that nothing gives would be a promise that nobody keeps (invariant I7).
#[test]
fn every_reason_is_given_somewhere() {
    let code: String = sources(Path::new("src"))
        .into_iter()
        .filter(|file| {
            let name = file.to_string_lossy();
            // The list itself, tests, and those who only read what others gave.
            let gives = !name.ends_with("domain/reason.rs") && !name.contains("tests");
            let plays = name.contains("scenarios") || name.starts_with("src/simulation");
            let hears = name.starts_with("src/cli/") || name.starts_with("src/client/");
            gives && !plays && !hears
        })
        .flat_map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            let lines = code_lines(&text).map(|(_, line)| line.to_owned());
            // What a lane hears from its partner, it does not give.
            let given = lines.filter(|line| !line.contains("Reason::Overloaded | "));
            given.collect::<Vec<_>>()
        })
        .collect::<Vec<_>>()
        .join("\n");
    let is_given = |reason: &allpoints::domain::reason::Reason| {
        let named = format!("Reason::{reason:?}");
        code.match_indices(&named).any(|(at, _)| {
            let after = code[at + named.len()..].chars().next();
            !after.is_some_and(char::is_alphanumeric)
        })
    };
    let missing: Vec<_> = allpoints::domain::reason::Reason::ALL
        .iter()
        .filter(|reason| !is_given(reason))
        .collect();
    assert!(missing.is_empty(), "nothing gives {missing:?}");
}

/// A rule that finds nothing wrong anywhere would prove nothing.
#[test]
fn the_rules_refuse_what_they_should() {
    let text = "use crate::{domain::id, store::Store};\nlet x = crate::desk::y();\n";
    let used: Vec<_> = used_layers(text)
        .into_iter()
        .map(|(_, layer)| layer)
        .collect();
    assert_eq!(used, ["domain", "store", "desk"]);
    assert!(allowed("delivery", "store"));
    assert!(!allowed("store", "delivery"));
    assert!(!allowed("exchange", "desk"));
    assert!(!allowed("domain", "proto"));
    assert!(allowed("simulation", "delivery"));
    assert!(!allowed("simulation", "exchange"));
    assert!(!allowed("node", "simulation"));
    assert!(allowed("cli", "i18n"));
    assert!(allowed("cli", "client"));
    assert!(allowed("client", "wire"));
    for part in ["store", "delivery", "desk", "node", "i18n"] {
        assert!(!allowed("client", part), "{part}");
        assert!(!allowed(part, "client"), "{part}");
    }
    assert!(!allowed("client", "cli"));
    assert!(!allowed("wire", "i18n"));
    assert!(!allowed("i18n", "wire"));
}

fn allowed(layer: &str, used: &str) -> bool {
    let rank = |name: &str| LAYERS.iter().position(|layer| *layer == name);
    if used == layer {
        return true;
    }
    if used == "proto" {
        return layer != "domain" && layer != NAMES;
    }
    match (layer, used) {
        (_, SIMULATION) => false,
        (NAMES, used) => used == "domain",
        (layer, NAMES) => layer == CLI || SURFACES.contains(&layer),
        (SIMULATION, used) => rank(used).is_some(),
        (CLI, _) => true,
        (CLIENT, used) => CLIENT_USES.contains(&used),
        (_, CLIENT) => false,
        (NODE, used) => used != CLI,
        (_, NODE | CLI) => false,
        _ if SURFACES.contains(&used) => false,
        (surface, _) if SURFACES.contains(&surface) => true,
        _ => rank(used) < rank(layer),
    }
}

/// Layers named after `crate::`, alone or in braces, with their lines.
fn used_layers(text: &str) -> Vec<(usize, String)> {
    let mut used = Vec::new();
    let code: Vec<(usize, &str)> = code_lines(text).collect();
    for (position, (number, line)) in code.iter().enumerate() {
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            if let Some(inner) = rest.strip_prefix('{') {
                let mut group = inner.to_owned();
                for (_, more) in &code[position + 1..] {
                    if depth_closed(&group) {
                        break;
                    }
                    group.push_str(more);
                }
                used.extend(top_names(&group).into_iter().map(|name| (*number, name)));
            } else {
                used.push((*number, word(rest)));
            }
        }
    }
    used.retain(|(_, name)| known(name));
    used
}

fn known(name: &str) -> bool {
    let others = [SIMULATION, NAMES, CLIENT, NODE, CLI, "proto"];
    LAYERS.contains(&name) || SURFACES.contains(&name) || others.contains(&name)
}

fn depth_closed(group: &str) -> bool {
    group.matches('}').count() > group.matches('{').count()
}

/// First words of the comma-separated items at depth zero.
fn top_names(group: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut depth = 0;
    let mut item = String::new();
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(word(item.split_off(0).trim())),
            _ if depth == 0 => item.push(letter),
            _ => {}
        }
    }
    names.push(word(item.trim()));
    names
}

fn word(text: &str) -> String {
    text.trim()
        .chars()
        .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
        .collect()
}

/// Lines that are neither comments nor part of a test module at the end of the file.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line))
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[allow(
    clippy::unwrap_used,
    reason = "a source tree that cannot be read fails the test"
)]
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
