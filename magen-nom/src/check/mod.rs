//! From trees to the model: every name looked up, every rule of the language that is not grammar enforced.
//!
//! ```text
//! trees ── names ──▶ what is declared ── types, value, attribute ──▶ items ── structure, collision ──▶ Model
//! ```
//!
//! All mistakes of all files are said. A type that could not be made out is replaced by one that nothing else complains
//! about, so that one mistake is one error. The model is good for generating only if no error was said.

mod attribute;
mod collision;
mod data;
mod id;
mod interface;
mod names;
mod structure;
mod types;
mod value;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use crate::ast::{File, Ident, ItemKind};
use crate::diagnostic::{Code, Diagnostic, Place, Report, most_similar};
use crate::load::Loaded;
use crate::model::{self, Import, Item, ItemRef, Model, Type};
use crate::name;
use crate::parse::{Context, parse};
use crate::span::{FileId, Span};
use crate::types::{Scalar, builtin};
use attribute::Target;
use names::{FileNames, Kind, Names, collect};
use value::Constants;

/// Parses and checks what was loaded. `rust_paths` says of files, by name or path, where their Rust already is.
pub fn check(loaded: &Loaded, rust_paths: &[(String, String)], report: &mut Report) -> Model {
    let shared = RefCell::new(std::mem::take(report));
    let model = {
        let contexts: Vec<Context<'_>> = loaded
            .units
            .iter()
            .enumerate()
            .map(|(file, unit)| Context::new(loaded.sources.file(FileId(file)), FileId(file), &unit.lexed, &shared))
            .collect();
        let trees: Vec<File<'_>> = contexts.iter().map(parse).collect();
        check_trees(loaded, &contexts, &trees, rust_paths, &shared)
    };
    *report = shared.into_inner();
    model
}

fn check_trees<'a>(
    loaded: &'a Loaded,
    contexts: &'a [Context<'a>],
    trees: &'a [File<'a>],
    rust_paths: &[(String, String)],
    report: &'a RefCell<Report>,
) -> Model {
    let mut files: Vec<FileNames<'a>> = Vec::new();
    for ((file, tree), context) in trees.iter().enumerate().zip(contexts) {
        let (names, again) = collect(loaded, FileId(file), tree, context);
        for one in again {
            report.borrow_mut().push(duplicate(FileId(file), "declaration", one.name, one.first));
        }
        files.push(names);
    }
    let mut checker = Checker {
        loaded,
        names: Names { files, used: RefCell::default() },
        report,
        constants: RefCell::new(Constants::new()),
        errors: RefCell::default(),
        comparisons: Cell::new(COMPARISONS),
    };
    let mut model = Model { files: Vec::new(), roots: loaded.roots.clone() };
    for (file, tree) in trees.iter().enumerate() {
        let lowered = checker.file(FileId(file), tree, rust_paths);
        model.files.push(lowered);
    }
    checker.mark_errors(&mut model);
    checker.structure(&mut model);
    checker.collisions(&model);
    checker.unused_imports();
    model
}

/// From where a name is looked up.
#[derive(Debug, Clone, Copy)]
struct Here {
    file: FileId,
    /// The interface around, if any.
    owner: Option<usize>,
}

impl Here {
    fn place(self, span: Span) -> Place {
        Place { file: self.file, span }
    }
}

/// A `result` whose error type is to be looked at when all files are known.
struct ErrorUse {
    item: ItemRef,
    place: Place,
}

struct Checker<'a> {
    loaded: &'a Loaded,
    names: Names<'a>,
    report: &'a RefCell<Report>,
    constants: RefCell<Constants>,
    errors: RefCell<Vec<ErrorUse>>,
    /// How many more names may be compared for advice: the work for it must not grow with errors times names.
    comparisons: Cell<usize>,
}

/// Enough for advice on every name of a reasonable file.
const COMPARISONS: usize = 2_000_000;

impl<'a> Checker<'a> {
    fn say(&self, diagnostic: Diagnostic) {
        self.report.borrow_mut().push(diagnostic);
    }

    /// The name most like this one among the words and the declarations in sight that `fits`.
    fn similar(&self, name: &str, words: &[&'a str], here: Here, fits: impl Fn(Kind<'_>) -> bool) -> Option<&'a str> {
        let left = self.comparisons.get().checked_sub(self.names.visible_count(here.file) + words.len())?;
        self.comparisons.set(left);
        let declared = self.names.visible(here.file, here.owner).filter(|one| fits(one.kind)).map(|one| one.name.text);
        most_similar(name, words.iter().copied().chain(declared))
    }

    fn text(&self, here: Here, span: Span) -> &'a str {
        self.loaded.sources.file(here.file).slice(span)
    }

    fn file(&mut self, file: FileId, tree: &File<'a>, rust_paths: &[(String, String)]) -> model::File {
        let docs = self.header(file, tree);
        let count = self.names.files[file.0].declarations.len();
        let items = (0..count).map(|index| self.item(ItemRef { file, index })).collect();
        let names = &self.names.files[file.0];
        model::File {
            path: self.loaded.units[file.0].path.clone(),
            stem: names.stem.clone(),
            module: names.module.clone(),
            docs,
            imports: self.imports(file, rust_paths),
            items,
        }
    }

    /// Checks `module` and `import`; returns the documentation of the file.
    fn header(&self, file: FileId, tree: &File<'a>) -> Vec<String> {
        let mut module: Option<Span> = None;
        let mut docs = Vec::new();
        for item in &tree.items {
            let target = match &item.kind {
                ItemKind::Module(path) => {
                    match module {
                        None => docs = lines(&item.prefix.docs),
                        Some(first) => {
                            let place = Place { file, span: path.span };
                            let said = Diagnostic::error(Code::Duplicate, place, "a file belongs to one module");
                            let said = said.label("a second one");
                            self.say(said.also(Place { file, span: first }, "the first one"));
                        }
                    }
                    module.get_or_insert(path.span);
                    Target::Module
                }
                ItemKind::Import(_) => Target::Import,
                ItemKind::Interface(_)
                | ItemKind::Struct(_)
                | ItemKind::Enum(_)
                | ItemKind::Union(_)
                | ItemKind::Const(_) => continue,
            };
            self.attributes(&item.prefix, target, file);
        }
        docs
    }

    fn imports(&self, file: FileId, rust_paths: &[(String, String)]) -> Vec<Import> {
        let mut imports: Vec<Import> = Vec::new();
        for imported in &self.names.files[file.0].imports {
            let wanted = name::escape(name::snake(&sanitized(&self.names.files[imported.0].stem)));
            let rust_module = name::fresh(&wanted, imports.iter().map(|import| import.rust_module.as_str()));
            let path = &self.loaded.units[imported.0].path;
            let given = rust_paths.iter().find(|(name, _)| path.ends_with(name));
            let rust_path = given.map(|(_, rust)| rust.clone());
            imports.push(Import { file: *imported, rust_module, rust_path });
        }
        imports
    }

    fn item(&mut self, item: ItemRef) -> Item {
        let declaration = *self.names.declaration(item);
        let here = Here { file: item.file, owner: declaration.owner };
        if builtin(declaration.name.text).is_some() {
            self.reserved(declaration.kind, declaration.name, here);
        }
        match declaration.kind {
            Kind::Interface(interface) => Item::Interface(self.lower_interface(item, interface)),
            Kind::Struct(written) => Item::Struct(self.lower_struct(item, written)),
            Kind::Enum(written) => Item::Enum(self.lower_enum(item, written)),
            Kind::Union(written) => Item::Union(self.lower_union(item, written)),
            Kind::Const(written) => Item::Const(self.lower_const(item, written)),
        }
    }

    /// A struct called `string` could never be meant. An interface can: it is named where only interfaces are.
    fn reserved(&self, kind: Kind<'_>, name: Ident<'_>, here: Here) {
        if matches!(kind, Kind::Interface(_) | Kind::Const(_)) {
            return;
        }
        let message = format!("`{}` is a type of the language", name.text);
        let said = Diagnostic::error(Code::ReservedType, here.place(name.span), message).label("taken");
        self.say(said.note(format!("{} of this name could never be meant", kind.described())));
    }

    /// Decides which items may be errors, and complains about results whose error is none.
    fn mark_errors(&self, model: &mut Model) {
        let uses = self.errors.borrow();
        for used in uses.iter().filter(|used| used.place.file == used.item.file) {
            set_error(&mut model.files[used.item.file.0].items[used.item.index]);
        }
        for used in uses.iter().filter(|used| used.place.file != used.item.file) {
            if is_error(model.item(used.item)) {
                continue;
            }
            let name = self.names.declaration(used.item).name;
            let message = format!("`{}` is not an error type", name.text);
            let said = Diagnostic::error(Code::NotAnError, used.place, message)
                .label("the error of this `result`")
                .also(self.names.place(used.item), "declared here, for any purpose");
            self.say(said.help("write `[Error]` above its declaration, so that its own file makes it an error"));
        }
    }

    fn unused_imports(&self) {
        if self.report.borrow().errors() > 0 {
            return;
        }
        let used = self.names.used.borrow();
        for (file, unit) in self.loaded.units.iter().enumerate() {
            for edge in &unit.imports {
                let Some(imported) = edge.file else { continue };
                if used.contains(&(FileId(file), imported)) {
                    continue;
                }
                let place = Place { file: FileId(file), span: edge.span };
                self.say(
                    Diagnostic::warning(Code::UnusedImport, place, "nothing of this import is used").label("unused"),
                );
            }
        }
    }
}

fn set_error(item: &mut Item) {
    match item {
        Item::Struct(item) => item.is_error = true,
        Item::Enum(item) => item.is_error = true,
        Item::Union(item) => item.is_error = true,
        Item::Interface(_) | Item::Const(_) => {}
    }
}

fn is_error(item: &Item) -> bool {
    match item {
        Item::Struct(item) => item.is_error,
        Item::Enum(item) => item.is_error,
        Item::Union(item) => item.is_error,
        Item::Interface(_) | Item::Const(_) => false,
    }
}

/// What stands for a type that could not be made out: nothing else complains about it.
fn placeholder() -> Type {
    Type::Scalar(Scalar::Bool)
}

/// The text of documentation.
fn lines(docs: &crate::ast::Docs<'_>) -> Vec<String> {
    docs.lines.iter().map(|line| line.text.to_owned()).collect()
}

/// File names may hold anything; module names may not.
fn sanitized(stem: &str) -> String {
    stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

fn duplicate(file: FileId, what: &str, again: Ident<'_>, first: Ident<'_>) -> Diagnostic {
    let message = format!("the {what} `{}` comes twice", again.text);
    Diagnostic::error(Code::Duplicate, Place { file, span: again.span }, message)
        .label("again")
        .also(Place { file, span: first.span }, "first here")
}

/// Complains about names that come twice in one list.
fn duplicates<'a>(checker: &Checker<'_>, file: FileId, what: &str, names: impl Iterator<Item = Ident<'a>>) {
    let mut seen: HashMap<&'a str, Ident<'a>> = HashMap::new();
    for name in names {
        match seen.get(name.text) {
            Some(first) => checker.say(duplicate(file, what, name, *first)),
            None => {
                seen.insert(name.text, name);
            }
        }
    }
}
