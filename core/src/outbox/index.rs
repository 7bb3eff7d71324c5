use super::NIL;

/// Slots by a number: look-up takes constant time while the numbers in use are consecutive or random.
#[derive(Debug)]
pub(super) struct Index<const N: usize> {
    heads: [u16; N],
    next: [u16; N],
}

impl<const N: usize> Index<N> {
    pub(super) const fn new() -> Self {
        Self { heads: [NIL; N], next: [NIL; N] }
    }

    fn bucket(key: u32) -> usize {
        key as usize % N.max(1)
    }

    pub(super) fn insert(&mut self, key: u32, slot: u16) {
        if let Some(head) = self.heads.get_mut(Self::bucket(key))
            && let Some(next) = self.next.get_mut(usize::from(slot))
        {
            *next = core::mem::replace(head, slot);
        }
    }

    pub(super) fn remove(&mut self, key: u32, slot: u16) {
        let Some(behind) = self.next.get(usize::from(slot)).copied() else { return };
        let Some(mut link) = self.heads.get_mut(Self::bucket(key)) else { return };
        while *link != NIL {
            if *link == slot {
                *link = behind;
                return;
            }
            let at = usize::from(*link);
            let Some(next) = self.next.get_mut(at) else { return };
            link = next;
        }
    }

    /// The slots that may have this number, and others that share its bucket; the newest first.
    pub(super) fn candidates(&self, key: u32) -> impl Iterator<Item = u16> + use<'_, N> {
        let mut at = self.first(key);
        core::iter::from_fn(move || {
            let slot = at?;
            at = self.after(slot);
            Some(slot)
        })
    }

    /// The first of [`Index::candidates`].
    pub(super) fn first(&self, key: u32) -> Option<u16> {
        self.heads.get(Self::bucket(key)).copied().filter(|head| *head != NIL)
    }

    /// The candidate behind another one.
    pub(super) fn after(&self, slot: u16) -> Option<u16> {
        self.next.get(usize::from(slot)).copied().filter(|next| *next != NIL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_found_until_they_are_removed() {
        let mut index = Index::<4>::new();
        for (key, slot) in [(1, 0), (5, 1), (9, 2), (2, 3)] {
            index.insert(key, slot);
        }
        assert!(index.candidates(5).eq([2, 1, 0]));
        index.remove(5, 1);
        assert!(index.candidates(5).eq([2, 0]));
        index.remove(9, 2);
        index.remove(1, 0);
        assert_eq!(index.candidates(1).next(), None);
        assert!(index.candidates(2).eq([3]));
    }
}
