//! Where a field stands: `network.hidden[0]` as steps through tables and lists.

use super::node::Node;

/// One step down a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// The entry of a table.
    Key(&'a str),
    /// The entry of a list, from 0.
    Index(usize),
}

/// The steps of a path as error messages write it; nothing where it is none.
pub(crate) fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    for part in path.split('.') {
        let (key, indices) = part.split_at(part.find('[').unwrap_or(part.len()));
        if key.is_empty() {
            return None;
        }
        steps.push(Step::Key(key));
        let indices = indices.strip_prefix('[').map(|rest| rest.strip_suffix(']'));
        if let Some(indices) = indices {
            for index in indices?.split("][") {
                steps.push(Step::Index(index.parse().ok()?));
            }
        }
    }
    Some(steps)
}

/// Puts `value` at `steps` below `node`, making tables on the way where there is nothing yet. False, and nothing is
/// changed, where the way leads through something else than a table, or past the end of a list.
pub(super) fn set(node: &mut Node, steps: &[Step<'_>], value: Node) -> bool {
    let Some((first, rest)) = steps.split_first() else {
        *node = value;
        return true;
    };
    match (first, node) {
        (Step::Key(key), Node::Table(entries)) => {
            if let Some((_, below)) = entries.iter_mut().find(|(name, _)| name == key) {
                return set(below, rest, value);
            }
            let mut below = Node::Table(Vec::new());
            let done = set(&mut below, rest, value);
            if done {
                entries.push(((*key).to_owned(), below));
            }
            done
        }
        (Step::Index(index), Node::List(items)) => items
            .get_mut(*index)
            .is_some_and(|below| set(below, rest, value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_errors_write_them() {
        let read = steps("noise.covariance[1][0].x").unwrap();
        let expected = [
            Step::Key("noise"),
            Step::Key("covariance"),
            Step::Index(1),
            Step::Index(0),
            Step::Key("x"),
        ];
        assert_eq!(read, expected);
        for wrong in ["", "a..b", "a[", "a[x]", "a[1", "[0]", "a[1]b"] {
            assert_eq!(steps(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_reached_changes_nothing() {
        let mut tree = Node::from([
            ("list", [1_u64, 2].into_iter().collect()),
            ("n", 3_u64.into()),
        ]);
        let before = tree.clone();
        for path in ["list[2]", "list.a", "n[0]", "n.a.b"] {
            assert!(
                !set(&mut tree, &steps(path).unwrap(), 0_u64.into()),
                "{path}"
            );
            assert_eq!(tree, before, "{path}");
        }
        assert!(set(&mut tree, &steps("list[1]").unwrap(), 7_u64.into()));
        assert!(set(&mut tree, &steps("new.deep").unwrap(), true.into()));
        let list: Node = [1_u64, 7].into_iter().collect();
        let expected = Node::from([
            ("list", list),
            ("n", 3_u64.into()),
            ("new", [("deep", true.into())].into()),
        ]);
        assert_eq!(tree, expected);
    }
}
