//! Expressions that encode and decode a value of a type.
//!
//! The library has an implementation per type. What a type in Rust does not know (the bound of a `string<64>`, wherever
//! it stands) is spelt out around it.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::scope::{Scope, docs, ident};
use crate::model::{Absent, Field, ItemRef, Type, Value};
use crate::types::Scalar;

impl Scope<'_> {
    /// Appends to `to` the value `value` of the type [`passed`](Scope::passed).
    pub(super) fn encode_passed(&self, ty: &Type, value: &TokenStream, to: &TokenStream) -> TokenStream {
        if !self.is_data(ty) {
            return self.encode_owned(ty, value, to);
        }
        match ty {
            Type::String { max: None } => quote!(#to.string(#value)),
            Type::Bytes { max: None } => quote!(#to.bytes(#value)),
            Type::Array { element, length: None } if is_plain(element) => quote!(#to.slice(#value)),
            Type::Optional(inner) => {
                let inner = self.encode_passed(inner, &quote!(value), &quote!(to));
                quote!(#to.optional(#value, |to, value| #inner))
            }
            Type::Boxed(inner) => self.encode_passed(inner, value, to),
            Type::Scalar(_) | Type::Enum(_) => quote!(::mage::parameter::Parameter::encode(#value, #to)),
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
            | Type::MessagePipe => self.encode_ref(ty, value, to),
        }
    }

    /// Appends what the reference `value` leads to.
    pub(super) fn encode_ref(&self, ty: &Type, value: &TokenStream, to: &TokenStream) -> TokenStream {
        if is_plain(ty) {
            return quote!(::mage::parameter::Data::encode_ref(#value, #to));
        }
        self.encode_parts(ty, value, to, &quote!(iter()), &|ty, value| self.encode_ref(ty, value, &quote!(to)))
    }

    /// Appends the owned `value`.
    pub(super) fn encode_owned(&self, ty: &Type, value: &TokenStream, to: &TokenStream) -> TokenStream {
        if is_plain(ty) {
            return quote!(::mage::parameter::Parameter::encode(#value, #to));
        }
        self.encode_parts(ty, value, to, &quote!(into_iter()), &|ty, value| self.encode_owned(ty, value, &quote!(to)))
    }

    /// Appends a value of a type with a bound in it. `iter` makes parts of it, `part` encodes one.
    fn encode_parts(
        &self,
        ty: &Type,
        value: &TokenStream,
        to: &TokenStream,
        iter: &TokenStream,
        part: &dyn Fn(&Type, &TokenStream) -> TokenStream,
    ) -> TokenStream {
        match ty {
            Type::String { max: Some(max) } => quote!(#to.string_within(&#value, #max)),
            Type::Bytes { max: Some(max) } => quote!(#to.bytes_within(&#value, #max)),
            Type::Array { element, length } => {
                let (method, element) = (array_method(*length), part(element, &quote!(value)));
                quote!(#to.#method(#value.#iter, |to, value| #element))
            }
            Type::Map { key, value: of } => {
                let (key, of) = (part(key, &quote!(key)), part(of, &quote!(value)));
                quote!(#to.sequence(#value.#iter, |to, (key, value)| { #key; #of; }))
            }
            Type::Optional(inner) => {
                let as_ref = if iter.to_string().starts_with("into") { quote!() } else { quote!(.as_ref()) };
                let inner = part(inner, &quote!(value));
                quote!(#to.optional(#value #as_ref, |to, value| #inner))
            }
            Type::Boxed(inner) => part(inner, &quote!((*#value))),
            // Never with a bound in it.
            Type::String { max: None }
            | Type::Bytes { max: None }
            | Type::Scalar(_)
            | Type::Enum(_)
            | Type::Struct(_)
            | Type::Union(_)
            | Type::PendingRemote(_)
            | Type::PendingReceiver(_)
            | Type::Handle(_)
            | Type::SharedBuffer
            | Type::MessagePipe => quote!(::mage::parameter::Parameter::encode(#value, #to)),
        }
    }

    /// Takes a value from `from`: a `Result`.
    pub(super) fn decode(&self, ty: &Type) -> TokenStream {
        if is_plain(ty) {
            return quote!(::mage::parameter::Parameter::decode(from));
        }
        match ty {
            Type::String { max: Some(max) } => quote!(from.string_within(#max)),
            Type::Bytes { max: Some(max) } => quote!(from.bytes_within(#max)),
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
            Type::Boxed(inner) => {
                let inner = self.decode(inner);
                quote!(#inner.map(::std::boxed::Box::new))
            }
            Type::String { max: None }
            | Type::Bytes { max: None }
            | Type::Scalar(_)
            | Type::Enum(_)
            | Type::Struct(_)
            | Type::Union(_)
            | Type::PendingRemote(_)
            | Type::PendingReceiver(_)
            | Type::Handle(_)
            | Type::SharedBuffer
            | Type::MessagePipe => quote!(::mage::parameter::Parameter::decode(from)),
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
        Type::Array { element: inner, .. } | Type::Optional(inner) | Type::Boxed(inner) => is_plain(inner),
        Type::Map { key, value } => is_plain(key) && is_plain(value),
        Type::Scalar(_)
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

fn array_method(length: Option<u32>) -> proc_macro2::Ident {
    if length.is_some() { format_ident!("each") } else { format_ident!("sequence") }
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
