//! Types as they are written. What the names mean, and whether the arguments fit, is the checker's business.

use nom::Parser;
use nom::combinator::{cut, opt};
use nom::multi::separated_list1;

use super::input::{Parsed, Tokens, name, token};
use super::literal::int;
use super::token::Kind;
use crate::ast::{Path, Type, TypeArgument};
use crate::diagnostic::Code;

/// How many types may stand inside one another.
const DEEPEST: u8 = 32;

/// `path = ident { "." ident }`
pub(super) fn path(input: Tokens<'_>) -> Parsed<'_, Path<'_>> {
    named_path("a name")(input)
}

fn named_path<'a>(what: &'static str) -> impl Fn(Tokens<'a>) -> Parsed<'a, Path<'a>> {
    move |input| {
        let (mut rest, first) = name(what)(input)?;
        let mut span = first.span;
        let mut segments = vec![first];
        while rest.kind() == Kind::Dot {
            let (after, segment) = cut(name("a name after the dot")).parse(rest.skip_one())?;
            span = span.to(segment.span);
            segments.push(segment);
            rest = after;
        }
        Ok((rest, Path { segments, span }))
    }
}

/// `type = path [ "<" argument { "," argument } ">" ] [ "?" ]`
pub(super) fn ty(input: Tokens<'_>) -> Parsed<'_, Type<'_>> {
    let (rest, path) = named_path("a type")(input)?;
    let (rest, arguments) = opt(arguments).parse(rest)?;
    let (mut rest, question) = opt(token(Kind::Question)).parse(rest)?;
    while question.is_some() && rest.kind() == Kind::Question {
        let again = rest.first().span;
        rest.say(
            rest.error(Code::DoubleOptional, again, "a type is optional once")
                .label("a second `?` says nothing more")
                .suggest("remove it", rest.place(again), ""),
        );
        rest = rest.skip_one();
    }
    let end = rest.previous().map_or(path.span, |last| last.span);
    Ok((rest, Type { span: path.span.to(end), path, arguments, optional: question.map(|token| token.span) }))
}

/// `arguments = "<" argument { "," argument } ">"`
fn arguments(input: Tokens<'_>) -> Parsed<'_, Vec<TypeArgument<'_>>> {
    let (rest, open) = token(Kind::Less)(input)?;
    let inside = rest.deeper(DEEPEST, |rest| cut(separated_list1(token(Kind::Comma), argument)).parse(rest));
    let Some(inside) = inside else {
        return input.fail(
            input
                .error(Code::NestedTooDeeply, open.span, format!("more than {DEEPEST} types stand inside one another"))
                .label("one too many")
                .help("give the inner part a name: a struct, an enum or a union"),
        );
    };
    let (rest, arguments) = inside?;
    let (rest, _) = cut(token(Kind::Greater)).parse(rest)?;
    Ok((rest, arguments))
}

/// `argument = int | type`
fn argument(input: Tokens<'_>) -> Parsed<'_, TypeArgument<'_>> {
    match input.kind() {
        Kind::Int | Kind::Minus => int.map(TypeArgument::Number).parse(input),
        _ => ty.map(TypeArgument::Type).parse(input),
    }
}
