//! A file and its declarations.

use nom::Parser;
use nom::combinator::cut;

use super::data::{const_, enum_, struct_, union};
use super::input::{Parsed, Tokens};
use super::interface::interface;
use super::literal::string;
use super::prefix::prefix;
use super::recover::{DECLARATIONS, after_declaration, described, report, semicolon, syntax_error};
use super::token::{Kind, Token};
use super::type_::path;
use crate::ast::{File, Ident, Item, ItemKind, Prefix, StringLiteral};
use crate::diagnostic::{Code, most_similar};

/// `file = { item | ";" }`
pub(super) fn file(input: Tokens<'_>) -> File<'_> {
    let mut items = Vec::new();
    let mut rest = input;
    loop {
        match rest.kind() {
            Kind::End => return File { items },
            // C++ Mage has no semicolon after `}`; a superfluous one is nobody's mistake.
            Kind::Semicolon => rest = rest.skip_one(),
            Kind::CloseBrace => {
                let stray = rest.first().span;
                rest.say(rest.error(Code::UnexpectedToken, stray, "unexpected `}`").label("nothing is open here"));
                rest = rest.skip_one();
            }
            _ => match item(rest) {
                Ok((after, item)) => {
                    items.push(item);
                    rest = after;
                }
                Err(error) => {
                    let error = syntax_error(error, rest);
                    let from = rest.from(error.at.max(rest.index()));
                    report(error, rest);
                    let after = after_declaration(rest, from);
                    rest = if after.index() == rest.index() { rest.skip_one() } else { after };
                }
            },
        }
    }
}

/// `item = prefix ( module | import | interface | struct | enum | union | const )`
fn item(input: Tokens<'_>) -> Parsed<'_, Item<'_>> {
    let (rest, prefix) = prefix(input)?;
    let word = rest.first();
    let body = rest.skip_one();
    let (after, kind) = match rest.text(word) {
        "module" => module(body)?,
        "import" => import(body)?,
        "interface" => interface.map(ItemKind::Interface).parse(body)?,
        "union" => union.map(ItemKind::Union).parse(body)?,
        "struct" => struct_.map(ItemKind::Struct).parse(body)?,
        "enum" => enum_.map(ItemKind::Enum).parse(body)?,
        "const" => const_.map(ItemKind::Const).parse(body)?,
        other => return unknown_declaration(rest, other),
    };
    Ok(finish(after, prefix, kind, word))
}

/// `nested = enum | struct | const`, inside an interface.
pub(super) fn nested_item<'a>(input: Tokens<'a>, prefix: Prefix<'a>) -> Parsed<'a, Item<'a>> {
    let word = input.first();
    let body = input.skip_one();
    let (after, kind) = match input.text(word) {
        "struct" => struct_.map(ItemKind::Struct).parse(body)?,
        "enum" => enum_.map(ItemKind::Enum).parse(body)?,
        "const" => const_.map(ItemKind::Const).parse(body)?,
        other => {
            let name = body.first();
            input.context.broken.borrow_mut().push(Ident { text: input.text(name), span: name.span });
            let message = format!("`{other}` cannot stand inside an interface");
            let said = input.error(Code::Misplaced, word.span, message).label("not inside an interface");
            return input.fail(said.help("move it to the level of the file"));
        }
    };
    Ok(finish(after, prefix, kind, word))
}

fn finish<'a>(after: Tokens<'a>, prefix: Prefix<'a>, kind: ItemKind<'a>, word: Token) -> (Tokens<'a>, Item<'a>) {
    let end = after.previous().map_or(word.span, |last| last.span);
    (after, Item { prefix, kind, span: word.span.to(end) })
}

/// `module = "module" path ";"`, the word taken.
fn module(input: Tokens<'_>) -> Parsed<'_, ItemKind<'_>> {
    let (rest, path) = cut(path).parse(input)?;
    let (rest, ()) = semicolon(rest, "the module's name")?;
    Ok((rest, ItemKind::Module(path)))
}

/// `import = "import" string ";"`, the word taken.
fn import(input: Tokens<'_>) -> Parsed<'_, ItemKind<'_>> {
    let (rest, file) = import_file(input).inspect_err(|_| input.context.broken_import.set(true))?;
    let (rest, ()) = semicolon(rest, "the import")?;
    Ok((rest, ItemKind::Import(file)))
}

fn import_file(input: Tokens<'_>) -> Parsed<'_, StringLiteral> {
    if input.kind() != Kind::Ident {
        return cut(string).parse(input);
    }
    let name = input.first();
    let text = input.text(name);
    input.fail(
        input
            .error(Code::UnexpectedToken, name.span, format!("expected a file in quotes, found `{text}`"))
            .label("expected a string")
            .suggest("name the file", input.place(name.span), format!("\"{text}.magen\"")),
    )
}

/// Something that begins like none of the declarations.
fn unknown_declaration<'a, T>(input: Tokens<'a>, text: &'a str) -> Parsed<'a, T> {
    let found = input.first();
    if found.kind != Kind::Ident {
        return input.expected("a declaration");
    }
    let next = input.nth(1);
    if matches!(next.kind, Kind::OpenParen | Kind::At) {
        let said = input.error(Code::Misplaced, found.span, format!("the method `{text}` stands in no interface"));
        return input
            .fail(said.label("outside of an interface").help("a method stands between the braces of an interface"));
    }
    if next.kind == Kind::Ident {
        input.context.broken.borrow_mut().push(Ident { text: input.text(next), span: next.span });
    }
    let message = format!("expected a declaration, found {}", described(input, found));
    let said = input.error(Code::UnexpectedToken, found.span, message);
    input.fail(match most_similar(text, DECLARATIONS) {
        Some(word) => said.label("unknown word").suggest(
            format!("there is a declaration with a similar name: `{word}`"),
            input.place(found.span),
            word,
        ),
        None => said
            .label("expected a declaration")
            .note("a file declares with `module`, `import`, `interface`, `struct`, `enum`, `union` and `const`"),
    })
}
