use super::*;
use crate::seed::Stream;

fn random(shape: &[i64], seed: i64) -> Tensor {
    let mut generator = Stream::new(seed, "test").generator();
    let values: Vec<f32> = (0..shape.iter().product::<i64>()).map(|_| generator.normal()).collect();
    Tensor::from_slice(&values).view(shape)
}

/// The same by libtorch's own operations.
fn reference(x: &Tensor, k: &Kernel<'_>, shortcut: Option<&Tensor>, relu: bool) -> Tensor {
    let mut y = x.conv2d(k.weight, k.bias, [k.stride; 2], [k.padding; 2], [1, 1], 1);
    if let Some(shortcut) = shortcut {
        y += shortcut;
    }
    if relu { y.relu() } else { y }
}

fn difference(a: &Tensor, b: &Tensor) -> f64 {
    let scale = b.abs().max().double_value(&[]).max(1e-30);
    (a - b).abs().max().double_value(&[]) / scale
}

/// (batch, in, out, height, width, kernel, stride)
const SHAPES: [[i64; 7]; 11] = [
    [2, 16, 16, 8, 8, 3, 1],
    [3, 48, 32, 26, 23, 3, 1],
    [3, 32, 48, 7, 5, 3, 1],
    [1, 112, 64, 1, 1, 3, 1],
    [2, 16, 80, 9, 12, 3, 1],
    [2, 3, 16, 8, 8, 3, 1],
    [2, 16, 32, 8, 8, 3, 2],
    [2, 16, 32, 8, 8, 1, 2],
    [2, 3, 112, 23, 18, 7, 2],
    [2, 1, 48, 9, 9, 5, 1],
    [3, 4, 16, 5, 40, 3, 1],
];

#[test]
fn values_and_gradients_equal_those_of_libtorch() {
    for [batch, input, output, height, width, size, stride] in SHAPES {
        let x = random(&[batch, input, height, width], 1).set_requires_grad(true);
        let weight = random(&[output, input, size, size], 2).set_requires_grad(true);
        let bias = random(&[output], 3);
        let (prepared, padding) =
            (Prepared::new(&weight, stride, size / 2, false).unwrap(), size / 2);
        for with in [0, 1, 2, 3] {
            let prepared = (with % 2 == 1).then_some(&prepared);
            let kernel = Kernel {
                weight: &weight,
                bias: Some(&bias),
                prepared,
                stride,
                padding,
                groups: 1,
                rounded: false,
            };
            let shape = reference(&x, &kernel, None, false).size();
            let shortcut = random(&shape, 4).set_requires_grad(true);
            let shortcut = (with >= 2).then_some(&shortcut);
            let towards = random(&shape, 5);
            let mut inputs = vec![&x, &weight];
            inputs.extend(shortcut);
            let expected = reference(&x, &kernel, shortcut, with > 0);
            let found = convolution(&x, &kernel, shortcut, with > 0).unwrap();
            assert!(difference(&found, &expected) < 3e-6);
            let gradients = |y: &Tensor| {
                Tensor::run_backward(&[(y * &towards).sum(Kind::Float)], &inputs, false, false)
            };
            for (found, expected) in gradients(&found).iter().zip(gradients(&expected)) {
                assert!(difference(found, &expected) < 3e-6, "{input} to {output}");
            }
        }
    }
}

#[test]
fn bf16_is_rounded_once() {
    let short = |x: Tensor| x.to_kind(Kind::BFloat16);
    let (x, weight) = (short(random(&[2, 16, 9, 9], 1)), short(random(&[32, 16, 3, 3], 2)));
    let bias = short(random(&[32], 3));
    let kernel = Kernel {
        weight: &weight,
        bias: Some(&bias),
        prepared: None,
        stride: 1,
        padding: 1,
        groups: 1,
        rounded: false,
    };
    let found = convolution(&x, &kernel, None, false).unwrap();
    assert_eq!(found.kind(), Kind::BFloat16);
    let wide = |x: &Tensor| x.to_kind(Kind::Double);
    let (weight, bias) = (wide(&weight), wide(&bias));
    let exact = wide(&x).conv2d(&weight, Some(&bias), [1; 2], [1; 2], [1, 1], 1);
    // Half a unit in the last of eight bits, and what f32 sums lose.
    let off = ((wide(&found) - &exact).abs() / (exact.abs() + 1e-2)).max().double_value(&[]);
    assert!(off < 1.0 / 256.0, "{off}");
}

/// The largest error of `found`, in units of the rounding of bf16 of the exact value.
fn roundings(found: &Tensor, exact: &Tensor) -> f64 {
    let exact = exact.to_kind(Kind::Double);
    // What a sum of small and large numbers loses counts by the large ones.
    let unit = (exact.abs() + exact.abs().max() * 0.01) / 256.0;
    ((found.to_kind(Kind::Double) - &exact).abs() / unit).max().double_value(&[])
}

#[test]
fn bf16_equals_f64_but_for_rounding_in_values_and_gradients() {
    let more = [
        [2, 48, 32, 9, 7, 3, 2],
        [2, 64, 64, 12, 12, 5, 2],
        [3, 16, 32, 33, 2, 3, 1],
        // More positions than the gradient of the weights takes at once.
        [5, 80, 112, 41, 43, 3, 1],
        [9, 64, 96, 58, 63, 3, 2],
    ];
    let shapes = SHAPES.into_iter().chain(more).filter(|shape| shape[1] % 16 == 0);
    for [batch, input, output, height, width, size, stride] in shapes {
        let padding = size / 2;
        let short = |x: Tensor| x.to_kind(Kind::BFloat16);
        let x = short(random(&[batch, input, height, width], 1));
        let weight = short(random(&[output, input, size, size], 2) / (input * size * size));
        let bias = short(random(&[output], 3));
        let prepared = Prepared::new(&weight, stride, padding, false).unwrap();
        let groups = 1;
        // Without tiles the sum with a shortcut is rounded again.
        let cases = if prepared.forward.is_some() { 6 } else { 2 };
        let plain = Kernel {
            weight: &weight,
            bias: None,
            prepared: None,
            stride,
            padding,
            groups,
            rounded: false,
        };
        let shape = reference(&x, &plain, None, false).size();
        let shortcut = short(random(&shape, 4));
        let towards = short(random(&shape, 5));
        for with in 0..cases {
            let wide = |t: &Tensor| t.to_kind(Kind::Double);
            let gradients = |y: &Tensor, inputs: &[Tensor]| {
                let loss = (wide(y) * wide(&towards)).sum(Kind::Double);
                Tensor::run_backward(&[loss], inputs, false, false)
            };
            // Of the images alone or with a shortcut, as an attack asks for it, or of all.
            let (trained, with_shortcut) = ((2..4).contains(&with), with >= 2);
            let leaf = |t: &Tensor| t.detach().copy().set_requires_grad(true);
            let inputs = [leaf(&x), leaf(&weight), leaf(&shortcut)];
            let asked = [true, trained, with_shortcut];
            let only = |tensors: &'_ [Tensor; 3]| -> Vec<Tensor> {
                let all = tensors.iter().zip(asked);
                all.filter(|(_, asked)| *asked).map(|(tensor, _)| tensor.shallow_clone()).collect()
            };
            let kernel = Kernel {
                weight: if trained { &inputs[1] } else { &weight },
                bias: Some(&bias),
                prepared: (with % 2 == 1).then_some(&prepared),
                ..plain
            };
            let added = with_shortcut.then_some(&inputs[2]);
            let found = convolution(&inputs[0], &kernel, added, with > 0).unwrap();

            let exact = [leaf(&wide(&x)), leaf(&wide(&weight)), leaf(&wide(&shortcut))];
            let bias = wide(&bias);
            let wide_kernel =
                Kernel { weight: &exact[1], bias: Some(&bias), prepared: None, ..plain };
            let added = with_shortcut.then_some(&exact[2]);
            let expected = reference(&exact[0], &wide_kernel, added, false);
            // What is rectified is decided by the rounded values.
            let expected = match with > 0 {
                true => &expected * found.detach().gt(0.0).to_kind(Kind::Double),
                false => expected,
            };
            assert!(roundings(&found, &expected) < 1.1, "{input} to {output}");
            let found = gradients(&found, &only(&inputs));
            for (found, expected) in found.into_iter().zip(gradients(&expected, &only(&exact))) {
                assert!(roundings(&found, &expected) < 1.1, "{input} to {output}, {with}");
            }
        }
    }
}

#[test]
fn what_later_readers_send_back_is_summed_with_its_own_gradient() {
    let towards = |y: &Tensor, seed| random(&y.size(), seed).to_kind(y.kind());
    let gradient = |loss: Tensor, x: &Tensor| {
        let double = loss.to_kind(Kind::Double);
        Tensor::run_backward(&[double], &[x], true, false).remove(0)
    };
    for kind in [Kind::Float, Kind::BFloat16] {
        for [batch, input, output, height, width, size, stride] in SHAPES {
            let of = |shape: &[i64], seed| random(shape, seed).to_kind(kind);
            let weight = of(&[output, input, size, size], 2) / (input * size * size);
            let kernel = Kernel {
                weight: &weight,
                bias: None,
                prepared: None,
                stride,
                padding: size / 2,
                groups: 1,
                rounded: false,
            };
            let x = of(&[batch, input, height, width], 1).set_requires_grad(true);
            let (y, passed) = passing_convolution(&x, &kernel, None, false).unwrap();
            assert_eq!(passed, x);
            let loss = (&y * towards(&y, 3)).sum(kind) + (&passed * towards(&x, 4)).sum(kind);
            let found = gradient(loss, &x);
            let wide = x.detach().to_kind(Kind::Double).set_requires_grad(true);
            let wide_weight = weight.to_kind(Kind::Double);
            let exact = reference(&wide, &Kernel { weight: &wide_weight, ..kernel }, None, false);
            let expected = gradient((&exact * towards(&y, 3)).sum(Kind::Double), &wide);
            let expected = expected + towards(&x, 4);
            // Without tiles, which need 16 channels, bf16 is rounded before the sum, too.
            let tiles = || Prepared::new(&weight, stride, size / 2, false).unwrap().forward;
            let off = difference(&found, &expected);
            if kind == Kind::Float {
                assert!(off < 3e-6, "{input} to {output}: {off}");
            } else if tiles().is_some() {
                assert!(roundings(&found, &expected) < 1.1, "{input} to {output}");
            } else {
                assert!(off < 3.0 / 256.0, "{input} to {output}: {off}");
            }
            assert_eq!(gradient((&passed * towards(&x, 4)).sum(kind), &x), towards(&x, 4));
        }
    }
}

#[test]
fn the_gradient_in_pixels_has_the_digits_of_f32() {
    for [batch, input, output, size, stride, side] in
        [[2, 3, 64, 7, 2, 24], [3, 3, 16, 3, 1, 9], [2, 1, 32, 5, 1, 8], [1, 3, 16, 3, 2, 10]]
    {
        let x = random(&[batch, input, side, side + 2], 1).set_requires_grad(true);
        let weight = random(&[output, input, size, size], 2);
        let bias = random(&[output], 3);
        let (padding, groups) = (size / 2, 1);
        let prepared = Prepared::new(&weight, stride, padding, true).unwrap();
        for prepared in [None, Some(&prepared)] {
            let kernel = Kernel {
                weight: &weight,
                bias: Some(&bias),
                prepared,
                stride,
                padding,
                groups,
                rounded: true,
            };
            let found = convolution(&x, &kernel, None, true).unwrap();
            let exact = reference(&x, &kernel, None, true);
            assert!(roundings(&found, &exact) < 1.1);
            let towards = random(&found.size(), 4).to_kind(Kind::BFloat16);
            let gradient = |y: &Tensor| {
                let loss = (y * &towards.to_kind(y.kind())).sum(y.kind());
                Tensor::run_backward(&[loss], &[&x], false, false).remove(0)
            };
            let (found, exact) = (gradient(&found), gradient(&exact));
            assert_eq!(found.kind(), Kind::Float);
            assert!(difference(&found, &exact) < 2e-5);
        }
    }
}

#[test]
fn it_rounds_no_worse_than_libtorch() {
    let wide = |t: &Tensor| t.to_kind(Kind::Double);
    let (x, weight) = (random(&[9, 128, 11, 12], 1), random(&[128, 128, 3, 3], 2));
    let towards = random(&[9, 128, 11, 12], 3);
    let all = |x: &Tensor, weight: &Tensor, towards: &Tensor, ours: bool| {
        let inputs = [x, weight].map(|t| t.detach().set_requires_grad(true));
        let [x, weight] = &inputs;
        let kernel = Kernel {
            weight,
            bias: None,
            prepared: None,
            stride: 1,
            padding: 1,
            groups: 1,
            rounded: false,
        };
        let y = match ours {
            true => convolution(x, &kernel, None, false).unwrap(),
            false => reference(x, &kernel, None, false),
        };
        let loss = (&y * towards).sum(y.kind());
        let mut found = Tensor::run_backward(&[loss], &inputs, false, false);
        found.push(y.detach());
        found
    };
    let exact = all(&wide(&x), &wide(&weight), &wide(&towards), false);
    let direct = all(&x, &weight, &towards, false);
    let ours = all(&x, &weight, &towards, true);
    for ((exact, direct), ours) in exact.iter().zip(&direct).zip(&ours) {
        let [direct, ours] = [direct, ours].map(|t| difference(&wide(t), exact));
        assert!(ours <= direct.max(1e-6), "ours {ours:e}, libtorch {direct:e}");
    }
}

#[test]
fn an_image_does_not_depend_on_its_batch_or_on_threads() {
    let (x, weight) = (random(&[5, 32, 9, 9], 1), random(&[32, 32, 3, 3], 2));
    let kernel = Kernel {
        weight: &weight,
        bias: None,
        prepared: None,
        stride: 1,
        padding: 1,
        groups: 1,
        rounded: false,
    };
    let whole = convolution(&x, &kernel, None, true).unwrap();
    for image in 0..5 {
        let alone = convolution(&x.narrow(0, image, 1), &kernel, None, true).unwrap();
        let together = whole.narrow(0, image, 1);
        // Winograd's algorithm gives the same bits; libtorch rounds by the shape of the batch.
        match cpu_capability().unwrap().as_str() {
            "DEFAULT" => assert!(difference(&alone, &together) < 1e-6),
            _ => assert_eq!(alone, together),
        }
    }
}

#[test]
fn the_second_derivative_is_that_of_libtorch() {
    let x = random(&[1, 16, 6, 6], 1).set_requires_grad(true);
    let weight = random(&[16, 16, 3, 3], 2).set_requires_grad(true);
    let kernel = Kernel {
        weight: &weight,
        bias: None,
        prepared: None,
        stride: 1,
        padding: 1,
        groups: 1,
        rounded: false,
    };
    let twice = |y: Tensor| {
        let loss = y.pow_tensor_scalar(3).sum(Kind::Float);
        let first = Tensor::run_backward(&[loss], &[&x], true, true);
        let length = first[0].pow_tensor_scalar(2).sum(Kind::Float);
        Tensor::run_backward(&[length], &[&weight], false, false).remove(0)
    };
    let found = twice(convolution(&x, &kernel, None, true).unwrap());
    assert!(difference(&found, &twice(reference(&x, &kernel, None, true))) < 1e-5);
}

#[test]
fn a_number_that_is_no_number_is_not_rectified_away() {
    let x = Tensor::full([1, 16, 4, 4], f64::NAN, (Kind::Float, tch::Device::Cpu));
    let weight = random(&[16, 16, 3, 3], 2);
    let kernel = Kernel {
        weight: &weight,
        bias: None,
        prepared: None,
        stride: 1,
        padding: 1,
        groups: 1,
        rounded: false,
    };
    let y = convolution(&x, &kernel, None, true).unwrap();
    assert_eq!(y.isnan().all().int64_value(&[]), 1);
}
