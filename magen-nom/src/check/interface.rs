//! Interfaces, methods and what they answer.

use std::collections::HashMap;

use super::attribute::Target;
use super::id::{interface_id, method_id};
use super::{Checker, ErrorUse, Here, duplicates, lines, placeholder};
use crate::ast::{self, IntLiteral, Member};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::{Interface, ItemRef, Method, Name, Reply, Type};
use crate::name;

impl Checker<'_> {
    pub(super) fn lower_interface(&self, item: ItemRef, written: &ast::Interface<'_>) -> Interface {
        let declaration = self.names.declaration(item);
        let attributes = self.attributes(declaration.prefix, Target::Interface, item.file);
        let full_name = self.names.full_name(item);
        let here = Here { file: item.file, owner: Some(item.index) };
        let methods: Vec<&ast::Method<'_>> = written
            .members
            .iter()
            .filter_map(|member| match member {
                Member::Method(method) => Some(method),
                Member::Item(_) => None,
            })
            .collect();
        duplicates(self, here.file, "method", methods.iter().map(|method| method.name));
        let lowered: Vec<Method> = methods.iter().map(|method| self.method(method, &full_name, here)).collect();
        self.check_ids(&lowered, &methods, here);
        let base = attributes.rust_name.unwrap_or_else(|| name::upper_camel(written.name.text));
        Interface {
            name: Name { idl: written.name.text.to_owned(), rust: name::escape(base.clone()), span: written.name.span },
            base,
            id: interface_id(&full_name),
            full_name,
            docs: lines(&declaration.prefix.docs),
            methods: lowered,
        }
    }

    fn method(&self, written: &ast::Method<'_>, interface: &str, here: Here) -> Method {
        let attributes = self.attributes(&written.prefix, Target::Method, here.file);
        let full_name = format!("{interface}.{}", written.name.text);
        let rust = attributes.rust_name.as_deref().map_or_else(|| name::method(written.name.text), name::method_as_is);
        let variant_of = attributes.rust_name.as_deref().unwrap_or(written.name.text);
        let given = written.id.and_then(|literal| self.given_id(&literal, here));
        Method {
            name: Name { idl: written.name.text.to_owned(), rust, span: written.name.span },
            variant: name::escape(name::upper_camel(variant_of)),
            id: given.unwrap_or_else(|| method_id(&full_name)),
            full_name,
            docs: lines(&written.prefix.docs),
            params: self.fields(&written.params, Target::Parameter, "parameter", here),
            reply: self.reply(&written.reply, here),
        }
    }

    fn given_id(&self, literal: &IntLiteral, here: Here) -> Option<u32> {
        let id = literal.value.and_then(|value| u32::try_from(value).ok());
        if id.is_none() {
            let message = format!("{} is no id of a method", self.text(here, literal.span));
            let said = Diagnostic::error(Code::OutOfRange, here.place(literal.span), message);
            self.say(said.label("expected a number from 0 to 4294967295"));
        }
        id
    }

    fn check_ids(&self, methods: &[Method], written: &[&ast::Method<'_>], here: Here) {
        let mut known: HashMap<u32, &Method> = HashMap::new();
        for (method, written) in methods.iter().zip(written) {
            let Some(first) = known.get(&method.id) else {
                known.insert(method.id, method);
                continue;
            };
            // A second method of the same name was complained about already.
            if first.name.idl == method.name.idl {
                continue;
            }
            let message = format!("`{}` has the same id as `{}`", method.name.idl, first.name.idl);
            let said = Diagnostic::error(Code::IdCollision, here.place(method.name.span), message)
                .label(format!("id {}", method.id))
                .also(here.place(first.name.span), "the same id");
            self.say(match written.id {
                Some(_) => said.note("ids differ within an interface"),
                None => said.help(format!("give it an id of its own: `{} @1(…)`", method.name.idl)),
            });
        }
    }

    fn reply(&self, written: &ast::Reply<'_>, here: Here) -> Reply {
        match written {
            ast::Reply::OneWay => Reply::OneWay,
            ast::Reply::Values(values) => Reply::Values(self.fields(values, Target::ReplyValue, "value", here)),
            ast::Reply::Type(ty) => Reply::Values(vec![self.bare_value(ty, here)]),
            ast::Reply::Result { ok, error } => Reply::Result {
                ok: ok.as_ref().map(|ok| self.ty(ok, here).unwrap_or_else(placeholder)),
                error: self.error_type(error, here),
            },
            ast::Reply::Stream(ty) => Reply::Stream(self.ty(ty, here).unwrap_or_else(placeholder)),
        }
    }

    /// The type of an error: a struct, an enum or a union. Whether it may be one is decided when all files are known.
    fn error_type(&self, written: &ast::Type<'_>, here: Here) -> Type {
        let Some(ty) = self.ty(written, here) else { return placeholder() };
        match ty {
            Type::Struct(item) | Type::Enum(item) | Type::Union(item) => {
                let place = here.place(written.span);
                self.errors.borrow_mut().push(ErrorUse { item, place });
            }
            Type::Scalar(_)
            | Type::String { .. }
            | Type::Bytes { .. }
            | Type::Array { .. }
            | Type::Map { .. }
            | Type::Optional(_)
            | Type::Boxed(_)
            | Type::PendingRemote(_)
            | Type::PendingReceiver(_)
            | Type::Handle(_)
            | Type::SharedBuffer
            | Type::MessagePipe => {
                let name = self.text(here, written.span);
                let message = format!("`{name}` is not an error type");
                let said = Diagnostic::error(Code::NotAnError, here.place(written.span), message)
                    .label("expected an enum, a struct or a union");
                self.say(said.help("declare one that says what can go wrong: `enum MathError { DivisionByZero };`"));
            }
        }
        ty
    }
}
