//! What may stand above any declaration: documentation and attributes.

use nom::Parser;
use nom::combinator::{cut, opt};
use nom::multi::separated_list1;
use nom::sequence::preceded;

use super::input::{Parsed, Tokens, name, token};
use super::literal::literal;
use super::token::{CommentKind, Kind};
use crate::ast::{Attribute, Docs, Ident, Prefix};
use crate::span::Span;

/// `prefix = { "///" … | attributes }`
pub(super) fn prefix(input: Tokens<'_>) -> Parsed<'_, Prefix<'_>> {
    let mut prefix = Prefix { docs: docs(input), attributes: Vec::new() };
    let mut rest = input;
    while rest.kind() == Kind::OpenBracket {
        let (after, mut list) = attributes(rest)?;
        prefix.attributes.append(&mut list);
        prefix.docs.lines.append(&mut docs(after).lines);
        rest = after;
    }
    Ok((rest, prefix))
}

/// `attributes = "[" attribute { "," attribute } [ "," ] "]"`
fn attributes(input: Tokens<'_>) -> Parsed<'_, Vec<Attribute<'_>>> {
    let (rest, _) = token(Kind::OpenBracket)(input)?;
    let (rest, list) = cut(separated_list1(token(Kind::Comma), attribute)).parse(rest)?;
    let (rest, _) = opt(token(Kind::Comma)).parse(rest)?;
    let (rest, _) = cut(token(Kind::CloseBracket)).parse(rest)?;
    Ok((rest, list))
}

/// `attribute = ident [ "=" literal ]`
fn attribute(input: Tokens<'_>) -> Parsed<'_, Attribute<'_>> {
    (name("an attribute's name"), opt(preceded(token(Kind::Equals), cut(literal))))
        .map(|(name, value)| Attribute { name, value })
        .parse(input)
}

/// The lines of `///` between the token before and the next one. What stands behind something on its line describes
/// that, and is no documentation of what follows.
fn docs(input: Tokens<'_>) -> Docs<'_> {
    let comments = input.comments_before().iter();
    let lines = comments.filter(|comment| comment.kind == CommentKind::Doc && comment.first_on_line).map(|comment| {
        let text = input.context.source.slice(comment.span).get(3..).unwrap_or_default();
        let text = text.strip_prefix(' ').unwrap_or(text).trim_end();
        Ident { text, span: Span::new(comment.span.start, comment.span.end) }
    });
    Docs { lines: lines.collect() }
}
