//! The three ways to serve: asynchronously, asynchronously on one thread, and synchronously.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::interface::{answer_field, companion};
use super::scope::{Once, Scope, docs, ident};
use crate::model::{Companion, Interface, Method, Reply};
use crate::name;

/// One way to serve.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Shared,
    Local,
    Sync,
}

impl Way {
    fn companion(self) -> Companion {
        match self {
            Self::Shared => Companion::Handler,
            Self::Local => Companion::LocalHandler,
            Self::Sync => Companion::Sync,
        }
    }
}

/// One item after the other.
pub(super) fn generate(scope: &Scope<'_>, item: &Interface) -> impl Iterator<Item = TokenStream> {
    let ways = [Way::Shared, Way::Local, Way::Sync].into_iter();
    ways.flat_map(move |way| [declare(scope, item, way), serve(scope, item, way)])
}

/// The trait.
fn declare(scope: &Scope<'_>, item: &Interface, way: Way) -> TokenStream {
    let name = companion(item, way.companion());
    let full_name = &item.full_name;
    let (docs, bounds) = match way {
        Way::Shared => (
            format!(" Serves `{full_name}`: write `async fn`s. Calls begin in order and overlap where they wait."),
            quote!(::core::marker::Send + ::core::marker::Sync + 'static),
        ),
        Way::Local => {
            (format!(" Serves `{full_name}` on one thread: as the other, for what is not `Send`."), quote!('static))
        }
        Way::Sync => (format!(" Serves `{full_name}` synchronously, one call after the other."), quote!('static)),
    };
    let methods = item.methods.iter().map(|method| Once::from(declare_method(scope, method, way)));
    quote! {
        #[doc = #docs]
        pub trait #name: #bounds { #(#methods)* }
    }
}

fn declare_method(scope: &Scope<'_>, method: &Method, way: Way) -> TokenStream {
    let docs = docs(&method.docs, &format!("Serves `{}`.", method.name.idl));
    let name = ident(&method.name.rust);
    let params = method.params.iter().map(|param| {
        let (name, ty) = (ident(&param.name.rust), scope.owned(&param.ty));
        Once::from(quote!(#name: #ty,))
    });
    let answer = match &method.reply {
        Reply::OneWay | Reply::Stream(_) => quote!(()),
        Reply::Values(_) => scope.answer(method),
        Reply::Result { .. } => {
            let arguments = scope.answer_arguments(method);
            quote!(::core::result::Result<#arguments>)
        }
    };
    let sink = match (&method.reply, answer_field(method)) {
        (Reply::Stream(_), Some(name)) => {
            let item = scope.answer(method);
            quote!(#name: ::mage::StreamSink<#item>,)
        }
        (Reply::OneWay | Reply::Values(_) | Reply::Result { .. }, _) | (_, None) => quote!(),
    };
    let is_unit = answer.to_string() == "()";
    let (answer, sink) = (Once::from(answer), Once::from(sink));
    match way {
        Way::Shared => quote! {
            #docs
            fn #name(&self, #(#params)* #sink)
                -> impl ::core::future::Future<Output = #answer> + ::core::marker::Send;
        },
        Way::Local => quote! {
            #docs
            fn #name(&self, #(#params)* #sink) -> impl ::core::future::Future<Output = #answer>;
        },
        Way::Sync => {
            let arrow = if is_unit { quote!() } else { quote!(-> #answer) };
            quote! {
                #docs
                fn #name(&mut self, #(#params)* #sink) #arrow;
            }
        }
    }
}

/// The implementation of the library's trait on the marker, for every implementation of the generated one.
fn serve(scope: &Scope<'_>, item: &Interface, way: Way) -> TokenStream {
    let taken = item.methods.iter().flat_map(|method| method.params.iter().map(|param| param.name.rust.as_str()));
    let served = ident(&name::fresh("served", taken.clone()));
    let handler = &scope.parameter;
    let marker = ident(&item.name.rust);
    let (request, name) = (companion(item, Companion::Request), companion(item, way.companion()));
    let arms = item.methods.iter().map(|method| Once::from(arm(method, &request, handler, &served, way)));
    let (lib, function) = match way {
        Way::Shared => (quote!(Serve), quote!(async fn serve(#served: &#handler, request: #request))),
        Way::Local => (quote!(ServeLocal), quote!(async fn serve_local(#served: &#handler, request: #request))),
        Way::Sync => (quote!(ServeSync), quote!(fn serve_sync(#served: &mut #handler, request: #request))),
    };
    // One without methods has no request to look at.
    let unused = if item.methods.is_empty() { quote!(let _ = #served;) } else { quote!() };
    quote! {
        impl<#handler: #name> ::mage::interface::#lib<#handler> for #marker {
            #function {
                #unused
                match request { #(#arms)* }
            }
        }
    }
}

/// One method: its parameters to the implementation, what that returns to the caller.
fn arm(method: &Method, request: &Ident, handler: &Ident, served: &Ident, way: Way) -> TokenStream {
    let (variant, name) = (ident(&method.variant), ident(&method.name.rust));
    let params: Vec<_> = method.params.iter().map(|param| ident(&param.name.rust)).collect();
    let answer = answer_field(method);
    let pattern = Once::from(quote!(#request::#variant { #(#params,)* #answer }));
    let call = Once::from(quote!(<#handler>::#name(#served, #(#params),*)));
    let is_sync = way == Way::Sync;
    let body = match (&method.reply, &answer) {
        (Reply::OneWay, _) | (_, None) if is_sync => quote!(#call),
        (Reply::OneWay, _) | (_, None) => quote!(#call.await),
        (Reply::Stream(_), Some(items)) => {
            let call = quote!(<#handler>::#name(#served, #(#params,)* #items));
            if is_sync { call } else { quote!(#items.run(|#items| #call).await) }
        }
        (Reply::Values(_), Some(reply)) if is_sync => quote!(#reply.send(#call)),
        (Reply::Values(_), Some(reply)) => quote!(#reply.run(#call).await),
        (Reply::Result { .. }, Some(reply)) if is_sync => quote!(#reply.answer(#call)),
        (Reply::Result { .. }, Some(reply)) => quote!(#reply.run_fallible(#call).await),
    };
    let body = Once::from(body);
    quote!(#pattern => #body,)
}
