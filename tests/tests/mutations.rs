//! The breakages of `tests/mutations/` still fit the core: a patch that does not apply would prove nothing.

use std::fs;
use std::path::Path;

/// The lines of each part of a patch as they were, with the file that they are in.
fn parts(patch: &str) -> Vec<(String, String)> {
    let mut parts: Vec<(String, String)> = Vec::new();
    let mut file = String::new();
    for line in patch.lines().skip_while(|line| !line.starts_with("--- ")) {
        if let Some(name) = line.strip_prefix("--- a/") {
            name.clone_into(&mut file);
        } else if line.starts_with("@@") {
            parts.push((file.clone(), String::new()));
        } else if let (Some((_, before)), Some(kept)) = (parts.last_mut(), line.strip_prefix([' ', '-'])) {
            *before += kept;
            before.push('\n');
        }
    }
    parts
}

#[test]
fn every_breakage_says_what_it_breaks_and_still_applies() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut count = 0;
    for entry in fs::read_dir(root.join("tests/mutations")).expect("the folder of breakages") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "patch") {
            continue;
        }
        count += 1;
        let patch = fs::read_to_string(&path).expect("a patch");
        assert!(patch.starts_with(char::is_uppercase), "{} does not say what it breaks", path.display());
        let parts = parts(&patch);
        assert!(!parts.is_empty(), "{} changes nothing", path.display());
        for (file, before) in parts {
            let source = fs::read_to_string(root.join(&file)).expect("a file of the core");
            assert!(source.contains(&before), "{} does not apply to {file} any more:\n{before}", path.display());
        }
    }
    assert!(count >= 30, "{count} breakages");
}
