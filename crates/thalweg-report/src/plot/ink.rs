//! The colours: roles with a light and a dark value, a palette safe for colour blindness, a heat scale.

/// A colour by its role, so that light and dark pages each get the right one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Ink {
    /// The page.
    Paper,
    /// Writing, axes and exact lines.
    Text,
    /// Secondary writing.
    Muted,
    /// Grid lines.
    Grid,
    /// The n-th colour for data, counted round the palette.
    Series(usize),
    /// A heat map's value, from 0 (low) to 1 (high).
    Heat(f64),
}

/// Red, green, blue.
pub type Rgb = [u8; 3];

/// Okabe and Ito's palette without its black and its yellow (too faint for lines), reordered; each
/// with a lighter companion for dark pages.
pub(super) const SERIES: [(Rgb, Rgb); 6] = [
    ([0x00, 0x72, 0xb2], [0x5a, 0xb4, 0xf0]),
    ([0xd5, 0x5e, 0x00], [0xff, 0x8f, 0x3f]),
    ([0x00, 0x9e, 0x73], [0x2f, 0xd0, 0xa2]),
    ([0xcc, 0x79, 0xa7], [0xe8, 0xa0, 0xc8]),
    ([0xb8, 0x86, 0x00], [0xf0, 0xc9, 0x4a]),
    ([0x3a, 0x9f, 0xd6], [0x9a, 0xd8, 0xff]),
];

/// Points along a dark-to-bright scale whose lightness rises steadily (after viridis).
const HEAT: [Rgb; 7] = [
    [0x44, 0x01, 0x54],
    [0x44, 0x3a, 0x83],
    [0x31, 0x68, 0x8e],
    [0x21, 0x91, 0x8c],
    [0x35, 0xb7, 0x79],
    [0x90, 0xd7, 0x43],
    [0xfd, 0xe7, 0x25],
];

impl Ink {
    /// The colours on a light and on a dark page.
    pub fn colours(self) -> (Rgb, Rgb) {
        match self {
            Self::Paper => ([0xff, 0xff, 0xff], [0x16, 0x1a, 0x20]),
            Self::Text => ([0x1c, 0x21, 0x28], [0xe8, 0xea, 0xed]),
            Self::Muted => ([0x5f, 0x68, 0x73], [0xa3, 0xac, 0xb8]),
            Self::Grid => ([0xe3, 0xe6, 0xea], [0x2e, 0x35, 0x3e]),
            Self::Series(n) => SERIES[n % SERIES.len()],
            Self::Heat(value) => (heat(value), heat(value)),
        }
    }
}

fn heat(value: f64) -> Rgb {
    let place = value.clamp(0.0, 1.0) * (HEAT.len() - 1) as f64;
    let below = (place as usize).min(HEAT.len() - 2);
    let part = place - below as f64;
    std::array::from_fn(|c| {
        let (low, high) = (f64::from(HEAT[below][c]), f64::from(HEAT[below + 1][c]));
        (low + part * (high - low)).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2).
    fn luminance(rgb: Rgb) -> f64 {
        let linear = rgb.map(|c| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn writing_and_lines_stand_out_on_both_pages() {
        let (light, dark) = Ink::Paper.colours();
        for (ink, needed) in [(Ink::Text, 7.0), (Ink::Muted, 4.5)] {
            assert!(contrast(ink.colours().0, light) > needed, "{ink:?} light");
            assert!(contrast(ink.colours().1, dark) > needed, "{ink:?} dark");
        }
        for n in 0..SERIES.len() {
            assert!(
                contrast(Ink::Series(n).colours().0, light) > 2.5,
                "series {n} light"
            );
            assert!(
                contrast(Ink::Series(n).colours().1, dark) > 4.5,
                "series {n} dark"
            );
        }
    }

    #[test]
    fn the_heat_scale_brightens_all_the_way() {
        let steps: Vec<f64> = (0..=100)
            .map(|i| luminance(heat(f64::from(i) / 100.0)))
            .collect();
        assert!(steps.windows(2).all(|w| w[1] > w[0]));
    }
}
