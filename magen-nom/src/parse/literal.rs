//! Values as they are written.

use nom::Parser;
use nom::branch::alt;
use nom::combinator::opt;

use super::input::{Parsed, Tokens, token};
use super::lexical::escape_sequence;
use super::token::Kind;
use super::type_::path;
use crate::ast::{IntLiteral, Literal, StringLiteral};

/// `literal = "true" | "false" | int | float | string | path`
pub(super) fn literal(input: Tokens<'_>) -> Parsed<'_, Literal<'_>> {
    let next = input.first();
    match input.text(next) {
        "true" => return Ok((input.skip_one(), Literal::Bool(true, next.span))),
        "false" => return Ok((input.skip_one(), Literal::Bool(false, next.span))),
        _ => {}
    }
    alt((int.map(Literal::Int), float, string.map(Literal::String), path.map(Literal::Path)))
        .parse(input)
        .or_else(|_| input.expected("a value"))
}

/// `int = [ "-" ] digits`, see the lexical rules.
pub(super) fn int(input: Tokens<'_>) -> Parsed<'_, IntLiteral> {
    let (rest, minus) = opt(token(Kind::Minus)).parse(input)?;
    let (rest, digits) = token(Kind::Int)(rest)?;
    let text = rest.text(digits).replace('_', "");
    let magnitude = match text.strip_prefix("0x") {
        Some(hex) => i128::from_str_radix(hex, 16),
        None => text.parse(),
    };
    let value = magnitude.ok().map(|value| if minus.is_some() { -value } else { value });
    let span = minus.map_or(digits.span, |minus| minus.span.to(digits.span));
    Ok((rest, IntLiteral { value, span }))
}

/// `float = [ "-" ] digits "." digits`, see the lexical rules.
fn float(input: Tokens<'_>) -> Parsed<'_, Literal<'_>> {
    let (rest, minus) = opt(token(Kind::Minus)).parse(input)?;
    let (rest, digits) = token(Kind::Float)(rest)?;
    // The lexical rules are stricter than Rust's: what they accept, Rust parses.
    let magnitude: f64 = rest.text(digits).replace('_', "").parse().unwrap_or(f64::NAN);
    let span = minus.map_or(digits.span, |minus| minus.span.to(digits.span));
    Ok((rest, Literal::Float(if minus.is_some() { -magnitude } else { magnitude }, span)))
}

/// `string`, see the lexical rules. Escapes that are none were reported when the text was cut, and stay as they are.
pub(super) fn string(input: Tokens<'_>) -> Parsed<'_, StringLiteral> {
    let (rest, found) = token(Kind::String)(input)?;
    let text = rest.text(found);
    let mut remaining = text.strip_prefix('"').unwrap_or(text);
    remaining = remaining.strip_suffix('"').unwrap_or(remaining);
    let mut value = String::with_capacity(remaining.len());
    while let Some(at) = remaining.find('\\') {
        let (before, escape) = remaining.split_at(at);
        value.push_str(before);
        remaining = match escape_sequence(escape) {
            Ok((after, character)) => {
                value.push(character);
                after
            }
            Err(_) => {
                value.push('\\');
                escape.get(1..).unwrap_or_default()
            }
        };
    }
    value.push_str(remaining);
    Ok((rest, StringLiteral { value, span: found.span }))
}
