//! What each sub-command does. `Ok(true)` is success, `Ok(false)` means that the files are not as they should be, and
//! an error that the command itself could not be carried out.

use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anstream::ColorChoice;
use clap::CommandFactory as _;
use magen_nom::analysis::{Analysis, Format, Options, written};
use magen_nom::breaking::breaking;
use magen_nom::compiler::{refuse_same_outputs, write_all};
use magen_nom::diagnostic::{Code, Report, Style, most_similar};
use magen_nom::fmt::format;
use magen_nom::load::{Root, decode};
use magen_nom::source::{Source, Sources};
use magen_nom::span::FileId;

use crate::{Cli, Inputs, MessageFormat};

/// The outcome of a sub-command.
type Outcome = Result<bool, Box<dyn Error>>;

/// How standard input is called on the command line.
const STDIN: &str = "-";

/// One run of the command.
pub(crate) struct Session {
    format: Format,
}

impl Session {
    pub(crate) fn new(format: MessageFormat) -> Self {
        let coloured = anstream::AutoStream::choice(&io::stderr()) != ColorChoice::Never;
        let style = if coloured { Style::Coloured } else { Style::Plain };
        let format = match format {
            MessageFormat::Human => Format::Human(style),
            MessageFormat::Short => Format::Short,
            MessageFormat::Json => Format::Json,
        };
        Self { format }
    }

    /// Says why the command could not be carried out.
    pub(crate) fn complain(&self, error: &dyn Error) {
        let mut text = format!("error: {error}");
        let mut cause = error.source();
        while let Some(source) = cause {
            text.push_str(&format!(": {source}"));
            cause = source.source();
        }
        // Nobody is left to be told when standard error is closed.
        let _ = writeln!(io::stderr(), "{text}");
    }

    pub(crate) fn build(&mut self, inputs: Inputs, out_dir: &Path, rust_paths: Vec<(String, String)>) -> Outcome {
        let from_stdin = inputs.files.iter().any(|file| file == Path::new(STDIN));
        if from_stdin && inputs.files.len() > 1 {
            return Err("standard input is built alone".into());
        }
        let mut analysis = analyse(inputs.files, Options { include: inputs.include, rust_paths })?;
        refuse_same_outputs(&mut analysis);
        self.report(&analysis)?;
        if analysis.failed() {
            return Ok(false);
        }
        if from_stdin {
            let root = analysis.loaded.roots.first().copied().unwrap_or(FileId(0));
            io::stdout().write_all(magen_nom::generate::file(&analysis.model, root).as_bytes())?;
        } else {
            write_all(&analysis, out_dir)?;
        }
        Ok(true)
    }

    pub(crate) fn check(&mut self, inputs: Inputs) -> Outcome {
        let analysis = analyse(inputs.files, Options { include: inputs.include, rust_paths: Vec::new() })?;
        self.report(&analysis)?;
        Ok(!analysis.failed())
    }

    pub(crate) fn fmt(&mut self, files: &[PathBuf], check: bool) -> Outcome {
        let mut well = true;
        for path in files {
            let (name, bytes) = read(path)?;
            let mut report = Report::default();
            let (text, sound) = decode(bytes, FileId(0), &mut report);
            let source = Source::new(name, text);
            let formatted = if sound { format(&source, FileId(0), &mut report) } else { None };
            let Some(formatted) = formatted else {
                self.report_syntax(source, report)?;
                well = false;
                continue;
            };
            if check {
                let changes = formatted != source.text;
                if changes {
                    writeln!(io::stdout(), "{}", source.name)?;
                }
                well &= !changes;
            } else if path == Path::new(STDIN) {
                io::stdout().write_all(formatted.as_bytes())?;
            } else if formatted != source.text {
                std::fs::write(path, formatted)
                    .map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
            }
        }
        Ok(well)
    }

    pub(crate) fn explain(&mut self, number: Option<&str>) -> Outcome {
        let mut out = io::stdout().lock();
        let Some(number) = number else {
            for code in Code::ALL {
                let title = code.page().lines().next().unwrap_or_default().trim_start_matches("# ");
                writeln!(out, "{title}")?;
            }
            return Ok(true);
        };
        if let Some(code) = Code::from_number(number) {
            out.write_all(code.page().as_bytes())?;
            return Ok(true);
        }
        let mut message = format!("there is no code `{number}`");
        if let Some(similar) = most_similar(number, Code::ALL.iter().map(|code| code.number())) {
            message.push_str(&format!(", but there is `{similar}`"));
        }
        Err(message.into())
    }

    pub(crate) fn breaking(&mut self, old: PathBuf, new: PathBuf, include: Vec<PathBuf>) -> Outcome {
        let analysis = analyse(vec![old, new], Options { include, rust_paths: Vec::new() })?;
        if analysis.failed() {
            self.report(&analysis)?;
            return Err("only files without errors can be compared".into());
        }
        let [old, new] = analysis.loaded.roots[..] else { return Ok(true) };
        let found = breaking(&analysis.model, old, new);
        let count = found.len();
        io::stderr().write_all(written(&found, count, &analysis.loaded.sources, self.format).as_bytes())?;
        Ok(count == 0)
    }

    pub(crate) fn completions(&mut self, shell: clap_complete::Shell) -> Outcome {
        clap_complete::generate(shell, &mut Cli::command(), "magen", &mut io::stdout());
        Ok(true)
    }

    fn report(&self, analysis: &Analysis) -> io::Result<()> {
        io::stderr().write_all(analysis.report(self.format).as_bytes())
    }

    fn report_syntax(&self, source: Source, report: Report) -> io::Result<()> {
        let mut sources = Sources::default();
        sources.add(source);
        let errors = report.errors();
        io::stderr().write_all(written(&report.sorted(), errors, &sources, self.format).as_bytes())
    }
}

fn analyse(files: Vec<PathBuf>, options: Options) -> Result<Analysis, Box<dyn Error>> {
    let roots = files.into_iter().map(|file| {
        if file != Path::new(STDIN) {
            return Ok(Root::Path(file));
        }
        let (name, bytes) = read(&file)?;
        Ok(Root::Text { name: PathBuf::from(name), bytes })
    });
    let roots = roots.collect::<Result<Vec<Root>, Box<dyn Error>>>()?;
    Ok(Analysis::of(roots, &options))
}

/// A file or standard input: the name for messages, and the content.
fn read(path: &Path) -> Result<(String, Vec<u8>), Box<dyn Error>> {
    if path == Path::new(STDIN) {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes)?;
        return Ok(("<stdin>".to_owned(), bytes));
    }
    match std::fs::read(path) {
        Ok(bytes) => Ok((path.display().to_string(), bytes)),
        Err(error) => Err(format!("cannot read `{}`: {error}", path.display()).into()),
    }
}
