use super::NIL;
use super::place::Place;

/// Slots with events to tell, in the order in which they had the first of these.
#[derive(Clone, Debug)]
pub(super) struct News {
    head: u16,
    tail: u16,
}

impl News {
    pub(super) const fn new() -> Self {
        Self { head: NIL, tail: NIL }
    }

    /// The slot whose events are told next, `NIL` if there is none.
    #[inline]
    pub(super) const fn first(&self) -> u16 {
        self.head
    }

    /// Appends a slot that has none to tell yet.
    #[inline]
    pub(super) fn push(&mut self, places: &mut [Place], slot: u16) {
        match next_of(places, self.tail) {
            Some(next) => *next = slot,
            None => self.head = slot,
        }
        self.tail = slot;
    }

    /// Takes the first slot out.
    #[inline]
    pub(super) fn pop(&mut self, places: &mut [Place]) {
        let next = next_of(places, self.head).map(|next| core::mem::replace(next, NIL));
        self.head = next.unwrap_or(NIL);
        if self.head == NIL {
            self.tail = NIL;
        }
    }
}

#[inline]
fn next_of(places: &mut [Place], slot: u16) -> Option<&mut u16> {
    let slot = places.get_mut(usize::from(slot))?.slot.as_mut()?;
    Some(&mut slot.next_with_news)
}

#[cfg(test)]
mod tests {
    use super::super::slot::Slot;
    use super::*;

    #[test]
    fn slots_tell_their_news_in_turn() {
        let (places, mut news) = (&mut Place::all::<4>(), News::new());
        places.iter_mut().for_each(|place| place.slot = Some(Slot::example()));
        news.pop(places);
        for _ in 0..3 {
            [2, 0, 3].iter().for_each(|slot| news.push(places, *slot));
            news.pop(places);
            news.push(places, 2);
            let told = [0; 3].map(|_| {
                let first = news.first();
                news.pop(places);
                first
            });
            assert_eq!((told, news.first()), ([0, 3, 2], NIL));
        }
    }
}
