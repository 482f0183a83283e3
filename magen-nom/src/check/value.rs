//! Values: of constants and of defaults, converted to the type that they are for.
//!
//! A constant may be defined by another one. Such chains are followed with a list, not by recursion: their length is
//! the file's business.

use std::collections::{HashMap, HashSet};

use super::names::{Kind, Unresolved};
use super::types::without_article;
use super::{Checker, Here};
use crate::ast::{IntLiteral, Literal, Path};
use crate::diagnostic::{Code, Diagnostic, Place, most_similar};
use crate::model::{ItemRef, Type, Value};
use crate::span::Span;
use crate::types::Scalar;

/// The constants that were computed; `None` for those that have no value, which was said.
pub(super) type Constants = HashMap<ItemRef, Option<(Type, Value)>>;

/// Of a larger enum, only so many names are compared for advice.
const MOST_COMPARED: usize = 1_000;

/// What a path in the place of a value means.
enum Meaning {
    Value(Value),
    Constant(ItemRef),
    Nothing,
}

impl<'a> Checker<'a> {
    /// The type and the value of a constant.
    pub(super) fn constant(&self, item: ItemRef) -> Option<(Type, Value)> {
        let mut way = vec![item];
        let mut on_way = HashSet::from([item]);
        while let Some(current) = way.last().copied() {
            if self.constants.borrow().contains_key(&current) {
                way.pop();
                continue;
            }
            match self.constant_step(current) {
                Ok(known) => {
                    self.constants.borrow_mut().insert(current, known);
                }
                Err(needed) if on_way.insert(needed) => way.push(needed),
                Err(needed) => {
                    let start = way.iter().position(|on_way| *on_way == needed).unwrap_or_default();
                    self.constant_cycle(&way[start..]);
                }
            }
        }
        self.constants.borrow().get(&item).cloned().flatten()
    }

    /// Computes one constant, or names the one that is needed before.
    fn constant_step(&self, item: ItemRef) -> Result<Option<(Type, Value)>, ItemRef> {
        let declaration = self.names.declaration(item);
        let Kind::Const(written) = declaration.kind else { return Ok(None) };
        let here = Here { file: item.file, owner: declaration.owner };
        let Some(ty) = self.ty(&written.ty, here) else { return Ok(None) };
        if !self.check_has_literals(&ty, &written.ty, here) {
            return Ok(None);
        }
        let value = match &written.value {
            Literal::Path(path) => match self.meaning(path, &ty, here) {
                Meaning::Value(value) => Some(value),
                Meaning::Nothing => None,
                Meaning::Constant(needed) => match self.constants.borrow().get(&needed) {
                    None => return Err(needed),
                    Some(known) => known.as_ref().and_then(|(_, value)| self.fit(value, &ty, &written.value, here)),
                },
            },
            literal => self.literal(literal, &ty, here),
        };
        Ok(value.map(|value| (ty, value)))
    }

    fn check_has_literals(&self, ty: &Type, written: &crate::ast::Type<'_>, here: Here) -> bool {
        let has = matches!(ty, Type::Scalar(_) | Type::String { .. } | Type::Bytes { .. } | Type::Enum(_));
        if !has {
            let name = self.text(here, written.span);
            let message = format!("a constant cannot be of the type `{name}`");
            let said =
                Diagnostic::error(Code::NoLiteral, here.place(written.span), message).label("no literal has this type");
            self.say(said.note("constants are numbers, `bool`, `char`, `string`, `bytes` or enumerators"));
        }
        has
    }

    fn constant_cycle(&self, cycle: &[ItemRef]) {
        for item in cycle {
            self.constants.borrow_mut().insert(*item, None);
        }
        let Some(first) = cycle.first() else { return };
        let names: Vec<&str> =
            cycle.iter().chain([first]).map(|item| self.names.declaration(*item).name.text).collect();
        let message = format!("the constant `{}` is defined by itself", names[0]);
        let said = Diagnostic::error(Code::ConstantCycle, self.names.place(*first), message).label("has no value");
        let shown = if names.len() > 12 {
            format!("{} → … → {}", names[..6].join(" → "), names[0])
        } else {
            names.join(" → ")
        };
        self.say(said.note(format!("the way round is {shown}")));
    }

    /// The value of a default.
    pub(super) fn value(&self, literal: &Literal<'_>, ty: &Type, here: Here) -> Option<Value> {
        let ty = match ty {
            Type::Optional(inner) => inner,
            other => other,
        };
        if !matches!(ty, Type::Scalar(_) | Type::String { .. } | Type::Bytes { .. } | Type::Enum(_)) {
            let message = "a field of this type has no default";
            let said = Diagnostic::error(Code::NoLiteral, here.place(literal.span()), message);
            self.say(said.label("unexpected value").note(
                "defaults are for numbers, `bool`, `char`, `string`, `bytes` and enums; an array or a map that an older \
                 writer did not send is empty",
            ));
            return None;
        }
        let Literal::Path(path) = literal else { return self.literal(literal, ty, here) };
        match self.meaning(path, ty, here) {
            Meaning::Value(value) => Some(value),
            Meaning::Nothing => None,
            Meaning::Constant(item) => {
                let (_, value) = self.constant(item)?;
                self.fit(&value, ty, literal, here)
            }
        }
    }

    fn meaning(&self, path: &Path<'_>, ty: &Type, here: Here) -> Meaning {
        // A bare enumerator of the enum that is wanted.
        if let (Type::Enum(of), [name]) = (ty, path.segments.as_slice())
            && let Some(index) = self.names.enumerator(*of, name.text)
        {
            return Meaning::Value(Value::Enumerator { of: *of, index });
        }
        match self.names.resolve(path, here.file, here.owner) {
            Ok(item) => match self.names.declaration(item).kind {
                Kind::Const(_) => Meaning::Constant(item),
                kind @ (Kind::Interface(_) | Kind::Struct(_) | Kind::Enum(_) | Kind::Union(_)) => {
                    self.not_a_value(kind, path, item, here)
                }
            },
            Err(unresolved) => self.qualified_enumerator(unresolved, path, ty, here),
        }
    }

    /// `Color.Red`
    fn qualified_enumerator(&self, unresolved: Unresolved, path: &Path<'_>, ty: &Type, here: Here) -> Meaning {
        if let [of @ .., name] = path.segments.as_slice()
            && let [.., last] = of
        {
            let owner = Path { segments: of.to_vec(), span: of[0].span.to(last.span) };
            if let Ok(item) = self.names.resolve(&owner, here.file, here.owner)
                && let Kind::Enum(written) = self.names.declaration(item).kind
            {
                let Some(index) = self.names.enumerator(item, name.text) else {
                    let known = written.enumerators.iter().map(|one| one.name.text);
                    let similar = most_similar(name.text, known.take(MOST_COMPARED));
                    let message = format!("`{}` has no enumerator `{}`", written.name.text, name.text);
                    self.unknown_value(message, similar, here.place(name.span));
                    return Meaning::Nothing;
                };
                if *ty != Type::Enum(item) {
                    self.mismatch(ty, &format!("an enumerator of `{}`", written.name.text), path.span, here);
                    return Meaning::Nothing;
                }
                return Meaning::Value(Value::Enumerator { of: item, index });
            }
        }
        match unresolved {
            Unresolved::Forgiven => {}
            Unresolved::Ambiguous(_) => self.unresolved(unresolved, path, "value", here),
            Unresolved::Unknown => {
                let name = self.text(here, path.span);
                let known = self.enumerator_names(ty);
                let similar = self.similar(name, &known, here, |kind| matches!(kind, Kind::Const(_)));
                self.unknown_value(format!("cannot find the value `{name}`"), similar, here.place(path.span));
            }
        }
        Meaning::Nothing
    }

    /// The names that stand for a value of the type.
    fn enumerator_names(&self, ty: &Type) -> Vec<&'a str> {
        match ty {
            Type::Scalar(Scalar::Bool) => vec!["true", "false"],
            Type::Enum(of) => match self.names.declaration(*of).kind {
                Kind::Enum(written) => {
                    written.enumerators.iter().take(MOST_COMPARED).map(|one| one.name.text).collect()
                }
                Kind::Interface(_) | Kind::Struct(_) | Kind::Union(_) | Kind::Const(_) => Vec::new(),
            },
            Type::Scalar(_)
            | Type::String { .. }
            | Type::Bytes { .. }
            | Type::Array { .. }
            | Type::Map { .. }
            | Type::Optional(_)
            | Type::Boxed(_)
            | Type::PendingRemote(_)
            | Type::PendingReceiver(_)
            | Type::Handle(_)
            | Type::SharedBuffer
            | Type::MessagePipe
            | Type::Struct(_)
            | Type::Union(_) => Vec::new(),
        }
    }

    fn unknown_value(&self, message: String, similar: Option<&str>, place: Place) {
        let said = Diagnostic::error(Code::UnknownValue, place, message).label("not found");
        self.say(match similar {
            Some(similar) => said.suggest(format!("there is a value with a similar name: `{similar}`"), place, similar),
            None => said,
        });
    }

    fn not_a_value(&self, kind: Kind<'_>, path: &Path<'_>, item: ItemRef, here: Here) -> Meaning {
        let name = self.text(here, path.span);
        let message = format!("expected a value, found {} `{name}`", without_article(kind.described()));
        let said = Diagnostic::error(Code::WrongKind, here.place(path.span), message).label("not a value");
        self.say(said.also(self.names.place(item), "declared here"));
        Meaning::Nothing
    }

    /// A literal that is no path.
    fn literal(&self, literal: &Literal<'_>, ty: &Type, here: Here) -> Option<Value> {
        let value = match literal {
            Literal::Bool(value, _) => Value::Bool(*value),
            Literal::Int(IntLiteral { value: Some(value), .. }) => Value::Int(*value),
            // Too large for any type; `fit` says for which.
            Literal::Int(IntLiteral { value: None, .. }) => Value::Int(i128::MAX),
            Literal::Float(value, _) => Value::Float(*value),
            Literal::String(literal) => Value::String(literal.value.clone()),
            Literal::Path(_) => return None,
        };
        self.fit(&value, ty, literal, here)
    }

    /// The value as one of the type; complaints point at `literal`.
    fn fit(&self, value: &Value, ty: &Type, literal: &Literal<'_>, here: Here) -> Option<Value> {
        let span = literal.span();
        match (ty, value) {
            (Type::Scalar(Scalar::Bool), Value::Bool(value)) => Some(Value::Bool(*value)),
            #[expect(clippy::cast_precision_loss, reason = "a float takes the nearest value, as in Rust and C++")]
            (Type::Scalar(Scalar::F32 | Scalar::F64), Value::Int(value)) => Some(Value::Float(*value as f64)),
            (Type::Scalar(scalar @ (Scalar::F32 | Scalar::F64)), Value::Float(value)) => {
                let greatest = if *scalar == Scalar::F32 { f64::from(f32::MAX) } else { f64::MAX };
                self.in_range(value.abs() <= greatest, *scalar, span, here).then_some(Value::Float(*value))
            }
            (Type::Scalar(scalar), Value::Int(value)) if scalar.integer_range().is_some() => {
                let (least, greatest) = scalar.integer_range().unwrap_or_default();
                self.in_range((least..=greatest).contains(value), *scalar, span, here).then_some(Value::Int(*value))
            }
            (Type::String { max }, Value::String(text)) => {
                self.within_bound(text.len(), *max, span, here).then(|| Value::String(text.clone()))
            }
            (Type::Bytes { max }, Value::String(text)) => {
                self.within_bound(text.len(), *max, span, here).then(|| Value::Bytes(text.clone().into_bytes()))
            }
            (Type::Bytes { max }, Value::Bytes(bytes)) => {
                self.within_bound(bytes.len(), *max, span, here).then(|| Value::Bytes(bytes.clone()))
            }
            (Type::Enum(wanted), Value::Enumerator { of, index }) if wanted == of => {
                Some(Value::Enumerator { of: *of, index: *index })
            }
            (_, Value::Bool(_)) => self.mismatch(ty, "a truth value", span, here),
            (_, Value::Int(_)) => self.mismatch(ty, "a whole number", span, here),
            (_, Value::Float(_)) => self.mismatch(ty, "a number with a fraction", span, here),
            (_, Value::String(_)) => self.mismatch(ty, "a string", span, here),
            (_, Value::Bytes(_)) => self.mismatch(ty, "bytes", span, here),
            (_, Value::Enumerator { .. }) => self.mismatch(ty, "an enumerator of another enum", span, here),
        }
    }

    fn in_range(&self, fits: bool, scalar: Scalar, span: Span, here: Here) -> bool {
        if !fits {
            let written = self.text(here, span);
            let message = format!("{written} does not fit the type `{}`", scalar.word());
            let said = Diagnostic::error(Code::OutOfRange, here.place(span), message).label("out of range");
            self.say(match scalar.integer_range() {
                Some((least, greatest)) => said.note(format!("`{}` holds {least} to {greatest}", scalar.word())),
                None => said,
            });
        }
        fits
    }

    fn within_bound(&self, length: usize, max: Option<u32>, span: Span, here: Here) -> bool {
        let fits = max.is_none_or(|max| length <= max as usize);
        if let Some(max) = max.filter(|_| !fits) {
            let message = format!("{length} bytes do not fit a bound of {max}");
            self.say(Diagnostic::error(Code::OutOfRange, here.place(span), message).label("too long"));
        }
        fits
    }

    fn mismatch(&self, ty: &Type, found: &str, span: Span, here: Here) -> Option<Value> {
        let wanted = match ty {
            Type::Scalar(Scalar::Bool) => "`true` or `false`".to_owned(),
            Type::Scalar(Scalar::F32 | Scalar::F64) => "a number".to_owned(),
            Type::Scalar(_) => "a whole number".to_owned(),
            Type::String { .. } | Type::Bytes { .. } => "a string".to_owned(),
            Type::Enum(of) => format!("an enumerator of `{}`", self.names.declaration(*of).name.text),
            Type::Array { .. }
            | Type::Map { .. }
            | Type::Optional(_)
            | Type::Boxed(_)
            | Type::PendingRemote(_)
            | Type::PendingReceiver(_)
            | Type::Handle(_)
            | Type::SharedBuffer
            | Type::MessagePipe
            | Type::Struct(_)
            | Type::Union(_) => "nothing".to_owned(),
        };
        let message = format!("expected {wanted}, found {found}");
        self.say(Diagnostic::error(Code::WrongValue, here.place(span), message).label(format!("expected {wanted}")));
        None
    }
}
