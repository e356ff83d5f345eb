//! What is said of each way that a quantity may have gone.

use super::*;

#[test]
fn each_direction_has_its_own_words() {
    let estimate = |mean| SeedMean {
        mean,
        standard_error: Some(0.125),
        count: 3,
    };
    for (direction, in_words) in [
        (Direction::Rose, "rose 2.5-fold"),
        (Direction::Fell, "fell to 2.5 of its start"),
        (Direction::Unclear, "did not clearly change"),
        (Direction::OneSeed, "went to 2.5 of its start"),
    ] {
        let change = Change {
            start: estimate(3.0),
            end: estimate(7.0),
            factor: Some(estimate(2.5)),
            direction,
        };
        assert_eq!(verb(&change), in_words);
    }
    let negative = Change {
        start: estimate(-1.0),
        end: estimate(7.0),
        factor: None,
        direction: Direction::NotPositive,
    };
    assert_eq!(verb(&negative), "went from -1 to 7");
}

#[test]
fn steps_are_told_one_by_one_or_by_their_ends() {
    assert_eq!(steps(&[200]), "one measured step, 200,");
    assert_eq!(steps(&[160, 180, 200]), "measured steps 160, 180 and 200");
    assert_eq!(
        steps(&[8, 9, 10, 11, 12, 13]),
        "6 measured steps from 8 to 13"
    );
}
