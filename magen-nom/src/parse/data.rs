//! Structs, unions, enums and constants.

use nom::Parser;
use nom::combinator::{cut, opt};
use nom::sequence::preceded;

use super::input::{Parsed, Tokens, name, token};
use super::literal::{int, literal};
use super::prefix::prefix;
use super::recover::{Ends, body, described, semicolon};
use super::token::{Kind, Token};
use super::type_::ty;
use crate::ast::{Const, Enum, Enumerator, Field, Ident, Struct, Type, Union};
use crate::diagnostic::Code;
use crate::span::Span;

/// `struct = "struct" ident "{" { [ attributes ] type ident [ "=" literal ] ";" } "}" [ ";" ]`, the word taken.
pub(super) fn struct_(input: Tokens<'_>) -> Parsed<'_, Struct<'_>> {
    let (rest, (name, open)) = head(input, "the struct's name")?;
    let (rest, fields) = body(rest, open, Ends::Field, struct_field);
    Ok((rest, Struct { name, fields }))
}

/// `union = "union" ident "{" { [ attributes ] type ident ";" } "}" [ ";" ]`, the word taken.
pub(super) fn union(input: Tokens<'_>) -> Parsed<'_, Union<'_>> {
    let (rest, (name, open)) = head(input, "the union's name")?;
    let (rest, members) = body(rest, open, Ends::Field, union_member);
    Ok((rest, Union { name, members }))
}

/// `enum = "enum" ident "{" enumerator { "," enumerator } [ "," ] "}" [ ";" ]`, the word taken.
pub(super) fn enum_(input: Tokens<'_>) -> Parsed<'_, Enum<'_>> {
    let (rest, (name, open)) = head(input, "the enum's name")?;
    let (rest, enumerators) = body(rest, open, Ends::Enumerator, enumerator);
    Ok((rest, Enum { name, enumerators }))
}

/// `const = "const" type ident "=" literal ";"`, the word taken.
pub(super) fn const_(input: Tokens<'_>) -> Parsed<'_, Const<'_>> {
    let (rest, (ty, name)) = cut((ty, name("the constant's name"))).parse(input)?;
    let (rest, value) = cut(preceded(token(Kind::Equals), literal)).parse(rest)?;
    let (rest, ()) = semicolon(rest, "the constant")?;
    Ok((rest, Const { ty, name, value }))
}

/// `ident "{"`; a declaration that is broken here is remembered by its name.
pub(super) fn head<'a>(input: Tokens<'a>, what: &'static str) -> Parsed<'a, (Ident<'a>, Token)> {
    let (rest, name) = cut(name(what)).parse(input)?;
    match cut(token(Kind::OpenBrace)).parse(rest) {
        Ok((rest, open)) => Ok((rest, (name, open))),
        Err(error) => {
            input.context.broken.borrow_mut().push(name);
            Err(error)
        }
    }
}

/// `struct_field = field [ "=" literal ] ";"`
fn struct_field(input: Tokens<'_>) -> Parsed<'_, Field<'_>> {
    let (rest, mut field) = field(input, "field")?;
    let (rest, default) = opt(preceded(token(Kind::Equals), cut(literal))).parse(rest)?;
    field.default = default;
    let (rest, ()) = semicolon(rest, "the field")?;
    Ok((rest, field))
}

/// `union_member = field ";"`
fn union_member(input: Tokens<'_>) -> Parsed<'_, Field<'_>> {
    let (rest, member) = field(input, "member")?;
    no_default(rest, "a union's member")?;
    let (rest, ()) = semicolon(rest, "the member")?;
    Ok((rest, member))
}

/// `field = prefix type ident`; `what` is what it is called in a message.
pub(super) fn field<'a>(input: Tokens<'a>, what: &'static str) -> Parsed<'a, Field<'a>> {
    let (rest, prefix) = prefix(input)?;
    let (rest, ty) = ty(rest)?;
    if matches!(rest.kind(), Kind::Comma | Kind::CloseParen | Kind::Semicolon | Kind::CloseBrace | Kind::Equals) {
        return nameless(rest, &ty, what);
    }
    let (rest, name) = cut(name("a name")).parse(rest)?;
    Ok((rest, Field { prefix, ty, name, default: None }))
}

fn nameless<'a, T>(input: Tokens<'a>, ty: &Type<'a>, what: &str) -> Parsed<'a, T> {
    let end = Span::at(ty.span.end);
    let found = described(input, input.first());
    input.fail(
        input
            .error(Code::UnexpectedToken, ty.span, format!("expected the {what}'s name after its type, found {found}"))
            .label(format!("a {what} is a type and a name"))
            .suggest("give it a name", input.place(end), " name"),
    )
}

/// Complains about `=` where there is no default.
pub(super) fn no_default<'a>(input: Tokens<'a>, what: &str) -> Parsed<'a, ()> {
    let next = input.first();
    if next.kind != Kind::Equals {
        return Ok((input, ()));
    }
    input.fail(
        input
            .error(Code::UnexpectedToken, next.span, format!("{what} has no default"))
            .label("unexpected `=`")
            .note("only the fields of a struct have defaults"),
    )
}

/// `enumerator = prefix ident [ "=" int ]`, and the comma behind it.
fn enumerator(input: Tokens<'_>) -> Parsed<'_, Enumerator<'_>> {
    let (rest, prefix) = prefix(input)?;
    let (rest, name) = name("an enumerator or `}`")(rest)?;
    let (rest, value) = opt(preceded(token(Kind::Equals), cut(int))).parse(rest)?;
    let next = rest.first();
    let rest = match next.kind {
        Kind::Comma => rest.skip_one(),
        Kind::CloseBrace | Kind::End => rest,
        // Mended on the spot, as it is clear what was meant.
        Kind::Semicolon => {
            say_separator(rest, next.span);
            rest.skip_one()
        }
        Kind::Ident if next.first_on_line => {
            let end = rest.previous().map_or(next.span, |last| Span::at(last.span.end));
            say_separator(rest, end);
            rest
        }
        _ => cut(token(Kind::Comma)).parse(rest)?.0,
    };
    Ok((rest, Enumerator { prefix, name, value }))
}

fn say_separator(input: Tokens<'_>, span: Span) {
    input.say(
        input.error(Code::UnexpectedToken, span, "expected `,` between enumerators").label("expected `,`").suggest(
            "write a comma",
            input.place(span),
            ",",
        ),
    );
}
