//! Going on after an error, and the two mistakes that are mended on the spot: a semicolon or a brace that is missing.
//!
//! An error costs the declaration in which it stands and nothing else. Where a declaration ends is told by `;` and `}`,
//! by the partner of a brace, and, when even those are missing, by a line that begins like a new declaration.

use super::input::{Parsed, SyntaxError, SyntaxErrorKind, Tokens, token};
use super::token::{Kind, Token};
use crate::diagnostic::{Code, Diagnostic};
use crate::span::Span;

/// The words that begin a declaration of a file.
pub(super) const DECLARATIONS: [&str; 7] = ["module", "import", "interface", "struct", "enum", "union", "const"];

/// What ends one member of a body.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// `;` as in an interface, where a line may also begin like a method.
    Method,
    /// `;` as in a struct or a union.
    Field,
    /// `,` as in an enum.
    Enumerator,
}

/// Members up to the closing brace, which is taken too. `open` has just been taken.
pub(super) fn body<'a, T>(
    input: Tokens<'a>,
    open: Token,
    ends: Ends,
    member: impl Fn(Tokens<'a>) -> Parsed<'a, T>,
) -> (Tokens<'a>, Vec<T>) {
    let open_index = input.index() - 1;
    let closed = input.context.lexed.partner(open_index).is_some();
    let mut members = Vec::new();
    let mut rest = input;
    let mut complained_at_end = false;
    loop {
        match rest.kind() {
            Kind::CloseBrace => return (rest.skip_one(), members),
            Kind::End => {
                if !complained_at_end {
                    rest.say(unclosed(rest, open));
                }
                return (rest, members);
            }
            // `Foo();;` is as good as `Foo();`
            Kind::Semicolon if ends != Ends::Enumerator => rest = rest.skip_one(),
            _ if !closed && begins_braced_declaration(rest) => {
                let next = rest.first();
                rest.say(unclosed(rest, open).also(rest.place(next.span), "a `}` is missing before this"));
                return (rest, members);
            }
            _ => match member(rest) {
                Ok((after, member)) => {
                    members.push(member);
                    rest = after;
                }
                Err(error) => {
                    let error = syntax_error(error, rest);
                    let from = rest.from(error.at.max(rest.index()));
                    complained_at_end |= from.kind() == Kind::End;
                    report(error, rest);
                    rest = after_member(rest, from, ends);
                }
            },
        }
    }
}

/// Whether a declaration with braces begins here: what stands before it in an unclosed body is all there is.
fn begins_braced_declaration(input: Tokens<'_>) -> bool {
    input.kind() == Kind::Ident
        && DECLARATIONS.contains(&input.text(input.first()))
        && input.nth(1).kind == Kind::Ident
        && input.nth(2).kind == Kind::OpenBrace
}

fn unclosed(input: Tokens<'_>, open: Token) -> Diagnostic {
    input.error(Code::UnclosedBrace, open.span, "this brace is never closed").label("opened here")
}

/// Where the member after a wrong one begins; always behind `start`.
fn after_member<'a>(start: Tokens<'a>, from: Tokens<'a>, ends: Ends) -> Tokens<'a> {
    let mut rest = from;
    loop {
        match rest.kind() {
            Kind::End | Kind::CloseBrace => return rest,
            Kind::Semicolon => return rest.skip_one(),
            Kind::Comma if ends == Ends::Enumerator => return rest.skip_one(),
            Kind::OpenBrace => match rest.context.lexed.partner(rest.index()) {
                Some(partner) => return rest.from(partner + 1),
                None => rest = rest.skip_one(),
            },
            Kind::Ident if ends == Ends::Method && rest.index() > start.index() && begins_method(rest) => return rest,
            Kind::Ident if begins_braced_declaration(rest) && rest.index() > start.index() => return rest,
            _ => rest = rest.skip_one(),
        }
    }
}

fn begins_method(input: Tokens<'_>) -> bool {
    input.first().first_on_line && matches!(input.nth(1).kind, Kind::OpenParen | Kind::At)
}

/// Where the declaration after a wrong one begins; always behind `start`, unless that is the end.
pub(super) fn after_declaration<'a>(start: Tokens<'a>, from: Tokens<'a>) -> Tokens<'a> {
    let mut rest = from;
    loop {
        match rest.kind() {
            Kind::End => return rest,
            // A brace that nothing opened: the end of a declaration whose beginning was wrong.
            Kind::CloseBrace => return rest.skip_one(),
            Kind::OpenBrace => match rest.context.lexed.partner(rest.index()) {
                Some(partner) => return rest.from(partner + 1),
                None => rest = rest.skip_one(),
            },
            Kind::Semicolon => {
                rest = rest.skip_one();
                if rest.kind() == Kind::OpenBracket || begins_declaration(rest) {
                    return rest;
                }
            }
            Kind::Ident if rest.first().first_on_line && rest.index() > start.index() && begins_declaration(rest) => {
                return rest;
            }
            _ => rest = rest.skip_one(),
        }
    }
}

fn begins_declaration(input: Tokens<'_>) -> bool {
    input.kind() == Kind::Ident
        && DECLARATIONS.contains(&input.text(input.first()))
        && matches!(input.nth(1).kind, Kind::Ident | Kind::String)
}

/// The error inside of nom's wrapping.
pub(super) fn syntax_error(error: nom::Err<SyntaxError>, input: Tokens<'_>) -> SyntaxError {
    match error {
        nom::Err::Error(error) | nom::Err::Failure(error) => error,
        // Only streaming parsers ask for more, and none is used.
        nom::Err::Incomplete(_) => SyntaxError { at: input.index(), kind: SyntaxErrorKind::Expected(Vec::new()) },
    }
}

/// Says what is wrong.
pub(super) fn report(error: SyntaxError, input: Tokens<'_>) {
    let said = match error.kind {
        SyntaxErrorKind::Said(diagnostic) => *diagnostic,
        SyntaxErrorKind::Expected(mut wanted) => {
            let at = input.from(error.at);
            let found = at.first();
            wanted.dedup();
            let wanted = one_of(&wanted);
            let message = format!("expected {wanted}, found {}", described(at, found));
            at.error(Code::UnexpectedToken, place_of(at, found), message).label(format!("expected {wanted}"))
        }
    };
    input.say(said);
}

/// `a`, `a or b`, `a, b or c`.
fn one_of(wanted: &[&str]) -> String {
    match wanted {
        [] => "something else".to_owned(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The token as a message names it.
pub(super) fn described(input: Tokens<'_>, found: Token) -> String {
    match found.kind {
        Kind::End => "the end of the file".to_owned(),
        Kind::String => "a string".to_owned(),
        _ => {
            let text = input.text(found);
            let mut shown: String = text.chars().take(40).collect();
            if shown.len() < text.len() {
                shown.push('…');
            }
            format!("`{shown}`")
        }
    }
}

/// Where a message about a token points: what is missing at the end of a file is missing after the last token.
pub(super) fn place_of(input: Tokens<'_>, found: Token) -> Span {
    match found.kind {
        Kind::End => input.previous().map_or(found.span, |last| Span::at(last.span.end)),
        _ => found.span,
    }
}

/// `;`, or a complaint that it is missing when the line, the body or the file ends here.
pub(super) fn semicolon<'a>(input: Tokens<'a>, after: &'static str) -> Parsed<'a, ()> {
    let next = input.first();
    if next.kind == Kind::Semicolon {
        return Ok((input.skip_one(), ()));
    }
    let ends_here = next.first_on_line || matches!(next.kind, Kind::CloseBrace | Kind::End);
    let Some(last) = input.previous().filter(|_| ends_here) else {
        return cut(token(Kind::Semicolon)(input).map(|(rest, _)| (rest, ())));
    };
    let end = Span::at(last.span.end);
    input.say(
        input.error(Code::MissingSemicolon, end, format!("expected `;` after {after}")).label("expected `;`").suggest(
            "add it",
            input.place(end),
            ";",
        ),
    );
    Ok((input, ()))
}

/// From here on it is the thing: what was `Error` becomes `Failure`.
pub(super) fn cut<T>(parsed: Parsed<'_, T>) -> Parsed<'_, T> {
    match parsed {
        Err(nom::Err::Error(error)) => Err(nom::Err::Failure(error)),
        other => other,
    }
}
