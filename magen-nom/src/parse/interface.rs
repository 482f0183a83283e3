//! Interfaces and their methods.

use nom::Parser;
use nom::branch::alt;
use nom::combinator::{cut, opt};
use nom::multi::separated_list0;
use nom::sequence::{delimited, preceded};

use super::data::{field, head, no_default};
use super::file::nested_item;
use super::input::{Parsed, Tokens, name, token, word};
use super::literal::int;
use super::prefix::prefix;
use super::recover::{DECLARATIONS, Ends, body, described, place_of, semicolon};
use super::token::{Kind, Token};
use super::type_::ty;
use crate::ast::{Field, Ident, Interface, Member, Method, Prefix, Reply, Type};
use crate::diagnostic::{Code, Diagnostic};
use crate::span::Span;

/// `interface = "interface" ident "{" { method | enum | struct | const } "}" [ ";" ]`, the word taken.
pub(super) fn interface(input: Tokens<'_>) -> Parsed<'_, Interface<'_>> {
    let (rest, (name, open)) = head(input, "the interface's name")?;
    let (rest, members) = body(rest, open, Ends::Method, member);
    Ok((rest, Interface { name, members }))
}

/// `member = prefix ( method | enum | struct | const )`
fn member(input: Tokens<'_>) -> Parsed<'_, Member<'_>> {
    let (rest, prefix) = prefix(input)?;
    // `enum` and the like are words only where a name follows: a method may be called so.
    let is_declaration = DECLARATIONS.contains(&rest.text(rest.first()))
        && matches!(rest.nth(1).kind, Kind::Ident | Kind::String)
        && !(rest.nth(1).kind == Kind::Ident && rest.nth(2).kind == Kind::OpenParen);
    if is_declaration {
        return nested_item(rest, prefix).map(|(rest, item)| (rest, Member::Item(item)));
    }
    method(rest, prefix).map(|(rest, method)| (rest, Member::Method(method)))
}

/// `method = ident [ "@" int ] "(" [ params ] ")" [ "=>" reply ] ";"`
fn method<'a>(input: Tokens<'a>, prefix: Prefix<'a>) -> Parsed<'a, Method<'a>> {
    let (rest, name) = name("a method or `}`")(input)?;
    if rest.kind() == Kind::Ident && matches!(rest.nth(1).kind, Kind::OpenParen | Kind::At) {
        return type_in_front(rest, name);
    }
    let (rest, id) = opt(preceded(token(Kind::At), cut(int))).parse(rest)?;
    let (rest, params) = cut(fields).parse(rest)?;
    let (rest, reply) = opt(preceded(token(Kind::Arrow), cut(reply))).parse(rest)?;
    let end = rest.previous().map_or(name.span, |last| last.span);
    let (rest, ()) = method_end(rest, &reply)?;
    let reply = reply.unwrap_or(Reply::OneWay);
    Ok((rest, Method { prefix, name, id, params, reply, span: name.span.to(end) }))
}

/// The semicolon, with words for those who come from other languages.
fn method_end<'a>(input: Tokens<'a>, reply: &Option<Reply<'a>>) -> Parsed<'a, ()> {
    let next = input.first();
    let arrow = match next.kind {
        // `-> T` and `= T` instead of `=> T`.
        Kind::Minus if input.nth(1).kind == Kind::Greater => next.span.to(input.nth(1).span),
        Kind::Equals => next.span,
        _ => return semicolon(input, "the method"),
    };
    if reply.is_some() {
        return semicolon(input, "the method");
    }
    input.fail(
        input
            .error(Code::UnexpectedToken, arrow, "a reply is announced by `=>`")
            .label("expected `=>` or `;`")
            .suggest("write the arrow", input.place(arrow), "=>"),
    )
}

/// `int Add(…)`: somebody thinks in C++.
fn type_in_front<'a, T>(input: Tokens<'a>, ty: Ident<'a>) -> Parsed<'a, T> {
    let method = input.first();
    let name = input.text(method);
    let said = input
        .error(Code::UnexpectedToken, ty.span, format!("a method has no type before its name, found `{}`", ty.text))
        .label("unexpected type");
    let removed = Span::new(ty.span.start, method.span.start);
    input.fail(match ty.text {
        "void" => said.suggest("leave it out", input.place(removed), ""),
        other => said.help(format!("what a method answers stands behind it: `{name}(…) => {other};`")),
    })
}

/// `params = "(" [ field { "," field } [ "," ] ] ")"`
fn fields(input: Tokens<'_>) -> Parsed<'_, Vec<Field<'_>>> {
    let (rest, open) = token(Kind::OpenParen)(input)?;
    let (rest, fields) = separated_list0(token(Kind::Comma), param).parse(rest)?;
    let (rest, comma) = opt(token(Kind::Comma)).parse(rest)?;
    if rest.kind() == Kind::CloseParen {
        return Ok((rest.skip_one(), fields));
    }
    if fields.is_empty() || comma.is_some() {
        return rest.expected("a parameter or `)`");
    }
    rest.fail(unseparated(rest, open))
}

/// Neither `,` nor `)` after a parameter: which one was forgotten shows in what comes.
fn unseparated(input: Tokens<'_>, open: Token) -> Diagnostic {
    let next = input.first();
    let message = format!("expected `,` or `)`, found {}", described(input, next));
    let after = Span::at(input.previous().map_or(next.span, |last| last.span).end);
    let said = input.error(Code::UnexpectedToken, place_of(input, next), message).label("expected `,` or `)`");
    match next.kind {
        Kind::Ident if !next.first_on_line => said.suggest("separate parameters by commas", input.place(after), ","),
        Kind::Ident | Kind::Arrow | Kind::Semicolon | Kind::CloseBrace | Kind::End => {
            said.also(input.place(open.span), "opened here").suggest("close the parenthesis", input.place(after), ")")
        }
        _ => said,
    }
}

/// `param = prefix type ident`
fn param(input: Tokens<'_>) -> Parsed<'_, Field<'_>> {
    let (rest, param) = field(input, "parameter")?;
    no_default(rest, "a parameter")?;
    Ok((rest, param))
}

/// `reply = params | "result" "<" ( type | "(" ")" ) "," type ">" | "stream" "<" type ">" | type`
fn reply(input: Tokens<'_>) -> Parsed<'_, Reply<'_>> {
    match input.kind() {
        Kind::OpenParen => fields.map(Reply::Values).parse(input),
        Kind::Ident => alt((result, stream, ty.map(Reply::Type))).parse(input),
        Kind::OpenBrace => input.fail(braces_of_a_body(input)),
        _ => input.expected("a type, `result<…>`, `stream<…>` or `(…)`"),
    }
}

fn braces_of_a_body(input: Tokens<'_>) -> Diagnostic {
    let next = input.first();
    input
        .error(Code::UnexpectedToken, next.span, format!("expected a reply, found {}", described(input, next)))
        .label("expected a type, `result<…>`, `stream<…>` or `(…)`")
        .help("several values stand in parentheses: `=> (int sum, int rest)`")
}

/// `result = "result" "<" ( type | "(" ")" ) "," type ">"`
fn result(input: Tokens<'_>) -> Parsed<'_, Reply<'_>> {
    let (rest, _) = angled("result")(input)?;
    let (rest, ok) = cut(alt((ty.map(Some), unit))).parse(rest)?;
    let (rest, _) = cut(token(Kind::Comma)).parse(rest)?;
    let (rest, error) = cut(ty).parse(rest)?;
    let (rest, _) = cut(token(Kind::Greater)).parse(rest)?;
    Ok((rest, Reply::Result { ok, error }))
}

/// `()` where nothing but success is told.
fn unit<'a>(input: Tokens<'a>) -> Parsed<'a, Option<Type<'a>>> {
    (token(Kind::OpenParen), token(Kind::CloseParen)).map(|_| None).parse(input)
}

/// `stream = "stream" "<" type ">"`
fn stream(input: Tokens<'_>) -> Parsed<'_, Reply<'_>> {
    delimited(angled("stream"), cut(ty), cut(token(Kind::Greater))).map(Reply::Stream).parse(input)
}

/// A word and `<`: without the bracket the word is an ordinary name.
fn angled<'a>(wanted: &'static str) -> impl Fn(Tokens<'a>) -> Parsed<'a, ()> {
    move |input| (word(wanted, wanted), token(Kind::Less)).map(|_| ()).parse(input)
}
