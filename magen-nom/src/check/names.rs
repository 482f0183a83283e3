//! What is declared where, and what a name means from a given place.
//!
//! A plain name is looked for in the interface it is used in, then in its file, then in the files that this one imports
//! itself; what imports import is not seen. A name with dots may begin with an interface (`Calculator.Mode`), with a
//! module (`math.Point`), or with the file name of an import that has no module.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};

use crate::ast::{Const, Enum, File, Ident, Interface, Item, ItemKind, Member, Path, Prefix, Struct, Union};
use crate::diagnostic::Place;
use crate::load::Loaded;
use crate::model::ItemRef;
use crate::parse::Context;
use crate::span::FileId;

/// A declaration in the tree.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind<'a> {
    Interface(&'a Interface<'a>),
    Struct(&'a Struct<'a>),
    Enum(&'a Enum<'a>),
    Union(&'a Union<'a>),
    Const(&'a Const<'a>),
}

impl Kind<'_> {
    /// The word with an article, for messages.
    pub(super) fn described(self) -> &'static str {
        match self {
            Self::Interface(_) => "an interface",
            Self::Struct(_) => "a struct",
            Self::Enum(_) => "an enum",
            Self::Union(_) => "a union",
            Self::Const(_) => "a constant",
        }
    }
}

/// A declaration, out of its nesting; `names.files[…].declarations` has the order of the model's items.
#[derive(Debug, Clone, Copy)]
pub(super) struct Declaration<'a> {
    pub(super) name: Ident<'a>,
    pub(super) prefix: &'a Prefix<'a>,
    /// The interface in which it is nested.
    pub(super) owner: Option<usize>,
    pub(super) kind: Kind<'a>,
}

/// What one file declares and sees.
#[derive(Debug)]
pub(super) struct FileNames<'a> {
    /// The module, dots included; empty without one.
    pub(super) module: String,
    /// The file's name without extension.
    pub(super) stem: String,
    pub(super) declarations: Vec<Declaration<'a>>,
    /// By owner and name; the first of several.
    index: HashMap<(Option<usize>, &'a str), usize>,
    /// By enum and name.
    enumerators: HashMap<(usize, &'a str), usize>,
    /// The files that it imports itself, each once.
    pub(super) imports: Vec<FileId>,
    /// Names that may exist although they are not known.
    broken: HashSet<&'a str>,
    sees_all: bool,
}

/// Why a name has no meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unresolved {
    /// Nobody declares it.
    Unknown,
    /// Several imports declare it.
    Ambiguous(Vec<ItemRef>),
    /// It was declared, badly, or may be in a file that could not be read: that was said already.
    Forgiven,
}

/// The names of all files.
#[derive(Debug)]
pub(super) struct Names<'a> {
    pub(super) files: Vec<FileNames<'a>>,
    /// Which imports were of use: (importer, imported).
    pub(super) used: RefCell<BTreeSet<(FileId, FileId)>>,
}

impl<'a> Names<'a> {
    pub(super) fn declaration(&self, item: ItemRef) -> &Declaration<'a> {
        &self.files[item.file.0].declarations[item.index]
    }

    /// The place of an enumerator in its enum.
    pub(super) fn enumerator(&self, of: ItemRef, name: &str) -> Option<usize> {
        self.files[of.file.0].enumerators.get(&(of.index, name)).copied()
    }

    /// Where the name of an item stands.
    pub(super) fn place(&self, item: ItemRef) -> Place {
        Place { file: item.file, span: self.declaration(item).name.span }
    }

    /// `module.Interface.Name`
    pub(super) fn full_name(&self, item: ItemRef) -> String {
        let file = &self.files[item.file.0];
        let declaration = self.declaration(item);
        let owner = declaration.owner.map(|owner| file.declarations[owner].name.text);
        let parts =
            [Some(file.module.as_str()).filter(|module| !module.is_empty()), owner, Some(declaration.name.text)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(".")
    }

    /// What a path means in `file`, inside the interface `owner`.
    pub(super) fn resolve(&self, path: &Path<'_>, file: FileId, owner: Option<usize>) -> Result<ItemRef, Unresolved> {
        let segments: Vec<&str> = path.segments.iter().map(|segment| segment.text).collect();
        let found = match segments.as_slice() {
            [name] => self.plain(name, file, owner),
            [qualifier @ .., name] => self.qualified(qualifier, name, file),
            [] => Err(Unresolved::Unknown),
        };
        if let Ok(item) = found
            && item.file != file
        {
            self.used.borrow_mut().insert((file, item.file));
        }
        found.map_err(|unresolved| self.forgive(unresolved, &segments, file))
    }

    fn forgive(&self, unresolved: Unresolved, segments: &[&str], file: FileId) -> Unresolved {
        let broken = |file: &FileNames<'_>| segments.iter().any(|segment| file.broken.contains(segment));
        let names = &self.files[file.0];
        let forgiven =
            !names.sees_all || broken(names) || names.imports.iter().any(|import| broken(&self.files[import.0]));
        if unresolved == Unresolved::Unknown && forgiven { Unresolved::Forgiven } else { unresolved }
    }

    fn in_file(&self, file: FileId, owner: Option<usize>, name: &str) -> Option<ItemRef> {
        self.files[file.0].index.get(&(owner, name)).map(|index| ItemRef { file, index: *index })
    }

    fn plain(&self, name: &str, file: FileId, owner: Option<usize>) -> Result<ItemRef, Unresolved> {
        let nested = owner.and_then(|owner| self.in_file(file, Some(owner), name));
        if let Some(item) = nested.or_else(|| self.in_file(file, None, name)) {
            return Ok(item);
        }
        let imports = self.files[file.0].imports.iter();
        one_of(imports.filter_map(|import| self.in_file(*import, None, name)))
    }

    fn qualified(&self, qualifier: &[&str], name: &str, file: FileId) -> Result<ItemRef, Unresolved> {
        let dotted = qualifier.join(".");
        let names = &self.files[file.0];
        let seen = || std::iter::once(&file).chain(&names.imports);
        let through_module = seen()
            .filter(|seen| self.files[seen.0].answers_to(&dotted))
            .filter_map(|seen| self.in_file(*seen, None, name));
        let through_interface = || {
            let (interface, module) = qualifier.split_last()?;
            let module = module.join(".");
            let inside = seen().filter(move |seen| module.is_empty() || self.files[seen.0].answers_to(&module));
            Some(inside.filter_map(|seen| {
                let owner = self.in_file(*seen, None, interface)?;
                self.in_file(owner.file, Some(owner.index), name)
            }))
        };
        one_of(through_module.chain(through_interface().into_iter().flatten()))
    }

    /// Every declaration that a plain name could mean in `file`, inside the interface `owner`; for advice.
    pub(super) fn visible(&self, file: FileId, owner: Option<usize>) -> impl Iterator<Item = &Declaration<'a>> {
        let seen = std::iter::once(file).chain(self.files[file.0].imports.iter().copied());
        let declarations = seen
            .flat_map(move |seen| self.files[seen.0].declarations.iter().map(move |declaration| (seen, declaration)));
        let reachable = declarations.filter(move |(seen, declaration)| {
            declaration.owner.is_none() || (*seen == file && declaration.owner == owner)
        });
        reachable.map(|(_, declaration)| declaration)
    }

    /// At least as many as `visible` has.
    pub(super) fn visible_count(&self, file: FileId) -> usize {
        let names = &self.files[file.0];
        let imported = names.imports.iter().map(|import| self.files[import.0].declarations.len());
        names.declarations.len() + imported.sum::<usize>()
    }
}

impl FileNames<'_> {
    fn answers_to(&self, qualifier: &str) -> bool {
        self.module == qualifier || (self.module.is_empty() && self.stem == qualifier)
    }
}

fn one_of(mut found: impl Iterator<Item = ItemRef>) -> Result<ItemRef, Unresolved> {
    let first = found.next().ok_or(Unresolved::Unknown)?;
    let others: Vec<ItemRef> = found.filter(|other| *other != first).collect();
    if others.is_empty() {
        return Ok(first);
    }
    Err(Unresolved::Ambiguous(std::iter::once(first).chain(others).collect()))
}

/// A name that is declared again, with the place of the first.
pub(super) struct Again<'a> {
    pub(super) name: Ident<'a>,
    pub(super) first: Ident<'a>,
}

/// Collects what a file declares; names that come again are returned beside.
pub(super) fn collect<'a>(
    loaded: &Loaded,
    id: FileId,
    file: &'a File<'a>,
    context: &Context<'a>,
) -> (FileNames<'a>, Vec<Again<'a>>) {
    let unit = &loaded.units[id.0];
    let mut imports: Vec<FileId> = Vec::new();
    for imported in unit.imports.iter().filter_map(|edge| edge.file) {
        if imported != id && !imports.contains(&imported) {
            imports.push(imported);
        }
    }
    let mut collector = Collector::default();
    for item in &file.items {
        collector.item(item, None);
    }
    let names = FileNames {
        module: module_of(file),
        stem: unit.path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default(),
        declarations: collector.declarations,
        index: collector.index,
        enumerators: collector.enumerators,
        imports,
        broken: context.broken().into_iter().collect(),
        sees_all: loaded.sees_all_imports(id) && !context.has_broken_import(),
    };
    (names, collector.again)
}

fn module_of(file: &File<'_>) -> String {
    let module = file.items.iter().find_map(|item| match &item.kind {
        ItemKind::Module(path) => Some(path),
        ItemKind::Import(_)
        | ItemKind::Interface(_)
        | ItemKind::Struct(_)
        | ItemKind::Enum(_)
        | ItemKind::Union(_)
        | ItemKind::Const(_) => None,
    });
    let segments = module.into_iter().flat_map(|path| path.segments.iter().map(|segment| segment.text));
    segments.collect::<Vec<_>>().join(".")
}

#[derive(Default)]
struct Collector<'a> {
    declarations: Vec<Declaration<'a>>,
    index: HashMap<(Option<usize>, &'a str), usize>,
    enumerators: HashMap<(usize, &'a str), usize>,
    again: Vec<Again<'a>>,
}

impl<'a> Collector<'a> {
    fn item(&mut self, item: &'a Item<'a>, owner: Option<usize>) {
        let (name, kind) = match &item.kind {
            ItemKind::Module(_) | ItemKind::Import(_) => return,
            ItemKind::Interface(interface) => (interface.name, Kind::Interface(interface)),
            ItemKind::Struct(declared) => (declared.name, Kind::Struct(declared)),
            ItemKind::Enum(declared) => (declared.name, Kind::Enum(declared)),
            ItemKind::Union(declared) => (declared.name, Kind::Union(declared)),
            ItemKind::Const(declared) => (declared.name, Kind::Const(declared)),
        };
        let place = self.declarations.len();
        self.declarations.push(Declaration { name, prefix: &item.prefix, owner, kind });
        let first = *self.index.entry((owner, name.text)).or_insert(place);
        if first != place {
            self.again.push(Again { name, first: self.declarations[first].name });
        }
        match kind {
            Kind::Interface(interface) => {
                for member in &interface.members {
                    match member {
                        Member::Method(_) => {}
                        Member::Item(item) => self.item(item, Some(place)),
                    }
                }
            }
            Kind::Enum(declared) => {
                for (index, enumerator) in declared.enumerators.iter().enumerate() {
                    self.enumerators.entry((place, enumerator.name.text)).or_insert(index);
                }
            }
            Kind::Struct(_) | Kind::Union(_) | Kind::Const(_) => {}
        }
    }
}
