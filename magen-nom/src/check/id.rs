//! The numbers by which interfaces and methods are known on the wire: FNV-1a of their full names.
//!
//! A name means the same number in every build, on every machine, for ever.

/// FNV-1a with 32 bits: a method's id.
pub(super) fn method_id(full_name: &str) -> u32 {
    full_name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// FNV-1a with 64 bits: an interface's id.
pub(super) fn interface_id(full_name: &str) -> u64 {
    full_name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_published_hashes() {
        // From the test vectors of the algorithm's authors (Fowler, Noll, Vo).
        assert_eq!(method_id(""), 0x811c_9dc5);
        assert_eq!(method_id("foobar"), 0xbf9c_f968);
        assert_eq!(interface_id(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(interface_id("foobar"), 0x8594_4171_f739_67e8);
    }
}
