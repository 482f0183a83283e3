//! Types: what the names mean, and whether what stands in angle brackets fits.

use super::names::{Kind, Unresolved};
use super::{Checker, Here};
use crate::ast;
use crate::ast::{IntLiteral, TypeArgument};
use crate::diagnostic::{Code, Diagnostic, Place, most_similar};
use crate::model::{ItemRef, Type};
use crate::span::Span;
use crate::types::{BUILTINS, Builtin, HandleKind, Scalar, builtin};

/// The longest array of fixed length: a Rust array lives on the stack.
const LONGEST_FIXED: i128 = 65_536;

/// What people call types elsewhere.
const FOREIGN: &[(&str, &str)] = &[
    ("MageHandle", "MessagePipe"),
    ("boolean", "bool"),
    ("byte", "uint8"),
    ("dict", "map"),
    ("f32", "float"),
    ("f64", "double"),
    ("float32", "float"),
    ("float64", "double"),
    ("hashmap", "map"),
    ("i16", "int16"),
    ("i32", "int32"),
    ("i64", "int64"),
    ("i8", "int8"),
    ("integer", "int"),
    ("list", "array"),
    ("message_pipe", "MessagePipe"),
    ("short", "int16"),
    ("size_t", "uint64"),
    ("str", "string"),
    ("text", "string"),
    ("u16", "uint16"),
    ("u32", "uint32"),
    ("u64", "uint64"),
    ("u8", "uint8"),
    ("unsigned", "uint32"),
    ("vec", "array"),
    ("vector", "array"),
];

impl Checker<'_> {
    /// The type, or nothing when it is wrong, which is said.
    pub(super) fn ty(&self, written: &ast::Type<'_>, here: Here) -> Option<Type> {
        let base = self.base(written, here)?;
        Some(if written.optional.is_some() { Type::Optional(Box::new(base)) } else { base })
    }

    fn base(&self, written: &ast::Type<'_>, here: Here) -> Option<Type> {
        let [only] = written.path.segments.as_slice() else { return self.declared(written, here) };
        match builtin(only.text) {
            Some(builtin) => self.builtin(builtin, only.text, written, here),
            None => self.declared(written, here),
        }
    }

    fn builtin(&self, found: Builtin, word: &str, written: &ast::Type<'_>, here: Here) -> Option<Type> {
        let arguments = written.arguments.as_deref();
        match (found, arguments.unwrap_or_default()) {
            (Builtin::Scalar(scalar), []) if arguments.is_none() => Some(Type::Scalar(scalar)),
            (Builtin::SharedBuffer, []) if arguments.is_none() => Some(Type::SharedBuffer),
            (Builtin::MessagePipe, []) if arguments.is_none() => Some(Type::MessagePipe),
            (Builtin::String, []) if arguments.is_none() => Some(Type::String { max: None }),
            (Builtin::Bytes, []) if arguments.is_none() => Some(Type::Bytes { max: None }),
            (Builtin::Handle, []) if arguments.is_none() => Some(Type::Handle(HandleKind::Fd)),
            (Builtin::String, [TypeArgument::Number(max)]) => {
                Some(Type::String { max: Some(self.bound(max, u32::MAX.into(), here)?) })
            }
            (Builtin::Bytes, [TypeArgument::Number(max)]) => {
                Some(Type::Bytes { max: Some(self.bound(max, u32::MAX.into(), here)?) })
            }
            (Builtin::Handle, [TypeArgument::Type(kind)]) => self.handle_kind(kind, here),
            (Builtin::Array, [TypeArgument::Type(element)]) => {
                Some(Type::Array { element: Box::new(self.ty(element, here)?), length: None })
            }
            (Builtin::Array, [TypeArgument::Type(element), TypeArgument::Number(length)]) => {
                let element = self.ty(element, here);
                let length = self.bound(length, LONGEST_FIXED, here)?;
                Some(Type::Array { element: Box::new(element?), length: Some(length) })
            }
            (Builtin::Map, [TypeArgument::Type(key), TypeArgument::Type(value)]) => {
                let (key, value) = (self.key(key, here), self.ty(value, here));
                Some(Type::Map { key: Box::new(key?), value: Box::new(value?) })
            }
            (Builtin::PendingRemote, [TypeArgument::Type(interface)]) => {
                self.interface(interface, here).map(Type::PendingRemote)
            }
            (Builtin::PendingReceiver, [TypeArgument::Type(interface)]) => {
                self.interface(interface, here).map(Type::PendingReceiver)
            }
            (
                Builtin::Scalar(_)
                | Builtin::SharedBuffer
                | Builtin::MessagePipe
                | Builtin::String
                | Builtin::Bytes
                | Builtin::Handle
                | Builtin::Array
                | Builtin::Map
                | Builtin::PendingRemote
                | Builtin::PendingReceiver,
                _,
            ) => self.wrong_arguments(found, word, written, here),
        }
    }

    fn wrong_arguments(&self, found: Builtin, word: &str, written: &ast::Type<'_>, here: Here) -> Option<Type> {
        let form = match found {
            Builtin::Scalar(_) | Builtin::SharedBuffer | Builtin::MessagePipe => {
                return self.no_arguments(written, here);
            }
            Builtin::String | Builtin::Bytes => "a number of bytes or nothing",
            Builtin::Array => "a type, and for a fixed length a number",
            Builtin::Map => "a type for the keys and one for the values",
            Builtin::PendingRemote | Builtin::PendingReceiver => "an interface",
            Builtin::Handle => "`fd`, `file`, `socket` or nothing",
        };
        let example = match found {
            Builtin::Scalar(_) | Builtin::SharedBuffer | Builtin::MessagePipe | Builtin::String => "string<64>",
            Builtin::Bytes => "bytes<1024>",
            Builtin::Array => "array<string>` or `array<uint8, 16>",
            Builtin::Map => "map<string, int>",
            Builtin::PendingRemote => "pending_remote<Calculator>",
            Builtin::PendingReceiver => "pending_receiver<Calculator>",
            Builtin::Handle => "handle<file>",
        };
        let place = here.place(self.brackets(written));
        let said = Diagnostic::error(Code::TypeArguments, place, format!("`{word}<…>` wants {form}"));
        self.say(said.label(format!("expected {form}")).help(format!("for example `{example}`")));
        None
    }

    /// From the opening bracket to the closing one, or the name when there are none.
    fn brackets(&self, written: &ast::Type<'_>) -> Span {
        if written.arguments.is_none() {
            return written.path.span;
        }
        let end = written.optional.map_or(written.span.end, |question| question.start);
        Span::new(written.path.span.end, end.max(written.path.span.end))
    }

    fn no_arguments(&self, written: &ast::Type<'_>, here: Here) -> Option<Type> {
        let place = here.place(self.brackets(written));
        let name = self.text(here, written.path.span);
        let said = Diagnostic::error(Code::TypeArguments, place, format!("`{name}` takes nothing in angle brackets"));
        self.say(said.label("unexpected").suggest("leave it out", place, ""));
        None
    }

    fn bound(&self, literal: &IntLiteral, greatest: i128, here: Here) -> Option<u32> {
        let value = literal.value.filter(|value| (1..=greatest).contains(value));
        if let Some(value) = value.and_then(|value| u32::try_from(value).ok()) {
            return Some(value);
        }
        let written = self.text(here, literal.span);
        let message = format!("{written} is outside of the range from 1 to {greatest}");
        let said = Diagnostic::error(Code::InvalidBound, here.place(literal.span), message).label("out of range");
        self.say(if greatest == LONGEST_FIXED && literal.value.is_none_or(|value| value > 0) {
            said.help("an array of fixed length lives on the stack; leave the length out for a long one")
        } else {
            said
        });
        None
    }

    fn handle_kind(&self, written: &ast::Type<'_>, here: Here) -> Option<Type> {
        let name = self.text(here, written.span);
        if let Some((_, kind)) = HandleKind::ALL.iter().find(|(word, _)| *word == name) {
            return Some(Type::Handle(*kind));
        }
        let place = here.place(written.span);
        let said = Diagnostic::error(Code::TypeArguments, place, format!("there is no handle of kind `{name}`"))
            .label("expected `fd`, `file` or `socket`");
        self.say(match most_similar(name, HandleKind::ALL.map(|(word, _)| word)) {
            Some(similar) => said.suggest("there is one with a similar name", place, similar),
            None => said,
        });
        None
    }

    fn key(&self, written: &ast::Type<'_>, here: Here) -> Option<Type> {
        let key = self.ty(written, here)?;
        let fits = match &key {
            Type::Scalar(scalar) => !matches!(scalar, Scalar::F32 | Scalar::F64),
            Type::String { .. } | Type::Bytes { .. } | Type::Enum(_) => true,
            Type::Array { .. }
            | Type::Map { .. }
            | Type::Optional(_)
            | Type::Boxed(_)
            | Type::PendingRemote(_)
            | Type::PendingReceiver(_)
            | Type::Handle(_)
            | Type::SharedBuffer
            | Type::MessagePipe
            | Type::Struct(_)
            | Type::Union(_) => false,
        };
        if fits {
            return Some(key);
        }
        let name = self.text(here, written.span);
        let said =
            Diagnostic::error(Code::MapKey, here.place(written.span), format!("`{name}` cannot be a key of a map"));
        self.say(said.label("not a key").note("a key is a whole number, `bool`, `char`, `string`, `bytes` or an enum"));
        None
    }

    /// An interface by its name.
    fn interface(&self, written: &ast::Type<'_>, here: Here) -> Option<ItemRef> {
        let place = here.place(written.span);
        let name = self.text(here, written.path.span);
        if written.arguments.is_some() || written.optional.is_some() {
            let message = format!("expected the name of an interface, found `{}`", self.text(here, written.span));
            self.say(Diagnostic::error(Code::TypeArguments, place, message).label("not a name"));
            return None;
        }
        match self.names.resolve(&written.path, here.file, here.owner) {
            Ok(item) => match self.names.declaration(item).kind {
                Kind::Interface(_) => Some(item),
                other @ (Kind::Struct(_) | Kind::Enum(_) | Kind::Union(_) | Kind::Const(_)) => {
                    let message =
                        format!("expected an interface, found {} `{name}`", without_article(other.described()));
                    let said = Diagnostic::error(Code::WrongKind, place, message).label("not an interface");
                    self.say(said.also(self.names.place(item), "declared here"));
                    None
                }
            },
            Err(unresolved) => {
                self.unresolved(unresolved, &written.path, "interface", here);
                None
            }
        }
    }

    /// A type that some file declares.
    fn declared(&self, written: &ast::Type<'_>, here: Here) -> Option<Type> {
        let path = &written.path;
        let item = match self.names.resolve(path, here.file, here.owner) {
            Ok(item) => item,
            Err(unresolved) => {
                self.unknown_type(unresolved, written, here);
                return None;
            }
        };
        let ty = match self.names.declaration(item).kind {
            Kind::Struct(_) => Type::Struct(item),
            Kind::Enum(_) => Type::Enum(item),
            Kind::Union(_) => Type::Union(item),
            kind @ (Kind::Interface(_) | Kind::Const(_)) => {
                self.not_a_type(kind, item, written, here);
                return None;
            }
        };
        if written.arguments.is_some() { self.no_arguments(written, here) } else { Some(ty) }
    }

    fn not_a_type(&self, kind: Kind<'_>, item: ItemRef, written: &ast::Type<'_>, here: Here) {
        let place = here.place(written.path.span);
        let name = self.text(here, written.path.span);
        let found = without_article(kind.described());
        let said = Diagnostic::error(Code::WrongKind, place, format!("expected a type, found {found} `{name}`"))
            .label("not a type")
            .also(self.names.place(item), "declared here");
        self.say(if matches!(kind, Kind::Interface(_)) {
            said.suggest("pass its calling end", place, format!("pending_remote<{name}>")).suggest(
                "or its serving end",
                place,
                format!("pending_receiver<{name}>"),
            )
        } else {
            said
        });
    }

    fn unknown_type(&self, unresolved: Unresolved, written: &ast::Type<'_>, here: Here) {
        let path = &written.path;
        let name = self.text(here, path.span);
        let place = here.place(path.span);
        if unresolved == Unresolved::Unknown && matches!(name, "result" | "stream") {
            let said = Diagnostic::error(Code::ReplyOnly, place, format!("`{name}` stands only behind `=>`"));
            self.say(said.label("not a type of its own").note("a method answers with it: `Method() => stream<int>;`"));
            return;
        }
        self.unresolved(unresolved, path, "type", here);
    }

    /// Says why the name of a type or an interface means nothing, with the nearest of the names that would.
    pub(super) fn unresolved(&self, unresolved: Unresolved, path: &ast::Path<'_>, wanted: &str, here: Here) {
        let name = self.text(here, path.span);
        let place = here.place(path.span);
        let found = match unresolved {
            Unresolved::Forgiven => return,
            Unresolved::Ambiguous(found) => return self.ambiguous(name, &found, place),
            Unresolved::Unknown if wanted == "interface" => {
                self.similar(name, &[], here, |kind| matches!(kind, Kind::Interface(_)))
            }
            Unresolved::Unknown => {
                let words = BUILTINS.map(|(word, _)| word);
                self.similar(name, &words, here, |kind| !matches!(kind, Kind::Interface(_) | Kind::Const(_)))
            }
        };
        let said = Diagnostic::error(Code::UnknownType, place, format!("cannot find the {wanted} `{name}`"));
        let said = said.label("not found");
        let foreign = FOREIGN.iter().find(|(foreign, _)| wanted == "type" && foreign.eq_ignore_ascii_case(name));
        self.say(match (foreign, found) {
            (Some((_, word)), _) => said.suggest(format!("here it is called `{word}`"), place, *word),
            (None, Some(similar)) => {
                let article = if wanted == "interface" { "an" } else { "a" };
                said.suggest(format!("there is {article} {wanted} with a similar name: `{similar}`"), place, similar)
            }
            (None, None) => said,
        });
    }

    fn ambiguous(&self, name: &str, found: &[ItemRef], place: Place) {
        let mut said =
            Diagnostic::error(Code::Ambiguous, place, format!("`{name}` may mean several things")).label("which one?");
        let mut qualifiers: Vec<&str> = Vec::new();
        for item in found {
            let file = &self.names.files[item.file.0];
            said = said.also(self.names.place(*item), format!("`{}` is declared here", self.names.full_name(*item)));
            qualifiers.push(if file.module.is_empty() { &file.stem } else { &file.module });
        }
        let distinct = |qualifier: &&&str| qualifiers.iter().filter(|other| *other == *qualifier).count() == 1;
        for qualifier in qualifiers.iter().filter(distinct) {
            said = said.suggest(format!("to mean the one of `{qualifier}`"), place, format!("{qualifier}.{name}"));
        }
        self.say(said);
    }
}

/// `a struct` without its article.
pub(super) fn without_article(described: &str) -> &str {
    described.split_once(' ').map_or(described, |(_, noun)| noun)
}
