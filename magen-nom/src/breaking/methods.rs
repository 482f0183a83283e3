//! Two versions of one interface.

use std::collections::HashMap;

use super::describe::shown;
use super::{Comparison, Versions};
use crate::diagnostic::Code;
use crate::model::{Interface, Method, Model, Reply};

impl Comparison<'_> {
    pub(super) fn interface(&mut self, around: Versions<'_>, old: &Interface, new: &Interface) {
        if old.id != new.id {
            let message = format!("the interface `{}` has another id on the wire", new.name.idl);
            let (was, is) = (format!("was `{}`", old.full_name), format!("is `{}`", new.full_name));
            self.changed(Code::IdChanged, around, message, was, is);
        }
        let newer: HashMap<&str, &Method> = new.methods.iter().map(|method| (&*method.name.idl, method)).collect();
        for method in &old.methods {
            let Some(other) = newer.get(&*method.name.idl) else {
                self.removed(around.old.0, &method.name, around.new.0, &format!("the method `{}`", method.name.idl));
                continue;
            };
            let versions = Versions { old: (around.old.0, &method.name), new: (around.new.0, &other.name) };
            self.rust_name(versions);
            // When the interface moved, all of its methods did: said once.
            if method.id != other.id && old.id == new.id {
                let message = format!("the method `{}` has another id on the wire", other.name.idl);
                let (was, is) = (format!("was {}", method.id), format!("is {}", other.id));
                self.changed(Code::IdChanged, versions, message, was, is);
            }
            self.method(versions, method, other);
        }
    }

    fn method(&mut self, versions: Versions<'_>, old: &Method, new: &Method) {
        self.fields(versions, "parameter", &old.params, &new.params);
        let same = match (&old.reply, &new.reply) {
            (Reply::OneWay, Reply::OneWay) => true,
            (Reply::Values(old), Reply::Values(new)) if old.len() == 1 && new.len() == 1 => {
                // One value has no name in Rust: `=> int` is `=> (int sum)`.
                self.types(versions, "reply of", &old[0].ty, &new[0].ty);
                return;
            }
            (Reply::Values(old), Reply::Values(new)) if !old.is_empty() && old.len() == new.len() => {
                self.fields(versions, "value", old, new);
                return;
            }
            (Reply::Values(old), Reply::Values(new)) => old.is_empty() && new.is_empty(),
            (Reply::Result { .. }, Reply::Result { .. }) | (Reply::Stream(_), Reply::Stream(_)) => {
                reply(self.model, &old.reply) == reply(self.model, &new.reply)
            }
            (Reply::OneWay | Reply::Values(_) | Reply::Result { .. } | Reply::Stream(_), _) => false,
        };
        if !same {
            let message = format!("the method `{}` answers differently", new.name.idl);
            let (was, is) = (reply(self.model, &old.reply), reply(self.model, &new.reply));
            self.changed(Code::ReplyChanged, versions, message, format!("was {was}"), format!("is {is}"));
        }
    }
}

fn reply(model: &Model, reply: &Reply) -> String {
    match reply {
        Reply::OneWay => "one-way".to_owned(),
        Reply::Values(values) => {
            let values = values.iter().map(|value| format!("{} {}", shown(model, &value.ty), value.name.idl));
            format!("`=> ({})`", values.collect::<Vec<_>>().join(", "))
        }
        Reply::Result { ok, error } => {
            let ok = ok.as_ref().map_or_else(|| "()".to_owned(), |ok| shown(model, ok));
            format!("`=> result<{ok}, {}>`", shown(model, error))
        }
        Reply::Stream(item) => format!("`=> stream<{}>`", shown(model, item)),
    }
}
