//! Attributes: which exist, where they may stand, what they need.
//!
//! | attribute | on | means |
//! |---|---|---|
//! | `Extensible` | enum | a reader keeps numbers that it does not know |
//! | `Error` | struct, enum, union | may be the error of a `result`, also in other files |
//! | `MinVersion = n` | field, parameter, value of a reply | came with version n; older writers do not send it |
//! | `RustName = "…"` | whatever has a name | is called so in Rust |

use super::Checker;
use crate::ast::{Attribute, Literal, Prefix};
use crate::diagnostic::{Code, Diagnostic, Place, most_similar};
use crate::span::{FileId, Span};

/// What an attribute may stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Module,
    Import,
    Interface,
    Method,
    Field,
    Parameter,
    ReplyValue,
    Struct,
    Enum,
    Enumerator,
    Union,
    Member,
    Const,
}

impl Target {
    fn described(self) -> &'static str {
        match self {
            Self::Module => "a module",
            Self::Import => "an import",
            Self::Interface => "an interface",
            Self::Method => "a method",
            Self::Field => "a field",
            Self::Parameter => "a parameter",
            Self::ReplyValue => "a value of a reply",
            Self::Struct => "a struct",
            Self::Enum => "an enum",
            Self::Enumerator => "an enumerator",
            Self::Union => "a union",
            Self::Member => "a member of a union",
            Self::Const => "a constant",
        }
    }
}

const NAMED: &[Target] = &[
    Target::Interface,
    Target::Method,
    Target::Field,
    Target::Parameter,
    Target::Struct,
    Target::Enum,
    Target::Enumerator,
    Target::Union,
    Target::Member,
    Target::Const,
];

/// Every attribute, and what it may stand on.
const ATTRIBUTES: [(&str, &[Target]); 4] = [
    ("Extensible", &[Target::Enum]),
    ("Error", &[Target::Struct, Target::Enum, Target::Union]),
    ("MinVersion", &[Target::Field, Target::Parameter, Target::ReplyValue]),
    ("RustName", NAMED),
];

/// The attributes of one declaration.
#[derive(Debug, Clone, Default)]
pub(super) struct Attributes {
    pub(super) extensible: bool,
    pub(super) error: bool,
    pub(super) min_version: Option<(u32, Span)>,
    pub(super) rust_name: Option<String>,
}

impl Checker<'_> {
    /// Reads the attributes of a declaration; what is wrong with them is said.
    pub(super) fn attributes(&self, prefix: &Prefix<'_>, target: Target, file: FileId) -> Attributes {
        let mut read = Attributes::default();
        // At most one of each that exists.
        let mut seen: Vec<(&str, Span)> = Vec::new();
        for attribute in &prefix.attributes {
            let name = attribute.name;
            let place = Place { file, span: name.span };
            let Some((known, targets)) = ATTRIBUTES.iter().find(|(known, _)| *known == name.text) else {
                self.unknown_attribute(name.text, place);
                continue;
            };
            if let Some((_, earlier)) = seen.iter().find(|(earlier, _)| earlier == known) {
                let message = format!("the attribute `{known}` stands here twice");
                let said = Diagnostic::error(Code::RepeatedAttribute, place, message).label("again");
                self.say(said.also(Place { file, span: *earlier }, "first here"));
                continue;
            }
            seen.push((known, name.span));
            if !targets.contains(&target) {
                self.misplaced_attribute(known, targets, target, place);
                continue;
            }
            self.read(known, attribute, place, &mut read);
        }
        read
    }

    fn read(&self, known: &str, attribute: &Attribute<'_>, place: Place, read: &mut Attributes) {
        match known {
            "Extensible" => read.extensible = self.without_value(attribute, place),
            "Error" => read.error = self.without_value(attribute, place),
            "MinVersion" => match &attribute.value {
                Some(Literal::Int(literal)) => match literal.value.and_then(|value| u32::try_from(value).ok()) {
                    Some(version) => read.min_version = Some((version, attribute.name.span.to(literal.span))),
                    None => self.wrong_value(attribute, place, "a version from 0 to 4294967295", "[MinVersion=1]"),
                },
                _ => self.wrong_value(attribute, place, "a version", "[MinVersion=1]"),
            },
            _ => match &attribute.value {
                Some(Literal::String(name)) if is_rust_name(&name.value) => read.rust_name = Some(name.value.clone()),
                _ => self.wrong_value(attribute, place, "a name in quotes", "[RustName=\"other_name\"]"),
            },
        }
    }

    fn without_value(&self, attribute: &Attribute<'_>, place: Place) -> bool {
        let Some(value) = &attribute.value else { return true };
        let name = attribute.name.text;
        let span = Span::new(attribute.name.span.end, value.span().end);
        let said = Diagnostic::error(Code::AttributeValue, place, format!("the attribute `{name}` has no value"));
        let removed = Place { file: place.file, span };
        self.say(said.label("this stands alone").suggest("leave the value out", removed, ""));
        false
    }

    fn wrong_value(&self, attribute: &Attribute<'_>, place: Place, wanted: &str, example: &str) {
        let name = attribute.name.text;
        let (message, span) = match &attribute.value {
            Some(value) => (format!("the attribute `{name}` wants {wanted}"), value.span()),
            None => (format!("the attribute `{name}` needs {wanted}"), place.span),
        };
        let said = Diagnostic::error(Code::AttributeValue, Place { file: place.file, span }, message);
        self.say(said.label(format!("expected {wanted}")).help(format!("for example `{example}`")));
    }

    fn unknown_attribute(&self, name: &str, place: Place) {
        let said = Diagnostic::error(Code::UnknownAttribute, place, format!("there is no attribute `{name}`"));
        let known = ATTRIBUTES.iter().map(|(known, _)| *known);
        self.say(match most_similar(name, known) {
            Some(similar) => {
                let text = format!("there is an attribute with a similar name: `{similar}`");
                said.label("unknown attribute").suggest(text, place, similar)
            }
            None => said
                .label("unknown attribute")
                .note("the attributes are `Extensible`, `Error`, `MinVersion` and `RustName`"),
        });
    }

    fn misplaced_attribute(&self, name: &str, targets: &[Target], target: Target, place: Place) {
        let message = format!("`{name}` means nothing on {}", target.described());
        let mut said = Diagnostic::error(Code::MisplacedAttribute, place, message).label("not here");
        said = match (name, target) {
            ("MinVersion", Target::Method) => {
                said.note("methods can be added at any time: who does not know one, says so")
            }
            ("MinVersion", Target::Enumerator) => said.help("mark the enum as `[Extensible]`, then it may grow"),
            _ => {
                let places: Vec<&str> = targets.iter().map(|target| target.described()).collect();
                said.note(format!("it may stand on {}", places.join(", ")))
            }
        };
        self.say(said);
    }
}

fn is_rust_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let starts = bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_');
    starts && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !name.trim_matches('_').is_empty()
}
