//! Images in rows and columns, as figures of papers show them.

use super::bitmap::{Bitmap, Colouring, bitmaps};
use super::mosaic::Mosaic;
use super::{Picture, Plot};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec, Value};
use crate::tensor::{Constant, expect_finite, expect_pixels};

/// `plot::images(images, options)`.
pub const ENTRY: Entry<Picture> = Entry {
    spec: Spec {
        name: "images",
        home: Home::Namespace("plot"),
        doc: "Images side by side, in rows with titles.\n\n\
            A tensor (N, C, H, W) fills rows from the left; a list holds one tensor, or one list \
            of tensors, for each row. Small images are enlarged by repeating their pixels, each \
            to a square. With `signed`, rows that hold other numbers than pixels in [0,1] are \
            drawn as gradients are in Tsipras et al. 2019, on a scale of each image's own that \
            ends at three standard deviations: one channel in blue above zero and in red below, \
            three channels around their mean.",
        inputs: &[Param::input(
            "images",
            Kind::Any,
            "A tensor of images, or a list of rows, with one or three channels.",
        )],
        params: &[
            Param::optional("row_titles", Kind::Texts, "Words at the left of each row."),
            Param::optional("column_titles", Kind::Texts, "Words above each column."),
            Param::optional(
                "columns",
                Kind::Int { min: 1, max: 1000 },
                "Images in a row of a single tensor; at most 10 if left out.",
            ),
            Param::optional(
                "scale",
                Kind::Int { min: 1, max: 64 },
                "Pixels of a screen for each pixel of an image; images of about 80 if left out.",
            ),
            Param::bool("signed", false, "Whether there may be numbers that are no pixels."),
        ],
        returns: "plot",
        example: Example {
            code: "let data = dataset::digits();\n\
                let rows = [data.train.images(0..6), data.test.images(0..6)];\n\
                plot::images(rows, #{ row_titles: [\"train\", \"test\"] })",
            shows: "images: 2 rows of 6 images of 8x8",
        },
        cite: "Tsipras et al. 2019, Robustness may be at odds with accuracy, figure 2",
        version: 1,
    },
    build,
};

/// Images in a row of a single tensor.
const COLUMNS: usize = 10;

fn build(args: &Args) -> Result<Plot> {
    let signed = args.bool("signed")?;
    let given = args.value("images")?;
    let columns = args.optional_int("columns")?.map(|columns| columns as usize);
    let (rows, any_signed) = match given {
        Value::List(items) => {
            if columns.is_some() {
                return Err(usage("columns is for a single tensor; a list holds its rows")
                    .at_key("columns"));
            }
            let rows = items.iter().map(|item| row(item, signed)).collect::<Result<Vec<_>>>()?;
            (rows.iter().map(|row| row.0.clone()).collect(), rows.iter().any(|row| row.1))
        }
        single => {
            let (all, any_signed) = row(single, signed)?;
            let columns = columns.unwrap_or(COLUMNS.min(all.len().max(1)));
            (all.chunks(columns).map(<[Bitmap]>::to_vec).collect::<Vec<_>>(), any_signed)
        }
    };
    let mosaic = Mosaic {
        row_titles: titles(args, "row_titles", rows.len())?,
        column_titles: titles(args, "column_titles", rows.iter().map(Vec::len).max().unwrap_or(0))?,
        framed: any_signed,
        scale: args.optional_int("scale")?.map(|scale| scale as usize),
        rows,
    };
    Ok(Plot { scene: mosaic.scene()?, summary: summary(&mosaic), caption: caption(any_signed) })
}

fn usage(message: impl std::fmt::Display) -> Error {
    Error::usage(format!("images: {message}"))
}

/// The images of a row, and whether they are signed numbers.
fn row(value: &Value, may_be_signed: bool) -> Result<(Vec<Bitmap>, bool)> {
    if let Value::List(items) = value {
        let mut all = (Vec::new(), false);
        for item in items {
            let (bitmaps, signed) = row(item, may_be_signed)?;
            all.0.extend(bitmaps);
            all.1 |= signed;
        }
        return Ok(all);
    }
    let tensor = match value {
        Value::Handle(handle) => handle.as_any().downcast_ref::<Constant>(),
        _ => None,
    };
    let Some(tensor) = tensor else {
        return Err(usage(format!(
            "expected a tensor or a list of tensors, found {}",
            value.found()
        ))
        .hint("data.test.images(0..8) gives images as a tensor"));
    };
    let tensor = tensor.tensor();
    expect_finite("images", tensor)?;
    let colouring = match expect_pixels("images", tensor) {
        Ok(()) => Colouring::Pixels,
        Err(_) if may_be_signed => Colouring::Signed,
        Err(error) => return Err(error.hint("signed: true draws gradients")),
    };
    Ok((bitmaps(tensor, colouring)?, colouring == Colouring::Signed))
}

fn titles(args: &Args, key: &str, count: usize) -> Result<Vec<String>> {
    let titles = args.texts(key)?;
    if titles.is_empty() || titles.len() == count {
        return Ok(titles);
    }
    let found = titles.len();
    Err(usage(format!("{key}: expected {count} texts, found {found}")).at_key(key))
}

fn summary(mosaic: &Mosaic) -> String {
    let first = mosaic.rows.iter().flatten().next();
    let (width, height) = first.map_or((0, 0), |bitmap| (bitmap.width, bitmap.height));
    let sizes = || mosaic.rows.iter().map(Vec::len);
    let (rows, most) = (mosaic.rows.len(), sizes().max().unwrap_or(0));
    let upto = if sizes().all(|size| size == most) { "" } else { "up to " };
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    format!(
        "images: {rows} row{} of {upto}{most} image{} of {height}x{width}",
        plural(rows),
        plural(most)
    )
}

fn caption(signed: bool) -> String {
    let pixels = "Every pixel of an image is drawn as a square.";
    match signed {
        false => pixels.to_owned(),
        true => format!(
            "{pixels} Signed numbers have a scale of each image's own, which ends at three \
             standard deviations: blue is above zero and red below; images in colour lie around \
             their mean."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Shape, png, svg};
    use std::rc::Rc;
    use tch::Tensor;

    fn tensor(count: i64, size: i64, offset: f64) -> Value {
        let total = count * size * size;
        let values = Tensor::arange(total, (tch::Kind::Float, tch::Device::Cpu)) / total as f64;
        Value::Handle(Rc::new(Constant::new((values + offset).view([count, 1, size, size]))))
    }

    fn plot(images: Value, options: &[(&str, Value)]) -> Result<Plot> {
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        build(&Args::resolve(&ENTRY.spec, vec![images], options.collect())?)
    }

    fn texts(texts: &[&str]) -> Value {
        Value::List(texts.iter().map(|text| Value::Text((*text).to_owned())).collect())
    }

    fn decoded(bytes: &[u8]) -> (usize, Vec<u8>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        (reader.info().width as usize, pixels)
    }

    #[test]
    fn a_decoded_png_has_every_pixel_of_every_image_as_a_square() {
        let rows = Value::List(vec![tensor(3, 4, 0.0), tensor(3, 4, 0.0)]);
        let options =
            [("scale", Value::Int(5)), ("row_titles", texts(&["one", "two rows of words"]))];
        let scene = plot(rows, &options).unwrap().scene;
        let (width, pixels) = decoded(&png(&scene).unwrap());
        let mut found = 0;
        for shape in &scene.shapes {
            let Shape::Image { left, top, width: wide, height: high, bitmap } = shape else {
                continue;
            };
            assert_eq!((*wide, *high), (20.0, 20.0));
            for y in 0..40 {
                for x in 0..40 {
                    let at = 3 * ((2 * *top as usize + y) * width + 2 * *left as usize + x);
                    let from = 3 * (y / 10 * 4 + x / 10);
                    assert_eq!(pixels[at..at + 3], bitmap.rgb[from..from + 3], "{x} {y}");
                }
            }
            // A white line runs around it.
            let above = 3 * ((2 * *top as usize - 1) * width + 2 * *left as usize);
            assert_eq!(pixels[above..above + 3 * 40], [255; 120]);
            found += 1;
        }
        assert_eq!(found, 6);
    }

    #[test]
    fn an_svg_holds_the_images_at_their_own_size() {
        let svg = svg(&plot(tensor(3, 4, 0.0), &[]).unwrap().scene).unwrap();
        let parts: Vec<&str> = svg.as_str().split("data:image/png;base64,").collect();
        assert_eq!(parts.len(), 4);
        use base64ct::{Base64, Encoding};
        let data = Base64::decode_vec(parts[3].split('"').next().unwrap()).unwrap();
        let (width, pixels) = decoded(&data);
        assert_eq!(
            (width, pixels.len(), pixels[47]),
            (4, 48, (255.0f64 * 47.0 / 48.0).round() as u8)
        );
        assert!(svg.as_str().ends_with("</svg>\n"), "{svg:?}");
    }

    #[test]
    fn a_tensor_fills_rows_and_a_list_is_its_rows() {
        let summary = |images, options: &[(&str, Value)]| plot(images, options).unwrap().summary;
        assert_eq!(summary(tensor(7, 4, 0.0), &[]), "images: 1 row of 7 images of 4x4");
        assert_eq!(
            summary(tensor(7, 4, 0.0), &[("columns", Value::Int(3))]),
            "images: 3 rows of up to 3 images of 4x4"
        );
        let both = Value::List(vec![tensor(1, 4, 0.0), tensor(2, 4, 0.0)]);
        let rows = Value::List(vec![both, tensor(3, 4, 0.0)]);
        assert_eq!(summary(rows, &[]), "images: 2 rows of 3 images of 4x4");
    }

    #[test]
    fn what_cannot_be_drawn_is_refused_with_its_reason() {
        let said =
            |images, options: &[(&str, Value)]| plot(images, options).unwrap_err().to_string();
        let list = |items: &[Value]| Value::List(items.to_vec());
        assert_eq!(
            said(tensor(1, 2, -0.5), &[]),
            "images: expected pixels from 0 to 1, found -0.5 to 0.25"
        );
        assert!(plot(tensor(1, 2, -0.5), &[("signed", Value::Bool(true))]).is_ok());
        assert!(said(Value::Int(3), &[]).contains("expected a tensor or a list of tensors"));
        assert!(said(list(&[]), &[]).contains("found none"));
        assert_eq!(
            said(tensor(2, 2, 0.0), &[("row_titles", texts(&["a", "b"]))]),
            "images: row_titles: expected 1 texts, found 2"
        );
        let rows = list(&[tensor(2, 2, 0.0), tensor(2, 3, 0.0)]);
        assert_eq!(said(rows, &[]), "images: expected images of one size, found 2x2 and 3x3");
        let rows = list(&[tensor(2, 2, 0.0)]);
        assert!(said(rows, &[("columns", Value::Int(3))]).contains("for a single tensor"));
        let large = [("scale", Value::Int(64)), ("columns", Value::Int(1))];
        assert!(said(tensor(400, 2, 0.0), &large).contains("too large"));
    }
}
