//! Structs, enums, unions and constants.

use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

use super::codec::{Operand, field};
use super::scope::{Scope, docs, ident};
use crate::model::{Absent, Const, Enum, Struct, Traits, Union, Value};
use crate::name;

fn derives(traits: Traits) -> TokenStream {
    if traits.is_total {
        quote!(#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)])
    } else if traits.is_data {
        quote!(#[derive(Debug, Clone, PartialEq)])
    } else {
        quote!(#[derive(Debug)])
    }
}

pub(super) fn structure(scope: &Scope<'_>, item: &Struct) -> TokenStream {
    let (docs, derives) = (docs(&item.docs, &format!("The struct `{}`.", item.name.idl)), derives(item.traits));
    let name = ident(&item.name.rust);
    let fields = item.fields.iter().map(|of| field(scope, of, &quote!(pub)));
    let default = default(scope, item);
    let codec = structure_codec(scope, item);
    let error = error(&name, item.is_error);
    quote! {
        #docs
        #derives
        pub struct #name { #(#fields),* }
        #default
        #codec
        #error
    }
}

/// Its default value, where every field has one.
fn default(scope: &Scope<'_>, item: &Struct) -> TokenStream {
    let values: Option<Vec<_>> = item
        .fields
        .iter()
        .map(|field| {
            let name = ident(&field.name.rust);
            let value = match field.default.as_ref() {
                Some(value) => scope.value(&field.ty, value),
                None if field.ty.has_empty_value() => quote!(::core::default::Default::default()),
                None => return None,
            };
            Some(quote!(#name: #value))
        })
        .collect();
    let name = ident(&item.name.rust);
    values
        .map(|values| {
            quote! {
                impl ::core::default::Default for #name {
                    fn default() -> Self {
                        Self { #(#values),* }
                    }
                }
            }
        })
        .unwrap_or_default()
}

fn structure_codec(scope: &Scope<'_>, item: &Struct) -> TokenStream {
    let name = ident(&item.name.rust);
    let (reads, names): (Vec<_>, Vec<_>) =
        item.fields.iter().map(|field| (scope.decode_field(field), ident(&field.name.rust))).unzip();
    let from = if item.fields.is_empty() { quote!(_) } else { quote!(from) };
    let read = quote!(from.sized(|#from| Ok(Self { #(#names: #reads),* })));
    let writes = item.fields.iter().map(|field| {
        let name = ident(&field.name.rust);
        let place = quote!(self.#name);
        let operand = if item.traits.is_data { Operand::Place(place) } else { Operand::Given(place) };
        scope.encode(&field.ty, &operand, &ident("to"))
    });
    let to = if item.fields.is_empty() { quote!(_) } else { quote!(to) };
    let write = quote!(to.sized(|#to| { #(#writes;)* }););
    codec(&name, item.traits.is_data, &quote!(4), &write, &read)
}

fn codec(name: &Ident, is_data: bool, size: &TokenStream, write: &TokenStream, read: &TokenStream) -> TokenStream {
    if is_data { data_codec(name, size, write, read) } else { parameter(name, size, write, read) }
}

/// For what holds pipes or handles.
fn parameter(name: &Ident, size: &TokenStream, write: &TokenStream, read: &TokenStream) -> TokenStream {
    quote! {
        impl ::mage::parameter::Parameter for #name {
            const MIN_SIZE: usize = #size;

            fn encode(self, to: &mut ::mage::parameter::Encoder) {
                #write
            }

            fn decode(
                from: &mut ::mage::parameter::Decoder<'_>,
            ) -> ::core::result::Result<Self, ::mage::parameter::Fault> {
                #read
            }
        }
    }
}

/// For what can be encoded without being given away.
fn data_codec(name: &Ident, size: &TokenStream, write: &TokenStream, read: &TokenStream) -> TokenStream {
    let parameter = parameter(name, size, &quote!(::mage::parameter::Data::encode_ref(&self, to);), read);
    quote! {
        #parameter

        impl ::mage::parameter::Data for #name {
            fn encode_ref(&self, to: &mut ::mage::parameter::Encoder) {
                #write
            }
        }
    }
}

pub(super) fn enumeration(item: &Enum) -> TokenStream {
    let docs = docs(&item.docs, &format!("The enum `{}`.", item.name.idl));
    let name = ident(&item.name.rust);
    let variants = item.enumerators.iter().map(|one| {
        let docs = super::scope::docs(&one.docs, &format!("The value `{}`, {}.", one.name.idl, one.value));
        let name = ident(&one.name.rust);
        quote!(#docs #name,)
    });
    let unknown = ident(&name::fresh("Unknown", item.enumerators.iter().map(|one| one.name.rust.as_str())));
    let (open, unknown_variant) = if item.extensible {
        let docs = quote!(#[doc = " A value that this version does not know."]);
        (quote!(#[non_exhaustive]), quote!(#docs #unknown(i32),))
    } else {
        (quote!(), quote!())
    };
    let codec = enumeration_codec(item, &unknown);
    let error = error(&name, item.is_error);
    quote! {
        #docs
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #open
        pub enum #name { #(#variants)* #unknown_variant }
        #codec
        #error
    }
}

fn enumeration_codec(item: &Enum, unknown: &Ident) -> TokenStream {
    let name = ident(&item.name.rust);
    let (names, values): (Vec<_>, Vec<_>) =
        item.enumerators.iter().map(|one| (ident(&one.name.rust), Literal::i32_unsuffixed(one.value))).unzip();
    let (unknown_read, unknown_write) = if item.extensible {
        (quote!(Ok(Self::#unknown(found))), quote!(Self::#unknown(value) => *value,))
    } else {
        (quote!(Err(::mage::parameter::BadValue::UnknownEnumerator { found }.into())), quote!())
    };
    let read = quote! {
        match <i32 as ::mage::parameter::Parameter>::decode(from)? {
            #(#values => Ok(Self::#names),)*
            found => #unknown_read,
        }
    };
    let write = quote! {
        let value: i32 = match self {
            #(Self::#names => #values,)*
            #unknown_write
        };
        ::mage::parameter::Parameter::encode(value, to);
    };
    data_codec(&name, &quote!(4), &write, &read)
}

pub(super) fn union(scope: &Scope<'_>, item: &Union) -> TokenStream {
    let (docs, derives) = (docs(&item.docs, &format!("The union `{}`.", item.name.idl)), derives(item.traits));
    let name = ident(&item.name.rust);
    let members = item.members.iter().map(|member| {
        let docs = super::scope::docs(&member.docs, &format!("The member `{}`.", member.name.idl));
        let (name, ty) = (ident(&member.name.rust), scope.owned(&member.ty));
        quote!(#docs #name(#ty),)
    });
    let codec = union_codec(scope, item);
    let error = error(&name, item.is_error);
    quote! {
        #docs
        #derives
        pub enum #name { #(#members)* }
        #codec
        #error
    }
}

fn union_codec(scope: &Scope<'_>, item: &Union) -> TokenStream {
    let name = ident(&item.name.rust);
    let reads = item.members.iter().enumerate().map(|(place, member)| {
        let (place, name, idl) = (Literal::usize_unsuffixed(place), ident(&member.name.rust), &member.name.idl);
        let decode = scope.decode(&member.ty);
        quote!(#place => from.field_with(#idl, |from| from.sized(|from| #decode)).map(Self::#name),)
    });
    let read = quote! {
        match <u32 as ::mage::parameter::Parameter>::decode(from)? {
            #(#reads)*
            found => Err(::mage::parameter::BadValue::UnknownMember { found }.into()),
        }
    };
    let writes = item.members.iter().enumerate().map(|(place, member)| {
        let (place, name) = (Literal::usize_unsuffixed(place), ident(&member.name.rust));
        let value = quote!(value);
        let operand = if item.traits.is_data { Operand::Reference(value) } else { Operand::Given(value) };
        let encode = scope.encode(&member.ty, &operand, &ident("to"));
        quote! {
            Self::#name(value) => {
                to.count(#place);
                to.sized(|to| #encode);
            }
        }
    });
    let write = quote!(match self { #(#writes)* });
    codec(&name, item.traits.is_data, &quote!(8), &write, &read)
}

/// What makes a type an error in Rust: one says what it is by its name and its values.
fn error(name: &Ident, is_error: bool) -> TokenStream {
    if !is_error {
        return TokenStream::new();
    }
    quote! {
        impl ::core::fmt::Display for #name {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Debug::fmt(self, f)
            }
        }

        impl ::std::error::Error for #name {}
    }
}

pub(super) fn constant(scope: &Scope<'_>, item: &Const) -> TokenStream {
    let docs = docs(&item.docs, &format!("The constant `{}`.", item.name.idl));
    let (name, value) = (ident(&item.name.rust), scope.constant_value(&item.ty, &item.value));
    let ty = match (&item.ty, &item.value) {
        (_, Value::String(_)) => quote!(&'static str),
        (_, Value::Bytes(_)) => quote!(&'static [u8]),
        (ty, Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Enumerator { .. }) => scope.owned(ty),
    };
    quote! {
        #docs
        pub const #name: #ty = #value;
    }
}

/// Whether a field that was not sent has a value.
pub(super) fn may_be_absent(field: &crate::model::Field) -> bool {
    match field.absent() {
        Absent::Default(_) | Absent::Empty => true,
        Absent::Malformed => false,
    }
}
