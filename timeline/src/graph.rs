//! Which places are connected to the core, at each instant.
//!
//! Places are nodes; evidence between two different places that is up or degraded is an edge between them. A spanning
//! tree from the core is carried through time: an edge that is lost costs a look at the part of the tree that hung on
//! it, and nothing where another edge holds the pair. Rule guarded here: connected means a chain of edges to the core.

use std::collections::HashMap;

use kentongan_model::time::Timestamp;

use crate::{evidence::Change, places::Place, span::Span};

const NONE: u32 = u32::MAX;

/// What joins two places: the changes of one piece of evidence between them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edge<'a> {
    pub(crate) ends: (Place, Place),
    pub(crate) changes: &'a [Change],
}

/// For each place, the moments of `window` at which it is connected (true) or cut off (false), in turn. None is connected
/// before the first edge, but for the core, which is connected always and has no moments.
pub(crate) fn connectivity(places: usize, edges: &[Edge<'_>], window: Span) -> Vec<Vec<(Timestamp, bool)>> {
    let mut tree = Tree::new(places);
    let mut moves = Vec::new();
    for edge in edges {
        let pair = tree.pair(edge.ends.0.index(), edge.ends.1.index());
        let before = edge.changes.partition_point(|change| change.at < window.from);
        let mut held = before.checked_sub(1).is_some_and(|last| edge.changes[last].state.serves());
        if held {
            tree.gain(pair);
        }
        for change in edge.changes[before..].iter().take_while(|change| change.at < window.to) {
            if change.state.serves() != held {
                held = !held;
                moves.push((change.at, !held, pair));
            }
        }
    }
    tree.touched();
    // Within an instant what is gained comes before what is lost, so that a hand-over cuts nobody off.
    moves.sort_unstable();
    let mut toggles = vec![Vec::new(); places];
    for instant in moves.chunk_by(|a, b| a.0 == b.0) {
        for (_, lost, pair) in instant {
            if *lost { tree.lose(*pair) } else { tree.gain(*pair) }
        }
        for (node, was) in tree.touched() {
            if tree.connected(node) != was {
                toggles[node].push((instant[0].0, !was));
            }
        }
    }
    toggles
}

/// A spanning tree from the core over the edges of an instant.
struct Tree {
    pairs: HashMap<(u32, u32), u32>,
    ends: Vec<(u32, u32)>,
    /// How much evidence holds each pair.
    held: Vec<u32>,
    near: Vec<Vec<(u32, u32)>>,
    parent: Vec<u32>,
    touched: Vec<(u32, bool)>,
}

impl Tree {
    fn new(places: usize) -> Self {
        let mut parent = vec![NONE; places];
        parent[Place::CORE.index()] = 0;
        Tree {
            pairs: HashMap::new(),
            ends: Vec::new(),
            held: Vec::new(),
            near: vec![Vec::new(); places],
            parent,
            touched: Vec::new(),
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "places are counted in 32 bits")]
    fn pair(&mut self, one: usize, other: usize) -> u32 {
        let key = (one.min(other) as u32, one.max(other) as u32);
        let next = self.ends.len() as u32;
        *self.pairs.entry(key).or_insert_with(|| {
            self.ends.push(key);
            self.held.push(0);
            self.near[key.0 as usize].push((key.1, next));
            self.near[key.1 as usize].push((key.0, next));
            next
        })
    }

    fn connected(&self, node: usize) -> bool {
        self.parent[node] != NONE
    }

    /// The nodes whose parent changed since the last call, with whether they were connected then.
    fn touched(&mut self) -> Vec<(usize, bool)> {
        let mut first = std::mem::take(&mut self.touched);
        first.sort_by_key(|(node, _)| *node);
        first.dedup_by_key(|(node, _)| *node);
        first.into_iter().map(|(node, was)| (node as usize, was)).collect()
    }

    fn gain(&mut self, pair: u32) {
        self.held[pair as usize] += 1;
        let (one, other) = self.ends[pair as usize];
        match (self.connected(one as usize), self.connected(other as usize)) {
            (true, false) => self.attach(other, one),
            (false, true) => self.attach(one, other),
            _ => {}
        }
    }

    fn lose(&mut self, pair: u32) {
        self.held[pair as usize] -= 1;
        let (one, other) = self.ends[pair as usize];
        if self.held[pair as usize] > 0 {
        } else if self.parent[other as usize] == one && other != 0 {
            self.detach(other);
        } else if self.parent[one as usize] == other && one != 0 {
            self.detach(one);
        }
    }

    /// Connects `node`, and what it reaches, through `parent`.
    fn attach(&mut self, node: u32, parent: u32) {
        self.adopt(node, parent);
        let mut queue = vec![node];
        while let Some(node) = queue.pop() {
            for k in 0..self.near[node as usize].len() {
                let (next, pair) = self.near[node as usize][k];
                if self.held[pair as usize] > 0 && !self.connected(next as usize) {
                    self.adopt(next, node);
                    queue.push(next);
                }
            }
        }
    }

    fn adopt(&mut self, node: u32, parent: u32) {
        self.touched.push((node, self.connected(node as usize)));
        self.parent[node as usize] = parent;
    }

    /// Cuts off the part of the tree below `top`, then connects what has another way.
    fn detach(&mut self, top: u32) {
        let mut part = vec![top];
        let mut next = 0;
        while let Some(node) = part.get(next).copied() {
            for (child, _) in &self.near[node as usize] {
                if self.parent[*child as usize] == node && *child != 0 {
                    part.push(*child);
                }
            }
            next += 1;
        }
        for node in &part {
            self.adopt(*node, NONE);
        }
        for node in part {
            if self.connected(node as usize) {
                continue;
            }
            let way = self.near[node as usize]
                .iter()
                .find(|(near, pair)| self.held[*pair as usize] > 0 && self.connected(*near as usize));
            if let Some((parent, _)) = way {
                self.attach(node, *parent);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kentongan_model::state::State;

    use super::*;
    use crate::span::tests::at;

    const ALWAYS: Span = Span::new(Timestamp::MIN, Timestamp::MAX);

    fn changes(moments: &[(i64, bool)]) -> Vec<Change> {
        let change = |(second, up): &(i64, bool)| Change {
            at: at(*second),
            state: if *up { State::Up } else { State::Down },
            told: at(*second),
        };
        moments.iter().map(change).collect()
    }

    #[test]
    fn a_ring_holds_until_both_ways_are_lost() {
        let [core, a, b, c] = [Place::CORE, Place::of_site(0), Place::of_site(1), Place::of_site(2)];
        let stories = [
            ((core, a), vec![(0, true), (50, false), (80, true)]),
            ((core, b), vec![(0, true), (60, false)]),
            ((c, a), vec![(10, true)]),
            ((b, c), vec![(10, true), (70, false)]),
        ];
        let stories: Vec<_> = stories.into_iter().map(|(ends, moments)| (ends, changes(&moments))).collect();
        let edges: Vec<Edge<'_>> =
            stories.iter().map(|(ends, changes)| Edge { ends: *ends, changes }).collect();
        let seen = connectivity(4, &edges, ALWAYS);
        assert_eq!(seen[a.index()], [(at(0), true), (at(60), false), (at(80), true)]);
        assert_eq!(seen[b.index()], [(at(0), true), (at(60), false)]);
        assert_eq!(seen[c.index()], [(at(10), true), (at(60), false), (at(80), true)]);
        assert!(seen[core.index()].is_empty());
    }

    #[test]
    fn an_edge_that_takes_over_in_the_same_instant_cuts_nobody_off() {
        let [core, a] = [Place::CORE, Place::of_site(0)];
        let (first, second) = (changes(&[(0, true), (9, false)]), changes(&[(9, true)]));
        let edges = [Edge { ends: (core, a), changes: &first }, Edge { ends: (a, core), changes: &second }];
        assert_eq!(connectivity(2, &edges, ALWAYS)[a.index()], [(at(0), true)]);
    }
}
