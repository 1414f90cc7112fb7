//! Draws a scene as SVG and as PNG, both through plotters and one function.

use super::bitmap::encoded;
use super::lettering::{LINE_PER_EM, font};
use super::scene::{Anchor, Colour, Ink, Letters, Scene, Shape};
use crate::error::{Error, Result};
use base64ct::{Base64, Encoding};
use plotters::coord::Shift;
use plotters::prelude::{
    BitMapBackend, Circle, DrawingArea, DrawingBackend, IntoDrawingArea, PathElement, Polygon,
    Rectangle, SVGBackend, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, RGBAColor, RGBColor, TextStyle};

/// A picture in SVG, escaped by construction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Svg(String);

impl Svg {
    /// The document: one `svg` element.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How a backend of plotters measures.
#[derive(Clone, Copy)]
struct Medium {
    /// Its units per pixel of the scene.
    scale: f64,
    /// What it calls the size of letters, per em.
    em: f64,
    /// How far the baseline lies below the top anchor of a text, in ems.
    baseline: f64,
}

const VECTOR: Medium = Medium { scale: 8.0, em: 1.24, baseline: 0.76 };
const RASTER: Medium = Medium { scale: PIXELS, em: LINE_PER_EM, baseline: LINE_PER_EM / 2.0 };

/// Pixels of a PNG per pixel of the scene.
const PIXELS: f64 = 2.0;
/// Scenes up to this area are drawn with four times the pixels and averaged.
const SMOOTHED: f64 = 2e6;

/// The scene as SVG.
///
/// # Errors
/// Internal, where plotters fails.
pub fn svg(scene: &Scene) -> Result<Svg> {
    let mut text = String::new();
    let (width, height) = VECTOR.extent(scene);
    let backend = SVGBackend::with_string(&mut text, (width, height));
    draw(scene, backend, VECTOR)?;
    if let Some(end) = text.rfind("</svg>") {
        text.insert_str(end, &embedded(scene)?);
    }
    // The drawing is finer than a screen; its size is that of the scene.
    let fine = format!("<svg width=\"{width}\" height=\"{height}\"");
    let sized = format!("<svg width=\"{}\" height=\"{}\"", scene.width, scene.height);
    Ok(Svg(text.replacen(&fine, &sized, 1)))
}

/// The scene as PNG, with two pixels for every pixel of the scene in each direction.
///
/// # Errors
/// Internal, where plotters or the encoder fails.
pub fn png(scene: &Scene) -> Result<Vec<u8>> {
    let (width, height) = RASTER.extent(scene);
    let factor = if scene.width * scene.height <= SMOOTHED { 2 } else { 1 };
    let fine = (width * factor, height * factor);
    let mut pixels = vec![0; 3 * fine.0 as usize * fine.1 as usize];
    let medium = Medium { scale: PIXELS * f64::from(factor), ..RASTER };
    draw(scene, BitMapBackend::with_buffer(&mut pixels, fine), medium)?;
    for shape in &scene.shapes {
        if let Shape::Image { left, top, width, height, bitmap } = shape {
            let whole = |length: &f64| (length * medium.scale).round() as usize;
            let (at, extent) = ([whole(left), whole(top)], [whole(width), whole(height)]);
            bitmap.paint(&mut pixels, fine.0 as usize, at, extent);
        }
    }
    if factor == 2 {
        pixels = halved(&pixels, fine.0 as usize);
    }
    encoded(&pixels, width, height)
}

/// The images of a scene as elements of an SVG: plotters would draw a rectangle for each pixel.
fn embedded(scene: &Scene) -> Result<String> {
    let mut elements = String::new();
    for shape in &scene.shapes {
        let Shape::Image { left, top, width, height, bitmap } = shape else { continue };
        let [x, y, wide, high] = [left, top, width, height].map(|length| length * VECTOR.scale);
        let data = Base64::encode_string(&bitmap.png()?);
        elements.push_str(&format!(
            "<image x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{high}\" \
             preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" \
             href=\"data:image/png;base64,{data}\"/>\n"
        ));
    }
    Ok(elements)
}

/// Averages blocks of 2 x 2 pixels of an RGB image with even sides.
fn halved(pixels: &[u8], width: usize) -> Vec<u8> {
    let mut half = Vec::with_capacity(pixels.len() / 4);
    for rows in pixels.chunks_exact(2 * 3 * width) {
        let (upper, lower) = rows.split_at(3 * width);
        for (upper, lower) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
            for channel in 0..3 {
                let sum: u16 =
                    [upper[channel], upper[channel + 3], lower[channel], lower[channel + 3]]
                        .into_iter()
                        .map(u16::from)
                        .sum();
                half.push(((sum + 2) / 4) as u8);
            }
        }
    }
    half
}

impl Medium {
    fn extent(self, scene: &Scene) -> (u32, u32) {
        let units = |length: f64| (length * self.scale).ceil().max(1.0) as u32;
        (units(scene.width), units(scene.height))
    }

    fn at(self, x: f64, y: f64) -> (i32, i32) {
        ((x * self.scale).round() as i32, (y * self.scale).round() as i32)
    }
}

fn colour((red, green, blue): Colour) -> RGBColor {
    RGBColor(red, green, blue)
}

fn draw<B: DrawingBackend>(scene: &Scene, backend: B, medium: Medium) -> Result<()> {
    let area = backend.into_drawing_area();
    area.fill(&colour(Ink::Paper.light())).map_err(failed)?;
    for shape in &scene.shapes {
        draw_shape(&area, medium, shape)?;
    }
    area.present().map_err(failed)
}

fn draw_shape<B: DrawingBackend>(
    area: &DrawingArea<B, Shift>,
    medium: Medium,
    shape: &Shape,
) -> Result<()> {
    let solid = |ink: Ink| colour(ink.light()).filled();
    match shape {
        Shape::Rect { left, top, width, height, ink } => {
            let corners = [medium.at(*left, *top), medium.at(left + width, top + height)];
            area.draw(&Rectangle::new(corners, solid(*ink))).map_err(failed)
        }
        Shape::Dot { x, y, radius, ink, opacity } => {
            let (red, green, blue) = ink.light();
            let style = RGBAColor(red, green, blue, *opacity).filled();
            let radius = (radius * medium.scale).round() as i32;
            area.draw(&Circle::new(medium.at(*x, *y), radius, style)).map_err(failed)
        }
        Shape::Arrow { x, y, length, ink } => {
            let half = length.abs() * 0.6;
            let corners = [(*x, y - half), (*x, y + half), (x + length, *y)];
            area.draw(&Polygon::new(placed(&corners, medium), solid(*ink))).map_err(failed)
        }
        Shape::Path { points, width, ink } => {
            let thick = (width * medium.scale).round().max(1.0) as u32;
            let style = colour(ink.light()).stroke_width(thick);
            area.draw(&PathElement::new(placed(points, medium), style)).map_err(failed)
        }
        Shape::Area { points, ink, opacity } => {
            let (red, green, blue) = ink.light();
            let style = RGBAColor(red, green, blue, *opacity).filled();
            area.draw(&Polygon::new(placed(points, medium), style)).map_err(failed)
        }
        // Drawn after all others.
        Shape::Image { .. } => Ok(()),
        Shape::Text { x, y, text, letters, anchor, ink } => {
            let style = lettered(*letters, *anchor, *ink, medium)?;
            let top = medium.at(*x, y - medium.baseline * letters.size);
            area.draw(&Text::new(text.as_str(), top, style)).map_err(failed)
        }
    }
}

fn placed(points: &[(f64, f64)], medium: Medium) -> Vec<(i32, i32)> {
    points.iter().map(|(x, y)| medium.at(*x, *y)).collect()
}

fn lettered(
    letters: Letters,
    anchor: Anchor,
    ink: Ink,
    medium: Medium,
) -> Result<TextStyle<'static>> {
    let side = match anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let font = font(letters.size * medium.scale * medium.em, letters.bold)?;
    let mut style = TextStyle::from(font).pos(Pos::new(side, VPos::Top));
    style.color = colour(ink.light()).to_backend_color();
    Ok(style)
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("plot: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LETTERS: Letters = Letters { size: 13.0, bold: false };

    fn scene() -> Scene {
        let mut scene = Scene { width: 120.0, height: 60.0, shapes: Vec::new() };
        scene.rect(10.0, 10.0, 20.0, 2.0, Ink::Series(0));
        scene.dot(60.0, 30.0, 5.0, Ink::Series(1), 0.5);
        scene.text(10.0, 50.0, "<script>&\u{0}", LETTERS, Anchor::Start, Ink::Text);
        scene
    }

    fn decoded(bytes: &[u8]) -> (u32, Vec<u8>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        (reader.info().width, pixels)
    }

    #[test]
    fn labels_are_escaped_and_hold_no_control_characters() {
        let svg = svg(&scene()).unwrap();
        assert!(svg.as_str().contains("&lt;script&gt;&amp; "), "{}", svg.as_str());
        assert!(!svg.as_str().contains("<script>"));
        assert!(!svg.as_str().contains('\0'));
        assert!(svg.as_str().starts_with("<svg width=\"120\" height=\"60\" viewBox"));
    }

    #[test]
    fn png_has_two_pixels_per_pixel_and_the_ink_where_it_was_put() {
        let (width, pixels) = decoded(&png(&scene()).unwrap());
        assert_eq!(width, 240);
        let at = |x: usize, y: usize| {
            let first = 3 * (y * 240 + x);
            (pixels[first], pixels[first + 1], pixels[first + 2])
        };
        assert_eq!(at(1, 1), Ink::Paper.light());
        assert_eq!(at(20, 20), Ink::Series(0).light());
        assert_eq!(at(59, 23), Ink::Series(0).light());
        assert_eq!((at(60, 23), at(59, 24)), (Ink::Paper.light(), Ink::Paper.light()));
    }

    #[test]
    fn the_same_scene_gives_the_same_bytes() {
        assert_eq!(svg(&scene()).unwrap(), svg(&scene()).unwrap());
        assert_eq!(png(&scene()).unwrap(), png(&scene()).unwrap());
    }
}
