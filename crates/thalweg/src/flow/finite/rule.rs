//! The quadrature of degree five by which means over a Gaussian are taken.
//!
//! A. H. Stroud, *Approximate Calculation of Multiple Integrals* (1971): with r = √3 the nodes 0, ±r e_i and
//! ±r e_i ± r e_j give every polynomial of degree five in n standard normal variables its exact mean.

/// One node: up to two coordinates, each +1 or −1 times √3, and its weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Node {
    /// Coordinate and sign.
    pub(super) first: Option<(usize, f64)>,
    /// A second coordinate, below the first, and its sign.
    pub(super) second: Option<(usize, f64)>,
    /// Its weight; all of them add up to 1, and some are negative where n > 4.
    pub(super) weight: f64,
}

/// The 2n² + 1 nodes in n dimensions.
pub(super) fn degree_five(n: usize) -> Vec<Node> {
    let m = n as f64;
    let node = |first, second, weight| Node {
        first,
        second,
        weight,
    };
    let mut nodes = vec![node(None, None, (m * m - 7.0 * m + 18.0) / 18.0)];
    for i in 0..n {
        nodes.extend([1.0, -1.0].map(|s| node(Some((i, s)), None, (4.0 - m) / 18.0)));
        for j in 0..i {
            for s in [1.0, -1.0] {
                let pair = [1.0, -1.0].map(|t| node(Some((i, s)), Some((j, t)), 1.0 / 36.0));
                nodes.extend(pair);
            }
        }
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::degree_five;

    /// The mean of Π_i x_i^(p_i) by the rule.
    fn mean(n: usize, powers: &[(usize, i32)]) -> f64 {
        let nodes = degree_five(n);
        let value = |node: &super::Node| {
            let mut x = vec![0.0; n];
            for (i, sign) in node.first.iter().chain(&node.second) {
                x[*i] = sign * 3f64.sqrt();
            }
            powers.iter().map(|(i, p)| x[*i].powi(*p)).product::<f64>()
        };
        nodes.iter().map(|node| node.weight * value(node)).sum()
    }

    #[test]
    fn moments_of_a_normal_law_come_out_to_degree_five() {
        for n in [1, 2, 4, 9, 16] {
            let cases: [(&[(usize, i32)], f64); 5] = [
                (&[], 1.0),
                (&[(0, 1)], 0.0),
                (&[(n - 1, 2)], 1.0),
                (&[(0, 4)], 3.0),
                (&[(0, 3)], 0.0),
            ];
            for (powers, exact) in cases {
                assert!((mean(n, powers) - exact).abs() < 1e-12, "{n} {powers:?}");
            }
            if n > 1 {
                assert!((mean(n, &[(0, 2), (n - 1, 2)]) - 1.0).abs() < 1e-12);
                assert!(mean(n, &[(0, 1), (n - 1, 3)]).abs() < 1e-12);
                assert!(mean(n, &[(0, 4), (n - 1, 1)]).abs() < 1e-12);
            }
            if n > 2 {
                assert!(mean(n, &[(0, 2), (1, 1), (2, 1)]).abs() < 1e-12);
            }
        }
    }
}
