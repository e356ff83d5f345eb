//! The values of a specification, one by one, as a reader sees them.

use super::Node;

/// Characters of a value that are shown in full.
const SHOWN: usize = 48;

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

/// `node` in a line, a long list cut.
pub(crate) fn shown(node: &Node) -> String {
    if let Some(range) = range(node) {
        return range;
    }
    let whole = whole(node);
    if whole.chars().count() <= SHOWN {
        return whole;
    }
    match node {
        Node::List(items) => {
            let start: String = whole.chars().take(SHOWN / 2).collect();
            format!("{start}… ({} entries)", items.len())
        }
        _ => node.to_string(),
    }
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
        Node::Float(value) => value.to_string(),
        _ => node.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut_and_say_how_long_they_are() {
        let long = Node::from(vec![0.123_456; 30]);
        let short = shown(&long);
        assert!(short.ends_with("… (30 entries)"), "{short}");
        assert_eq!(shown(&Node::from(vec![1u64, 2, 4, 5])), "[1, 2, 4, 5]");
    }
}
