//! Finds the files of a compilation: those asked for, and whatever they import, each once.
//!
//! ```text
//! read ──▶ text ──▶ tokens ──▶ its imports ──▶ read …
//! ```
//!
//! An import is looked for beside the file that imports it, then in each include directory, in their order. Files are
//! told apart by what the file system calls them, so that two ways to one file are one file. Files that import each
//! other are an error and still load.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Code, Diagnostic, Place, Report, most_similar};
use crate::parse::{Kind, Lexed, lex};
use crate::source::{Source, Sources};
use crate::span::{FileId, Span};

/// Where files come from.
pub trait FileSystem {
    /// The whole content of a file.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Whether there is a file of this name.
    fn is_file(&self, path: &Path) -> bool;

    /// A name that is the same for all ways to a file.
    fn identity(&self, path: &Path) -> PathBuf;

    /// The names of the files in a directory, for advice; empty when there is none.
    fn names_in(&self, directory: &Path) -> Vec<String>;
}

/// The files of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl FileSystem for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn identity(&self, path: &Path) -> PathBuf {
        path.canonicalize().unwrap_or_else(|_| path.to_owned())
    }

    fn names_in(&self, directory: &Path) -> Vec<String> {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }
}

/// Files in memory, by their paths; for tests, and for text that is in no file.
#[derive(Debug, Clone, Default)]
pub struct Memory(pub HashMap<PathBuf, Vec<u8>>);

impl FileSystem for Memory {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.0.get(path).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn is_file(&self, path: &Path) -> bool {
        self.0.contains_key(path)
    }

    fn identity(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }

    fn names_in(&self, directory: &Path) -> Vec<String> {
        let inside = self.0.keys().filter(|path| path.parent() == Some(directory));
        let mut names: Vec<String> = inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect();
        names.sort();
        names
    }
}

/// One import of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// Where the string stands.
    pub span: Span,
    /// The file, if it was found.
    pub file: Option<FileId>,
}

/// What is known of a file before it is parsed.
#[derive(Debug)]
pub struct Unit {
    /// Where it was found.
    pub path: PathBuf,
    /// Its tokens; none but the end when it could not be read.
    pub lexed: Lexed,
    /// What it imports, in order, also what was not found.
    pub imports: Vec<Edge>,
    /// Whether it could be read.
    pub sound: bool,
}

/// The files of a compilation. `FileId(n)` is the n-th of `units` and of `sources`.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The texts.
    pub sources: Sources,
    /// What is known of each.
    pub units: Vec<Unit>,
    /// The files that were asked for, in the order asked.
    pub roots: Vec<FileId>,
}

impl Loaded {
    /// Whether all imports of a file were read: else names may seem to be missing that do exist.
    pub fn sees_all_imports(&self, file: FileId) -> bool {
        let read = |edge: &Edge| edge.file.is_some_and(|imported| self.units[imported.0].sound);
        self.units[file.0].imports.iter().all(read)
    }
}

/// A file that was asked for.
#[derive(Debug, Clone)]
pub enum Root {
    /// A file by its path.
    Path(PathBuf),
    /// A text with a name for messages; its imports are looked for beside that name.
    Text {
        /// The name.
        name: PathBuf,
        /// The text, which need not be valid UTF-8.
        bytes: Vec<u8>,
    },
}

/// Loads the files asked for and their imports.
pub fn load(roots: Vec<Root>, include: &[PathBuf], files: &dyn FileSystem, report: &mut Report) -> Loaded {
    let mut loader = Loader { include, files, report, loaded: Loaded::default(), known: HashMap::new() };
    for root in roots {
        let id = loader.root(root);
        if !loader.loaded.roots.contains(&id) {
            loader.loaded.roots.push(id);
        }
    }
    // Units are appended while their importers are walked: a queue without a queue.
    let mut next = 0;
    while next < loader.loaded.units.len() {
        loader.follow_imports(FileId(next));
        next += 1;
    }
    loader.find_cycles();
    loader.loaded
}

struct Loader<'a> {
    include: &'a [PathBuf],
    files: &'a dyn FileSystem,
    report: &'a mut Report,
    loaded: Loaded,
    known: HashMap<PathBuf, FileId>,
}

impl Loader<'_> {
    fn root(&mut self, root: Root) -> FileId {
        match root {
            Root::Path(path) => self.open(path),
            Root::Text { name, bytes } => self.add(name, Ok(bytes)),
        }
    }

    fn open(&mut self, path: PathBuf) -> FileId {
        let identity = self.files.identity(&path);
        if let Some(known) = self.known.get(&identity) {
            return *known;
        }
        let content = self.files.read(&path);
        let id = self.add(path, content);
        self.known.insert(identity, id);
        id
    }

    fn add(&mut self, path: PathBuf, content: io::Result<Vec<u8>>) -> FileId {
        let file = FileId(self.loaded.units.len());
        let name = path.display().to_string();
        let start = Place { file, span: Span::at(0) };
        let (text, sound) = match content {
            Ok(bytes) => decode(bytes, file, self.report),
            Err(error) => {
                let message = format!("cannot read `{name}`: {error}");
                self.report.push(Diagnostic::error(Code::Unreadable, start, message));
                (String::new(), false)
            }
        };
        let source = Source::new(name, text);
        // What is no text has no tokens: one complaint is enough.
        let empty = Source::new("", "");
        let lexed = lex(if sound { &source } else { &empty }, file, self.report);
        self.loaded.sources.add(source);
        self.loaded.units.push(Unit { path, lexed, imports: Vec::new(), sound });
        file
    }

    fn follow_imports(&mut self, file: FileId) {
        for (span, name) in import_strings(&self.loaded, file) {
            let found = self.find(file, &name);
            if found.is_none() {
                self.not_found(Place { file, span }, &name);
            }
            let imported = found.map(|path| self.open(path));
            self.loaded.units[file.0].imports.push(Edge { span, file: imported });
        }
    }

    /// The directories in which a file's imports are looked for.
    fn directories(&self, file: FileId) -> Vec<PathBuf> {
        let own = self.loaded.units[file.0].path.parent().unwrap_or(Path::new("")).to_owned();
        std::iter::once(own).chain(self.include.iter().cloned()).collect()
    }

    fn find(&self, file: FileId, name: &str) -> Option<PathBuf> {
        self.directories(file).into_iter().map(|directory| directory.join(name)).find(|path| self.files.is_file(path))
    }

    fn not_found(&mut self, place: Place, name: &str) {
        let directories = self.directories(place.file);
        let shown = directories.iter().map(|directory| match directory.as_os_str().is_empty() {
            true => "the current directory".to_owned(),
            false => format!("`{}`", directory.display()),
        });
        let looked_in = shown.collect::<Vec<_>>().join(", ");
        let mut said = Diagnostic::error(Code::ImportNotFound, place, format!("cannot find `{name}`"))
            .label("no such file")
            .note(format!("looked in {looked_in}"));
        let inside = Path::new(name).parent().unwrap_or(Path::new(""));
        let names: Vec<String> = directories
            .iter()
            .flat_map(|directory| self.files.names_in(&directory.join(inside)))
            .filter(|name| name.ends_with(".magen"))
            .map(|name| inside.join(name).display().to_string())
            .collect();
        if let Some(similar) = most_similar(name, names.iter().map(String::as_str)) {
            let text = format!("there is a file with a similar name: `{similar}`");
            said = said.suggest(text, place, format!("\"{similar}\""));
        }
        self.report.push(said);
    }

    /// Follows the imports depth first, without recursion: an import that leads back to a file on the way is a cycle.
    fn find_cycles(&mut self) {
        let units = &self.loaded.units;
        let mut finished = vec![false; units.len()];
        for start in 0..units.len() {
            // The way from `start`, and how many imports of each file on it were followed.
            let mut way = vec![(start, 0)];
            while let Some((unit, followed)) = way.last_mut() {
                let edges = &units[*unit].imports;
                let Some(edge) = edges.get(*followed).filter(|_| !finished[*unit]) else {
                    finished[*unit] = true;
                    way.pop();
                    continue;
                };
                *followed += 1;
                let importer = FileId(*unit);
                let Some(FileId(imported)) = edge.file else { continue };
                if let Some(first) = way.iter().position(|(unit, _)| *unit == imported) {
                    let cycle = way.iter().skip(first).map(|(unit, _)| FileId(*unit)).collect::<Vec<_>>();
                    let said = cycle_found(&self.loaded, &cycle, Place { file: importer, span: edge.span });
                    self.report.push(said);
                } else if !finished[imported] {
                    way.push((imported, 0));
                }
            }
        }
    }
}

/// The text of a file, and whether it is one: else a complaint was made and what can be shown of it comes back.
pub fn decode(bytes: Vec<u8>, file: FileId, report: &mut Report) -> (String, bool) {
    if u32::try_from(bytes.len()).is_err() {
        let start = Place { file, span: Span::at(0) };
        report.push(Diagnostic::error(Code::Unreadable, start, "a file must be shorter than 4 GiB"));
        return (String::new(), false);
    }
    let error = match String::from_utf8(bytes) {
        Ok(text) => return (text, true),
        Err(error) => error,
    };
    let valid = u32::try_from(error.utf8_error().valid_up_to()).unwrap_or(u32::MAX);
    let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
    let width = text.get(valid as usize..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    let span = Span::new(valid, valid + u32::try_from(width).unwrap_or(0));
    let said = Diagnostic::error(Code::NotUtf8, Place { file, span }, "this file is not UTF-8 text");
    report.push(said.label(format!("the byte at offset {valid} begins no character")));
    (text, false)
}

fn cycle_found(loaded: &Loaded, cycle: &[FileId], place: Place) -> Diagnostic {
    let names: Vec<&str> = cycle.iter().map(|file| loaded.sources.file(*file).name.as_str()).collect();
    let said = Diagnostic::error(Code::ImportCycle, place, "files import each other in a circle");
    if let [only] = names.as_slice() {
        return said.label(format!("`{only}` imports itself"));
    }
    let way = [names.as_slice(), &names[..1]].concat().join(" → ");
    let said = said.label("this import closes the circle").note(format!("the way round is {way}"));
    said.help("move what both need into a third file that imports neither")
}

/// The strings behind `import`. The grammar is not asked, as the file may be wrong elsewhere.
fn import_strings(loaded: &Loaded, file: FileId) -> Vec<(Span, String)> {
    let source = loaded.sources.file(file);
    let pairs = loaded.units[file.0].lexed.tokens.windows(2).filter_map(|pair| match pair {
        [word, string] if word.kind == Kind::Ident && string.kind == Kind::String => Some((word.span, string.span)),
        _ => None,
    });
    let strings = pairs.filter(|(word, _)| source.slice(*word) == "import").map(|(_, string)| string);
    strings.map(|span| (span, source.slice(span).trim_matches('"').to_owned())).collect()
}
