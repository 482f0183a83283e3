//! The compiler as build scripts use it, and the writing of what it generates.
//!
//! ```no_run
//! // build.rs
//! fn main() -> Result<(), magen_nom::Error> {
//!     magen_nom::Compiler::new().include("interfaces").compile(&["interfaces/network_process.magen"])
//! }
//! ```

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::analysis::{Analysis, Format, Options};
use crate::diagnostic::{Code, Diagnostic, Place, Style};
use crate::generate;
use crate::load::Root;
use crate::span::{FileId, Span};

/// Compiles `.magen` files from a build script.
///
/// For each file `name.magen` it writes `name.rs` into the directory that Cargo gives to build scripts, for
/// `mage::include_magen!("name")` to include, and tells Cargo to run the script again only when the file or one of its
/// imports changes. A file that would not change is not written.
#[derive(Debug, Clone, Default)]
pub struct Compiler {
    options: Options,
    out_dir: Option<PathBuf>,
}

impl Compiler {
    /// A compiler that looks for imports beside the files that import them.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks for imports in `directory` too, after the directories given before.
    #[must_use]
    pub fn include(mut self, directory: impl Into<PathBuf>) -> Self {
        self.options.include.push(directory.into());
        self
    }

    /// Writes into `directory` instead of Cargo's.
    #[must_use]
    pub fn out_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(directory.into());
        self
    }

    /// Refers to the types of the imported file `import` as those of the Rust module `module`, for example
    /// `crate::common`, instead of generating them again inside of what imports them. `import` is the file's name or the
    /// end of its path.
    #[must_use]
    pub fn rust_path(mut self, import: impl Into<String>, module: impl Into<String>) -> Self {
        self.options.rust_paths.push((import.into(), module.into()));
        self
    }

    /// Compiles the files, and whatever they import as far as they need it.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the files, in one report; nothing is written then. Or a directory or file that could
    /// not be written.
    pub fn compile(&self, files: &[impl AsRef<Path>]) -> Result<(), Error> {
        let out_dir = match (&self.out_dir, std::env::var_os("OUT_DIR")) {
            (Some(directory), _) => directory.clone(),
            (None, Some(directory)) => PathBuf::from(directory),
            (None, None) => return Err(Error::NoOutDir),
        };
        let roots = files.iter().map(|file| Root::Path(file.as_ref().to_owned())).collect();
        let mut analysis = Analysis::of(roots, &self.options);
        print!("{}", directives(&analysis));
        refuse_same_outputs(&mut analysis);
        if analysis.failed() {
            return Err(Error::Invalid { report: analysis.report(Format::Human(Style::Plain)) });
        }
        write_all(&analysis, &out_dir).map(|_| ())
    }
}

/// What Cargo is told: which files the outcome depends on, and the warnings.
fn directives(analysis: &Analysis) -> String {
    let files = analysis.loaded.units.iter().map(|unit| format!("cargo:rerun-if-changed={}\n", unit.path.display()));
    let warnings = analysis.warnings().map(|warning| format!("cargo:warning={warning}\n"));
    files.chain(warnings).collect()
}

/// Why nothing, or not everything, was generated.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The files are wrong; the report says where and how, for people.
    #[error("the .magen files have errors\n\n{report}")]
    Invalid {
        /// All errors in rustc's manner.
        report: String,
    },
    /// Neither Cargo nor the caller said where to write.
    #[error("the variable OUT_DIR is not set: outside of a build script, say where to write with `out_dir`")]
    NoOutDir,
    /// A directory or file could not be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A build script that returns an error has its `Debug` form printed: so this form is the one for people.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        match std::error::Error::source(self) {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

/// Complains when two of the files asked for would be written to one.
pub fn refuse_same_outputs(analysis: &mut Analysis) {
    let mut known: HashMap<&str, FileId> = HashMap::new();
    let mut found = Vec::new();
    for file in &analysis.loaded.roots {
        let stem = analysis.model.file(*file).stem.as_str();
        let Some(first) = known.get(stem) else {
            known.insert(stem, *file);
            continue;
        };
        let name = &analysis.loaded.sources.file(*first).name;
        let message = format!("`{stem}.rs` would be generated for `{name}` too");
        let place = Place { file: *file, span: Span::at(0) };
        found.push(Diagnostic::error(Code::SameOutput, place, message).help("give one of the files another name"));
    }
    analysis.errors += found.len();
    analysis.diagnostics.extend(found);
}

/// Generates a file for each that was asked for, and writes those that changed. Returns the paths of all.
///
/// # Errors
///
/// The first file that cannot be written.
pub fn write_all(analysis: &Analysis, out_dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Write { path, source }
    };
    std::fs::create_dir_all(out_dir).map_err(failed(out_dir))?;
    let mut written = Vec::new();
    for root in &analysis.loaded.roots {
        let path = out_dir.join(format!("{}.rs", analysis.model.file(*root).stem));
        let text = generate::file(&analysis.model, *root);
        let is_known = std::fs::read(&path).is_ok_and(|known| known == text.as_bytes());
        if !is_known {
            std::fs::write(&path, text).map_err(failed(&path))?;
        }
        written.push(path);
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::load::Memory;

    #[test]
    fn cargo_is_told_of_every_file_that_was_read_and_of_warnings() {
        let texts = [("a.magen", "import \"b.magen\"; interface A {}"), ("b.magen", "struct B {}")];
        let files = texts.map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec()));
        let memory = Memory(HashMap::from(files));
        let analysis = Analysis::with(vec![Root::Path("a.magen".into())], &Options::default(), &memory);
        assert_eq!(
            directives(&analysis),
            "cargo:rerun-if-changed=a.magen\ncargo:rerun-if-changed=b.magen\n\
             cargo:warning=a.magen:1:8: warning[MG0043]: nothing of this import is used\n"
        );
    }
}
