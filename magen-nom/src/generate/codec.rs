//! Expressions that encode and decode a value of a type.
//!
//! The library has an implementation per type. What a type in Rust does not know (the bound of a `string<64>`, wherever
//! it stands) is spelt out around it.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

use super::scope::{Scope, docs, ident};
use crate::model::{Absent, Field, ItemRef, Type, Value};
use crate::types::Scalar;

/// An expression whose value is to be encoded.
#[derive(Clone)]
pub(super) enum Operand {
    /// It is a reference.
    Reference(TokenStream),
    /// It is a place that is looked at.
    Place(TokenStream),
    /// It is a place whose value is given away.
    Given(TokenStream),
}

impl Operand {
    fn expression(&self) -> &TokenStream {
        match self {
            Self::Reference(expression) | Self::Place(expression) | Self::Given(expression) => expression,
        }
    }

    fn reference(&self) -> TokenStream {
        match self {
            Self::Reference(expression) => quote!(#expression),
            Self::Place(expression) | Self::Given(expression) => quote!(&#expression),
        }
    }

    /// A variable that holds a part of this.
    fn part(&self, name: &str) -> Self {
        let name = ident(name);
        match self {
            Self::Reference(_) | Self::Place(_) => Self::Reference(quote!(#name)),
            Self::Given(_) => Self::Given(quote!(#name)),
        }
    }

    /// The parts of a collection.
    fn parts(&self) -> TokenStream {
        let expression = self.expression();
        match self {
            Self::Reference(_) | Self::Place(_) => quote!(#expression.iter()),
            Self::Given(_) => quote!(#expression.into_iter()),
        }
    }

    /// The value in an optional.
    fn inside(&self) -> TokenStream {
        let expression = self.expression();
        match self {
            Self::Reference(_) | Self::Place(_) => quote!(#expression.as_ref()),
            Self::Given(_) => quote!(#expression),
        }
    }
}

impl Scope<'_> {
    /// Appends to `to` the variable `value`, of the type [`passed`](Scope::passed).
    pub(super) fn encode_passed(&self, ty: &Type, value: &Ident, to: &Ident) -> TokenStream {
        if !self.is_data(ty) {
            return self.encode(ty, &Operand::Given(quote!(#value)), to);
        }
        match ty {
            Type::String { max: None } => quote!(#to.string(#value)),
            Type::Bytes { max: None } => quote!(#to.bytes(#value)),
            Type::Array { element, length: None } if is_plain(element) => quote!(#to.slice(#value)),
            Type::Optional(inner) => {
                let inner = self.encode_passed(inner, &ident("value"), &ident("to"));
                quote!(#to.optional(#value, |to, value| #inner))
            }
            Type::Boxed(inner) => self.encode_passed(inner, value, to),
            Type::Scalar(_) | Type::Enum(_) => self.encode(ty, &Operand::Given(quote!(#value)), to),
            Type::String { .. }
            | Type::Bytes { .. }
            | Type::Array { .. }
            | Type::Map { .. }
            | Type::Struct(_)
            | Type::Union(_)
            | Type::PendingRemote(_)
            | Type::PendingReceiver(_)
            | Type::Handle(_)
            | Type::SharedBuffer
            | Type::MessagePipe => self.encode(ty, &Operand::Reference(quote!(#value)), to),
        }
    }

    /// Appends a value to `to`.
    pub(super) fn encode(&self, ty: &Type, value: &Operand, to: &Ident) -> TokenStream {
        if is_plain(ty) {
            let (given, reference) = (value.expression(), value.reference());
            return match value {
                Operand::Given(_) => quote!(::mage::parameter::Parameter::encode(#given, #to)),
                Operand::Reference(_) | Operand::Place(_) => {
                    quote!(::mage::parameter::Data::encode_ref(#reference, #to))
                }
            };
        }
        let (reference, parts, inside) = (value.reference(), value.parts(), value.inside());
        let part = |ty: &Type, name: &str| self.encode(ty, &value.part(name), &ident("to"));
        match ty {
            Type::String { max } => quote!(#to.string_within(#reference, #max)),
            Type::Bytes { max } => quote!(#to.bytes_within(#reference, #max)),
            Type::Array { element, length: Some(_) } => {
                let element = part(element, "value");
                quote!(#to.each(#parts, |to, value| #element))
            }
            Type::Array { element, length: None } => {
                let element = part(element, "value");
                quote!(#to.sequence(#parts, |to, value| #element))
            }
            Type::Map { key, value: of } => {
                let (key, of) = (part(key, "key"), part(of, "value"));
                quote!(#to.sequence(#parts, |to, (key, value)| { #key; #of; }))
            }
            Type::Optional(inner) => {
                let inner = part(inner, "value");
                quote!(#to.optional(#inside, |to, value| #inner))
            }
            Type::Boxed(_)
            | Type::Scalar(_)
            | Type::Enum(_)
            | Type::Struct(_)
            | Type::Union(_)
            | Type::PendingRemote(_)
            | Type::PendingReceiver(_)
            | Type::Handle(_)
            | Type::SharedBuffer
            | Type::MessagePipe => unreachable!("has no bound in it"),
        }
    }

    /// Takes a value from `from`: a `Result`.
    pub(super) fn decode(&self, ty: &Type) -> TokenStream {
        if is_plain(ty) {
            return quote!(::mage::parameter::Parameter::decode(from));
        }
        match ty {
            Type::String { max } => quote!(from.string_within(#max)),
            Type::Bytes { max } => quote!(from.bytes_within(#max)),
            Type::Array { element, length: None } => {
                let (size, element) = (self.min_size(element), self.decode(element));
                quote!(from.sequence(#size, |from| #element))
            }
            Type::Array { element, length: Some(_) } => {
                let element = self.decode(element);
                quote!(from.array(|from| #element))
            }
            Type::Map { key, value } => {
                let (key_size, value_size) = (self.min_size(key), self.min_size(value));
                let (key, value) = (self.decode(key), self.decode(value));
                quote!(from.map(#key_size + #value_size, |from| #key, |from| #value))
            }
            Type::Optional(inner) => {
                let inner = self.decode(inner);
                quote!(from.optional(|from| #inner))
            }
            Type::Boxed(_)
            | Type::Scalar(_)
            | Type::Enum(_)
            | Type::Struct(_)
            | Type::Union(_)
            | Type::PendingRemote(_)
            | Type::PendingReceiver(_)
            | Type::Handle(_)
            | Type::SharedBuffer
            | Type::MessagePipe => unreachable!("has no bound in it"),
        }
    }

    fn min_size(&self, ty: &Type) -> TokenStream {
        let ty = self.owned(ty);
        quote!(<#ty as ::mage::parameter::Parameter>::MIN_SIZE)
    }

    /// Takes a field's value from `from`, ending in `?` where it can fail.
    pub(super) fn decode_field(&self, field: &Field) -> TokenStream {
        let name = &field.name.idl;
        let present = if is_plain(&field.ty) {
            quote!(from.field(#name)?)
        } else {
            let decode = self.decode(&field.ty);
            quote!(from.field_with(#name, |from| #decode)?)
        };
        match field.absent() {
            Absent::Malformed => present,
            Absent::Empty => quote!(if from.at_end() { ::core::default::Default::default() } else { #present }),
            Absent::Default(value) => {
                let value = self.value(&field.ty, value);
                quote!(if from.at_end() { #value } else { #present })
            }
        }
    }

    /// A default as an expression of the field's type.
    pub(super) fn value(&self, ty: &Type, value: &Value) -> TokenStream {
        match (ty, value) {
            (Type::Optional(inner), _) => {
                let value = self.value(inner, value);
                quote!(::core::option::Option::Some(#value))
            }
            (_, Value::String(text)) => quote!(::std::string::String::from(#text)),
            (_, Value::Bytes(bytes)) => {
                let bytes = Literal::byte_string(bytes);
                quote!(::mage::Bytes::from_static(#bytes))
            }
            (_, Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Enumerator { .. }) => {
                self.constant_value(ty, value)
            }
        }
    }

    /// A value as a constant expression.
    pub(super) fn constant_value(&self, ty: &Type, value: &Value) -> TokenStream {
        match value {
            Value::Bool(value) => quote!(#value),
            Value::Int(value) => number(&value.to_string()),
            Value::Float(value) => float(ty, *value),
            Value::String(text) => quote!(#text),
            Value::Bytes(bytes) => {
                let bytes = Literal::byte_string(bytes);
                quote!(#bytes)
            }
            Value::Enumerator { of, index } => self.enumerator(*of, *index),
        }
    }

    fn enumerator(&self, of: ItemRef, index: usize) -> TokenStream {
        let path = self.path(of);
        match self.model.item(of) {
            crate::model::Item::Enum(item) => {
                let name = ident(&item.enumerators[index].name.rust);
                quote!(#path::#name)
            }
            crate::model::Item::Interface(_)
            | crate::model::Item::Struct(_)
            | crate::model::Item::Union(_)
            | crate::model::Item::Const(_) => unreachable!("the checker looked the enumerator up"),
        }
    }
}

/// Whether the type in Rust says all about how it is encoded.
pub(super) fn is_plain(ty: &Type) -> bool {
    match ty {
        Type::String { max } | Type::Bytes { max } => max.is_none(),
        Type::Array { element: inner, .. } | Type::Optional(inner) => is_plain(inner),
        Type::Map { key, value } => is_plain(key) && is_plain(value),
        // Around a struct or union.
        Type::Boxed(_)
        | Type::Scalar(_)
        | Type::Enum(_)
        | Type::Struct(_)
        | Type::Union(_)
        | Type::PendingRemote(_)
        | Type::PendingReceiver(_)
        | Type::Handle(_)
        | Type::SharedBuffer
        | Type::MessagePipe => true,
    }
}

fn number(digits: &str) -> TokenStream {
    digits.parse().expect("a number")
}

fn float(ty: &Type, value: f64) -> TokenStream {
    let of = if *ty == Type::Scalar(Scalar::F32) { quote!(f32) } else { quote!(f64) };
    if value.is_nan() {
        quote!(#of::NAN)
    } else if value == f64::INFINITY {
        quote!(#of::INFINITY)
    } else if value == f64::NEG_INFINITY {
        quote!(#of::NEG_INFINITY)
    } else {
        number(&format!("{value:?}"))
    }
}

/// A field of a struct, of a variant's braces without `pub`.
pub(super) fn field(scope: &Scope<'_>, field: &Field, visibility: &TokenStream) -> TokenStream {
    let docs = docs(&field.docs, &format!("The field `{}`.", field.name.idl));
    let (name, ty) = (ident(&field.name.rust), scope.owned(&field.ty));
    quote!(#docs #visibility #name: #ty)
}
