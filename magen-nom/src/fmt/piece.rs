//! What the layout is made of: tokens and comments in one row, with the separators that the layout wants.

use crate::parse::{Comment, CommentKind, Kind, Lexed, Token};
use crate::source::Source;

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Token(Kind),
    Comment(CommentKind),
}

/// A token or a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    pub(super) what: What,
    pub(super) text: &'a str,
    /// How many line ends stand before it.
    pub(super) newlines: usize,
}

impl Piece<'_> {
    pub(super) fn is(&self, kind: Kind) -> bool {
        self.what == What::Token(kind)
    }

    pub(super) fn is_comment(&self) -> bool {
        matches!(self.what, What::Comment(_))
    }

    /// Whether nothing may follow it on its line.
    pub(super) fn ends_line(&self) -> bool {
        matches!(self.what, What::Comment(CommentKind::Line | CommentKind::Doc))
    }

    /// Whether it is a comment with a line of its own.
    pub(super) fn is_own_line(&self) -> bool {
        self.is_comment() && self.newlines > 0
    }
}

/// The pieces of a file, separators in their places.
pub(super) fn pieces<'a>(source: &'a Source, lexed: &Lexed) -> Vec<Piece<'a>> {
    with_separators(&punctuation_first(merged(source, lexed)))
}

/// Tokens and comments in the order of the text; the end is no piece.
fn merged<'a>(source: &'a Source, lexed: &Lexed) -> Vec<Piece<'a>> {
    let mut pieces: Vec<Piece<'a>> = Vec::with_capacity(lexed.tokens.len() + lexed.comments.len());
    let mut comments = lexed.comments.iter().peekable();
    let mut end = 0;
    let mut push = |what: What, span: crate::span::Span, pieces: &mut Vec<Piece<'a>>| {
        let between = source.text.get(end as usize..span.start as usize).unwrap_or_default();
        let newlines = between.bytes().filter(|byte| *byte == b'\n').count();
        // The first piece stands at the beginning of a line, whatever is before it.
        let newlines = if pieces.is_empty() { newlines.max(1) } else { newlines };
        end = span.end;
        pieces.push(Piece { what, text: source.slice(span).trim_end(), newlines });
    };
    for Token { kind, span, .. } in &lexed.tokens {
        while let Some(Comment { kind, span, .. }) = comments.next_if(|comment| comment.span.start < span.start) {
            push(What::Comment(*kind), *span, &mut pieces);
        }
        if *kind != Kind::End {
            push(What::Token(*kind), *span, &mut pieces);
        }
    }
    for Comment { kind, span, .. } in comments {
        push(What::Comment(*kind), *span, &mut pieces);
    }
    pieces
}

/// Moves `,`, `;` and `{` before the comments that stand between them and what they belong to, so that a comment at the
/// end of a line stays at the end of that line.
fn punctuation_first(mut pieces: Vec<Piece<'_>>) -> Vec<Piece<'_>> {
    let mut index = 1;
    while index < pieces.len() {
        let belongs = [Kind::Comma, Kind::Semicolon, Kind::OpenBrace].iter().any(|kind| pieces[index].is(*kind));
        let comments =
            pieces[..index].iter().rev().take_while(|piece| piece.is_comment() && !piece.is_own_line()).count();
        let first = index - comments;
        let after_word = first > 0 && !pieces[first - 1].is_comment() && !ends_statement(&pieces[first - 1]);
        if belongs && comments > 0 && after_word {
            pieces[first..=index].rotate_right(1);
            pieces[first].newlines = 0;
        }
        index += 1;
    }
    pieces
}

fn ends_statement(piece: &Piece<'_>) -> bool {
    piece.is(Kind::Semicolon) || piece.is(Kind::OpenBrace) || piece.is(Kind::CloseBrace)
}

/// Drops the comma before `)`, `>` and `]`, and puts one after the last enumerator.
fn with_separators<'a>(pieces: &[Piece<'a>]) -> Vec<Piece<'a>> {
    let mut separated: Vec<Piece<'a>> = Vec::with_capacity(pieces.len() + 8);
    // For each open brace: whether it is an enum's.
    let mut enums: Vec<bool> = Vec::new();
    // The token before the one at hand, without comments, and those two before.
    let mut recent: [Option<Piece<'a>>; 2] = [None, None];
    let next_tokens = next_tokens(pieces);
    for (piece, next) in pieces.iter().zip(next_tokens) {
        if piece.is_comment() {
            separated.push(*piece);
            continue;
        }
        match piece.what {
            What::Token(Kind::OpenBrace) => enums.push(recent[1].is_some_and(|word| word.text == "enum")),
            What::Token(Kind::CloseBrace) => {
                enums.pop();
            }
            What::Token(_) | What::Comment(_) => {}
        }
        let closes_list =
            next.is_some_and(|next| [Kind::CloseParen, Kind::CloseBracket].iter().any(|kind| next.is(*kind)));
        if !(piece.is(Kind::Comma) && closes_list) {
            separated.push(*piece);
        }
        let closes_enum = next.is_some_and(|next| next.is(Kind::CloseBrace)) && enums.last() == Some(&true);
        if closes_enum && !piece.is(Kind::Comma) && !piece.is(Kind::OpenBrace) {
            separated.push(Piece { what: What::Token(Kind::Comma), text: ",", newlines: 0 });
        }
        recent = [Some(*piece), recent[0]];
    }
    separated
}

/// For each piece the next one that is no comment.
fn next_tokens<'p, 'a>(pieces: &'p [Piece<'a>]) -> Vec<Option<&'p Piece<'a>>> {
    let mut next = None;
    let mut found: Vec<Option<&'p Piece<'a>>> = Vec::with_capacity(pieces.len());
    for piece in pieces.iter().rev() {
        found.push(next);
        if !piece.is_comment() {
            next = Some(piece);
        }
    }
    found.reverse();
    found
}
