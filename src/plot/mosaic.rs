//! Bitmaps in rows and columns with titles: where everything stands.

use super::bitmap::Bitmap;
use super::lettering::{width, wrap};
use super::scene::{Anchor, Ink, Letters, Scene, Shape};
use crate::error::{Error, Result};

const EDGE: f64 = 12.0;
/// Between two images.
const GAP: f64 = 4.0;
/// Between titles and images.
const SPACE: f64 = 10.0;
const LINE: f64 = 15.0;
const LETTERS: Letters = Letters { size: 13.0, bold: false };
/// The widest title of a row.
const WIDEST: f64 = 130.0;
/// How large an image is unless a scale is given.
const SIDE: usize = 80;
/// Pictures with longer sides or a larger area would take more memory than they are worth.
const LONGEST: f64 = 20_000.0;
const LARGEST: f64 = 2e7;

/// Everything that is drawn.
pub(super) struct Mosaic {
    pub(super) rows: Vec<Vec<Bitmap>>,
    /// A text for each row, or none.
    pub(super) row_titles: Vec<String>,
    /// A text for each column, or none.
    pub(super) column_titles: Vec<String>,
    /// Whether a thin line runs around each image: where white is a value, not paper.
    pub(super) framed: bool,
    /// Pixels of the scene for each pixel of an image.
    pub(super) scale: Option<usize>,
}

impl Mosaic {
    /// The picture. All lengths are whole, so that pixels of images are squares.
    ///
    /// # Errors
    /// Usage: no image, images of several sizes, a picture that is too large.
    pub(super) fn scene(&self) -> Result<Scene> {
        let [wide, high] = self.extent()?;
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0) as f64;
        let row_titles = wrapped(&self.row_titles, WIDEST, 3)?;
        let mut gutter: f64 = 0.0;
        for line in row_titles.iter().flatten() {
            gutter = gutter.max(width(line, LETTERS)?.ceil() + SPACE);
        }
        let column_titles = wrapped(&self.column_titles, wide + GAP - 2.0, 2)?;
        let lines = column_titles.iter().map(Vec::len).max().unwrap_or(0) as f64;
        let head = if lines > 0.0 { lines * LINE + SPACE / 2.0 } else { 0.0 };
        let (left, top) = (EDGE + gutter, EDGE + head);
        let mut scene = Scene {
            width: left + columns * (wide + GAP) - GAP + EDGE,
            height: top + self.rows.len() as f64 * (high + GAP) - GAP + EDGE,
            shapes: Vec::new(),
        };
        check_size(&scene)?;
        for (index, title) in column_titles.iter().enumerate() {
            let x = left + index as f64 * (wide + GAP) + wide / 2.0;
            let last = top - SPACE / 2.0 - 3.0;
            write(&mut scene, title, x, last - LINE * (title.len() as f64 - 1.0), Anchor::Middle);
        }
        for (index, row) in self.rows.iter().enumerate() {
            let top = top + index as f64 * (high + GAP);
            if let Some(title) = row_titles.get(index) {
                let first = top + high / 2.0 + 4.5 - LINE * (title.len() as f64 - 1.0) / 2.0;
                write(&mut scene, title, left - SPACE, first, Anchor::End);
            }
            for (column, bitmap) in row.iter().enumerate() {
                let left = left + column as f64 * (wide + GAP);
                if self.framed {
                    scene.rect(left - 1.0, top - 1.0, wide + 2.0, high + 2.0, Ink::Faint);
                }
                scene.shapes.push(Shape::Image {
                    left,
                    top,
                    width: wide,
                    height: high,
                    bitmap: bitmap.clone(),
                });
            }
        }
        Ok(scene)
    }

    /// Width and height of an image in the scene.
    fn extent(&self) -> Result<[f64; 2]> {
        let mut all = self.rows.iter().flatten();
        let sized = |bitmap: &Bitmap| (bitmap.height, bitmap.width);
        let first = all.next().map(sized).filter(|(height, width)| *height > 0 && *width > 0);
        let Some((height, width)) = first else {
            return Err(Error::usage("images: expected at least one image, found none"));
        };
        if let Some((other, wide)) = all.map(sized).find(|size| *size != (height, width)) {
            return Err(Error::usage(format!(
                "images: expected images of one size, found {height}x{width} and {other}x{wide}"
            )));
        }
        let longest = height.max(width);
        let scale = self.scale.unwrap_or(((SIDE + longest / 2) / longest).max(1));
        Ok([(width * scale) as f64, (height * scale) as f64])
    }
}

fn check_size(scene: &Scene) -> Result<()> {
    let fits = scene.width.max(scene.height) <= LONGEST && scene.width * scene.height <= LARGEST;
    if fits {
        return Ok(());
    }
    Err(Error::usage(format!(
        "images: a picture of {} x {} pixels is too large",
        scene.width, scene.height
    ))
    .hint("choose fewer images, or give a smaller scale"))
}

fn wrapped(titles: &[String], limit: f64, lines: usize) -> Result<Vec<Vec<String>>> {
    titles.iter().map(|title| wrap(title, LETTERS, limit, lines)).collect()
}

fn write(scene: &mut Scene, lines: &[String], x: f64, first: f64, anchor: Anchor) {
    for (index, line) in lines.iter().enumerate() {
        scene.text(x, first + LINE * index as f64, line, LETTERS, anchor, Ink::Text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mosaic(side: usize, rows: &[usize]) -> Mosaic {
        let rgb: std::rc::Rc<[u8]> = vec![0; 3 * side * side].into();
        let bitmap = Bitmap { width: side, height: side, rgb };
        Mosaic {
            rows: rows.iter().map(|count| vec![bitmap.clone(); *count]).collect(),
            row_titles: Vec::new(),
            column_titles: Vec::new(),
            framed: true,
            scale: None,
        }
    }

    #[test]
    fn small_images_are_enlarged_by_a_whole_factor_and_large_ones_stay() {
        for (side, shown) in [(8, 80.0), (28, 84.0), (32, 96.0), (64, 64.0), (224, 224.0)] {
            assert_eq!(mosaic(side, &[1]).extent().unwrap(), [shown, shown], "{side}");
        }
    }

    #[test]
    fn no_title_touches_an_image_or_leaves_the_picture() {
        let mut mosaic = mosaic(8, &[3, 3]);
        let long = "a network trained on images that an adversary changed, and more of it";
        mosaic.row_titles = vec!["original".to_owned(), long.to_owned()];
        mosaic.column_titles = vec!["shirt".to_owned(), long.to_owned(), "bag".to_owned()];
        let scene = mosaic.scene().unwrap();
        let mut images = Vec::new();
        let mut words: Vec<[f64; 4]> = Vec::new();
        for shape in &scene.shapes {
            match shape {
                Shape::Image { left, top, width, height, .. } => {
                    images.push([*left, *top, left + width, top + height]);
                    assert!(left.fract() == 0.0 && top.fract() == 0.0);
                }
                Shape::Text { x, y, text, letters, anchor, .. } => {
                    let wide = width(text, *letters).unwrap();
                    let left = match anchor {
                        Anchor::Start => *x,
                        Anchor::Middle => x - wide / 2.0,
                        Anchor::End => x - wide,
                    };
                    let (top, bottom) = (y - 0.74 * letters.size, y + 0.22 * letters.size);
                    words.push([left, top, left + wide, bottom]);
                }
                Shape::Rect { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((images.len(), words.len()), (6, 1 + 3 + 1 + 2 + 1));
        for (index, a) in words.iter().enumerate() {
            assert!(a[0] >= 0.0 && a[1] >= 0.0 && a[2] <= scene.width && a[3] <= scene.height);
            for b in images.iter().chain(&words[..index]) {
                let apart = a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
                assert!(apart, "{a:?} on {b:?}");
            }
        }
    }
}
