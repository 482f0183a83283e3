//! What the docs show of a scene is its transcript: wherever a text says "scene `name`", the next block is that file.

use std::path::{Path, PathBuf};

/// The texts that show transcripts.
fn texts() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let rooms = std::fs::read_dir(root.join("mage-proto/src/node")).expect("the rooms of a node");
    let mut texts: Vec<PathBuf> = rooms.map(|room| room.expect("a room").path()).collect();
    texts.push(root.join("docs/protocol.md"));
    texts.sort();
    texts
}

/// The text with the right transcript in each block that shows one, and how many there are.
fn filled(text: &str) -> (String, usize) {
    let (mut out, mut shown) = (String::new(), 0);
    let mut named: Option<&str> = None;
    let mut inside = false;
    for line in text.lines() {
        let mark = if line.starts_with("//! ") || line == "//!" { "//! " } else { "" };
        let said = line.strip_prefix(mark).unwrap_or_default();
        if inside && said != "```" {
            continue;
        }
        inside = false;
        out.push_str(line);
        out.push('\n');
        if let Some((_, name)) = said.split_once("cene `") {
            named = name.split_once('`').map(|(name, _)| name);
        } else if said == "```text"
            && let Some(name) = named.take()
        {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenes").join(format!("{name}.txt"));
            let transcript = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("no scene is called {name}"));
            transcript.lines().for_each(|line| out.push_str(&format!("{mark}{line}\n")));
            (inside, shown) = (true, shown + 1);
        }
    }
    (out, shown)
}

#[test]
fn the_flows_in_the_docs_are_the_transcripts() {
    let mut all = 0;
    for path in texts() {
        let text = std::fs::read_to_string(&path).expect("a text");
        let (right, shown) = filled(&text);
        if std::env::var_os("UPDATE_GOLDEN").is_some() && right != text {
            std::fs::write(&path, &right).expect("the text can be written");
        } else {
            assert!(
                right == text,
                "{} shows a scene that plays otherwise now; UPDATE_GOLDEN=1 mends it",
                path.display()
            );
        }
        all += shown;
    }
    assert!(all >= 29, "only {all} transcripts were found");
}

#[test]
fn every_transcript_is_drawn_where_its_conversation_lives() {
    let rooms: Vec<PathBuf> =
        texts().into_iter().filter(|path| path.extension().is_some_and(|of| of == "rs")).collect();
    let drawn: String = rooms.iter().map(|path| std::fs::read_to_string(path).expect("a text")).collect();
    for scene in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenes")).expect("scenes") {
        let path = scene.expect("a scene").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name");
        let is_transcript = path.extension().is_some_and(|of| of == "txt");
        assert!(!is_transcript || drawn.contains(&format!("cene `{name}`")), "nobody draws the scene {name}");
    }
}
