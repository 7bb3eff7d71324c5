use std::fmt;
use std::ops::Deref;

/// As many bytes as most packets have.
const INLINE: usize = 46;

/// Bytes that were copied; few of them need no memory of their own. It is used as a slice is.
#[derive(Clone)]
pub struct Bytes(Place);

#[derive(Clone)]
enum Place {
    Inline(u8, [u8; INLINE]),
    Heap(Vec<u8>),
}

impl Bytes {
    /// None.
    pub const EMPTY: Self = Self(Place::Inline(0, [0; INLINE]));
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Place::Inline(len, bytes) => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Place::Heap(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        let mut inline = [0; INLINE];
        match inline.get_mut(..bytes.len()) {
            Some(room) => {
                room.copy_from_slice(bytes);
                Self(Place::Inline(bytes.len() as u8, inline))
            }
            None => Self(Place::Heap(bytes.to_vec())),
        }
    }
}

impl FromIterator<u8> for Bytes {
    fn from_iter<I: IntoIterator<Item = u8>>(bytes: I) -> Self {
        let mut bytes = bytes.into_iter();
        let mut inline = [0; INLINE];
        for len in 0..=INLINE {
            let Some(byte) = bytes.next() else { return Self(Place::Inline(len as u8, inline)) };
            match inline.get_mut(len) {
                Some(place) => *place = byte,
                None => {
                    let heap = inline.into_iter().chain([byte]).chain(bytes).collect();
                    return Self(Place::Heap(heap));
                }
            }
        }
        Self::EMPTY
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Bytes {}

impl PartialEq<[u8]> for Bytes {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_bytes_is_kept_as_it_is() {
        for len in 0..=2 * INLINE {
            let bytes: Vec<u8> = (0..len).map(|at| at as u8).collect();
            let collected: Bytes = bytes.iter().copied().collect();
            assert_eq!((&*Bytes::from(bytes.as_slice()), &*collected), (&*bytes, &*bytes));
        }
    }
}
