//! One run of the compiler up to, not including, the generator: load, parse, check, and what there is to say.

use std::path::PathBuf;

use crate::check::check;
use crate::diagnostic::{Diagnostic, Report, Severity, Style, json, render, short, summary};
use crate::load::{Disk, FileSystem, Loaded, Root, load};
use crate::model::Model;
use crate::source::Sources;

/// What a run needs to know beside the files.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Directories in which imports are looked for, after that of the importing file.
    pub include: Vec<PathBuf>,
    /// Imported files, by file name or the end of their path, and the Rust modules that hold what was generated for them.
    pub rust_paths: Vec<(String, String)>,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// In rustc's manner.
    Human(Style),
    /// One line each.
    Short,
    /// One JSON object per line.
    Json,
}

/// What a run found out.
#[derive(Debug)]
pub struct Analysis {
    /// The files and their texts.
    pub loaded: Loaded,
    /// What they mean; good for generating only if there is no error.
    pub model: Model,
    /// What is to be said, by file and place.
    pub diagnostics: Vec<Diagnostic>,
    /// How many errors there were, which may be more than are kept.
    pub errors: usize,
}

impl Analysis {
    /// Analyses files of the disk.
    pub fn of(roots: Vec<Root>, options: &Options) -> Self {
        Self::with(roots, options, &Disk)
    }

    /// Analyses files from anywhere.
    pub fn with(roots: Vec<Root>, options: &Options, files: &dyn FileSystem) -> Self {
        let mut report = Report::default();
        let loaded = load(roots, &options.include, files, &mut report);
        let model = check(&loaded, &options.rust_paths, &mut report);
        let errors = report.errors();
        Self { loaded, model, diagnostics: report.sorted(), errors }
    }

    /// Whether there is an error.
    pub fn failed(&self) -> bool {
        self.errors > 0
    }

    /// Everything that is to be said, as text; empty when there is nothing.
    pub fn report(&self, format: Format) -> String {
        written(&self.diagnostics, self.errors, &self.loaded.sources, format)
    }

    /// The warnings, one line each.
    pub fn warnings(&self) -> impl Iterator<Item = String> + '_ {
        let warnings = self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Warning);
        warnings.map(|diagnostic| short(diagnostic, &self.loaded.sources).trim_end().to_owned())
    }
}

/// Diagnostics in a format, and for people how many errors there were.
pub fn written(diagnostics: &[Diagnostic], errors: usize, sources: &Sources, format: Format) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics {
        match format {
            Format::Human(style) => {
                text.push_str(&render(diagnostic, sources, style));
                text.push('\n');
            }
            Format::Short => text.push_str(&short(diagnostic, sources)),
            Format::Json => text.push_str(&json(diagnostic, sources)),
        }
    }
    match format {
        Format::Human(_) | Format::Short => text.push_str(&summary(errors, diagnostics)),
        Format::Json => {}
    }
    text
}
