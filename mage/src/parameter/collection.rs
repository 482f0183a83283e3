//! Optionals, arrays, maps, and the values of an answer.

use std::collections::BTreeMap;

use super::{BadValue, Data, Decoder, Encoder, Fault, Parameter};

impl<T: Parameter> Parameter for Option<T> {
    const MIN_SIZE: usize = 1;

    #[inline]
    fn encode(self, to: &mut Encoder) {
        to.optional(self, |to, value| value.encode(to));
    }

    #[inline]
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        from.optional(T::decode)
    }
}

impl<T: Data> Data for Option<T> {
    #[inline]
    fn encode_ref(&self, to: &mut Encoder) {
        to.optional(self.as_ref(), |to, value| value.encode_ref(to));
    }
}

/// Where a struct contains itself; nothing of its own on the wire.
impl<T: Parameter> Parameter for Box<T> {
    const MIN_SIZE: usize = T::MIN_SIZE;

    fn encode(self, to: &mut Encoder) {
        (*self).encode(to);
    }

    fn decode(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        T::decode(from).map(Box::new)
    }
}

impl<T: Data> Data for Box<T> {
    fn encode_ref(&self, to: &mut Encoder) {
        (**self).encode_ref(to);
    }
}

impl<T: Parameter> Parameter for Vec<T> {
    const MIN_SIZE: usize = 4;

    fn encode(self, to: &mut Encoder) {
        to.sequence(self.into_iter(), |to, value| value.encode(to));
    }

    #[inline]
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        T::decode_vec(from)
    }
}

impl<T: Data> Data for Vec<T> {
    #[inline]
    fn encode_ref(&self, to: &mut Encoder) {
        to.slice(self);
    }
}

impl<T: Parameter, const N: usize> Parameter for [T; N] {
    const MIN_SIZE: usize = T::MIN_SIZE * N;

    fn encode(self, to: &mut Encoder) {
        to.each(self, |to, value| value.encode(to));
    }

    fn decode(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        T::decode_array(from)
    }
}

impl<T: Data, const N: usize> Data for [T; N] {
    fn encode_ref(&self, to: &mut Encoder) {
        T::encode_all(self, to);
    }
}

impl<K: Parameter + Ord, V: Parameter> Parameter for BTreeMap<K, V> {
    const MIN_SIZE: usize = 4;

    fn encode(self, to: &mut Encoder) {
        to.sequence(self.into_iter(), |to, (key, value)| {
            key.encode(to);
            value.encode(to);
        });
    }

    fn decode(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        from.map(K::MIN_SIZE + V::MIN_SIZE, K::decode, V::decode)
    }
}

impl<K: Data + Ord, V: Data> Data for BTreeMap<K, V> {
    fn encode_ref(&self, to: &mut Encoder) {
        to.sequence(self.iter(), |to, (key, value)| {
            key.encode_ref(to);
            value.encode_ref(to);
        });
    }
}

impl Decoder<'_> {
    /// Takes a map, whose entries are at least `min_size` bytes long.
    ///
    /// # Errors
    ///
    /// [`BadValue::Short`] before anything is allocated, [`BadValue::DuplicateKey`], and those of the two functions.
    pub fn map<K: Ord, V>(
        &mut self,
        min_size: usize,
        mut key: impl FnMut(&mut Self) -> Result<K, Fault>,
        mut value: impl FnMut(&mut Self) -> Result<V, Fault>,
    ) -> Result<BTreeMap<K, V>, Fault> {
        let count = self.count()?;
        self.check_room(count, min_size)?;
        let mut map = BTreeMap::new();
        for _ in 0..count {
            if map.insert(key(self)?, value(self)?).is_some() {
                return Err(BadValue::DuplicateKey.into());
            }
        }
        Ok(map)
    }
}

/// The values of an answer, one after the other.
macro_rules! values {
    ($($name:ident)*) => {
        impl<$($name: Parameter),*> Parameter for ($($name,)*) {
            const MIN_SIZE: usize = 0 $(+ $name::MIN_SIZE)*;

            #[inline]
            #[expect(non_snake_case, reason = "a variable per type parameter")]
            fn encode(self, to: &mut Encoder) {
                let ($($name,)*) = self;
                $($name.encode(to);)*
            }

            #[inline]
            fn decode(from: &mut Decoder<'_>) -> Result<Self, Fault> {
                Ok(($($name::decode(from)?,)*))
            }
        }
    };
}

values!(A B);
values!(A B C);
values!(A B C D);
values!(A B C D E);
values!(A B C D E F);
values!(A B C D E F G);
values!(A B C D E F G H);

/// An answer that only acknowledges.
impl Parameter for () {
    const MIN_SIZE: usize = 1;

    #[inline]
    fn encode(self, _to: &mut Encoder) {}

    #[inline]
    fn decode(_from: &mut Decoder<'_>) -> Result<Self, Fault> {
        Ok(())
    }
}
