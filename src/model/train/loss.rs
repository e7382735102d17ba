//! Focal cross-entropy (Lin et al. 2017): what is already right counts little, so that the many events of the routine do not
//! drown the few of everything else.

use crate::model::samples::UNSCORED;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

/// Mean loss over the scored positions of `logits [windows, window, classes]`; the paper's gamma is 2.
pub fn focal(logits: Tensor<3>, classes: Tensor<2, Int>, gamma: f64) -> Tensor<1> {
    let [windows, window, count] = logits.dims();
    let logits = logits.reshape([windows * window, count]);
    let classes = classes.reshape([windows * window]);
    let unscored = classes.clone().equal_elem(UNSCORED);
    let scored = unscored.clone().bool_not().float();
    let class = classes.mask_fill(unscored, 0).unsqueeze_dim::<2>(1);
    let log_p = log_softmax(logits, 1).gather(1, class).squeeze_dim::<1>(1);
    let doubt = log_p.clone().exp().neg().add_scalar(1.0).clamp_min(1e-6).powf_scalar(gamma);
    let total = scored.clone().sum().clamp_min(1.0);
    (log_p.neg() * doubt * scored).sum() / total
}
