//! What training computes on.

use super::TrainError;
use crate::model::runtime;
use burn::tensor::Device;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by the one training that runs in this process.
///
/// burn's generator of random numbers belongs to the process, not to a device or a network: two trainings side by side would
/// draw from one sequence in turns, and neither would give the model that its seed stands for.
pub fn generator() -> MutexGuard<'static, ()> {
    static GENERATOR: Mutex<()> = Mutex::new(());
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The trainer's device for a wish: the processor, or the first GPU in builds with the feature `cuda`.
///
/// # Errors
/// [`TrainError::Device`] when a GPU was asked for that cannot be used.
pub fn device(wish: runtime::Device) -> Result<Device, TrainError> {
    match wish {
        runtime::Device::Cpu => Ok(Device::flex()),
        runtime::Device::Auto => Ok(gpu().unwrap_or_else(Device::flex)),
        runtime::Device::Cuda => gpu().ok_or_else(|| {
            let message = "no GPU can be used for training; build with --features cuda on a machine with CUDA, or take --device cpu";
            TrainError::Device(message.to_owned())
        }),
    }
}

#[cfg(feature = "cuda")]
fn gpu() -> Option<Device> {
    // The library panics where there is no driver, so look for the driver's device file first.
    std::path::Path::new("/dev/nvidia0").exists().then(|| Device::cuda(0))
}

#[cfg(not(feature = "cuda"))]
fn gpu() -> Option<Device> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_that_was_asked_for_is_there_or_missed_with_a_remedy() {
        let (asked, auto) = (device(runtime::Device::Cuda), device(runtime::Device::Auto).unwrap());
        match asked {
            Ok(gpu) => assert_eq!(auto, gpu),
            Err(error) => {
                assert!(error.to_string().contains("--features cuda") && error.to_string().contains("--device cpu"));
                assert_eq!(auto, device(runtime::Device::Cpu).unwrap());
            }
        }
    }
}
