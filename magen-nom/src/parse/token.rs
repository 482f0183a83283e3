//! What a file consists of, read letter by letter: tokens, and the comments between them.
//!
//! ```text
//! ident   = ( "A"…"Z" | "a"…"z" | "_" ) { "A"…"Z" | "a"…"z" | "0"…"9" | "_" }
//! int     = [ "-" ] ( digit { digit | "_" } | "0x" hex { hex | "_" } )
//! float   = [ "-" ] digits ( "." digits [ exponent ] | exponent )
//! string  = '"' { any character but '"', "\" and the line's end | escape } '"'
//! escape  = "\" ( "n" | "t" | "r" | "0" | "\" | '"' | "u{" hex { hex } "}" )
//! comment = "//" … the line's end | "/*" … "*/"
//! ```
//!
//! Comments are no tokens: a grammar rule never meets one, wherever it stands. They are kept aside with their places,
//! for documentation and for the formatter.

use crate::span::Span;

/// What kind of token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A name or a word of the language.
    Ident,
    /// A whole number, without its sign.
    Int,
    /// A number with a point or an exponent, without its sign.
    Float,
    /// A string with its quotes.
    String,
    /// `{`
    OpenBrace,
    /// `}`
    CloseBrace,
    /// `(`
    OpenParen,
    /// `)`
    CloseParen,
    /// `[`
    OpenBracket,
    /// `]`
    CloseBracket,
    /// `<`
    Less,
    /// `>`
    Greater,
    /// `;`
    Semicolon,
    /// `,`
    Comma,
    /// `=`
    Equals,
    /// `=>`
    Arrow,
    /// `?`
    Question,
    /// `@`
    At,
    /// `.`
    Dot,
    /// `-`
    Minus,
    /// The end of the file: the last token always, and only the last.
    End,
}

impl Kind {
    /// How a message names it.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Ident => "a name",
            Self::Int | Self::Float => "a number",
            Self::String => "a string",
            Self::OpenBrace => "`{`",
            Self::CloseBrace => "`}`",
            Self::OpenParen => "`(`",
            Self::CloseParen => "`)`",
            Self::OpenBracket => "`[`",
            Self::CloseBracket => "`]`",
            Self::Less => "`<`",
            Self::Greater => "`>`",
            Self::Semicolon => "`;`",
            Self::Comma => "`,`",
            Self::Equals => "`=`",
            Self::Arrow => "`=>`",
            Self::Question => "`?`",
            Self::At => "`@`",
            Self::Dot => "`.`",
            Self::Minus => "`-`",
            Self::End => "the end of the file",
        }
    }
}

/// A token and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub span: Span,
    /// Whether it is the first on its line.
    pub first_on_line: bool,
}

/// What kind of comment it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommentKind {
    /// `// …`
    Line,
    /// `/// …`, but not `//// …`
    Doc,
    /// `/* … */`
    Block,
}

/// A comment and where it stands, without the line's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comment {
    /// What it is.
    pub kind: CommentKind,
    /// Where it is.
    pub span: Span,
    /// Whether nothing but white space stands before it on its line.
    pub first_on_line: bool,
}

/// A file, cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lexed {
    /// The tokens, `End` last.
    pub tokens: Vec<Token>,
    /// The comments in order.
    pub comments: Vec<Comment>,
    /// For each token that is a brace: the place of its partner in `tokens`. 0 for a brace without partner and for all
    /// other tokens; no closing partner is the first token.
    pub partners: Vec<u32>,
}

impl Lexed {
    /// The closing brace that belongs to the opening one at `index`.
    pub fn partner(&self, index: usize) -> Option<usize> {
        self.partners.get(index).copied().filter(|partner| *partner != 0).map(|partner| partner as usize)
    }
}

/// Pairs the braces; a closing brace without an opening one pairs with nothing.
pub(super) fn pair_braces(tokens: &[Token]) -> Vec<u32> {
    let mut partners = vec![0; tokens.len()];
    let mut open = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::OpenBrace => open.push(index),
            Kind::CloseBrace => {
                if let Some(opening) = open.pop() {
                    partners[opening] = u32::try_from(index).unwrap_or(0);
                }
            }
            Kind::Ident
            | Kind::Int
            | Kind::Float
            | Kind::String
            | Kind::OpenParen
            | Kind::CloseParen
            | Kind::OpenBracket
            | Kind::CloseBracket
            | Kind::Less
            | Kind::Greater
            | Kind::Semicolon
            | Kind::Comma
            | Kind::Equals
            | Kind::Arrow
            | Kind::Question
            | Kind::At
            | Kind::Dot
            | Kind::Minus
            | Kind::End => {}
        }
    }
    partners
}
