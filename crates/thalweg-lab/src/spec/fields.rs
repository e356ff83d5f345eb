//! The values of a specification, one by one, as a reader sees them.

use super::Node;

/// Every value that is no table, with its path.
pub(crate) fn fields(node: &Node) -> Vec<(String, &Node)> {
    let Node::Table(entries) = node else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for (key, value) in entries {
        match value {
            Node::Table(_) => {
                let below = fields(value).into_iter();
                all.extend(below.map(|(path, node)| (format!("{key}.{path}"), node)));
            }
            _ => all.push((key.clone(), value)),
        }
    }
    all
}

/// `node` in a line, a list of more than `most` characters cut, and a diagonal matrix as its diagonal.
pub(crate) fn shown(node: &Node, most: usize) -> String {
    if let Some(diagonal) = diagonal(node) {
        return format!("diagonal {}", shown(&diagonal, most));
    }
    if let Some(range) = range(node) {
        return range;
    }
    let whole = whole(node);
    if whole.chars().count() <= most {
        return whole;
    }
    match node {
        Node::List(items) => {
            let start: String = whole.chars().take(most / 2).collect();
            format!("{start}… ({} entries)", items.len())
        }
        _ => node.to_string(),
    }
}

/// The diagonal of a square matrix of more than two rows that is 0 beside it.
fn diagonal(node: &Node) -> Option<Node> {
    let Node::List(rows) = node else {
        return None;
    };
    let zero = |value: &Node| matches!(value, Node::Float(0.0) | Node::Integer(0));
    let entry = |(i, row): (usize, &Node)| {
        let Node::List(values) = row else {
            return None;
        };
        let mut beside = values.iter().enumerate().filter(|(j, _)| *j != i);
        let holds = values.len() == rows.len() && beside.all(|(_, value)| zero(value));
        holds.then(|| values[i].clone())
    };
    if rows.len() < 3 {
        return None;
    }
    let entries: Option<Vec<Node>> = rows.iter().enumerate().map(entry).collect();
    entries.map(Node::List)
}

/// Consecutive whole numbers, as seeds are.
fn range(node: &Node) -> Option<String> {
    let Node::List(items) = node else {
        return None;
    };
    let (Node::Integer(first), Node::Integer(last)) = (items.first()?, items.last()?) else {
        return None;
    };
    let numbers = (*first..=*last).map(Node::Integer);
    (items.len() > 3
        && items.len() as i128 == last - first + 1
        && numbers.eq(items.iter().cloned()))
    .then(|| format!("{first} to {last}"))
}

fn whole(node: &Node) -> String {
    match node {
        Node::List(items) => {
            let items: Vec<String> = items.iter().map(whole).collect();
            format!("[{}]", items.join(", "))
        }
        Node::Text(text) => text.clone(),
        // What a square or a quotient adds behind the last digit is not to be read.
        Node::Float(value) => format!("{value:.11e}")
            .parse()
            .unwrap_or(*value)
            .to_string(),
        _ => node.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut_and_say_how_long_they_are() {
        let long = Node::from(vec![0.123_456; 30]);
        let short = shown(&long, 48);
        assert!(short.ends_with("… (30 entries)"), "{short}");
        assert_eq!(shown(&Node::from(vec![1u64, 2, 4, 5]), 48), "[1, 2, 4, 5]");
        assert_eq!(shown(&Node::from(0.2 * 0.2), 48), "0.04");
        let rows = |beside: f64| {
            vec![
                vec![1.0, beside, 0.0],
                vec![0.0, 2.0, 0.0],
                vec![0.0, 0.0, 0.5],
            ]
        };
        assert_eq!(shown(&Node::from(rows(0.0)), 48), "diagonal [1, 2, 0.5]");
        assert_eq!(
            shown(&Node::from(rows(0.1)), 48),
            "[[1, 0.1, 0], [0, 2, 0], [0, 0, 0.5]]"
        );
    }
}
