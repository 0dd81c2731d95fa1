//! Whether a history of answers can be explained: is there an order, one call after another, in which a sequential object would
//! have given each of these answers, and which keeps every call behind those that had been answered before it began?
//!
//! The search is the one of Wing and Gong, with the states seen before remembered. A call that would change nothing is placed as
//! early as it can be: it takes no way from any other.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;
use std::time::Instant;

/// A call, its answer, and the moments between which it took effect.
#[derive(Debug)]
pub struct Event<C> {
    pub call: C,
    pub answer: String,
    /// What may tell of its place, such as the id that it was given. Only where the search begins: it proves nothing.
    pub hint: String,
    pub began: Instant,
    pub ended: Instant,
}

/// What a thing does if it is asked one thing after another.
pub trait Object {
    type State: Clone + Eq + Hash + Debug;
    type Call: Debug;

    /// What it answers, and how it stands then.
    fn apply(state: &Self::State, call: &Self::Call) -> (String, Self::State);

    /// How it may stand after something that nobody here asked for.
    fn drifts(_: &Self::State) -> Vec<Self::State> {
        Vec::new()
    }

    /// A call that changes nothing and tells how it stands.
    fn look() -> Self::Call;
}

/// One call in the order that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub event: usize,
    pub changes: bool,
}

/// An order that explains a history, if there is one.
pub fn explained<O: Object>(first: &O::State, history: &[Event<O::Call>]) -> Option<Vec<Step>> {
    assert!(history.len() <= 64, "more calls than a set of bits holds");
    let all = (0..history.len()).fold(0, |set: u64, n| set | 1 << n);
    let mut search = Search::<O> {
        history,
        seen: HashSet::new(),
        order: Vec::new(),
    };
    search.go(first.clone(), all).then_some(search.order)
}

struct Search<'h, O: Object> {
    history: &'h [Event<O::Call>],
    /// States with what was left then, from which nothing led on.
    seen: HashSet<(O::State, u64)>,
    order: Vec<Step>,
}

impl<O: Object> Search<'_, O> {
    /// Places all that is left, from a state on.
    fn go(&mut self, state: O::State, mut left: u64) -> bool {
        let before = self.order.len();
        while let Some(event) = self.harmless(&state, left) {
            let changes = false;
            self.order.push(Step { event, changes });
            left &= !(1 << event);
        }
        if left == 0 {
            return true;
        }
        if self.seen.insert((state.clone(), left)) {
            for event in self.next(left) {
                if self.fits(&state, event) != Some(true) {
                    continue;
                }
                let changes = true;
                self.order.push(Step { event, changes });
                let (_, then) = O::apply(&state, &self.history[event].call);
                if self.go(then, left & !(1 << event)) {
                    return true;
                }
                self.order.pop();
            }
            for then in O::drifts(&state) {
                if self.go(then, left) {
                    return true;
                }
            }
        }
        self.order.truncate(before);
        false
    }

    /// Those of the left that could be next, the likeliest first: nothing left was answered before they began.
    fn next(&self, left: u64) -> Vec<usize> {
        let all = 0..self.history.len();
        let mut of: Vec<usize> = all.filter(|n| left & (1 << n) != 0).collect();
        let earliest = of.iter().map(|n| self.history[*n].ended).min();
        of.retain(|n| earliest.is_some_and(|end| self.history[*n].began <= end));
        of.sort_by_key(|n| (&self.history[*n].hint, self.history[*n].ended));
        of
    }

    /// One of them that would be answered like that and changes nothing.
    fn harmless(&self, state: &O::State, left: u64) -> Option<usize> {
        let mut next = self.next(left).into_iter();
        next.find(|event| self.fits(state, *event) == Some(false))
    }

    /// Whether it would be answered like that, and then whether that changes anything.
    fn fits(&self, state: &O::State, event: usize) -> Option<bool> {
        let event = &self.history[event];
        let (answer, then) = O::apply(state, &event.call);
        (answer == event.answer).then(|| then != *state)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Money that is taken out as long as there is enough.
    struct Purse;

    #[derive(Debug)]
    enum Call {
        Take(i64),
        Look,
    }

    impl Object for Purse {
        type State = i64;
        type Call = Call;

        fn apply(held: &i64, call: &Call) -> (String, i64) {
            match call {
                Call::Take(n) if n <= held => ("done".to_owned(), held - n),
                Call::Take(_) => ("short".to_owned(), *held),
                Call::Look => (held.to_string(), *held),
            }
        }

        fn look() -> Call {
            Call::Look
        }
    }

    /// Calls with their answers, each from one tick to another.
    fn history(calls: Vec<(Call, &str, u64, u64)>) -> Vec<Event<Call>> {
        let start = Instant::now();
        let at = |tick| start + Duration::from_millis(tick);
        let event = |(call, answer, began, ended): (Call, &str, u64, u64)| Event {
            call,
            answer: answer.to_owned(),
            hint: String::new(),
            began: at(began),
            ended: at(ended),
        };
        calls.into_iter().map(event).collect()
    }

    fn is_explained(calls: Vec<(Call, &str, u64, u64)>) -> bool {
        explained::<Purse>(&10, &history(calls)).is_some()
    }

    #[test]
    fn what_could_have_happened_is_explained() {
        assert!(is_explained(vec![
            (Call::Take(10), "short", 0, 9),
            (Call::Take(4), "done", 0, 9),
            (Call::Look, "6", 0, 9),
            (Call::Look, "10", 0, 9),
            (Call::Take(7), "short", 0, 9),
            (Call::Look, "6", 10, 11),
        ]));
        // The second is answered first, and took effect last.
        assert!(is_explained(vec![
            (Call::Take(6), "done", 0, 9),
            (Call::Take(6), "short", 2, 3),
            (Call::Look, "4", 4, 5),
        ]));
    }

    #[test]
    fn what_cannot_have_happened_is_not() {
        // Spent twice.
        assert!(!is_explained(vec![
            (Call::Take(10), "done", 0, 9),
            (Call::Take(10), "done", 0, 9),
        ]));
        // Refused though there was enough at every moment.
        assert!(!is_explained(vec![
            (Call::Take(3), "done", 0, 9),
            (Call::Take(7), "short", 0, 9),
        ]));
        // A reader who sees less than one who was answered before he began.
        assert!(!is_explained(vec![
            (Call::Take(4), "done", 0, 9),
            (Call::Look, "6", 1, 2),
            (Call::Look, "10", 3, 4),
        ]));
        // An effect that is seen after it was acknowledged, and then is not there.
        assert!(!is_explained(vec![
            (Call::Take(4), "done", 0, 1),
            (Call::Look, "10", 2, 3),
        ]));
        // Done, and yet nothing is missing.
        assert!(!is_explained(vec![
            (Call::Take(4), "done", 0, 9),
            (Call::Look, "10", 10, 11),
        ]));
    }
}
