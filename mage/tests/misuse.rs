//! Mistakes that do not compile, and what the user is told: `misuse/*.rs` beside `.stderr`.
//!
//! The compiler that built this test is run on each file, against the library that this test was built with.
//! `UPDATE_GOLDEN=1` accepts what it says now. Compilers word what they say differently from version to version: of
//! another one than [`WORDED_BY`] only the errors' codes are compared.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// The compiler whose words are recorded.
const WORDED_BY: &str = "rustc 1.95";

fn compiler() -> Command {
    Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

/// The codes of the errors in what a compiler said.
fn codes(said: &str) -> Vec<&str> {
    said.lines().filter_map(|line| line.strip_prefix("error[")?.split(']').next()).collect()
}

/// Where Cargo puts what tests are built with.
fn dependencies() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

/// The library, as it was built last.
fn library() -> PathBuf {
    let built = |path: &Path| path.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let libraries = std::fs::read_dir(dependencies()).unwrap().map(|entry| entry.unwrap().path());
    let is_library = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with("libmage-") && name.ends_with(".rlib")
    };
    libraries.filter(is_library).max_by_key(|path| built(path)).expect("the library was built for this test")
}

/// What the compiler says about `file`, if it refuses it.
fn compile(file: &Path, library: &Path) -> Option<String> {
    let mut external = OsString::from("mage=");
    external.push(library);
    let output = compiler()
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["--edition=2024", "--crate-type=bin", "--emit=metadata", "--color=never", "-Adead_code", "-o"])
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join(file.file_stem().unwrap()))
        .arg("-L")
        .arg(dependencies())
        .arg("--extern")
        .arg(external)
        .arg(file)
        .output()
        .expect("the compiler runs");
    (!output.status.success()).then(|| String::from_utf8(output.stderr).unwrap())
}

/// Without what depends on the machine or on where something stands in the library: lines of the library and the
/// standard library, the width of the margin, temporary files with long types.
fn normalized(said: &str) -> String {
    let lines = said.lines().filter(|line| !line.contains("full name for the type") && !line.contains("--verbose"));
    let lines = lines.map(|line| match line.split_once("--> ") {
        Some((_, path)) if path.starts_with('/') || path.contains("mage/src/") => {
            let path = path.split(':').next().unwrap_or_default();
            let name = path.split_once("/src/").map_or(path, |(_, name)| name);
            format!("--> {name}\n")
        }
        Some(_) | None => format!("{}\n", line.trim_start()),
    });
    lines.collect()
}

#[test]
fn misuse_that_types_can_catch_does_not_compile_and_says_why() {
    let library = library();
    let version = compiler().arg("--version").output().expect("the compiler runs").stdout;
    let is_worded_so = String::from_utf8_lossy(&version).starts_with(WORDED_BY);
    let mut files: Vec<_> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/misuse"))
        .unwrap()
        .map(|entry| Path::new("tests/misuse").join(entry.unwrap().file_name()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    files.sort();
    assert!(files.len() >= 8);
    for file in files {
        let said = compile(&file, &library).unwrap_or_else(|| panic!("{} compiles", file.display()));
        let (said, golden) = (normalized(&said), file.with_extension("stderr"));
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(golden);
        if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
            std::fs::write(golden, said).unwrap();
        } else {
            let expected = std::fs::read_to_string(golden).unwrap_or_default();
            assert_eq!(codes(&said), codes(&expected), "{}: other errors than recorded\n{said}", file.display());
            if is_worded_so {
                assert_eq!(said, expected, "{}: UPDATE_GOLDEN=1 accepts this", file.display());
            }
        }
    }
}
