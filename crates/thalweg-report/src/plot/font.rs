//! The embedded font (Noto Sans, SIL Open Font License): widths for layout, outlines for the PNG.

use std::sync::LazyLock;

use ttf_parser::{Face, GlyphId, OutlineBuilder};

use super::markup;

static REGULAR: LazyLock<Face<'static>> = LazyLock::new(|| {
    Face::parse(notosans::REGULAR_TTF, 0).expect("the font is part of the program and parses")
});
static BOLD: LazyLock<Face<'static>> = LazyLock::new(|| {
    Face::parse(notosans::BOLD_TTF, 0).expect("the font is part of the program and parses")
});

/// The font that a reader's browser takes may be wider than the embedded one, which is measured: DejaVu Sans is
/// by an eighth.
pub(super) const WIDER: f64 = 1.125;

fn face(bold: bool) -> &'static Face<'static> {
    if bold { &BOLD } else { &REGULAR }
}

/// The characters of `text` that the font cannot draw.
pub fn missing_glyphs(text: &str) -> Vec<char> {
    text.chars()
        .filter(|&c| face(false).glyph_index(c).is_none())
        .collect()
}

/// The width of `text` (with its marks) at `size`, pixels.
pub fn width(text: &str, size: f64, bold: bool) -> f64 {
    markup::runs(text)
        .iter()
        .flat_map(|run| {
            run.letters
                .chars()
                .map(|c| advance(c, bold) * size * run.height.scale())
        })
        .sum()
}

/// `text` if it is no wider than `room`, or else as much of its beginning as is, with `…`.
pub fn shortened(text: &str, size: f64, room: f64) -> String {
    if width(text, size, false) <= room {
        return text.to_owned();
    }
    let letters: Vec<char> = text.chars().collect();
    let begun = |count: usize| letters[..count].iter().collect::<String>() + "…";
    let fits = |count: &usize| width(&begun(*count), size, false) <= room;
    begun((1..letters.len()).rev().find(fits).unwrap_or(1))
}

/// How far a letter moves the pen, in ems.
pub fn advance(letter: char, bold: bool) -> f64 {
    let face = face(bold);
    let units = face.glyph_hor_advance(glyph(letter, bold)).unwrap_or(0);
    f64::from(units) / f64::from(face.units_per_em())
}

/// Draws a letter's outline, in font units with y upwards; returns the units in an em.
pub fn outline(letter: char, bold: bool, pen: &mut impl OutlineBuilder) -> f64 {
    let face = face(bold);
    face.outline_glyph(glyph(letter, bold), pen);
    f64::from(face.units_per_em())
}

/// Glyph 0 is the font's own sign for a letter it lacks.
fn glyph(letter: char, bold: bool) -> GlyphId {
    face(bold).glyph_index(letter).unwrap_or(GlyphId(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_has_the_letters_that_figures_use() {
        let used = "ηλκσερτΔΣ²×·±−–—≤≥≈√→%()/=,.'0123456789";
        assert_eq!(missing_glyphs(used), Vec::<char>::new());
        assert_eq!(missing_glyphs("a∝"), ['∝']);
    }

    #[test]
    fn widths_add_up_and_marks_are_not_counted() {
        let both = width("ab", 10.0, false);
        assert!((both - width("a", 10.0, false) - width("b", 10.0, false)).abs() < 1e-12);
        assert!(width("10^{3}", 10.0, false) < width("103", 10.0, false));
        assert!(width("mm", 20.0, true) > width("mm", 10.0, true));
    }

    /// What fits stays as it is; of what does not, as much is kept as fits with `…`, and one letter at least.
    #[test]
    fn as_much_of_a_long_name_is_kept_as_fits() {
        let name = "learning_rate = 0.01";
        let whole = width(name, 12.0, false);
        assert_eq!(shortened(name, 12.0, whole), name);
        for room in [0.9 * whole, 0.5 * whole, 0.3 * whole] {
            let short = shortened(name, 12.0, room);
            let begun = short.strip_suffix('…').unwrap();
            assert!(name.starts_with(begun) && width(&short, 12.0, false) <= room);
            let more = format!("{}…", &name[..=begun.len()]);
            assert!(width(&more, 12.0, false) > room, "{short}, {more}");
        }
        assert_eq!(shortened(name, 12.0, 0.0), "l…");
    }
}
