//! Fine detail taken away, without an interpolation's pattern.

use super::step::{FloatStep, Planes, Step, range};
use super::{Build, Pipeline};
use crate::error::{Error, Result};
use crate::registry::{Args, Entry, Example, Home, Kind, Param, Spec};
use crate::seed::Stream;
use realfft::RealFftPlanner;
use rustfft::num_complex::Complex;

/// `transform::low_pass`.
pub const ENTRY: Entry<Build> = Entry {
    spec: Spec {
        name: "low_pass",
        home: Home::Namespace("transform"),
        doc: "Takes away all frequencies above `cutoff`, channel by channel, and clamps to [0,1]. \
              The filter is ideal: a frequency stays whole or goes. Half of 1 / r cycles per \
              pixel is what a picture made r times smaller can hold: 0.125 for r = 4. The band is \
              a disc, the same in all directions, or a square, that of a smaller picture. With \
              edge \"mirror\" the picture is continued by its mirror image, so that opposite edges \
              do not leak into each other; with \"wrap\" by itself, which is the plain Fourier \
              transform. Of two cutoffs it draws one between them, uniformly, for every image and \
              epoch.",
        inputs: &[],
        params: &{
            let [cutoff, band, edge] = LowPass::PARAMS;
            let doc =
                "The highest frequency that stays, in cycles per pixel, or [lowest, highest].";
            [Param { kind: Kind::Floats { min: 0.0, max: 1.0 }, doc, ..cutoff }, band, edge]
        },
        returns: "transform",
        example: Example {
            code: "let x = dataset::digits().test.images(0..1);\n\
                   (transform::low_pass(#{ cutoff: 1 }).apply(x) - x).sum.abs() < 1e-4",
            shows: "true",
        },
        cite: "",
        version: 1,
    },
    build,
};

/// An ideal filter.
#[derive(Debug, Clone, Copy)]
pub struct LowPass {
    cutoff: f64,
    square: bool,
    mirror: bool,
}

/// A filter whose cutoff is drawn from `lowest` up to its own.
struct DrawnCutoff {
    lowest: f64,
    highest: LowPass,
}

fn build(args: &Args) -> Result<Pipeline> {
    Ok(Pipeline::one(match *args.floats("cutoff")? {
        [cutoff] => Step::floats(args, LowPass::of(args, cutoff)?),
        _ => {
            let (lowest, highest) = range(args, "cutoff")?;
            Step::floats(args, DrawnCutoff { lowest, highest: LowPass::of(args, highest)? })
        }
    }))
}

impl LowPass {
    /// The options that [`LowPass::from_args`] reads.
    pub const PARAMS: [Param; 3] = [
        Param::float(
            "cutoff",
            0.125,
            0.0,
            "The highest frequency that stays, in cycles per pixel.",
        )
        .up_to(1.0),
        Param::choice("band", &["disc", "square"], "The shape of what stays."),
        Param::choice("edge", &["mirror", "wrap"], "What the picture is continued by."),
    ];

    /// Reads the options [`LowPass::PARAMS`].
    ///
    /// # Errors
    /// Internal: the entry does not have them.
    pub fn from_args(args: &Args) -> Result<Self> {
        Self::of(args, args.float("cutoff")?)
    }

    fn of(args: &Args, cutoff: f64) -> Result<Self> {
        Ok(Self {
            cutoff,
            square: args.text("band")? == "square",
            mirror: args.text("edge")? == "mirror",
        })
    }

    /// Whether a frequency in cycles per pixel stays; what lies on the border does.
    fn keeps(&self, x: f64, y: f64) -> bool {
        // A frequency k / n that equals the cutoff may miss it by its rounding.
        let cutoff = self.cutoff + 1e-9;
        match self.square {
            true => x.abs().max(y.abs()) <= cutoff,
            false => x.hypot(y) <= cutoff,
        }
    }
}

impl FloatStep for LowPass {
    fn apply(&self, image: &mut Planes<'_>, _: Stream) -> Result<()> {
        self.filter(image)?;
        image.values.iter_mut().for_each(|value| *value = value.clamp(0.0, 1.0));
        Ok(())
    }
}

impl FloatStep for DrawnCutoff {
    fn apply(&self, image: &mut Planes<'_>, stream: Stream) -> Result<()> {
        let share = f64::from(stream.generator().uniform());
        let cutoff = self.lowest + share * (self.highest.cutoff - self.lowest);
        LowPass { cutoff, ..self.highest }.apply(image, stream)
    }

    fn is_random(&self) -> bool {
        true
    }
}

impl LowPass {
    /// Takes the frequencies away; what is left is linear in the numbers, which may be any.
    ///
    /// # Errors
    /// Internal: a transform of another length.
    pub fn filter(&self, image: &mut Planes<'_>) -> Result<()> {
        let internal = |error| Error::internal(format!("low_pass: {error}"));
        let (width, height) = (image.size.width, image.size.height);
        let factor = if self.mirror { 2 } else { 1 };
        let (columns, rows) = (factor * width, factor * height);
        let bins = columns / 2 + 1;
        let mut planner = RealFftPlanner::<f32>::new();
        let (there, back) = (planner.plan_fft_forward(columns), planner.plan_fft_inverse(columns));
        let mut complex = rustfft::FftPlanner::<f32>::new();
        let (down, up) = (complex.plan_fft_forward(rows), complex.plan_fft_inverse(rows));
        let mut row = there.make_input_vec();
        let mut spectrum = there.make_output_vec();
        // Columns of the spectrum lie in memory one after the other.
        let mut frequencies = vec![Complex::default(); bins * rows];
        let mirrored =
            |at: usize, length: usize| if at < length { at } else { 2 * length - 1 - at };
        let scale = 1.0 / (columns * rows) as f32;
        for plane in image.values.chunks_exact_mut(width * height) {
            for y in 0..height {
                for (x, value) in row.iter_mut().enumerate() {
                    *value = plane[y * width + mirrored(x, width)];
                }
                there.process(&mut row, &mut spectrum).map_err(internal)?;
                for (x, value) in spectrum.iter().enumerate() {
                    frequencies[x * rows + y] = *value;
                    if self.mirror {
                        frequencies[x * rows + rows - 1 - y] = *value;
                    }
                }
            }
            for (x, column) in frequencies.chunks_exact_mut(rows).enumerate() {
                let across = x as f64 / columns as f64;
                if !self.keeps(across, 0.0) {
                    column.fill(Complex::default());
                    continue;
                }
                down.process(column);
                for (y, value) in column.iter_mut().enumerate() {
                    let along = y.min(rows - y) as f64 / rows as f64;
                    if !self.keeps(across, along) {
                        *value = Complex::default();
                    }
                }
                up.process(column);
            }
            for y in 0..height {
                for (x, value) in spectrum.iter_mut().enumerate() {
                    *value = frequencies[x * rows + y];
                }
                // What rounding left there is an error to the inverse transform.
                spectrum[0].im = 0.0;
                if columns % 2 == 0 {
                    spectrum[bins - 1].im = 0.0;
                }
                back.process(&mut spectrum, &mut row).map_err(internal)?;
                for (value, filtered) in plane[y * width..][..width].iter_mut().zip(&row) {
                    *value = filtered * scale;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Value;
    use crate::transform::frame::Size;
    use crate::transform::parity::made;
    use std::f64::consts::PI;

    fn passed(step: &LowPass, values: &[f32], size: Size) -> Vec<f32> {
        let mut values = values.to_vec();
        let mut image = Planes { values: &mut values, channels: 1, size };
        step.apply(&mut image, Stream::new(0, "none")).unwrap();
        values
    }

    fn distance(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_wave_stays_below_the_cutoff_and_goes_above() {
        // Periodic waves for the wrapped picture, cosines at half pixels for the mirrored one.
        for (mirror, shift) in [(false, 0.0), (true, 0.5)] {
            let size = Size::new(20, 12);
            let wave = |cycles_x: f64, cycles_y: f64| -> Vec<f32> {
                let at = |place: usize| (place as f64 + shift) * 2.0 * PI;
                (0..240)
                    .map(|i| {
                        let x = (at(i % 20) * cycles_x / 20.0).cos();
                        let y = (at(i / 20) * cycles_y / 12.0).cos();
                        (0.5 + 0.2 * x * y) as f32
                    })
                    .collect()
            };
            // 3 / 20 across and 2 / 12 along: 0.2242 cycles per pixel.
            let image = wave(3.0, 2.0);
            let flat = vec![0.5; 240];
            let pass = |cutoff, square| passed(&LowPass { cutoff, square, mirror }, &image, size);
            assert!(distance(&pass(0.225, false), &image) < 1e-6);
            assert!(distance(&pass(0.224, false), &flat) < 1e-6);
            assert!(distance(&pass(2.0 / 12.0, true), &image) < 1e-6);
            assert!(distance(&pass(0.166, true), &flat) < 1e-6);
        }
    }

    #[test]
    fn filtering_twice_is_filtering_once() {
        let mut generator = Stream::new(0, "image").generator();
        let size = Size::new(15, 11);
        // Far from the ends, where clamping is not linear.
        let image: Vec<f32> = (0..165).map(|_| 0.4 + 0.2 * generator.uniform()).collect();
        for mirror in [true, false] {
            for square in [true, false] {
                let step = LowPass { cutoff: 0.2, square, mirror };
                let once = passed(&step, &image, size);
                assert!(distance(&passed(&step, &once, size), &once) < 1e-6);
                assert!(distance(&once, &image) > 0.01);
            }
        }
        let all = LowPass { cutoff: 1.0, square: false, mirror: true };
        assert!(distance(&passed(&all, &image, size), &image) < 1e-6);
    }

    /// A wave of 0.2 cycles per pixel stays where the cutoff drawn from [0.1, 0.3] is above.
    #[test]
    fn a_cutoff_between_two_is_uniform_and_of_its_stream() {
        let cutoffs = ("cutoff", Value::Floats(vec![0.1, 0.3]));
        let pipeline = made("low_pass", &[cutoffs, ("edge", "wrap".into())]);
        assert!(pipeline.is_random());
        assert_eq!(pipeline.to_string(), "low_pass([0.1, 0.3], edge: wrap)");
        let wave: Vec<f32> =
            (0..10).map(|x| 0.5 + 0.2 * (0.4 * PI * f64::from(x)).cos() as f32).collect();
        let stays = |seed: i64| {
            let mut values = wave.clone();
            let mut image = Planes { values: &mut values, channels: 1, size: Size::new(10, 1) };
            pipeline.apply_to_numbers(&mut image, Stream::new(seed, "")).unwrap();
            distance(&values, &wave) < 1e-6
        };
        assert!((0..20).all(|seed| stays(seed) == stays(seed)));
        let count = (0..400).filter(|seed| stays(*seed)).count();
        // The deviation of the count is 10.
        assert!((160..240).contains(&count), "{count}");
        let options = vec![("cutoff".to_owned(), Value::Floats(vec![0.3, 0.1]))];
        let args = Args::resolve(&ENTRY.spec, vec![], options).unwrap();
        assert_eq!(build(&args).err().unwrap().key(), Some("cutoff"));
    }

    #[test]
    fn opposite_edges_leak_only_when_the_picture_is_wrapped() {
        let size = Size::new(16, 1);
        let ramp: Vec<f32> = (0..16).map(|i| 0.2 + 0.6 * i as f32 / 15.0).collect();
        let at_the_edge = |mirror| {
            let step = LowPass { cutoff: 0.2, square: false, mirror };
            distance(&passed(&step, &ramp, size)[..2], &ramp[..2])
        };
        assert!(at_the_edge(true) < 0.03, "{}", at_the_edge(true));
        assert!(at_the_edge(false) > 0.1, "{}", at_the_edge(false));
    }
}
