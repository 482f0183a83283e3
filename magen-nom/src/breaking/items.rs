//! Two versions of one declaration.

use std::collections::{HashMap, HashSet};

use super::describe::{layout, shown};
use super::{Comparison, Versions};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::model::{Const, Enum, Enumerator, Field, Item, Type, Union, Value};
use crate::span::FileId;

impl Comparison<'_> {
    pub(super) fn item(&mut self, versions: Versions<'_>, old: &Item, new: &Item) {
        match (old, new) {
            (Item::Interface(old), Item::Interface(new)) => self.interface(versions, old, new),
            (Item::Struct(old), Item::Struct(new)) => {
                self.fields(versions, "field", &old.fields, &new.fields);
            }
            (Item::Enum(old), Item::Enum(new)) => self.enums(versions, old, new),
            (Item::Union(old), Item::Union(new)) => self.unions(versions, old, new),
            (Item::Const(old), Item::Const(new)) => self.constants(versions, old, new),
            (Item::Interface(_) | Item::Struct(_) | Item::Enum(_) | Item::Union(_) | Item::Const(_), _) => {
                let message = format!("`{}` is something else now", versions.new.1.idl);
                self.changed(Code::LayoutChanged, versions, message, kind(old).to_owned(), kind(new).to_owned());
            }
        }
    }

    /// Fields, parameters or values: what both have stays, what is new comes at the end with a version.
    pub(super) fn fields(&mut self, around: Versions<'_>, what: &str, old: &[Field], new: &[Field]) {
        for (index, field) in old.iter().enumerate() {
            let Some(other) = new.get(index) else {
                self.removed(around.old.0, &field.name, around.new.0, &format!("the {what} `{}`", field.name.idl));
                continue;
            };
            let versions = Versions { old: (around.old.0, &field.name), new: (around.new.0, &other.name) };
            if self.types(versions, what, &field.ty, &other.ty) && field.name.rust != other.name.rust {
                let message = format!("the {what} `{}` has another name", field.name.idl);
                let is = format!("is `{}` in Rust", other.name.rust);
                self.changed(Code::SourceChanged, versions, message, format!("was `{}`", field.name.rust), is);
            }
        }
        for field in new.iter().skip(old.len()) {
            if field.min_version == 0 {
                self.unversioned(around.new.0, what, field);
            } else if what == "parameter" {
                let place = Place { file: around.new.0, span: field.name.span };
                let message = format!("the parameter `{}` is new", field.name.idl);
                let said = Diagnostic::error(Code::SourceChanged, place, message).label("calls need one more argument");
                self.found.push(said.note("on the wire nothing breaks: older writers are understood"));
            }
        }
    }

    fn unversioned(&mut self, file: FileId, what: &str, field: &Field) {
        let place = Place { file, span: field.name.span };
        let message = format!("the {what} `{}` is new and has no version", field.name.idl);
        let said = Diagnostic::error(Code::LayoutChanged, place, message).label("older writers do not send this");
        self.found.push(said.help("write `[MinVersion=1]`, or a higher one, in front of it"));
    }

    /// Compares two types; whether they are the same up to bounds.
    pub(super) fn types(&mut self, versions: Versions<'_>, what: &str, old: &Type, new: &Type) -> bool {
        let (was, is) = (shown(self.model, old), shown(self.model, new));
        let name = &versions.new.1.idl;
        if layout(self.model, old) != layout(self.model, new) {
            let message = format!("the {what} `{name}` has another type");
            self.changed(Code::LayoutChanged, versions, message, format!("was `{was}`"), format!("is `{is}`"));
            return false;
        }
        if was != is {
            let message = format!("the {what} `{name}` has another bound");
            self.changed(Code::ValueChanged, versions, message, format!("was `{was}`"), format!("is `{is}`"));
        }
        true
    }

    fn enums(&mut self, around: Versions<'_>, old: &Enum, new: &Enum) {
        if old.extensible != new.extensible {
            let word = |extensible| if extensible { "extensible" } else { "not extensible" };
            let code = if old.extensible { Code::EnumChanged } else { Code::SourceChanged };
            let message = format!("`{}` is {} now", around.new.1.idl, word(new.extensible));
            self.changed(code, around, message, format!("was {}", word(old.extensible)), "here".to_owned());
        }
        let newer: HashMap<&str, &Enumerator> = new.enumerators.iter().map(|one| (&*one.name.idl, one)).collect();
        for enumerator in &old.enumerators {
            let Some(other) = newer.get(&*enumerator.name.idl) else {
                let what = format!("the enumerator `{}`", enumerator.name.idl);
                self.removed(around.old.0, &enumerator.name, around.new.0, &what);
                continue;
            };
            let versions = Versions { old: (around.old.0, &enumerator.name), new: (around.new.0, &other.name) };
            self.rust_name(versions);
            if enumerator.value != other.value {
                let message = format!("`{}` has another number", other.name.idl);
                let (was, is) = (format!("was {}", enumerator.value), format!("is {}", other.value));
                self.changed(Code::EnumChanged, versions, message, was, is);
            }
        }
        let known: HashSet<&str> = old.enumerators.iter().map(|one| &*one.name.idl).collect();
        for enumerator in new.enumerators.iter().filter(|one| !old.extensible && !known.contains(&*one.name.idl)) {
            let place = Place { file: around.new.0, span: enumerator.name.span };
            let message = format!("the enumerator `{}` is new, and older readers refuse it", enumerator.name.idl);
            let said = Diagnostic::error(Code::EnumChanged, place, message).label("unknown to older readers");
            self.found.push(said.note("only enums that were `[Extensible]` from the start can grow"));
        }
    }

    fn unions(&mut self, around: Versions<'_>, old: &Union, new: &Union) {
        for (index, member) in old.members.iter().enumerate() {
            let Some(other) = new.members.get(index) else {
                let what = format!("the member `{}`", member.name.idl);
                self.removed(around.old.0, &member.name, around.new.0, &what);
                continue;
            };
            let versions = Versions { old: (around.old.0, &member.name), new: (around.new.0, &other.name) };
            if self.types(versions, "member", &member.ty, &other.ty) {
                self.rust_name(versions);
            }
        }
        for member in new.members.iter().skip(old.members.len()) {
            let place = Place { file: around.new.0, span: member.name.span };
            let message = format!("the member `{}` is new, and older readers refuse it", member.name.idl);
            self.found.push(Diagnostic::error(Code::UnionChanged, place, message).label("unknown to older readers"));
        }
    }

    fn constants(&mut self, versions: Versions<'_>, old: &Const, new: &Const) {
        if self.types(versions, "constant", &old.ty, &new.ty)
            && old.value != new.value
            && !self.same_enumerator(old, new)
        {
            let message = format!("the constant `{}` has another value", new.name.idl);
            self.changed(Code::ValueChanged, versions, message, "was this".to_owned(), "is this".to_owned());
        }
    }

    /// Enumerators of two versions of one enum are the same if they are called the same.
    fn same_enumerator(&self, old: &Const, new: &Const) -> bool {
        self.enumerator_name(&old.value).is_some_and(|name| self.enumerator_name(&new.value) == Some(name))
    }

    fn enumerator_name(&self, value: &Value) -> Option<&str> {
        let Value::Enumerator { of, index } = value else { return None };
        match self.model.item(*of) {
            Item::Enum(found) => found.enumerators.get(*index).map(|one| one.name.idl.as_str()),
            Item::Interface(_) | Item::Struct(_) | Item::Union(_) | Item::Const(_) => None,
        }
    }
}

fn kind(item: &Item) -> &'static str {
    match item {
        Item::Interface(_) => "an interface",
        Item::Struct(_) => "a struct",
        Item::Enum(_) => "an enum",
        Item::Union(_) => "a union",
        Item::Const(_) => "a constant",
    }
}
