//! A network's state by torchvision's names, and strict loading.

use super::network::Network;
use crate::error::{Error, Result};
use std::collections::BTreeMap;
use tch::{Kind, Tensor, no_grad_guard};

const SHOWN: usize = 4;

impl Network {
    /// Copies of all parameters and running statistics under the names of torchvision's
    /// `state_dict` (without `num_batches_tracked`), shapes (out, in, height, width).
    ///
    /// # Errors
    /// Memory is short.
    pub fn state(&self) -> Result<Vec<(String, Tensor)>> {
        let _guard = no_grad_guard();
        self.named()
            .into_iter()
            .map(|(name, tensor)| {
                let mut copy = Tensor::f_empty(tensor.size(), (Kind::Float, self.device()))?;
                copy.f_copy_(tensor)?;
                Ok((name, copy))
            })
            .collect()
    }

    /// Overwrites the whole state; the network is unchanged unless everything fits.
    ///
    /// # Errors
    /// [`crate::error::Kind::Data`]: a name is missing, unknown or given twice, a tensor has
    /// another shape, is not f32, or holds a number that is not finite. The message lists the
    /// first few.
    pub fn load_state(&self, state: &[(String, Tensor)]) -> Result<()> {
        let _guard = no_grad_guard();
        let named = self.named();
        let mut given: BTreeMap<&str, &Tensor> = BTreeMap::new();
        let mut wrong = Vec::new();
        for (name, tensor) in state {
            if given.insert(name, tensor).is_some() {
                wrong.push(format!("{name} is given twice"));
            }
        }
        for (name, target) in &named {
            match given.remove(name.as_str()) {
                None => wrong.push(format!("{name} is missing")),
                Some(tensor) => wrong.extend(misfit(name, target, tensor)?),
            }
        }
        wrong.extend(given.keys().map(|name| format!("{name} is unknown")));
        if !wrong.is_empty() {
            let more = wrong.len().saturating_sub(SHOWN);
            wrong.truncate(SHOWN);
            let rest = if more > 0 { format!("; and {more} more") } else { String::new() };
            let architecture = self.architecture().name;
            return Err(Error::data(format!("{architecture}: {}{rest}", wrong.join("; ")))
                .hint("the weights belong to another architecture, width or number of classes"));
        }
        let given: BTreeMap<&str, &Tensor> =
            state.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        for (name, target) in &named {
            if let Some(tensor) = given.get(name.as_str()) {
                target.shallow_clone().f_copy_(tensor)?;
            }
        }
        Ok(())
    }

    /// Moves every parameter and running statistic towards those of `other`; the share `decay` of
    /// this network's own stays.
    ///
    /// # Errors
    /// The networks differ in shape.
    pub fn follow(&self, other: &Self, decay: f64) -> Result<()> {
        let _guard = no_grad_guard();
        let tensors = |of: &Self| -> Vec<Tensor> {
            let running = of.layers.iter().filter_map(|layer| layer.running.as_ref());
            let running = running.flat_map(|(mean, variance)| [mean, variance]);
            [of.flat()].into_iter().chain(running).map(Tensor::shallow_clone).collect()
        };
        for (mut own, other) in tensors(self).into_iter().zip(tensors(other)) {
            let _ = own.f_lerp_(&other, 1.0 - decay)?;
        }
        Ok(())
    }

    /// The names of the state, in order.
    pub fn names(&self) -> Vec<String> {
        let state = self.architecture().state(self.classes());
        state.into_iter().map(|(name, _)| name).collect()
    }

    /// Every tensor of the state with its name.
    fn named(&self) -> Vec<(String, &Tensor)> {
        let tensors = self.layers.iter().flat_map(super::network::LayerState::tensors);
        self.names().into_iter().zip(tensors).collect()
    }
}

/// Why `tensor` cannot replace `target`, if it cannot.
fn misfit(name: &str, target: &Tensor, tensor: &Tensor) -> Result<Option<String>> {
    let (expected, found) = (target.size(), tensor.size());
    if expected != found {
        return Ok(Some(format!("{name} has shape {found:?}, expected {expected:?}")));
    }
    let kind = tensor.f_kind()?;
    if kind != Kind::Float {
        return Ok(Some(format!("{name} has type {kind:?}, expected Float")));
    }
    let finite = tensor.f_isfinite()?.f_all()?.f_int64_value(&[])? == 1;
    Ok((!finite).then(|| format!("{name} holds a number that is not finite")))
}

#[cfg(test)]
mod tests {
    use super::super::network::tests::{small, trained};
    use super::*;
    use tch::Device;

    /// What is done to a state before it is loaded.
    type Change<'a> = &'a dyn Fn(&mut Vec<(String, Tensor)>);

    #[test]
    fn a_loaded_state_gives_the_same_network() {
        let (network, other) = (trained(), small(7));
        other.load_state(&network.state().unwrap()).unwrap();
        assert_eq!(network.flat(), other.flat());
        for ((name, a), (_, b)) in network.state().unwrap().iter().zip(other.state().unwrap()) {
            assert_eq!(*a, b, "{name}");
        }
    }

    #[test]
    fn a_state_is_a_copy_in_plain_order() {
        let network = small(1);
        for (name, tensor) in network.state().unwrap() {
            assert!(tensor.is_contiguous() && !tensor.requires_grad(), "{name}");
            let _ = tensor.shallow_clone().zero_();
        }
        assert_eq!(network.flat(), small(1).flat());
    }

    #[test]
    fn whatever_does_not_fit_is_refused_and_changes_nothing() {
        let ones = |shape: &[i64], kind| Tensor::ones(shape, (kind, Device::Cpu));
        let changed = |change: Change| {
            let mut state = trained().state().unwrap();
            change(&mut state);
            let network = small(1);
            let message = network.load_state(&state).unwrap_err().to_string();
            assert_eq!(network.flat(), small(1).flat(), "{message}");
            message
        };
        let cases: [(Change, &str); 7] = [
            (&|s| drop(s.remove(0)), "conv1.weight is missing"),
            (&|s| s.push(("fc.w".to_owned(), ones(&[1], Kind::Float))), "fc.w is unknown"),
            (
                &|s| s.push(("fc.bias".to_owned(), ones(&[4], Kind::Float))),
                "fc.bias is given twice",
            ),
            (&|s| s[1].1 = ones(&[1], Kind::Float), "bn1.weight has shape [1], expected [16]"),
            (&|s| s[1].1 = ones(&[16], Kind::Double), "bn1.weight has type Double, expected Float"),
            (
                &|s| s[1].1 = ones(&[16], Kind::Float) * f64::NAN,
                "bn1.weight holds a number that is not finite",
            ),
            (&|s| s.truncate(2), "and"),
        ];
        for (change, expected) in cases {
            let message = changed(change);
            assert!(message.starts_with("resnet8: ") && message.contains(expected), "{message}");
        }
    }
}
