//! Gradients in tensors that are named.

use crate::error::{Error, Result};
use tch::Tensor;

/// The gradients of the scalar `value`, one for each of `leaves` in their order, undefined where it
/// does not depend on one.
/// `again` keeps the graph for another pass; `twice` gives gradients that have gradients themselves.
///
/// # Errors
/// Internal: a value of which no gradient was tracked, at which libtorch crashes; a graph that is gone.
pub fn gradients(
    value: &Tensor,
    leaves: &[&Tensor],
    again: bool,
    twice: bool,
) -> Result<Vec<Tensor>> {
    if !value.requires_grad() {
        return Err(Error::internal("gradient: expected a value with a graph, found one without"));
    }
    #[expect(clippy::disallowed_methods, reason = "the value was checked")]
    Ok(Tensor::f_run_backward(&[value], leaves, again, twice)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_without_a_graph_is_an_error_and_no_crash() {
        let x = Tensor::from_slice(&[1.0f32, -2.0]).set_requires_grad(true);
        let found = gradients(&x.square().sum(tch::Kind::Float), &[&x], false, false).unwrap();
        assert_eq!(found, [Tensor::from_slice(&[2.0f32, -4.0])]);
        let untracked = {
            let _guard = tch::no_grad_guard();
            x.square().sum(tch::Kind::Float)
        };
        let error = gradients(&untracked, &[&x], false, false).unwrap_err().to_string();
        assert!(error.contains("found one without"), "{error}");
    }
}
