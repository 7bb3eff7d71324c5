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
        if self.head == NIL {
            self.head = slot;
        } else if let Some(last) = places.get_mut(usize::from(self.tail)) {
            last.next_with_news = slot;
        }
        self.tail = slot;
    }

    /// Takes the first slot out.
    #[inline]
    pub(super) fn pop(&mut self, places: &[Place]) {
        let next = places.get(usize::from(self.head)).map(|first| first.next_with_news);
        self.head = next.filter(|_| self.head != self.tail).unwrap_or(NIL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_tell_their_news_in_turn() {
        let (places, mut news) = (&mut Place::all::<4>(), News::new());
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
