//! Images with the fine detail of others: natural spectra without information above a frequency.

use super::split::{Dataset, Sample};
use crate::error::{Error, Result};
use crate::registry::{Args, Example, Handle, Home, Param, Spec};
use crate::seed::{Generator, Stream};
use crate::transform::{LowPass, Planes, Size};
use std::collections::BTreeMap;

const PARTNERS: &[&str] = &["any", "same_class", "other_class"];

/// `data.hf_swap(#{...})`.
pub const HF_SWAP: Spec = Spec {
    name: "hf_swap",
    home: Home::Method("dataset"),
    doc: "The dataset with the frequencies of each image above `cutoff` taken from another image \
          of its split.\n\nFrequencies up to the cutoff are its own; `transform::low_pass` has the \
          meaning of `cutoff`, `band` and `edge`. So the spectrum stays natural, while fine detail \
          tells nothing about the image (with partner \"any\"), which tells missing information \
          from smoothness: low_pass takes away both. Partners are drawn once: nobody is its own, \
          and everybody is the partner of one. With \"same_class\" the detail still tells the \
          class; with \"other_class\" it tells which it is not, all of two. Both images go through \
          the transforms of the dataset first, each with its own draws. Sums are clamped to [0,1]. \
          Two pictures are read for each image.",
    inputs: &[],
    params: &{
        let [cutoff, band, edge] = LowPass::PARAMS;
        [
            cutoff,
            band,
            edge,
            Param::choice("partner", PARTNERS, "Whose high frequencies an image takes."),
            Param::seed(),
            Param::label("Name in tables and plots. Left out: hf_swap with the dataset's."),
        ]
    },
    returns: "dataset",
    example: Example {
        code: "let data = dataset::digits();\n\
               let low = transform::low_pass(#{ cutoff: 0.2 });\n\
               let swapped = data.hf_swap(#{ cutoff: 0.2 });\n\
               let near = |a, b| (a - b).sum.abs() / b.sum < 0.05;\n\
               near.call(low.apply(swapped.test.images()), low.apply(data.test.images()))",
        shows: "true",
    },
    cite: "Oppenheim and Lim 1981, The importance of phase in signals; Oliva, Torralba and Schyns \
           2006, Hybrid images",
    version: 1,
};

/// The dataset with other high frequencies; see [`HF_SWAP`].
///
/// # Errors
/// Usage: a split or a class without partners, or a dataset that was swapped already.
pub fn hf_swap(data: &Dataset, args: &Args) -> Result<Dataset> {
    let partner = args.text("partner")?;
    let mut pairs = Vec::new();
    for split in [&data.train, &data.val, &data.test] {
        let stream = Stream::new(args.int("seed")?, &format!("hf_swap {}", split.part()));
        let found = partners(split.samples(), partner, stream);
        pairs.extend(found.map_err(|error| {
            error.within(split.name().to_owned()).within("hf_swap").at_key("partner")
        })?);
    }
    pairs.sort_unstable();
    let swap = Swap { pairs, low_pass: LowPass::from_args(args)? };
    let pixels = data.pixels().swapped(swap).ok_or_else(|| {
        Error::usage(format!("hf_swap: expected images of their own, found {}", data.name()))
            .hint("it is swapped already; swap the dataset that it was made of")
    })?;
    let swapped =
        data.with_pixels(pixels, |lineage| args.lineage(&[], &[("data", lineage.clone())]));
    let usual = || format!("hf_swap({}, {})", data.label(), args.float("cutoff").unwrap_or(0.0));
    Ok(swapped.named(&args.optional_text("name")?.map_or_else(usual, str::to_owned)))
}

/// Whose high frequencies an image takes, and which these are.
#[derive(Debug)]
pub struct Swap {
    /// The id of each image and that of its partner, ascending.
    pairs: Vec<(u64, u64)>,
    low_pass: LowPass,
}

impl Swap {
    /// The id of the image whose high frequencies image `id` takes.
    ///
    /// # Errors
    /// Internal: an unknown id.
    pub fn partner(&self, id: u64) -> Result<u64> {
        let place = self.pairs.binary_search_by_key(&id, |pair| pair.0).ok();
        let found = place.and_then(|place| self.pairs.get(place));
        found
            .map(|pair| pair.1)
            .ok_or_else(|| Error::internal(format!("hf_swap: no image has the id {id}")))
    }

    /// Replaces the high frequencies of `image`, `[C, H, W]`, by those of `other`; clamped to [0,1].
    ///
    /// # Errors
    /// Internal: images of another size.
    pub fn mix(
        &self,
        image: &mut [f32],
        other: &[f32],
        [channels, height, width]: [i64; 3],
    ) -> Result<()> {
        // low(image) + other - low(other), in one pass.
        image.iter_mut().zip(other).for_each(|(own, other)| *own -= other);
        let size = Size::new(width as usize, height as usize);
        let mut difference = Planes { values: image, channels: channels as usize, size };
        self.low_pass.filter(&mut difference)?;
        image.iter_mut().zip(other).for_each(|(own, other)| *own = (*own + other).clamp(0.0, 1.0));
        Ok(())
    }
}

/// For each sample its id and that of its partner: a permutation that leaves nobody in place.
fn partners(samples: &[Sample], partner: &str, stream: Stream) -> Result<Vec<(u64, u64)>> {
    let mut generator = stream.generator();
    let mut classes: BTreeMap<i64, Vec<Sample>> = BTreeMap::new();
    if partner == "same_class" || partner == "other_class" {
        samples.iter().for_each(|sample| classes.entry(sample.label).or_default().push(*sample));
    } else {
        classes.insert(0, samples.to_vec());
    }
    if partner == "other_class" {
        let largest = classes.values().map(Vec::len).max().unwrap_or(0);
        if 2 * largest > samples.len() {
            return Err(Error::usage(format!(
                "expected no class with more than half of the images, found {largest} of {}",
                samples.len()
            )));
        }
        return Ok(across(samples, &mut generator));
    }
    let mut pairs = Vec::with_capacity(samples.len());
    for (label, members) in classes {
        if members.len() == 1 {
            let one =
                if partner == "any" { "one".to_owned() } else { format!("one of class {label}") };
            return Err(Error::usage(format!("expected at least two images, found {one}")));
        }
        let ids: Vec<u64> = members.iter().map(|sample| sample.id).collect();
        let mut others = ids.clone();
        // Sattolo 1986: a random permutation of one cycle.
        for last in (1..others.len()).rev() {
            others.swap(last, generator.below(last));
        }
        pairs.extend(ids.into_iter().zip(others));
    }
    Ok(pairs)
}

/// A random permutation in which everybody's partner has another label; no label may be more than
/// half of all.
fn across(samples: &[Sample], generator: &mut Generator) -> Vec<(u64, u64)> {
    let mut others = samples.to_vec();
    generator.shuffle(&mut others);
    for place in 0..samples.len() {
        let label = samples[place].label;
        // Of the places, at most 2 * half - 1 have this label or a partner of it, so that one is
        // found; the exchange leaves both with other labels.
        while others[place].label == label {
            let other = generator.below(samples.len());
            if samples[other].label != label && others[other].label != label {
                others.swap(place, other);
            }
        }
    }
    samples.iter().zip(&others).map(|(sample, other)| (sample.id, other.id)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::laws::built_named;
    use super::*;
    use crate::registry::Value;
    use crate::transform::{TRANSFORMS, Transform};
    use std::rc::Rc;
    use tch::{Device, Tensor};

    fn swapped(data: &Dataset, options: &[(&str, Value)]) -> Result<Dataset> {
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        hf_swap(data, &Args::resolve(&HF_SWAP, Vec::new(), options.collect()).unwrap())
    }

    fn made(name: &str, options: &[(&str, i64)]) -> Value {
        let entry = TRANSFORMS.iter().find(|entry| entry.spec.name == name).unwrap();
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), Value::Int(*value)));
        let args = Args::resolve(&entry.spec, Vec::new(), options.collect()).unwrap();
        Value::Handle(Rc::new(Transform::build(entry, &args).unwrap()))
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn samples(sizes: &[usize]) -> Vec<Sample> {
        let labels = (0..).zip(sizes).flat_map(|(label, size)| vec![label; *size]);
        (7..).zip(labels).map(|(id, label)| Sample { id, label }).collect()
    }

    #[test]
    fn partners_are_a_permutation_that_moves_everybody() {
        for sizes in [&[2, 2][..], &[5, 3, 2], &[50, 50], &[4, 4, 4, 4], &[2, 3]] {
            let samples = samples(sizes);
            let label = |id: u64| samples[id as usize - 7].label;
            for partner in PARTNERS {
                for seed in 0..20 {
                    let found = partners(&samples, partner, Stream::new(seed, "test"));
                    if *partner == "other_class" && sizes == [2, 3] {
                        let error = found.unwrap_err().to_string();
                        assert!(error.ends_with("more than half of the images, found 3 of 5"));
                        continue;
                    }
                    let found = found.unwrap();
                    let (mut ids, mut others): (Vec<u64>, Vec<u64>) = found.iter().copied().unzip();
                    ids.sort_unstable();
                    others.sort_unstable();
                    assert_eq!(ids, others);
                    assert_eq!(ids.len(), samples.len());
                    for (id, other) in found {
                        assert_ne!(id, other);
                        match *partner {
                            "same_class" => assert_eq!(label(id), label(other)),
                            "other_class" => assert_ne!(label(id), label(other)),
                            _ => {}
                        }
                    }
                }
            }
        }
        let draw = |seed| partners(&samples(&[9, 9]), "any", Stream::new(seed, "test")).unwrap();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let lonely = partners(&samples(&[3, 1]), "same_class", Stream::new(0, "test"));
        assert!(lonely.unwrap_err().to_string().ends_with("found one of class 1"));
    }

    #[test]
    fn classes_of_partners_are_those_of_all_others() {
        // The class of the partner must not tell that of the image.
        let samples = samples(&[300, 300, 300]);
        let label = |id: u64| samples[id as usize - 7].label as usize;
        let mut counts = [[0; 3]; 3];
        for (id, other) in partners(&samples, "other_class", Stream::new(0, "test")).unwrap() {
            counts[label(id)][label(other)] += 1;
        }
        for (own, row) in counts.iter().enumerate() {
            assert_eq!(row[own], 0);
            assert!(row.iter().enumerate().all(|(at, n)| at == own || (110..190).contains(n)));
        }
    }

    /// The mixed images before clamping, made of those of the dataset as it was.
    fn expected(own: &Tensor, others: &Tensor, low_pass: &LowPass) -> Tensor {
        let low = |images: &Tensor| {
            let shape = images.size();
            let mut values = Vec::<f32>::try_from(&images.reshape([-1])).unwrap();
            let size = Size::new(shape[3] as usize, shape[2] as usize);
            for image in values.chunks_exact_mut(size.width * size.height) {
                low_pass.filter(&mut Planes { values: image, channels: 1, size }).unwrap();
            }
            Tensor::from_slice(&values).view(shape.as_slice())
        };
        low(own) + others - low(others)
    }

    fn all_of(data: &Dataset, swapped: &Dataset) -> [Tensor; 3] {
        let indices: Vec<usize> = (0..data.test.len()).collect();
        let x = data.test.batch(&indices, Device::Cpu).unwrap().x;
        let ids = data.test.ids();
        let pixels = swapped.pixels();
        let partner = |id: &u64| pixels.swap().unwrap().partner(*id).unwrap();
        let place = |id: &u64| ids.binary_search(&partner(id)).unwrap() as i64;
        let order: Vec<i64> = ids.iter().map(place).collect();
        let others = x.index_select(0, &Tensor::from_slice(&order));
        [x, others, swapped.test.batch(&indices, Device::Cpu).unwrap().x]
    }

    fn apart(a: &Tensor, b: &Tensor) -> f64 {
        (a - b).abs().max().double_value(&[])
    }

    #[test]
    fn an_image_keeps_its_low_band_and_takes_the_high_band_of_its_partner() {
        let resize = made("resize", &[("size", 12)]);
        // As stored, resized in memory, and through a pipeline.
        for options in [vec![], vec![("size", Value::Int(12))], vec![("test_transform", resize)]] {
            let data = built_named("digits", &options).unwrap();
            for band in ["disc", "square"] {
                let given = [("cutoff", Value::Float(0.2)), ("band", text(band))];
                let mixed = swapped(&data, &given).unwrap();
                let [own, others, found] = all_of(&data, &mixed);
                let low_pass = mixed.pixels().swap().unwrap().low_pass;
                let free = expected(&own, &others, &low_pass);
                assert!(apart(&found, &free.clamp(0.0, 1.0)) < 1e-5);
                assert!(
                    apart(
                        &expected(&free, &free.zeros_like(), &low_pass),
                        &expected(&own, &own.zeros_like(), &low_pass)
                    ) < 1e-5
                );
                assert!(apart(&found, &own) > 0.1);
                assert_eq!(mixed.test.labels().unwrap(), data.test.labels().unwrap());
            }
        }
    }

    #[test]
    fn beyond_the_highest_frequency_nothing_changes_and_below_the_lowest_only_the_mean() {
        let data = built_named("digits", &[]).unwrap();
        let with = |cutoff| swapped(&data, &[("cutoff", Value::Float(cutoff))]).unwrap();
        let [own, _, found] = all_of(&data, &with(0.75));
        assert!(apart(&own, &found) < 1e-6);
        let [own, others, found] = all_of(&data, &with(0.0));
        let mean = |x: &Tensor| x.mean_dim([2, 3].as_slice(), true, None);
        let expected = (&others - mean(&others) + mean(&own)).clamp(0.0, 1.0);
        assert!(apart(&expected, &found) < 1e-5);
    }

    #[test]
    fn training_mixes_what_training_sees_whatever_the_threads_and_the_order() {
        let crop = made("random_crop", &[("size", 28), ("padding", 4)]);
        let options = [("train_transform", crop), ("limit", Value::Int(100))];
        let data = built_named("fashion_mnist", &options).unwrap();
        let mixed = swapped(&data, &[("cutoff", Value::Float(0.1))]).unwrap();
        let epoch = Stream::new(0, "epoch");
        let seen = |data: &Dataset, ids: &[u64], threads| {
            let (view, stream) = data.train.view(Some(epoch)).unwrap().unwrap();
            view.images(ids, stream, threads).unwrap()
        };
        let ids = mixed.train.ids();
        let images = seen(&mixed, &ids, 1);
        assert_eq!(images, seen(&mixed, &ids, 3));
        assert_eq!(images[28 * 28..][..28 * 28], seen(&mixed, &ids[1..2], 1));
        let swap = mixed.pixels().swap().unwrap();
        let partners: Vec<u64> = ids.iter().map(|id| swap.partner(*id).unwrap()).collect();
        let mut expected = seen(&data, &ids, 1);
        let others = seen(&data, &partners, 1);
        for (own, other) in expected.chunks_mut(28 * 28).zip(others.chunks(28 * 28)) {
            swap.mix(own, other, [1, 28, 28]).unwrap();
        }
        assert_eq!(images, expected);
        assert_ne!(images, seen(&data, &ids, 1));
    }

    #[test]
    fn options_are_part_of_the_lineage_and_a_swap_is_not_swapped() {
        let data = built_named("digits", &[]).unwrap();
        let address = |options: &[(&str, Value)]| {
            let swapped = swapped(&data, options).unwrap();
            (swapped.lineage().address().clone(), swapped.test.lineage().address().clone())
        };
        let plain = address(&[]);
        assert_eq!(plain, address(&[("name", text("mixed"))]));
        for (key, value) in [
            ("cutoff", Value::Float(0.2)),
            ("seed", Value::Int(1)),
            ("partner", text("other_class")),
            ("edge", text("wrap")),
        ] {
            let other = address(&[(key, value)]);
            assert!(plain.0 != other.0 && plain.1 != other.1, "{key}");
        }
        let mixed = swapped(&data, &[]).unwrap();
        assert_eq!(mixed.test.name(), "hf_swap(digits, 0.125).test");
        let error = swapped(&mixed, &[]).unwrap_err().to_string();
        assert!(error.contains("expected images of their own"), "{error}");
    }
}
