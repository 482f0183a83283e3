//! Types as text, so that two versions can be compared and shown.

use crate::model::{Model, Type};

/// What matters on the wire: names in full, without bounds.
pub(super) fn layout(model: &Model, ty: &Type) -> String {
    describe(model, ty, false)
}

/// As it may be written in a file, with bounds.
pub(super) fn shown(model: &Model, ty: &Type) -> String {
    describe(model, ty, true)
}

fn describe(model: &Model, ty: &Type, bounds: bool) -> String {
    let inner = |ty: &Type| describe(model, ty, bounds);
    let bounded = |word: &str, max: &Option<u32>| match max {
        Some(max) if bounds => format!("{word}<{max}>"),
        Some(_) | None => word.to_owned(),
    };
    let interface = |item| model.item(item).name().idl.clone();
    match ty {
        Type::Scalar(scalar) => scalar.word().to_owned(),
        Type::String { max } => bounded("string", max),
        Type::Bytes { max } => bounded("bytes", max),
        Type::Array { element, length: Some(length) } => format!("array<{}, {length}>", inner(element)),
        Type::Array { element, length: None } => format!("array<{}>", inner(element)),
        Type::Map { key, value } => format!("map<{}, {}>", inner(key), inner(value)),
        Type::Optional(value) => format!("{}?", inner(value)),
        Type::Boxed(value) => inner(value),
        Type::PendingRemote(item) => format!("pending_remote<{}>", interface(*item)),
        Type::PendingReceiver(item) => format!("pending_receiver<{}>", interface(*item)),
        Type::Handle(kind) => format!("handle<{}>", kind.word()),
        Type::SharedBuffer => "shared_buffer".to_owned(),
        Type::MessagePipe => "MessagePipe".to_owned(),
        Type::Struct(item) | Type::Enum(item) | Type::Union(item) => model.item(*item).name().idl.clone(),
    }
}
