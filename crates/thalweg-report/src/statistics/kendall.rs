//! Kendall's rank correlation: whether the order by one number is the order by another.

/// Kendall's τ_b between the two numbers of each pair, over the pairs of items that share a group: concordant less discordant ones, over the
/// geometric mean of those that differ in the first and those that differ in the second (M. G. Kendall, *The treatment of ties in ranking
/// problems*, Biometrika 33, 1945). With one group it is the usual τ_b. 1 is the same order, −1 the opposite one.
///
/// Items of different groups are never compared: their numbers may have different units. Nothing where no two items differ in the first
/// number, or none in the second. A number that is NaN differs from none.
///
/// ```
/// use thalweg_report::statistics::kendall;
///
/// // Three pairs of items, one of them in the opposite order.
/// let tau = kendall(&[vec![(1.0, 10.0), (2.0, 30.0), (3.0, 20.0)]]);
/// assert_eq!(tau, Some(1.0 / 3.0));
/// ```
pub fn kendall(groups: &[Vec<(f64, f64)>]) -> Option<f64> {
    let (mut score, mut first, mut second) = (0i64, 0i64, 0i64);
    for group in groups {
        for (i, a) in group.iter().enumerate() {
            for b in &group[i + 1..] {
                let (x, y) = (order(a.0, b.0), order(a.1, b.1));
                score += x * y;
                first += x * x;
                second += y * y;
            }
        }
    }
    let pairs = (first as f64 * second as f64).sqrt();
    (pairs > 0.0).then(|| score as f64 / pairs)
}

/// 1, 0 or −1: whether `b` is above `a`, neither, or below.
fn order(a: f64, b: f64) -> i64 {
    i64::from(b > a) - i64::from(b < a)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(items: &[(f64, f64)]) -> Option<f64> {
        kendall(&[items.to_vec()])
    }

    #[test]
    fn the_same_order_is_one_and_the_opposite_minus_one() {
        let up = [(1.0, 2.0), (2.0, 3.0), (5.0, 9.0), (7.0, 10.0)];
        assert_eq!(one(&up), Some(1.0));
        assert_eq!(one(&up.map(|(x, y)| (x, -y))), Some(-1.0));
    }

    /// Counted by hand. Six pairs of (1,1), (2,1), (2,3), (3,2): first against second is a tie in y; first–third, first–fourth and
    /// second–fourth agree; second–third is a tie in x; third–fourth disagrees. So 3 − 1 = 2, of five that differ in x and five that
    /// differ in y.
    #[test]
    fn ties_count_in_neither_order() {
        let items = [(1.0, 1.0), (2.0, 1.0), (2.0, 3.0), (3.0, 2.0)];
        assert_eq!(one(&items), Some(2.0 / 5.0));
        // (1,1), (1,2), (1,3), (2,4): three pairs agree, three are ties in x; √(3·6) below.
        let ties = [(1.0, 1.0), (1.0, 2.0), (1.0, 3.0), (2.0, 4.0)];
        assert!((one(&ties).unwrap() - 3.0 / 18f64.sqrt()).abs() < 1e-15);
    }

    #[test]
    fn without_any_order_there_is_none() {
        assert_eq!(one(&[]), None);
        assert_eq!(one(&[(1.0, 2.0)]), None);
        assert_eq!(one(&[(1.0, 2.0), (1.0, 3.0)]), None);
        assert_eq!(one(&[(1.0, f64::NAN), (2.0, 3.0)]), None);
    }

    /// Each group is in order; between them the order is the opposite, which is no matter.
    #[test]
    fn groups_are_not_compared_with_one_another() {
        let groups = [vec![(1.0, 10.0), (2.0, 11.0)], vec![(3.0, 1.0), (4.0, 2.0)]];
        assert_eq!(kendall(&groups), Some(1.0));
        assert_eq!(one(&groups.concat()), Some((2.0 - 4.0) / 6.0));
    }

    /// A copy of an item is no evidence: it is tied with the item in both numbers.
    #[test]
    fn copies_of_one_item_give_no_pair() {
        assert_eq!(one(&[(1.0, 5.0), (1.0, 5.0), (1.0, 5.0)]), None);
    }
}
