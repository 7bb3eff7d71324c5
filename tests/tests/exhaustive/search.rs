//! Breadth first: what is found first is as short as can be.

use crate::world::{Action, Outline, Rules, State, Violation, World};
use std::collections::{BTreeSet, HashSet};
use std::fmt;

/// What there is to find.
#[derive(Debug)]
pub(crate) struct Found {
    /// Everything that could be reached, up to the first violation.
    pub(crate) size: Size,
    /// A broken promise, and a shortest way to it.
    pub(crate) violation: Option<(Violation, Vec<String>)>,
    /// Kinds of things that happened somewhere.
    pub(crate) seen: BTreeSet<&'static str>,
}

/// How large a space is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) states: usize,
    pub(crate) transitions: usize,
    /// Steps to the farthest state.
    pub(crate) depth: usize,
    /// States of the sender and of the receiver.
    pub(crate) sessions: (usize, usize),
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, transitions, depth, sessions: (sender, receiver) } = self;
        write!(f, "{states} states ({sender} of the sender, {receiver} of the receiver), ")?;
        write!(f, "{transitions} transitions, depth {depth}")
    }
}

/// Goes through every state that can be reached, or up to the first violation. Sessions are told apart without these fields.
pub(crate) fn explore<const SEEN: usize>(
    rules: &Rules,
    without: &'static [&'static str],
) -> (Found, HashSet<Outline>) {
    let (mut world, start) = World::<SEEN>::new(rules.clone(), without);
    let mut known = HashSet::from([start.clone()]);
    // How each state was reached first: from which one, and by what.
    let mut came: Vec<(usize, Option<Action>)> = vec![(0, None)];
    let (mut transitions, mut depth, mut violation) = (0, 0, None);
    let mut level = vec![(0, start)];
    while !level.is_empty() && violation.is_none() {
        let mut following = Vec::new();
        for (number, state) in level {
            for (action, result) in world.next(&state) {
                transitions += 1;
                match result {
                    Ok(state) => {
                        if !known.contains(&state) {
                            following.push((came.len(), state.clone()));
                            came.push((number, Some(action)));
                            known.insert(state);
                        }
                    }
                    Err(broken) if violation.is_none() => {
                        violation = Some((broken, path(&came, number, action)));
                    }
                    Err(_) => {}
                }
            }
        }
        depth += usize::from(!following.is_empty());
        level = following;
    }
    let (states, sessions, seen) = (known.len(), world.sessions(), world.into_seen());
    let outlines = known.into_iter().map(State::into_outline).collect();
    (Found { size: Size { states, transitions, depth, sessions }, violation, seen }, outlines)
}

/// The way to a state, and on by an action.
fn path(came: &[(usize, Option<Action>)], mut at: usize, last: Action) -> Vec<String> {
    let mut actions = vec![last.to_string()];
    while let (before, Some(action)) = came[at] {
        actions.push(action.to_string());
        at = before;
    }
    actions.reverse();
    actions
}
