//! What the change from one version of a file to the next breaks: on the wire, for peers that still speak the old one,
//! or in source, for code that uses what is generated.
//!
//! Declarations are matched by their names within the file. What is only added is compatible, except where the language
//! says otherwise: a parameter or field without `[MinVersion]`, an enumerator of an enum that is not `[Extensible]`, a
//! member of a union.

mod describe;
mod items;
mod methods;

use std::collections::HashMap;

use crate::diagnostic::{Code, Diagnostic, Place};
use crate::model::{Item, ItemRef, Model, Name};
use crate::span::FileId;

/// Compares two files of one model, and the files that both import under the same name.
pub fn breaking(model: &Model, old: FileId, new: FileId) -> Vec<Diagnostic> {
    let mut comparison = Comparison { model, found: Vec::new() };
    let mut pairs = vec![(old, new)];
    let mut next = 0;
    while let Some((old, new)) = pairs.get(next).copied() {
        next += 1;
        comparison.files(old, new);
        for import in &model.file(old).imports {
            let stem = &model.file(import.file).stem;
            let partner = model.file(new).imports.iter().find(|other| model.file(other.file).stem == *stem);
            let pair = partner.map(|partner| (import.file, partner.file));
            pairs.extend(pair.filter(|pair| pair.0 != pair.1 && !pairs.contains(pair)));
        }
    }
    comparison.found
}

struct Comparison<'a> {
    model: &'a Model,
    found: Vec<Diagnostic>,
}

/// Two versions of one thing, by their places in the two files.
#[derive(Debug, Clone, Copy)]
struct Versions<'a> {
    old: (FileId, &'a Name),
    new: (FileId, &'a Name),
}

impl Versions<'_> {
    fn old_place(&self) -> Place {
        Place { file: self.old.0, span: self.old.1.span }
    }

    fn new_place(&self) -> Place {
        Place { file: self.new.0, span: self.new.1.span }
    }
}

impl<'a> Comparison<'a> {
    fn files(&mut self, old: FileId, new: FileId) {
        let model = self.model;
        let newer: HashMap<String, &Item> =
            model.file(new).items.iter().map(|item| (path(model, new, item), item)).collect();
        for item in &model.file(old).items {
            let path = path(model, old, item);
            let Some(partner) = newer.get(&path) else {
                self.removed(old, item.name(), new, &format!("`{path}`"));
                continue;
            };
            let versions = Versions { old: (old, item.name()), new: (new, partner.name()) };
            self.rust_name(versions);
            self.item(versions, item, partner);
        }
    }

    /// Something of the old version is not in the new one.
    fn removed(&mut self, old: FileId, name: &Name, new: FileId, what: &str) {
        let place = Place { file: old, span: name.span };
        let newer = self.model.file(new).path.display();
        let said = Diagnostic::error(Code::Removed, place, format!("{what} is gone"));
        self.found.push(said.label(format!("not in `{newer}` any more")));
    }

    /// Something is different in the new version.
    fn changed(&mut self, code: Code, versions: Versions<'_>, message: String, was: String, is: String) {
        let said = Diagnostic::error(code, versions.new_place(), message).label(is);
        self.found.push(said.also(versions.old_place(), was));
    }

    fn rust_name(&mut self, versions: Versions<'_>) {
        let (old, new) = (&versions.old.1.rust, &versions.new.1.rust);
        if old != new {
            let message = format!("`{}` has another name in Rust", versions.new.1.idl);
            self.changed(Code::SourceChanged, versions, message, format!("was `{old}`"), format!("is `{new}`"));
        }
    }
}

/// The name within the file: `Interface.Name` or `Name`.
fn path(model: &Model, file: FileId, item: &Item) -> String {
    let owner = item.owner().map(|index| model.item(ItemRef { file, index }).name());
    let names = owner.into_iter().chain([item.name()]);
    names.map(|name| name.idl.as_str()).collect::<Vec<_>>().join(".")
}
