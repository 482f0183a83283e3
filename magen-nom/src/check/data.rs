//! Structs, unions, enums, constants, and the fields that structs and methods have alike.

use std::collections::HashMap;

use super::attribute::{Attributes, Target};
use super::{Checker, Here, duplicates, lines, placeholder};
use crate::ast;
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{
    Absent, Const, Enum, Enumerator, Field, ItemRef, Name, Struct, Traits, Type, Union, UnionMember, Value,
};
use crate::name;
use crate::span::Span;

/// Until the whole is known.
const UNKNOWN_TRAITS: Traits = Traits { is_data: true, is_total: true, is_recursive: false };

impl Checker<'_> {
    pub(super) fn lower_struct(&self, item: ItemRef, written: &ast::Struct<'_>) -> Struct {
        let declaration = self.names.declaration(item);
        let attributes = self.attributes(declaration.prefix, Target::Struct, item.file);
        let here = Here { file: item.file, owner: declaration.owner };
        Struct {
            name: self.type_name(item, &attributes),
            full_name: self.names.full_name(item),
            owner: declaration.owner,
            docs: lines(&declaration.prefix.docs),
            fields: self.fields(&written.fields, Target::Field, "field", here),
            traits: UNKNOWN_TRAITS,
            is_error: attributes.error,
        }
    }

    pub(super) fn lower_union(&self, item: ItemRef, written: &ast::Union<'_>) -> Union {
        let declaration = self.names.declaration(item);
        let attributes = self.attributes(declaration.prefix, Target::Union, item.file);
        let here = Here { file: item.file, owner: declaration.owner };
        if written.members.is_empty() {
            self.empty("union", "member", written.name, here);
        }
        duplicates(self, here.file, "member", written.members.iter().map(|member| member.name));
        let members = written.members.iter().map(|member| {
            let attributes = self.attributes(&member.prefix, Target::Member, here.file);
            let rust = attributes.rust_name.unwrap_or_else(|| name::upper_camel(member.name.text));
            UnionMember {
                name: named(member.name, name::escape(rust)),
                ty: self.ty(&member.ty, here).unwrap_or_else(placeholder),
                docs: lines(&member.prefix.docs),
            }
        });
        Union {
            name: self.type_name(item, &attributes),
            full_name: self.names.full_name(item),
            docs: lines(&declaration.prefix.docs),
            members: members.collect(),
            traits: UNKNOWN_TRAITS,
            is_error: attributes.error,
        }
    }

    pub(super) fn lower_enum(&self, item: ItemRef, written: &ast::Enum<'_>) -> Enum {
        let declaration = self.names.declaration(item);
        let attributes = self.attributes(declaration.prefix, Target::Enum, item.file);
        let here = Here { file: item.file, owner: declaration.owner };
        if written.enumerators.is_empty() {
            self.empty("enum", "enumerator", written.name, here);
        }
        duplicates(self, here.file, "enumerator", written.enumerators.iter().map(|enumerator| enumerator.name));
        Enum {
            name: self.type_name(item, &attributes),
            full_name: self.names.full_name(item),
            owner: declaration.owner,
            docs: lines(&declaration.prefix.docs),
            enumerators: self.enumerators(written, here),
            extensible: attributes.extensible,
            is_error: attributes.error,
        }
    }

    pub(super) fn lower_const(&self, item: ItemRef, written: &ast::Const<'_>) -> Const {
        let declaration = self.names.declaration(item);
        let attributes = self.attributes(declaration.prefix, Target::Const, item.file);
        let rust = attributes.rust_name.unwrap_or_else(|| name::upper_snake(written.name.text));
        // Without a value it was complained about.
        let (ty, value) = self.constant(item).unwrap_or_else(|| (placeholder(), Value::Bool(false)));
        Const {
            name: named(written.name, name::escape(rust)),
            full_name: self.names.full_name(item),
            owner: declaration.owner,
            docs: lines(&declaration.prefix.docs),
            ty,
            value,
        }
    }

    /// Upper camel case; nested, with the interface's name in front.
    fn type_name(&self, item: ItemRef, attributes: &Attributes) -> Name {
        let declaration = self.names.declaration(item);
        let owner = declaration.owner.map(|owner| &self.names.files[item.file.0].declarations[owner]);
        let rust = attributes.rust_name.clone().unwrap_or_else(|| {
            let owner = owner.map(|owner| name::upper_camel(owner.name.text)).unwrap_or_default();
            owner + &name::upper_camel(declaration.name.text)
        });
        named(declaration.name, name::escape(rust))
    }

    fn empty(&self, what: &str, part: &str, name: ast::Ident<'_>, here: Here) {
        let message = format!("the {what} `{}` has no {part}", name.text);
        let said = Diagnostic::error(Code::Empty, here.place(name.span), message).label("empty");
        self.say(said.note(format!("there is no value of a type without {part}s")));
    }

    fn enumerators(&self, written: &ast::Enum<'_>, here: Here) -> Vec<Enumerator> {
        let mut next: i128 = 0;
        let mut numbers: HashMap<i32, ast::Ident<'_>> = HashMap::new();
        let mut enumerators = Vec::with_capacity(written.enumerators.len());
        for enumerator in &written.enumerators {
            let attributes = self.attributes(&enumerator.prefix, Target::Enumerator, here.file);
            let given = enumerator.value.map(|literal| literal.value.unwrap_or(i128::MAX));
            let number = given.unwrap_or(next);
            next = number.saturating_add(1);
            let place = here.place(enumerator.value.map_or(enumerator.name.span, |literal| literal.span));
            let value = i32::try_from(number).unwrap_or_else(|_| {
                let message = format!("the number of `{}` does not fit 32 bits", enumerator.name.text);
                let said = Diagnostic::error(Code::OutOfRange, place, message);
                self.say(said.label("expected a number from -2147483648 to 2147483647"));
                0
            });
            let fits = i128::from(value) == number;
            if let Some(first) = numbers.get(&value).filter(|_| fits) {
                // A second enumerator of the same name was complained about already.
                if first.text != enumerator.name.text {
                    let message = format!("`{}` has the number {value} of `{}`", enumerator.name.text, first.text);
                    let said = Diagnostic::error(Code::DuplicateNumber, place, message).label("the same number");
                    self.say(said.also(here.place(first.span), format!("this is {value} already")));
                }
            } else if fits {
                numbers.insert(value, enumerator.name);
            }
            let rust = attributes.rust_name.unwrap_or_else(|| name::enumerator(enumerator.name.text));
            enumerators.push(Enumerator {
                name: named(enumerator.name, name::escape(rust)),
                value,
                docs: lines(&enumerator.prefix.docs),
            });
        }
        enumerators
    }

    /// The fields of a struct, the parameters of a method or the values of a reply.
    pub(super) fn fields(&self, written: &[ast::Field<'_>], target: Target, what: &str, here: Here) -> Vec<Field> {
        duplicates(self, here.file, what, written.iter().map(|field| field.name));
        let mut newest: (u32, Span) = (0, Span::default());
        let mut fields = Vec::with_capacity(written.len());
        for field in written {
            let attributes = self.attributes(&field.prefix, target, here.file);
            let version = attributes.min_version;
            self.check_order(field, what, version.map_or(0, |(version, _)| version), newest, here);
            newest = version.filter(|(version, _)| *version > newest.0).unwrap_or(newest);
            let ty = self.ty(&field.ty, here);
            let default = match (&field.default, &ty) {
                (Some(literal), Some(ty)) => self.value(literal, ty, here),
                (Some(_), None) | (None, _) => None,
            };
            let rust = attributes.rust_name.unwrap_or_else(|| name::snake(field.name.text));
            let lowered = Field {
                name: named(field.name, name::escape(rust)),
                ty: ty.unwrap_or_else(placeholder),
                default,
                min_version: version.map_or(0, |(version, _)| version),
                docs: lines(&field.prefix.docs),
            };
            self.check_absent(&lowered, field, what, here);
            fields.push(lowered);
        }
        fields
    }

    /// `=> type` without a name.
    pub(super) fn bare_value(&self, written: &ast::Type<'_>, here: Here) -> Field {
        Field {
            name: Name { idl: "value".to_owned(), rust: "value".to_owned(), span: written.span },
            ty: self.ty(written, here).unwrap_or_else(placeholder),
            default: None,
            min_version: 0,
            docs: Vec::new(),
        }
    }

    fn check_order(&self, field: &ast::Field<'_>, what: &str, version: u32, newest: (u32, Span), here: Here) {
        if version >= newest.0 {
            return;
        }
        let message =
            format!("the {what} `{}` of version {version} comes after one of version {}", field.name.text, newest.0);
        let said = Diagnostic::error(Code::VersionOrder, here.place(field.name.span), message)
            .label(format!("of version {version}"))
            .also(here.place(newest.1), format!("of version {}", newest.0));
        self.say(said.help(format!("new ones are added at the end; move it up, or write `[MinVersion={}]`", newest.0)));
    }

    fn check_absent(&self, field: &Field, written: &ast::Field<'_>, what: &str, here: Here) {
        let nothing = field.min_version > 0 && written.default.is_none() && field.absent() == Absent::Malformed;
        if !nothing {
            return;
        }
        let message = format!("the {what} `{}` has no value when an older writer did not send it", field.name.idl);
        let said = Diagnostic::error(Code::NoValueForOldWriters, here.place(written.ty.span), message)
            .label("this type has no value of its own");
        let end = here.place(Span::at(written.ty.span.end));
        let said = said.suggest("make it optional", end, "?");
        let has_literal = what == "field" && matches!(field.ty, Type::Enum(_));
        self.say(if has_literal { said.help("or give it a default") } else { said });
    }
}

fn named(written: ast::Ident<'_>, rust: String) -> Name {
    Name { idl: written.text.to_owned(), rust, span: written.span }
}
