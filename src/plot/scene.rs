//! Scenes: a picture as a list of shapes, in pixels of a screen at its normal resolution.

use super::bitmap::Bitmap;

/// What a shape is drawn with; every ink has a colour for light and one for dark pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// The background.
    Paper,
    /// Words and numbers.
    Text,
    /// Words that explain.
    Muted,
    /// Grid lines.
    Faint,
    /// The baseline.
    Reference,
    /// The other levels, numbered; colours repeat after seven.
    Series(usize),
}

/// An sRGB colour.
pub type Colour = (u8, u8, u8);

/// Okabe and Ito's palette, which the colour-blind can tell apart, without black and yellow and
/// with an olive in seventh place; beside it lighter tones for dark pages.
const SERIES: [(Colour, Colour); 7] = [
    ((0x00, 0x72, 0xB2), (0x3F, 0xA7, 0xE0)),
    ((0xD5, 0x5E, 0x00), (0xF0, 0x80, 0x3C)),
    ((0x00, 0x9E, 0x73), (0x2D, 0xBE, 0x93)),
    ((0xCC, 0x79, 0xA7), (0xDD, 0x94, 0xBC)),
    ((0xE6, 0x9F, 0x00), (0xF2, 0xB5, 0x3A)),
    ((0x56, 0xB4, 0xE9), (0x7C, 0xC8, 0xF2)),
    ((0x8A, 0x8A, 0x2E), (0xBD, 0xBD, 0x55)),
];

impl Ink {
    /// The colours on a light and on a dark page.
    fn colours(self) -> (Colour, Colour) {
        match self {
            Self::Paper => ((0xFF, 0xFF, 0xFF), (0x16, 0x19, 0x1E)),
            Self::Text => ((0x1F, 0x23, 0x28), (0xE6, 0xEA, 0xF0)),
            Self::Muted => ((0x5F, 0x67, 0x70), (0x9A, 0xA4, 0xB0)),
            Self::Faint => ((0xE1, 0xE5, 0xEA), (0x2E, 0x34, 0x3D)),
            Self::Reference => ((0x4B, 0x53, 0x5D), (0xB4, 0xBD, 0xC8)),
            Self::Series(index) => SERIES[index % SERIES.len()],
        }
    }

    /// The colour on a light page.
    pub fn light(self) -> Colour {
        self.colours().0
    }

    /// The colour on a dark page.
    pub fn dark(self) -> Colour {
        self.colours().1
    }

    /// All inks.
    pub fn all() -> Vec<Self> {
        let named = [Self::Paper, Self::Text, Self::Muted, Self::Faint, Self::Reference];
        named.into_iter().chain((0..SERIES.len()).map(Self::Series)).collect()
    }
}

/// Which end of a text stands at its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The first letter.
    Start,
    /// The middle.
    Middle,
    /// The last letter.
    End,
}

/// A size and weight of letters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Letters {
    /// Pixels per em.
    pub size: f64,
    /// Whether they are bold.
    pub bold: bool,
}

/// One shape.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "a variant's comment covers its fields")]
pub enum Shape {
    /// A filled rectangle, also every straight line.
    Rect { left: f64, top: f64, width: f64, height: f64, ink: Ink },
    /// A filled circle.
    Dot { x: f64, y: f64, radius: f64, ink: Ink, opacity: f64 },
    /// A filled triangle that points right, or left where `length` is negative.
    Arrow { x: f64, y: f64, length: f64, ink: Ink },
    /// A line through points.
    Path { points: Vec<(f64, f64)>, width: f64, ink: Ink },
    /// The filled area within a closed line.
    Area { points: Vec<(f64, f64)>, ink: Ink, opacity: f64 },
    /// Pixels, each drawn as a rectangle without smoothing; above all shapes of other kinds.
    Image { left: f64, top: f64, width: f64, height: f64, bitmap: Bitmap },
    /// A line of text; `y` is its baseline.
    Text { x: f64, y: f64, text: String, letters: Letters, anchor: Anchor, ink: Ink },
}

/// A picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// The width.
    pub width: f64,
    /// The height.
    pub height: f64,
    /// The shapes, each above those before it.
    pub shapes: Vec<Shape>,
}

impl Scene {
    /// Adds a filled rectangle.
    pub fn rect(&mut self, left: f64, top: f64, width: f64, height: f64, ink: Ink) {
        self.shapes.push(Shape::Rect { left, top, width, height, ink });
    }

    /// Adds a filled circle.
    pub fn dot(&mut self, x: f64, y: f64, radius: f64, ink: Ink, opacity: f64) {
        self.shapes.push(Shape::Dot { x, y, radius, ink, opacity });
    }

    /// Adds a triangle whose base is at `x` and whose tip is at `x + length`.
    pub fn arrow(&mut self, x: f64, y: f64, length: f64, ink: Ink) {
        self.shapes.push(Shape::Arrow { x, y, length, ink });
    }

    /// Adds a line through points.
    pub fn path(&mut self, points: Vec<(f64, f64)>, width: f64, ink: Ink) {
        self.shapes.push(Shape::Path { points, width, ink });
    }

    /// Adds the filled area within a closed line.
    pub fn area(&mut self, points: Vec<(f64, f64)>, ink: Ink, opacity: f64) {
        self.shapes.push(Shape::Area { points, ink, opacity });
    }

    /// Adds a line of text; control characters become blanks.
    pub fn text(&mut self, x: f64, y: f64, text: &str, letters: Letters, anchor: Anchor, ink: Ink) {
        let text = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.shapes.push(Shape::Text { x, y, text, letters, anchor, ink });
    }

    /// Adds a vertical line of dashes.
    pub fn dashes(&mut self, x: f64, top: f64, height: f64, ink: Ink) {
        const DASH: f64 = 4.0;
        let mut y = 0.0;
        while y < height {
            self.rect(x - 0.5, top + y, 1.0, DASH.min(height - y), ink);
            y += 2.0 * DASH;
        }
    }
}
