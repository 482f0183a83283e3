//! Numbers, truth values, texts and bytes.

use std::convert::Infallible;

use bytes::Bytes;

use super::{BadValue, Data, Decoder, Encoder, Fault, Parameter};

/// A value of fixed size. Arrays of it are copied by the block: `$width` bytes each.
macro_rules! number {
    ($($ty:ty),*) => { $(
        impl Parameter for $ty {
            const MIN_SIZE: usize = size_of::<$ty>();

            #[inline]
            fn encode(self, to: &mut Encoder) {
                to.raw(&self.to_le_bytes());
            }

            #[inline]
            fn decode(from: &mut Decoder<'_>) -> Result<Self, Fault> {
                Ok(Self::from_le_bytes(from.raw()?))
            }

            fn decode_vec(from: &mut Decoder<'_>) -> Result<Vec<Self>, Fault> {
                let count = from.count()?;
                from.check_room(count, Self::MIN_SIZE)?;
                let (values, _) = from.take(count * Self::MIN_SIZE)?.as_chunks();
                Ok(values.iter().map(|bytes| Self::from_le_bytes(*bytes)).collect())
            }

            fn decode_array<const N: usize>(from: &mut Decoder<'_>) -> Result<[Self; N], Fault> {
                let (values, _) = from.take(N * Self::MIN_SIZE)?.as_chunks();
                Ok(std::array::from_fn(|place| Self::from_le_bytes(values[place])))
            }
        }

        impl Data for $ty {
            #[inline]
            fn encode_ref(&self, to: &mut Encoder) {
                self.encode(to);
            }

            fn encode_all(values: &[Self], to: &mut Encoder) {
                // A block on the stack at a time, so that there is one check of room per block.
                let mut block = [[0; size_of::<$ty>()]; 64];
                for values in values.chunks(block.len()) {
                    for (place, value) in block.iter_mut().zip(values) {
                        *place = value.to_le_bytes();
                    }
                    to.raw(block[..values.len()].as_flattened());
                }
            }
        }
    )* };
}

number!(i8, i16, i32, i64, u16, u32, u64, f32, f64);

impl Parameter for u8 {
    const MIN_SIZE: usize = 1;

    #[inline]
    fn encode(self, to: &mut Encoder) {
        to.raw(&[self]);
    }

    #[inline]
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        let [byte] = from.raw()?;
        Ok(byte)
    }

    fn decode_vec(from: &mut Decoder<'_>) -> Result<Vec<Self>, Fault> {
        let count = from.count()?;
        from.take(count).map(<[u8]>::to_vec)
    }

    #[inline]
    fn decode_array<const N: usize>(from: &mut Decoder<'_>) -> Result<[Self; N], Fault> {
        from.raw()
    }
}

impl Data for u8 {
    #[inline]
    fn encode_ref(&self, to: &mut Encoder) {
        self.encode(to);
    }

    fn encode_all(values: &[Self], to: &mut Encoder) {
        to.raw(values);
    }
}

impl Parameter for bool {
    const MIN_SIZE: usize = 1;

    #[inline]
    fn encode(self, to: &mut Encoder) {
        to.raw(&[u8::from(self)]);
    }

    #[inline]
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        match from.raw()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [found] => Err(BadValue::NotBool { found }.into()),
        }
    }
}

impl Data for bool {
    #[inline]
    fn encode_ref(&self, to: &mut Encoder) {
        self.encode(to);
    }
}

impl Parameter for String {
    const MIN_SIZE: usize = 4;

    fn encode(self, to: &mut Encoder) {
        to.string(&self);
    }

    #[inline]
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        from.string()
    }
}

impl Data for String {
    fn encode_ref(&self, to: &mut Encoder) {
        to.string(self);
    }
}

impl Parameter for Bytes {
    const MIN_SIZE: usize = 4;

    fn encode(self, to: &mut Encoder) {
        to.bytes(&self);
    }

    fn decode(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        from.bytes()
    }
}

impl Data for Bytes {
    fn encode_ref(&self, to: &mut Encoder) {
        to.bytes(self);
    }
}

/// The error of what cannot fail.
impl Parameter for Infallible {
    const MIN_SIZE: usize = 1;

    fn encode(self, _to: &mut Encoder) {
        match self {}
    }

    fn decode(_from: &mut Decoder<'_>) -> Result<Self, Fault> {
        Err(BadValue::NoSuchValue.into())
    }
}
