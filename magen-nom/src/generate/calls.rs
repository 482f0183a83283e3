//! What a remote offers: a method per method.

use proc_macro2::TokenStream;
use quote::quote;

use super::interface::{companion, method_constant};
use super::scope::{Once, Scope, docs, hex, ident};
use crate::model::{Companion, Interface, Method, Reply};
use crate::name;

pub(super) fn generate(scope: &Scope<'_>, item: &Interface) -> TokenStream {
    let name = companion(item, Companion::Calls);
    let docs = format!(" The methods of a remote `{}`.", item.full_name);
    let methods = item.methods.iter().map(|method| Once::from(call(scope, method)));
    let constants = item.methods.iter().filter(|method| !is_one_way(method)).map(|method| {
        let (name, made) = (method_constant(method), scope.method(method));
        Once::from(quote!(const #name: #made;))
    });
    quote! {
        #[doc = #docs]
        #[derive(Debug, Clone)]
        pub struct #name {
            caller: ::mage::interface::Caller,
        }

        impl #name {
            #(#constants)*
            #(#methods)*
        }
    }
}

fn is_one_way(method: &Method) -> bool {
    match &method.reply {
        Reply::OneWay => true,
        Reply::Values(_) | Reply::Result { .. } | Reply::Stream(_) => false,
    }
}

fn call(scope: &Scope<'_>, method: &Method) -> TokenStream {
    let docs = docs(&method.docs, &format!("Calls `{}`.", method.name.idl));
    let name = ident(&method.name.rust);
    let params = method.params.iter().map(|param| {
        let (name, ty) = (ident(&param.name.rust), scope.passed(&param.ty));
        Once::from(quote!(#name: #ty))
    });
    let to = ident(&name::fresh("to", method.params.iter().map(|param| param.name.rust.as_str())));
    let writes = method.params.iter().map(|param| scope.encode_passed(&param.ty, &ident(&param.name.rust), &to));
    let write = if method.params.is_empty() { quote!(|_| {}) } else { quote!(|#to| { #(#writes;)* }) };
    let arguments = scope.answer_arguments(method);
    let (answer, send) = match &method.reply {
        Reply::OneWay => {
            let id = hex(method.id);
            (quote!(::core::result::Result<(), ::mage::SendError>), quote!(send(#id, #write)))
        }
        Reply::Values(_) | Reply::Result { .. } => {
            let constant = method_constant(method);
            (quote!(::mage::Reply<#arguments>), quote!(call(&Self::#constant, #write)))
        }
        Reply::Stream(_) => {
            let constant = method_constant(method);
            (quote!(::mage::Streaming<#arguments>), quote!(stream(&Self::#constant, #write)))
        }
    };
    let (answer, send) = (Once::from(answer), Once::from(send));
    let errors = match &method.reply {
        Reply::OneWay => quote! {
            #[doc = ""]
            #[doc = " # Errors"]
            #[doc = ""]
            #[doc = " What stood in the way, with the call."]
        },
        Reply::Values(_) | Reply::Result { .. } | Reply::Stream(_) => quote!(),
    };
    quote! {
        #docs
        #errors
        pub fn #name(&self, #(#params),*) -> #answer {
            self.caller.#send
        }
    }
}
