//! Where a formula inside a line may break, since a browser breaks no `<math>`: into several of them.

use pulldown_latex::event::{Content, DelimiterType, Event, ScriptType, Visual};

/// The formula cut after its relations and commas: not inside groups, scripts or brackets.
pub fn parts(events: Vec<Event<'_>>) -> Vec<Vec<Event<'_>>> {
    let mut parts = vec![Vec::new()];
    let mut place = Place::default();
    for event in events {
        let cut = place.may_break_after(&event);
        if let Some(part) = parts.last_mut() {
            part.push(event);
        }
        if cut {
            parts.push(Vec::new());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// How deep inside what cannot be cut.
#[derive(Default)]
struct Place {
    groups: usize,
    brackets: usize,
    /// Elements that a fraction, root or script still waits for, at the depth of no group.
    awaited: usize,
    /// A change of font or style holds to the end of the formula: what follows it stays with it.
    styled: bool,
}

impl Place {
    /// Steps past `event`.
    fn may_break_after(&mut self, event: &Event<'_>) -> bool {
        match event {
            Event::Begin(_) => {
                self.groups += 1;
                return false;
            }
            Event::End => self.groups -= 1,
            _ => {}
        }
        if self.groups > 0 {
            return false;
        }
        let arguments = match event {
            Event::Visual(Visual::SquareRoot | Visual::Negation) => 1,
            Event::Visual(Visual::Root | Visual::Fraction(_)) => 2,
            Event::Script { ty, .. } => match ty {
                ScriptType::Subscript | ScriptType::Superscript => 2,
                ScriptType::SubSuperscript => 3,
            },
            _ => 0,
        };
        let argument = self.awaited > 0;
        self.awaited = self.awaited.saturating_sub(1) + arguments;
        self.styled |= matches!(event, Event::StateChange(_));
        if argument || self.styled {
            return false;
        }
        let cut = match event {
            Event::Content(Content::Relation { .. } | Content::Punctuation(_)) => true,
            Event::Content(Content::Delimiter { ty, .. }) => {
                match ty {
                    DelimiterType::Open => self.brackets += 1,
                    DelimiterType::Close => self.brackets = self.brackets.saturating_sub(1),
                    DelimiterType::Fence => {}
                }
                false
            }
            _ => false,
        };
        cut && self.brackets == 0
    }
}

#[cfg(test)]
mod tests {
    use super::parts;

    /// How many events each part of `formula` has.
    fn sizes(formula: &str) -> Vec<usize> {
        let storage = pulldown_latex::Storage::new();
        let parser = pulldown_latex::Parser::new(formula, &storage);
        let events = parser.collect::<Result<_, _>>().unwrap();
        parts(events).iter().map(Vec::len).collect()
    }

    #[test]
    fn a_formula_breaks_after_relations_and_commas() {
        assert_eq!(sizes("a = b + c, d"), [2, 4, 1]);
        assert_eq!(sizes("a"), [1]);
    }

    #[test]
    fn brackets_and_groups_stay_whole() {
        assert_eq!(sizes("f(a, b) = c").len(), 2);
        assert_eq!(sizes("a^{b = c}").len(), 1);
        assert_eq!(sizes("\\frac{a = b}{c, d} = e").len(), 2);
        assert_eq!(sizes("\\left(a = b\\right) = c").len(), 2);
        assert_eq!(sizes("x_= y").len(), 1);
    }
}
