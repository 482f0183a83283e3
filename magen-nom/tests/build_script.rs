//! The two lines of a build script, run by Cargo: what it is told when files are wrong, and when it runs the script again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const BUILD_SCRIPT: &str = r#"fn main() -> Result<(), magen_nom::Error> {
    magen_nom::Compiler::new().include("interfaces").compile(&["interfaces/service.magen"])
}
"#;
const SERVICE: &str = "import \"shared.magen\";\n\ninterface Service {\n  Put(Item item);\n}\n";
const SHARED: &str = "struct Item { int number; }\n";

/// A package with a build script, which shares what Cargo has built already.
struct Package {
    root: PathBuf,
}

impl Package {
    fn new() -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("build-script");
        let _ = fs::remove_dir_all(&root);
        let package = Self { root };
        let compiler = env!("CARGO_MANIFEST_DIR");
        let manifest = format!(
            "[package]\nname = \"with-interfaces\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n\n\
             [build-dependencies]\nmagen-nom = {{ path = {compiler:?} }}\n"
        );
        package.write("Cargo.toml", &manifest);
        package.write("build.rs", BUILD_SCRIPT);
        package.write("src/lib.rs", "");
        package.write("interfaces/service.magen", SERVICE);
        package.write("interfaces/shared.magen", SHARED);
        let locked = Path::new(compiler).join("../Cargo.lock");
        fs::copy(locked, package.root.join("Cargo.lock")).expect("the versions that the workspace has");
        package
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    fn build(&self) -> Built {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory");
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--offline", "--verbose", "--color=never"]).current_dir(&self.root);
        let ours = std::env::vars_os().map(|(name, _)| name);
        for name in ours.filter(|name| name.to_string_lossy().starts_with("CARGO_") && name != "CARGO_HOME") {
            cargo.env_remove(name);
        }
        let output = cargo.env("CARGO_TARGET_DIR", target).output().expect("Cargo runs");
        Built(output)
    }
}

struct Built(Output);

impl Built {
    fn said(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    /// Whether the build script ran; it must have succeeded.
    fn ran(&self) -> bool {
        let said = self.said();
        assert!(self.0.status.success(), "{said}");
        said.lines().any(|line| line.contains("Running") && line.contains("/with-interfaces-") && is_script(line))
    }
}

/// Whether a line of Cargo's is about running a build script, not about compiling one.
fn is_script(line: &str) -> bool {
    line.trim_end().trim_end_matches('`').ends_with("build-script-build")
}

#[test]
fn cargo_shows_what_is_wrong_and_runs_the_script_again_only_when_a_file_or_import_changed() {
    let package = Package::new();
    assert!(package.build().ran());
    assert!(!package.build().ran(), "nothing has changed");
    package.write("interfaces/nobody.magen", "interface Nobody {}\n");
    package.write("src/lib.rs", "//! Says something.\n");
    assert!(!package.build().ran(), "no file that it reads has changed");
    package.write("interfaces/shared.magen", "struct Item { int number; string text; }\n");
    assert!(package.build().ran(), "an import has changed");
    package.write("interfaces/service.magen", &SERVICE.replace("Put", "Set"));
    assert!(package.build().ran(), "the file itself has changed");

    package.write("interfaces/service.magen", &SERVICE.replace("Item item", "Itme item"));
    let failed = package.build();
    let said = failed.said();
    assert!(!failed.0.status.success(), "{said}");
    for expected in ["error[MG", "interfaces/service.magen:4:7", "Put(Itme item);", "Item"] {
        assert!(said.contains(expected), "{expected:?} is not in\n{said}");
    }
    package.write("interfaces/service.magen", SERVICE);
    assert!(package.build().ran(), "it was mended");
}
