//! Where things are: modules, paths, identifiers, documentation.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};

use crate::model::{Import, ItemRef, Model, Type};
use crate::name;
use crate::span::FileId;
use crate::types::HandleKind;

/// The modules of one generated file: one for each file that it imports, directly or not, side by side, so that a type
/// exists once however it is reached.
pub(super) struct Tree {
    root: FileId,
    root_name: String,
    modules: Vec<(FileId, Module)>,
    places: HashMap<FileId, usize>,
}

enum Module {
    /// Generated here, under this name.
    Here(String),
    /// Generated elsewhere: a path that the user gave.
    Elsewhere(String),
}

impl Tree {
    pub(super) fn new(model: &Model, root: FileId) -> Self {
        let root_name = name::snake(&model.file(root).stem);
        let mut tree = Self { root, root_name, modules: Vec::new(), places: HashMap::new() };
        let mut taken = BTreeSet::new();
        tree.add_imports(model, root, &mut taken);
        let mut next = 0;
        while let Some((file, module)) = tree.modules.get(next) {
            if let (Module::Here(_), file) = (module, *file) {
                tree.add_imports(model, file, &mut taken);
            }
            next += 1;
        }
        tree
    }

    fn add_imports(&mut self, model: &Model, file: FileId, taken: &mut BTreeSet<String>) {
        for import in &model.file(file).imports {
            if import.file == self.root || self.places.contains_key(&import.file) {
                continue;
            }
            self.places.insert(import.file, self.modules.len());
            self.modules.push((import.file, module(import, taken)));
        }
    }

    /// The modules to generate, in the order in which they were met.
    pub(super) fn modules(&self) -> impl Iterator<Item = (FileId, &str)> {
        self.modules.iter().filter_map(|(file, module)| match module {
            Module::Here(name) => Some((*file, name.as_str())),
            Module::Elsewhere(_) => None,
        })
    }

    pub(super) fn root_name(&self) -> &str {
        &self.root_name
    }

    /// The path from the module of `from` to the one of `to`, ending in `::` unless it is empty.
    fn path(&self, from: FileId, to: FileId) -> TokenStream {
        if from == to {
            return TokenStream::new();
        }
        let up = if from == self.root { TokenStream::new() } else { quote!(super::) };
        match self.places.get(&to).map(|place| &self.modules[*place].1) {
            None => up,
            Some(Module::Here(name)) => {
                let name = ident(name);
                quote!(#up #name::)
            }
            Some(Module::Elsewhere(path)) => elsewhere(path, &up),
        }
    }
}

fn module(import: &Import, taken: &mut BTreeSet<String>) -> Module {
    if let Some(path) = &import.rust_path {
        return Module::Elsewhere(path.clone());
    }
    let name = name::fresh(&import.rust_module, taken.iter().map(String::as_str));
    taken.insert(name.clone());
    Module::Here(name)
}

/// A path given by the user, as seen from a module `up` below the one that includes the generated file.
fn elsewhere(path: &str, up: &TokenStream) -> TokenStream {
    let absolute = path.starts_with("::");
    let segments: Vec<&str> = path.split("::").map(str::trim).filter(|segment| !segment.is_empty()).collect();
    let (lead, rest) = match segments.split_first() {
        // The generated items stand in a module of their own.
        Some((&"self", rest)) => (quote!(#up super::), rest),
        Some((&"super", _)) => (quote!(#up super::), &segments[..]),
        Some((&"crate", rest)) => (quote!(crate::), rest),
        Some(_) | None if absolute => (quote!(::), &segments[..]),
        Some(_) | None => (TokenStream::new(), &segments[..]),
    };
    let rest = rest.iter().map(|segment| match *segment {
        "super" => quote!(super),
        segment => {
            let segment = ident(segment);
            quote!(#segment)
        }
    });
    quote!(#lead #(#rest::)*)
}

/// The module that is being generated.
pub(super) struct Scope<'a> {
    pub(super) model: &'a Model,
    tree: &'a Tree,
    pub(super) file: FileId,
    /// A name for a type parameter that no type of the module has.
    pub(super) parameter: Ident,
}

impl<'a> Scope<'a> {
    pub(super) fn new(model: &'a Model, tree: &'a Tree, file: FileId) -> Self {
        let types = model.file(file).items.iter().map(|item| item.name().rust.as_str());
        Self { model, tree, file, parameter: ident(&name::fresh("H", types)) }
    }

    /// The path of an item's type.
    pub(super) fn path(&self, item: ItemRef) -> TokenStream {
        let module = self.tree.path(self.file, item.file);
        let name = ident(&self.model.item(item).name().rust);
        quote!(#module #name)
    }

    /// The Rust type of a value that one owns.
    pub(super) fn owned(&self, ty: &Type) -> TokenStream {
        match ty {
            Type::Scalar(scalar) => {
                let scalar = ident(scalar.rust());
                quote!(#scalar)
            }
            Type::String { .. } => quote!(::std::string::String),
            Type::Bytes { .. } => quote!(::mage::Bytes),
            Type::Array { element, length: None } => {
                let element = self.owned(element);
                quote!(::std::vec::Vec<#element>)
            }
            Type::Array { element, length: Some(length) } => {
                let (element, length) = (self.owned(element), length_of(*length));
                quote!([#element; #length])
            }
            Type::Map { key, value } => {
                let (key, value) = (self.owned(key), self.owned(value));
                quote!(::std::collections::BTreeMap<#key, #value>)
            }
            Type::Optional(inner) => {
                let inner = self.owned(inner);
                quote!(::core::option::Option<#inner>)
            }
            Type::Boxed(inner) => {
                let inner = self.owned(inner);
                quote!(::std::boxed::Box<#inner>)
            }
            Type::PendingRemote(item) => {
                let item = self.path(*item);
                quote!(::mage::PendingRemote<#item>)
            }
            Type::PendingReceiver(item) => {
                let item = self.path(*item);
                quote!(::mage::PendingReceiver<#item>)
            }
            Type::Handle(HandleKind::Fd) => quote!(::std::os::fd::OwnedFd),
            Type::Handle(HandleKind::File) => quote!(::std::fs::File),
            Type::Handle(HandleKind::Socket) => quote!(::std::os::unix::net::UnixStream),
            Type::SharedBuffer => quote!(::mage::SharedBuffer),
            Type::MessagePipe => quote!(::mage::MessagePipe),
            Type::Struct(item) | Type::Enum(item) | Type::Union(item) => self.path(*item),
        }
    }

    /// The Rust type of a value that is passed to be sent: borrowed where nothing in it has to be given away.
    pub(super) fn passed(&self, ty: &Type) -> TokenStream {
        if !self.is_data(ty) {
            return self.owned(ty);
        }
        match ty {
            Type::String { .. } => quote!(&str),
            Type::Bytes { .. } => quote!(&[u8]),
            Type::Array { element, length: None } => {
                let element = self.owned(element);
                quote!(&[#element])
            }
            Type::Optional(inner) => {
                let inner = self.passed(inner);
                quote!(::core::option::Option<#inner>)
            }
            Type::Boxed(inner) => self.passed(inner),
            Type::Array { length: Some(_), .. } | Type::Map { .. } | Type::Struct(_) | Type::Union(_) => {
                let ty = self.owned(ty);
                quote!(&#ty)
            }
            Type::Scalar(_)
            | Type::Enum(_)
            | Type::PendingRemote(_)
            | Type::PendingReceiver(_)
            | Type::Handle(_)
            | Type::SharedBuffer
            | Type::MessagePipe => self.owned(ty),
        }
    }

    /// Whether a value can be encoded without being given away.
    pub(super) fn is_data(&self, ty: &Type) -> bool {
        match ty {
            Type::Scalar(_) | Type::String { .. } | Type::Bytes { .. } | Type::Enum(_) => true,
            Type::Array { element: inner, .. } | Type::Optional(inner) | Type::Boxed(inner) => self.is_data(inner),
            Type::Map { key, value } => self.is_data(key) && self.is_data(value),
            Type::Struct(item) | Type::Union(item) => self.traits(*item).is_none_or(|traits| traits.is_data),
            Type::PendingRemote(_)
            | Type::PendingReceiver(_)
            | Type::Handle(_)
            | Type::SharedBuffer
            | Type::MessagePipe => false,
        }
    }

    fn traits(&self, item: ItemRef) -> Option<crate::model::Traits> {
        use crate::model::Item;
        match self.model.item(item) {
            Item::Struct(item) => Some(item.traits),
            Item::Union(item) => Some(item.traits),
            Item::Interface(_) | Item::Enum(_) | Item::Const(_) => None,
        }
    }
}

/// An array's length.
pub(super) fn length_of(length: u32) -> proc_macro2::Literal {
    proc_macro2::Literal::u32_unsuffixed(length)
}

/// Tokens that are interpolated once. They move to their place; a `TokenStream` would be copied there, token by token, at
/// each level of nesting, which is half of what making tokens costs.
pub(super) struct Once(Cell<TokenStream>);

impl From<TokenStream> for Once {
    fn from(tokens: TokenStream) -> Self {
        Self(Cell::new(tokens))
    }
}

impl ToTokens for Once {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.extend([self.0.take()]);
    }
}

/// An identifier, raw when it is spelt so.
pub(super) fn ident(name: &str) -> Ident {
    match name.strip_prefix("r#") {
        Some(raw) => Ident::new_raw(raw, Span::call_site()),
        None => Ident::new(name, Span::call_site()),
    }
}

/// Documentation: the lines of the file, or what stands in for them.
pub(super) fn docs(lines: &[String], fallback: &str) -> Once {
    if lines.is_empty() {
        let fallback = format!(" {fallback}");
        return quote!(#[doc = #fallback]).into();
    }
    let lines = lines.iter().map(|line| if line.is_empty() { String::new() } else { format!(" {line}") });
    quote!(#(#[doc = #lines])*).into()
}

/// A number in hexadecimal, as ids are written.
pub(super) fn hex(value: u32) -> TokenStream {
    let literal: proc_macro2::Literal = format!("{value:#010x}").parse().expect("a number");
    quote!(#literal)
}
