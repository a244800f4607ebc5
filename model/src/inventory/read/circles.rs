//! Circles among upstreams: nothing that goes round in one ever reaches the core.
//!
//! Tarjan's algorithm (strongly connected components) without recursion: a chain may be as long as the file allows.

use std::collections::VecDeque;

/// One circle out of each knot of places that reach one another, as short as any through its first place; the
/// smallest place comes first. `edges[a]` are the places that `a` points to, never itself.
pub(super) fn circles(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let knots = Knots::of(edges);
    let mut sizes = vec![0_usize; edges.len()];
    knots.knot.iter().for_each(|knot| sizes[*knot] += 1);
    let mut told = vec![false; edges.len()];
    let mut circles = Vec::new();
    for (place, knot) in knots.knot.iter().enumerate() {
        if sizes[*knot] > 1 && !told[*knot] {
            told[*knot] = true;
            circles.push(shortest_round(place, edges, &knots.knot));
        }
    }
    circles
}

/// The shortest way from a place back to itself within its knot.
fn shortest_round(start: usize, edges: &[Vec<usize>], knot: &[usize]) -> Vec<usize> {
    let mut came_from = std::collections::HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(place) = queue.pop_front() {
        for &next in edges[place].iter().filter(|next| knot[**next] == knot[start]) {
            if next == start {
                let mut way = vec![place];
                while let Some(before) = came_from.get(way.last().unwrap_or(&start)) {
                    way.push(*before);
                }
                way.reverse();
                return way;
            }
            came_from.entry(next).or_insert_with(|| {
                queue.push_back(next);
                place
            });
        }
    }
    vec![start]
}

struct Knots {
    /// Which knot each place belongs to.
    knot: Vec<usize>,
}

impl Knots {
    fn of(edges: &[Vec<usize>]) -> Self {
        const UNSEEN: usize = usize::MAX;
        let n = edges.len();
        let (mut order, mut low, mut knot) = (vec![UNSEEN; n], vec![0; n], vec![UNSEEN; n]);
        let (mut seen, mut open, mut way) = (0, Vec::new(), Vec::new());
        for root in 0..n {
            if order[root] != UNSEEN {
                continue;
            }
            way.push((root, 0));
            while let Some((place, edge)) = way.pop() {
                if edge == 0 {
                    (order[place], low[place]) = (seen, seen);
                    seen += 1;
                    open.push(place);
                }
                if let Some(&next) = edges[place].get(edge) {
                    way.push((place, edge + 1));
                    if order[next] == UNSEEN {
                        way.push((next, 0));
                    } else if knot[next] == UNSEEN {
                        low[place] = low[place].min(order[next]);
                    }
                    continue;
                }
                if low[place] == order[place] {
                    while let Some(member) = open.pop() {
                        knot[member] = place;
                        if member == place {
                            break;
                        }
                    }
                }
                if let Some((above, _)) = way.last() {
                    low[*above] = low[*above].min(low[place]);
                }
            }
        }
        Knots { knot }
    }
}

#[cfg(test)]
mod tests {
    use super::circles;

    #[test]
    fn every_knot_is_told_once_by_a_shortest_circle() {
        let none: Vec<Vec<usize>> = Vec::new();
        for (edges, expected) in [
            (vec![], none.clone()),
            (vec![vec![], vec![0], vec![0, 1]], none),
            (vec![vec![1], vec![0], vec![0]], vec![vec![0, 1]]),
            (vec![vec![1], vec![2], vec![0]], vec![vec![0, 1, 2]]),
            (vec![vec![1], vec![2], vec![0, 1], vec![2]], vec![vec![0, 1, 2]]),
            // Two knots, the second hanging on the first.
            (vec![vec![1], vec![0], vec![0, 3], vec![2]], vec![vec![0, 1], vec![2, 3]]),
            // The long way round is not taken.
            (vec![vec![1, 3], vec![2], vec![3], vec![0]], vec![vec![0, 3]]),
        ] {
            assert_eq!(circles(&edges), expected, "{edges:?}");
        }
    }

    #[test]
    fn a_circle_of_a_hundred_thousand_places_is_found() {
        let n = 100_000;
        let edges: Vec<Vec<usize>> = (0..n).map(|place| vec![(place + 1) % n]).collect();
        assert_eq!(circles(&edges), vec![(0..n).collect::<Vec<_>>()]);
    }
}
