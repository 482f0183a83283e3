//! The marker of an interface, what the library has to know of it, and its request.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::codec::{Operand, is_plain};
use super::data::{constant, may_be_absent};
use super::scope::{Once, Scope, docs, hex, ident};
use crate::model::{Companion, Field, Interface, Item, Method, Reply};
use crate::name;

/// The type generated for `interface` beside its marker.
pub(super) fn companion(interface: &Interface, companion: Companion) -> Ident {
    ident(&companion.of(&interface.base))
}

/// The constant of the calls type that tells how a method is answered.
pub(super) fn method_constant(method: &Method) -> Ident {
    let name = &method.name.rust;
    ident(&name.strip_prefix("r#").unwrap_or(name).to_uppercase())
}

/// What answers a call, in a request: `reply`, or `items` for a stream.
pub(super) fn answer_field(method: &Method) -> Option<Ident> {
    let wanted = match &method.reply {
        Reply::OneWay => return None,
        Reply::Values(_) | Reply::Result { .. } => "reply",
        Reply::Stream(_) => "items",
    };
    Some(ident(&name::fresh(wanted, method.params.iter().map(|param| param.name.rust.as_str()))))
}

impl Scope<'_> {
    /// The type of a successful answer.
    pub(super) fn answer(&self, method: &Method) -> TokenStream {
        match &method.reply {
            Reply::OneWay => quote!(()),
            Reply::Values(values) => match &values[..] {
                [one] => self.owned(&one.ty),
                values => {
                    let values = values.iter().map(|value| self.owned(&value.ty));
                    quote!((#(#values),*))
                }
            },
            Reply::Result { ok, .. } => ok.as_ref().map_or(quote!(()), |ok| self.owned(ok)),
            Reply::Stream(item) => self.owned(item),
        }
    }

    /// The arguments of `Reply`, `Responder` and `Method`: the answer, and the error where there can be one.
    pub(super) fn answer_arguments(&self, method: &Method) -> TokenStream {
        let answer = self.answer(method);
        match &method.reply {
            Reply::Result { error, .. } => {
                let error = self.owned(error);
                quote!(#answer, #error)
            }
            Reply::OneWay | Reply::Values(_) | Reply::Stream(_) => answer,
        }
    }

    /// How a method's answers travel.
    pub(super) fn method(&self, method: &Method) -> TokenStream {
        let (id, name, arguments) = (hex(method.id), &method.full_name, self.answer_arguments(method));
        let made = match &method.reply {
            Reply::Values(values) if !values_are_plain(values) => {
                let (encode, decode) = self.values(values);
                quote!(with_answer(#id, #name, #encode, #decode))
            }
            Reply::Result { ok: Some(ty), .. } | Reply::Stream(ty) if !is_plain(ty) => {
                let encode = self.encode(ty, &Operand::Given(quote!(value)), &ident("to"));
                let decode = self.decode(ty);
                quote!(with_answer(#id, #name, |value, to| #encode, |from| #decode))
            }
            Reply::OneWay | Reply::Values(_) | Reply::Result { .. } | Reply::Stream(_) => quote!(new(#id, #name)),
        };
        quote!(::mage::interface::Method<#arguments> = ::mage::interface::Method::#made)
    }

    /// Functions that encode and decode the values of an answer one by one.
    fn values(&self, values: &[Field]) -> (TokenStream, TokenStream) {
        let names: Vec<_> = values.iter().map(|value| ident(&value.name.rust)).collect();
        let to = ident(&name::fresh("to", values.iter().map(|value| value.name.rust.as_str())));
        let writes =
            values.iter().zip(&names).map(|(value, name)| self.encode(&value.ty, &Operand::Given(quote!(#name)), &to));
        let reads = values.iter().map(|value| self.decode_field(value));
        match &names[..] {
            [one] => (quote!(|#one, #to| { #(#writes;)* }), quote!(|from| Ok(#(#reads)*))),
            names => (quote!(|(#(#names),*), #to| { #(#writes;)* }), quote!(|from| Ok((#(#reads),*)))),
        }
    }
}

/// Whether the library's implementation for the type, or for a tuple of at most eight, does.
fn values_are_plain(values: &[Field]) -> bool {
    values.len() <= 8 && values.iter().all(|value| is_plain(&value.ty) && !may_be_absent(value))
}

/// One item after the other.
pub(super) fn generate(scope: &Scope<'_>, item: &Interface, index: usize) -> [TokenStream; 3] {
    let docs = docs(&item.docs, &format!("The interface `{}`.", item.full_name));
    let marker = ident(&item.name.rust);
    // What is nested in an interface follows it.
    let after = scope.model.file(scope.file).items.iter().skip(index + 1);
    let nested = after.take_while(|other| other.owner() == Some(index));
    let constants = nested.filter_map(|other| match other {
        Item::Const(constant) => Some(self::constant(scope, constant)),
        Item::Interface(_) | Item::Struct(_) | Item::Enum(_) | Item::Union(_) => None,
    });
    let constants: Vec<_> = constants.collect();
    let constants = if constants.is_empty() { quote!() } else { quote!(impl #marker { #(#constants)* }) };
    let declared = quote! {
        #docs
        #[derive(Debug)]
        pub enum #marker {}
        #constants
    };
    [declared, request(scope, item), implementation(scope, item)]
}

/// The enum with a variant per method.
fn request(scope: &Scope<'_>, item: &Interface) -> TokenStream {
    let docs = format!(" A call of `{}` that arrived.", item.full_name);
    let name = companion(item, Companion::Request);
    let variants = item.methods.iter().map(|method| {
        let docs = super::scope::docs(&method.docs, &format!("The method `{}`.", method.name.idl));
        let variant = ident(&method.variant);
        let fields = method.params.iter().map(|param| {
            let docs = super::scope::docs(&param.docs, &format!("The parameter `{}`.", param.name.idl));
            let (name, ty) = (ident(&param.name.rust), scope.owned(&param.ty));
            Once::from(quote!(#docs #name: #ty,))
        });
        let answer = answer_field(method).map(|name| {
            let arguments = scope.answer_arguments(method);
            match &method.reply {
                Reply::Stream(_) => quote! {
                    #[doc = " Takes the values of the answer."]
                    #name: ::mage::StreamSink<#arguments>,
                },
                Reply::OneWay | Reply::Values(_) | Reply::Result { .. } => quote! {
                    #[doc = " Answers the call."]
                    #name: ::mage::Responder<#arguments>,
                },
            }
        });
        Once::from(quote!(#docs #variant { #(#fields)* #answer },))
    });
    quote! {
        #[doc = #docs]
        #[derive(Debug)]
        pub enum #name { #(#variants)* }
    }
}

fn implementation(scope: &Scope<'_>, item: &Interface) -> TokenStream {
    let (marker, full_name) = (ident(&item.name.rust), &item.full_name);
    let (calls, request) = (companion(item, Companion::Calls), companion(item, Companion::Request));
    let id: proc_macro2::Literal = format!("{:#018x}", item.id).parse().expect("a number");
    let ids: Vec<_> = item.methods.iter().map(|method| hex(method.id)).collect();
    let names = item.methods.iter().map(|method| &method.full_name);
    let reads = item.methods.iter().map(|method| Once::from(read(scope, method, &request, &calls)));
    // One without methods never touches it.
    let incoming = if item.methods.is_empty() { quote!(incoming) } else { quote!(mut incoming) };
    quote! {
        impl ::mage::interface::Interface for #marker {
            const NAME: &'static str = #full_name;
            const ID: u64 = #id;

            type Calls = #calls;
            type Request = #request;

            fn calls(caller: ::mage::interface::Caller) -> #calls {
                #calls { caller }
            }

            fn caller(calls: &#calls) -> &::mage::interface::Caller {
                &calls.caller
            }

            fn decode(
                #incoming: ::mage::interface::Incoming<'_>,
            ) -> ::core::result::Result<#request, ::mage::parameter::Fault> {
                match incoming.method() {
                    #(#ids => { #reads })*
                    _ => Err(incoming.unknown()),
                }
            }

            fn method_name(id: u32) -> ::core::option::Option<&'static str> {
                match id {
                    #(#ids => Some(#names),)*
                    _ => None,
                }
            }
        }
    }
}

/// Reads the request of one method.
fn read(scope: &Scope<'_>, method: &Method, request: &Ident, calls: &Ident) -> TokenStream {
    let variant = ident(&method.variant);
    let fields = method.params.iter().map(|param| {
        let (name, read) = (ident(&param.name.rust), scope.decode_field(param));
        Once::from(quote!(#name: #read,))
    });
    let constant = method_constant(method);
    let (take, answer) = match (&method.reply, answer_field(method)) {
        (Reply::OneWay, _) | (_, None) => (quote!(one_way), quote!()),
        (Reply::Stream(_), Some(name)) => (quote!(call), quote!(#name: incoming.sink(&#calls::#constant),)),
        (_, Some(name)) => (quote!(call), quote!(#name: incoming.responder(&#calls::#constant),)),
    };
    let from =
        if method.params.is_empty() { quote!(incoming.#take()?;) } else { quote!(let from = incoming.#take()?;) };
    let (from, answer) = (Once::from(from), Once::from(answer));
    quote! {
        #from
        Ok(#request::#variant { #(#fields)* #answer })
    }
}
