//! The tree that the parser makes of one file: what was written, with its place, and nothing looked up.
//!
//! Whatever a check might complain about keeps its span. Nodes hold borrowed names: a tree lives as long as its source.

use crate::span::Span;

/// A name as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ident<'a> {
    /// The characters.
    pub text: &'a str,
    /// Where they stand.
    pub span: Span,
}

/// Names joined by dots: a module, or a type of another module. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path<'a> {
    /// The names between the dots.
    pub segments: Vec<Ident<'a>>,
    /// From the first name to the last.
    pub span: Span,
}

/// The lines of `///` above something, each with its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Docs<'a> {
    /// The text after `///`, one leading space removed.
    pub lines: Vec<Ident<'a>>,
}

/// One attribute of a list in square brackets: `Name` or `Name = literal`.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute<'a> {
    /// What it is called.
    pub name: Ident<'a>,
    /// What stands after `=`.
    pub value: Option<Literal<'a>>,
}

/// What may stand above any declaration.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Prefix<'a> {
    /// Documentation.
    pub docs: Docs<'a>,
    /// Attributes, of all lists together.
    pub attributes: Vec<Attribute<'a>>,
}

/// A whole file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct File<'a> {
    /// Everything in it that could be parsed, in order.
    pub items: Vec<Item<'a>>,
}

/// One declaration with what stands above it.
#[derive(Debug, Clone, PartialEq)]
pub struct Item<'a> {
    /// Documentation and attributes.
    pub prefix: Prefix<'a>,
    /// The declaration.
    pub kind: ItemKind<'a>,
    /// From the first word to the closing brace or semicolon, without the prefix.
    pub span: Span,
}

/// What can be declared. `Module` and `Import` stand in a file only, the rest of the data also inside an interface.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemKind<'a> {
    /// `module a.b;`
    Module(Path<'a>),
    /// `import "file.magen";`
    Import(StringLiteral),
    /// `interface …`
    Interface(Interface<'a>),
    /// `struct …`
    Struct(Struct<'a>),
    /// `enum …`
    Enum(Enum<'a>),
    /// `union …`
    Union(Union<'a>),
    /// `const …`
    Const(Const<'a>),
}

/// `interface Name { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Interface<'a> {
    /// What it is called.
    pub name: Ident<'a>,
    /// Methods and nested declarations, in order.
    pub members: Vec<Member<'a>>,
}

/// What stands in an interface.
#[derive(Debug, Clone, PartialEq)]
pub enum Member<'a> {
    /// A method.
    Method(Method<'a>),
    /// An enum, a struct or a constant that belongs to the interface.
    Item(Item<'a>),
}

/// `Name @id (params) => reply;`
#[derive(Debug, Clone, PartialEq)]
pub struct Method<'a> {
    /// Documentation and attributes.
    pub prefix: Prefix<'a>,
    /// What it is called.
    pub name: Ident<'a>,
    /// What stands after `@`.
    pub id: Option<IntLiteral>,
    /// What it takes.
    pub params: Vec<Field<'a>>,
    /// What it answers.
    pub reply: Reply<'a>,
    /// From the name to the semicolon.
    pub span: Span,
}

/// What stands after a method's parameters.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply<'a> {
    /// Nothing: a one-way method.
    OneWay,
    /// `=> (type name, …)`, also `=> ()`.
    Values(Vec<Field<'a>>),
    /// `=> type`
    Type(Type<'a>),
    /// `=> result<type, type>`, also `=> result<(), type>`.
    Result {
        /// What a success brings; `None` for `()`.
        ok: Option<Type<'a>>,
        /// What a failure brings.
        error: Type<'a>,
    },
    /// `=> stream<type>`
    Stream(Type<'a>),
}

/// A parameter, a value of a reply, a field of a struct or a member of a union: `type name`.
#[derive(Debug, Clone, PartialEq)]
pub struct Field<'a> {
    /// Documentation and attributes.
    pub prefix: Prefix<'a>,
    /// What it holds.
    pub ty: Type<'a>,
    /// What it is called.
    pub name: Ident<'a>,
    /// What stands after `=`.
    pub default: Option<Literal<'a>>,
}

/// `struct Name { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Struct<'a> {
    /// What it is called.
    pub name: Ident<'a>,
    /// Its fields.
    pub fields: Vec<Field<'a>>,
}

/// `union Name { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Union<'a> {
    /// What it is called.
    pub name: Ident<'a>,
    /// Its members, of which a value holds one.
    pub members: Vec<Field<'a>>,
}

/// `enum Name { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Enum<'a> {
    /// What it is called.
    pub name: Ident<'a>,
    /// Its values.
    pub enumerators: Vec<Enumerator<'a>>,
}

/// `Name` or `Name = 3` in an enum.
#[derive(Debug, Clone, PartialEq)]
pub struct Enumerator<'a> {
    /// Documentation and attributes.
    pub prefix: Prefix<'a>,
    /// What it is called.
    pub name: Ident<'a>,
    /// What stands after `=`.
    pub value: Option<IntLiteral>,
}

/// `const type Name = literal;`
#[derive(Debug, Clone, PartialEq)]
pub struct Const<'a> {
    /// The type of the value.
    pub ty: Type<'a>,
    /// What it is called.
    pub name: Ident<'a>,
    /// The value.
    pub value: Literal<'a>,
}

/// A type as written: a name, what stands in angle brackets, and whether `?` follows.
#[derive(Debug, Clone, PartialEq)]
pub struct Type<'a> {
    /// The type's name.
    pub path: Path<'a>,
    /// What stands in the angle brackets; `None` when there are none.
    pub arguments: Option<Vec<TypeArgument<'a>>>,
    /// Where the `?` stands.
    pub optional: Option<Span>,
    /// The whole type, with brackets and `?`.
    pub span: Span,
}

/// One argument of a type.
#[derive(Debug, Clone, PartialEq)]
pub enum TypeArgument<'a> {
    /// Another type, or the name of an interface or of a kind of handle.
    Type(Type<'a>),
    /// A length or a bound.
    Number(IntLiteral),
}

/// A value as written.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal<'a> {
    /// `true`, `false`
    Bool(bool, Span),
    /// A whole number.
    Int(IntLiteral),
    /// A number with a point or an exponent.
    Float(f64, Span),
    /// A string.
    String(StringLiteral),
    /// A constant or an enumerator.
    Path(Path<'a>),
}

impl Literal<'_> {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Self::Bool(_, span) | Self::Float(_, span) => *span,
            Self::Int(literal) => literal.span,
            Self::String(literal) => literal.span,
            Self::Path(path) => path.span,
        }
    }
}

/// A whole number as written; `None` when it needs more than 127 bits, which no type holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntLiteral {
    /// The value.
    pub value: Option<i128>,
    /// Where it stands, with its sign.
    pub span: Span,
}

/// A string in quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StringLiteral {
    /// The characters, escapes resolved.
    pub value: String,
    /// Where it stands, with its quotes.
    pub span: Span,
}
