//! Names that differ in the file and are one in Rust.

use std::borrow::Cow;
use std::collections::HashMap;

use super::Checker;
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::model::{Companion, Field, File, Interface, Item, Model, Name, Reply};
use crate::span::FileId;

/// A name in Rust and where it comes from.
struct Given<'a> {
    rust: Cow<'a, str>,
    /// What the user named.
    name: &'a Name,
    /// Whether it is generated beside that.
    is_companion: bool,
}

impl<'a> Given<'a> {
    fn of(name: &'a Name) -> Self {
        Self { rust: Cow::Borrowed(&name.rust), name, is_companion: false }
    }

    fn origin(&self) -> String {
        let name = &self.name.idl;
        if self.is_companion { format!("a type that is generated for `{name}`") } else { format!("`{name}`") }
    }
}

impl Checker<'_> {
    /// Complains about every scope in which two names become one.
    pub(super) fn collisions(&self, model: &Model) {
        for (file, lowered) in model.files.iter().enumerate() {
            let file = FileId(file);
            self.collide(file, types(lowered));
            self.collide(file, constants(&lowered.items, None));
            for (index, item) in lowered.items.iter().enumerate() {
                match item {
                    Item::Interface(interface) => {
                        // What is nested in an interface follows it.
                        let after = lowered.items.get(index + 1..).unwrap_or_default();
                        let count = after.iter().take_while(|item| item.owner() == Some(index)).count();
                        self.collide(file, constants(&after[..count], Some(index)));
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
        let mut known: HashMap<Cow<'n, str>, (&'n Name, bool)> = HashMap::new();
        for second in names {
            let (name, is_companion) = *known.entry(second.rust.clone()).or_insert((second.name, second.is_companion));
            let first = Given { rust: second.rust.clone(), name, is_companion };
            // The first itself, or twice the same name, which was complained about already.
            if first.name.idl == second.name.idl && first.is_companion == second.is_companion {
                continue;
            }
            // Companions have no place of their own: whoever was named by the user is pointed at.
            let swapped = second.is_companion && !first.is_companion;
            let (first, second) = if swapped { (&second, &first) } else { (&first, &second) };
            self.say(collision(file, first, second));
        }
    }
}

fn collision(file: FileId, first: &Given<'_>, second: &Given<'_>) -> Diagnostic {
    let rust = &second.rust;
    let message = format!("{} and {} are both `{rust}` in Rust", first.origin(), second.origin());
    Diagnostic::error(Code::RustCollision, Place { file, span: second.name.span }, message)
        .label(format!("`{rust}` in Rust"))
        .also(
            Place { file, span: first.name.span },
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
                    rust: Cow::Owned(companion.of(&interface.base)),
                    name: &interface.name,
                    is_companion: true,
                }));
            }
            Item::Struct(_) | Item::Enum(_) | Item::Union(_) => names.push(Given::of(item.name())),
            Item::Const(_) => {}
        }
    }
    names
}

fn constants(items: &[Item], owner: Option<usize>) -> impl Iterator<Item = Given<'_>> {
    let constants = items.iter().filter(|item| matches!(item, Item::Const(_)));
    constants.filter(move |item| item.owner() == owner).map(|item| Given::of(item.name()))
}

fn fields(fields: &[Field]) -> impl Iterator<Item = Given<'_>> {
    fields.iter().map(|field| Given::of(&field.name))
}
