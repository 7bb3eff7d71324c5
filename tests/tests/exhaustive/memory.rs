//! What a session does depends on its state and on what happens to it, and on nothing else. So each step is taken once, however
//! many states of the whole it is a part of.

use crate::fingerprint;
use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::rc::Rc;

/// Every state that a session was seen in, and every step from one to another.
pub(crate) struct Memory<S, In, Out> {
    /// Fields in which two equal states may differ.
    without: &'static [&'static str],
    states: Vec<S>,
    numbers: HashMap<u64, u32>,
    steps: HashMap<(u32, In), (u32, Rc<Out>)>,
}

impl<S: Clone + Debug, In: Clone + Eq + Hash, Out> Memory<S, In, Out> {
    /// A memory with one state, which has number 0.
    pub(crate) fn of(state: S, without: &'static [&'static str]) -> Self {
        let (states, numbers) = (Vec::new(), HashMap::new());
        let mut memory = Self { without, states, numbers, steps: HashMap::new() };
        memory.number(state);
        memory
    }

    /// How many states there are.
    pub(crate) fn len(&self) -> usize {
        self.states.len()
    }

    /// The state with this number.
    pub(crate) fn state(&self, number: u32) -> &S {
        &self.states[number as usize]
    }

    /// Takes a step: to which state, and what was done.
    pub(crate) fn step(
        &mut self,
        from: u32,
        what: In,
        step: impl FnOnce(&mut S, &In) -> Out,
    ) -> (u32, Rc<Out>) {
        let key = (from, what);
        if let Some((to, out)) = self.steps.get(&key) {
            return (*to, Rc::clone(out));
        }
        let mut state = self.state(from).clone();
        let out = Rc::new(step(&mut state, &key.1));
        let to = self.number(state);
        self.steps.insert(key, (to, Rc::clone(&out)));
        (to, out)
    }

    fn number(&mut self, state: S) -> u32 {
        *self.numbers.entry(fingerprint::of(&state, self.without)).or_insert_with(|| {
            self.states.push(state);
            (self.states.len() - 1) as u32
        })
    }
}
