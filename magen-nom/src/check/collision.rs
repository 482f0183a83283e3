//! Names that differ in the file and are one in Rust.

use std::collections::HashMap;

use super::Checker;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::model::{Companion, Field, File, Interface, Item, Model, Name, Reply};
use crate::span::{FileId, Span};

/// A name in Rust and where it comes from.
struct Given<'a> {
    rust: String,
    /// What the file says, in backticks or described.
    origin: String,
    idl: &'a str,
    span: Span,
    /// Whether it is generated beside what the user named.
    is_companion: bool,
}

impl<'a> Given<'a> {
    fn of(name: &'a Name) -> Self {
        Self {
            rust: name.rust.clone(),
            origin: format!("`{}`", name.idl),
            idl: &name.idl,
            span: name.span,
            is_companion: false,
        }
    }
}

impl Checker<'_> {
    /// Complains about every scope in which two names become one.
    pub(super) fn collisions(&self, model: &Model) {
        for (file, lowered) in model.files.iter().enumerate() {
            let file = FileId(file);
            self.collide(file, types(lowered));
            self.collide(file, constants(lowered, None));
            for (index, item) in lowered.items.iter().enumerate() {
                match item {
                    Item::Interface(interface) => {
                        self.collide(file, constants(lowered, Some(index)));
                        self.interface_names(file, interface);
                    }
                    Item::Struct(found) => self.collide(file, fields(&found.fields)),
                    Item::Enum(found) => self.collide(file, found.enumerators.iter().map(|one| Given::of(&one.name))),
                    Item::Union(found) => self.collide(file, found.members.iter().map(|one| Given::of(&one.name))),
                    Item::Const(_) => {}
                }
            }
        }
    }

    fn interface_names(&self, file: FileId, interface: &Interface) {
        self.collide(file, interface.methods.iter().map(|method| Given::of(&method.name)));
        for method in &interface.methods {
            self.collide(file, fields(&method.params));
            match &method.reply {
                Reply::Values(values) => self.collide(file, fields(values)),
                Reply::OneWay | Reply::Result { .. } | Reply::Stream(_) => {}
            }
        }
    }

    fn collide<'n>(&self, file: FileId, names: impl IntoIterator<Item = Given<'n>>) {
        let mut known: HashMap<String, Given<'n>> = HashMap::new();
        for name in names {
            let Some(first) = known.get(&name.rust) else {
                known.insert(name.rust.clone(), name);
                continue;
            };
            // Twice the same name was complained about already.
            if first.idl == name.idl && !first.is_companion && !name.is_companion {
                continue;
            }
            // Companions have no place of their own: whoever was named by the user is pointed at.
            let (first, second) =
                if name.is_companion && !first.is_companion { (&name, first) } else { (first, &name) };
            self.say(collision(file, first, second));
        }
    }
}

fn collision(file: FileId, first: &Given<'_>, second: &Given<'_>) -> Diagnostic {
    let rust = &second.rust;
    let message = format!("{} and {} are both `{rust}` in Rust", first.origin, second.origin);
    Diagnostic::error(Code::RustCollision, Place { file, span: second.span }, message)
        .label(format!("`{rust}` in Rust"))
        .also(
            Place { file, span: first.span },
            if first.is_companion { "generated for this" } else { "the same in Rust" },
        )
        .help("rename one, or choose its name in Rust: `[RustName=\"…\"]`")
}

fn types(file: &File) -> Vec<Given<'_>> {
    let mut names = Vec::new();
    for item in &file.items {
        match item {
            Item::Interface(interface) => {
                names.push(Given::of(&interface.name));
                names.extend(Companion::ALL.map(|companion| Given {
                    rust: companion.of(&interface.base),
                    origin: format!("a type that is generated for `{}`", interface.name.idl),
                    idl: &interface.name.idl,
                    span: interface.name.span,
                    is_companion: true,
                }));
            }
            Item::Struct(_) | Item::Enum(_) | Item::Union(_) => names.push(Given::of(item.name())),
            Item::Const(_) => {}
        }
    }
    names
}

fn constants(file: &File, owner: Option<usize>) -> impl Iterator<Item = Given<'_>> {
    let constants = file.items.iter().filter(|item| matches!(item, Item::Const(_)));
    constants.filter(move |item| item.owner() == owner).map(|item| Given::of(item.name()))
}

fn fields(fields: &[Field]) -> impl Iterator<Item = Given<'_>> {
    fields.iter().map(|field| Given::of(&field.name))
}
