//! Chi-square variates.

/// Up to this many degrees of freedom χ² is −2 ln of a product of uniforms (plus a squared normal if
/// odd); the product of 16 words stays inside the range of an `f64`. Above, it is drawn by rejection.
pub(crate) const FEW_DEGREES: usize = 32;

/// Words whose product gives the even part of χ² with `degrees` degrees of freedom; 0 when it is drawn
/// by rejection, whose words lie elsewhere.
pub(crate) const fn chi_square_words(degrees: usize) -> usize {
    if degrees <= FEW_DEGREES {
        degrees / 2
    } else {
        0
    }
}
