//! The running statistics of batch norms, measured anew in one pass over images.

use super::forward::Pass;
use super::graph::plan;
use super::network::Network;
use crate::error::{Error, Result};
use tch::{Kind, Tensor, no_grad_guard};

/// A network whose batch norms are being measured.
pub struct Recalibration {
    network: Network,
    /// Sums over the batches of mean and variance, layer by layer, in f64.
    sums: Vec<(Tensor, Tensor)>,
    batches: i64,
}

impl Recalibration {
    /// Starts with a copy of `network`.
    ///
    /// # Errors
    /// Memory is short.
    pub fn of(network: &Network) -> Result<Self> {
        let network = network.copy()?;
        let zeros = |like: &Tensor| {
            Tensor::f_zeros(like.size().as_slice(), (Kind::Double, network.device()))
        };
        let running = network.layers.iter().filter_map(|layer| layer.running.as_ref());
        let sums = running
            .map(|(mean, variance)| Ok((zeros(mean)?, zeros(variance)?)))
            .collect::<Result<_>>()?;
        Ok(Self { network, sums, batches: 0 })
    }

    /// Takes a batch of pixels `x` in [0,1] into account.
    ///
    /// # Errors
    /// The images have the wrong shape; a batch of one 1x1 feature map has no variance.
    pub fn add(&mut self, x: &Tensor) -> Result<()> {
        let _guard = no_grad_guard();
        self.network.take_statistics(x)?;
        let running = self.network.layers.iter().filter_map(|layer| layer.running.as_ref());
        for ((mean, variance), (of_batch, spread)) in self.sums.iter_mut().zip(running) {
            let _ = mean.f_add_(of_batch)?;
            let _ = variance.f_add_(spread)?;
        }
        self.batches += 1;
        Ok(())
    }

    /// The network whose running means and variances are the averages of the batches' means and
    /// unbiased variances, each batch counting as much as any other: what PyTorch's batch norms
    /// hold after a pass with `momentum=None`. Its parameters are those it had.
    ///
    /// # Errors
    /// No batch was added; a statistic is not finite.
    pub fn finish(self) -> Result<Network> {
        let _guard = no_grad_guard();
        if self.batches == 0 {
            return Err(Error::usage("bn_recalibrate: expected images, found none"));
        }
        let running = self.network.layers.iter().filter_map(|layer| layer.running.as_ref());
        for ((mean, variance), (to_mean, to_variance)) in self.sums.iter().zip(running) {
            for (sum, to) in [(mean, to_mean), (variance, to_variance)] {
                let average = sum.f_div_scalar(self.batches)?;
                if average.f_isfinite()?.f_all()?.f_int64_value(&[])? != 1 {
                    return Err(Error::diverged("bn_recalibrate: a statistic is not finite"));
                }
                to.shallow_clone().f_copy_(&average)?;
            }
        }
        Ok(self.network)
    }
}

impl Network {
    /// Makes the running statistics of all batch norms those of one batch of pixels `x` in [0,1],
    /// each layer seeing what the one before makes with them; drops nothing.
    ///
    /// # Errors
    /// As for [`Self::train_logits`].
    fn take_statistics(&self, x: &Tensor) -> Result<()> {
        let pixels = self.architecture().normalised(x)?;
        let pass = Pass { network: self, momentum: Some(1.0), draws: None };
        let _ = plan::run(self.steps(), pixels, &pass)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::network::tests::{images, small, trained};
    use super::*;

    /// The name of a tensor and its values.
    type Named = (String, Tensor);

    fn split(network: &Network) -> (Vec<Named>, Vec<Named>) {
        network.state().unwrap().into_iter().partition(|(name, _)| name.contains("running"))
    }

    #[test]
    fn statistics_of_one_batch_are_those_that_pytorch_takes() {
        let (network, x) = (trained(), images().0);
        let mut recalibration = Recalibration::of(&network).unwrap();
        recalibration.add(&x).unwrap();
        let found = recalibration.finish().unwrap();
        assert_eq!(found.flat(), network.flat());
        // The first batch norm reads the first convolution of the normalised pixels.
        let weight = network.state().unwrap().remove(0).1;
        let pixels = network.architecture().normaliser.apply(&x).unwrap();
        let y = pixels.conv2d::<Tensor>(&weight, None, [1, 1], [1, 1], [1, 1], 1);
        let y = y.to_kind(Kind::Double).transpose(0, 1).flatten(1, -1);
        let (running, _) = split(&found);
        for (place, expected) in
            [y.mean_dim([1].as_slice(), false, None), y.var_dim([1].as_slice(), true, false)]
                .into_iter()
                .enumerate()
        {
            let (name, found) = &running[place];
            let off = (found.to_kind(Kind::Double) - &expected).abs().max().double_value(&[]);
            let scale = expected.abs().max().double_value(&[]);
            assert!(off < 1e-5 * scale, "{name}: {off} of {scale}");
        }
    }

    #[test]
    fn batches_are_averaged_and_what_was_there_does_not_matter() {
        let x = images().0;
        let network = trained();
        let spoiled = network.copy().unwrap();
        let mut state = spoiled.state().unwrap();
        for (name, tensor) in &mut state {
            if name.contains("running") {
                *tensor = tensor.zeros_like() + 7.0;
            }
        }
        spoiled.load_state(&state).unwrap();
        let parts = [x.narrow(0, 0, 4), x.narrow(0, 4, 2)];
        let measured = |network: &Network, parts: &[Tensor]| {
            let mut recalibration = Recalibration::of(network).unwrap();
            parts.iter().for_each(|part| recalibration.add(part).unwrap());
            recalibration.finish().unwrap()
        };
        let whole = split(&measured(&network, &parts));
        let other = split(&measured(&spoiled, &parts));
        assert_eq!(whole.0.len(), 18);
        for ((name, a), (_, b)) in whole.0.iter().zip(&other.0) {
            assert_eq!(a, b, "{name}");
        }
        let [first, second] = [0, 1].map(|place| split(&measured(&network, &parts[place..=place])));
        for (place, (name, found)) in whole.0.iter().enumerate() {
            let mean = (&first.0[place].1 + &second.0[place].1) / 2.0;
            let off = (found - &mean).abs().max().double_value(&[]);
            assert!(off <= 1e-6 * mean.abs().max().double_value(&[]), "{name}: {off}");
        }
    }

    #[test]
    fn no_batch_gives_no_statistics() {
        assert!(Recalibration::of(&small(1)).unwrap().finish().is_err());
    }
}
