//! What a reader may rely on in the repository itself, and no compiler checks: headers, layers, adapters that can be read
//! side by side, one version.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The crates of the workspace and which of the others each may build on, lowest first. Tests may use whatever they need.
const LAYERS: [(&str, &[&str]); 6] = [
    ("mage-proto", &[]),
    ("mage", &["mage-proto"]),
    ("mage-adapter-threads", &["mage"]),
    ("mage-adapter-tokio", &["mage"]),
    ("mage-adapter-smol", &["mage"]),
    ("magen-nom", &[]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below `folder` with one of the `extensions`, except what is built or generated.
fn files(folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !name.starts_with('.') && !["target", "golden"].contains(&name) {
                files(&path, extensions, found);
            }
        } else if path.extension().is_some_and(|extension| extensions.iter().any(|wanted| extension == *wanted)) {
            found.push(path);
        }
    }
}

#[test]
fn every_source_file_says_what_lives_there() {
    let mut sources = Vec::new();
    files(root(), &["rs"], &mut sources);
    assert!(sources.len() > 50, "{} sources", sources.len());
    for source in sources {
        assert!(read(&source).starts_with("//! "), "{} has no header", source.display());
    }
}

#[test]
fn each_crate_builds_on_lower_ones_only() {
    for (name, below) in LAYERS {
        let manifest = read(format!("{name}/Cargo.toml"));
        let (_, dependencies) = manifest.split_once("\n[dependencies]\n").expect("dependencies");
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        let ours = dependencies.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
        let ours: Vec<_> = ours.filter(|dependency| LAYERS.iter().any(|(layer, _)| layer == dependency)).collect();
        assert_eq!(ours, below, "{name}");
    }
}

/// The modules that `source` names, tests aside.
fn modules_used(source: &str) -> Vec<String> {
    let program = source.split("#[cfg(test)]").next().unwrap_or_default();
    let code = program.lines().filter(|line| !line.trim_start().starts_with("//"));
    let named = code.flat_map(|line| line.split("crate::").skip(1));
    named.map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().into()).collect()
}

#[test]
fn each_module_of_the_core_uses_only_those_that_stand_before_it_in_the_list() {
    let architecture = read("ARCHITECTURE.md");
    let (_, list) = architecture.split_once("lowest first").and_then(|(_, rest)| rest.split_once("```text\n")).unwrap();
    let list: Vec<_> = list.split("\n```").next().unwrap().lines().collect();
    let modules = list.iter().flat_map(|line| line.split("  ").next().unwrap().split(" · "));
    let rank: BTreeMap<_, _> = modules.zip(0..).collect();
    let folder = root().join("mage-proto/src");
    let mut sources = Vec::new();
    files(&folder, &["rs"], &mut sources);
    for source in sources {
        let place = source.strip_prefix(&folder).unwrap();
        let module = place.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        if ["lib", "golden", "round_trip"].contains(&module) {
            continue; // the crate itself, and its tests
        }
        let own = rank.get(module).unwrap_or_else(|| panic!("{module} is not in the list"));
        for used in modules_used(&read(&source)).iter().filter(|used| *used != module) {
            assert!(rank.get(used.as_str()) < Some(own), "{} uses {used}, which stands after it", place.display());
        }
    }
}

/// The functions of `text`, in their order.
fn functions(text: &str) -> Vec<&str> {
    let declared = text.lines().filter_map(|line| line.split_once("fn ").filter(|(before, _)| !before.contains("//")));
    declared.map(|(_, after)| after.split(['(', '<']).next().unwrap_or_default()).collect()
}

#[test]
fn the_adapters_have_the_same_files_and_answer_in_the_same_order() {
    let asked = read("mage/src/adapter.rs");
    let asked = asked.split("pub trait Adapter").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap();
    for name in ["threads", "tokio", "smol"] {
        for file in ["lib.rs", "runner.rs", "watcher.rs"] {
            read(format!("mage-adapter-{name}/src/{file}"));
        }
        let lib = read(format!("mage-adapter-{name}/src/lib.rs"));
        let answered = lib.split("impl adapter::Adapter for Adapter").nth(1).and_then(|rest| rest.split("\n}").next());
        assert_eq!(functions(answered.unwrap()), functions(asked), "{name}");
    }
}

#[test]
fn all_crates_have_one_version() {
    let workspace = read("Cargo.toml");
    let value = |line: &str| line.split('"').nth(1).map(str::to_owned);
    let version = workspace.lines().find(|line| line.starts_with("version = ")).and_then(value);
    let internal: BTreeMap<_, _> = LAYERS
        .iter()
        .map(|(name, _)| {
            let line = workspace.lines().find(|line| line.starts_with(&format!("{name} = "))).expect("a dependency");
            (name, line.split("version = \"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned))
        })
        .collect();
    assert!(internal.values().all(|declared| *declared == version), "{version:?}: {internal:?}");
}
