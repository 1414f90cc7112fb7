//! Pictures of records and of images, drawn as SVG and PNG; the same input gives the same bytes.

mod axis;
mod bars;
mod bitmap;
mod canvas;
mod chart;
mod forest;
mod images;
mod lines;
mod lettering;
mod mosaic;
mod panel;
mod scale;
mod scatter;
mod scene;
mod series;
mod sheet;

pub use bitmap::Bitmap;
pub use canvas::{Svg, png, svg};
pub use scene::{Anchor, Colour, Ink, Letters, Scene, Shape};

use crate::error::{Error, Result, nearest};
use crate::registry::{Args, Entry};
use crate::stats::Records;

/// A picture with the words that belong under it.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// The shapes.
    pub scene: Scene,
    /// One line for people.
    pub summary: String,
    /// How to read the picture, in sentences.
    pub caption: String,
}

/// Makes a plot of records from the options of its entry.
pub type Build = fn(&Records, &Args) -> Result<Plot>;

/// Makes a plot of the arguments of its entry alone.
pub type Picture = fn(&Args) -> Result<Plot>;

/// All plots of what is no grid.
pub const PICTURES: &[&Entry<Picture>] =
    &[&forest::ENTRY, &images::ENTRY, &lines::ENTRY, &scatter::ENTRY];

/// All kinds of plots of records.
pub const PLOTS: &[&Entry<Build>] = &[&bars::ENTRY];

/// The kind of plot with this name.
///
/// # Errors
/// Usage, with the kinds there are.
pub fn find(name: &str) -> Result<&'static Entry<Build>> {
    let known: Vec<&str> = PLOTS.iter().map(|entry| entry.spec.name).collect();
    PLOTS.iter().find(|entry| entry.spec.name == name).copied().ok_or_else(|| {
        let meant = nearest(name, known.iter().copied())
            .map(|name| format!(", did you mean {name}?"))
            .unwrap_or_default();
        Error::usage(format!("plot: unknown plot {name}{meant}"))
            .at_key("plot")
            .hint(format!("plots: {}", known.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_is_found_by_name_and_a_slip_is_told() {
        assert_eq!(find("bars").unwrap().spec.name, "bars");
        let error = find("bar").unwrap_err();
        assert_eq!(error.to_string(), "plot: unknown plot bar, did you mean bars?");
    }
}
