//! Gradients against finite differences, and what training promises.

use super::super::loss::cross_entropy;
use super::super::{Batch, Samples, Targets, Training, train};
use super::*;
use rand::SeedableRng;

fn shape() -> Shape {
    Shape { inputs: 5, lstm: vec![4, 3], dense: vec![6], outputs: 5, dropout: 0.0 }
}

#[test]
fn gradients_are_the_slopes_of_the_loss() {
    let mut network = Network::new(&shape(), &mut StdRng::seed_from_u64(3));
    // Away from the kink of ReLU, where there is no slope to compare with.
    network.dense[0].b.iter_mut().enumerate().for_each(|(unit, b)| *b = if unit % 2 == 0 { 0.5 } else { -0.5 });
    let input = Input::Tokens(vec![0, 1, 2, 3, 4, 9, 1, 1]); // four steps of two samples, one token out of range
    let (classes, weights) = ([2, 4], [1.0, 0.5]);
    let loss = |network: &Network| cross_entropy(network.predict(&input, 4), &classes, &weights).0;
    let mut pass = network.forward(&input, 4, None);
    let (_, _, doutput) = cross_entropy(pass.take_output(), &classes, &weights);
    let gradient = network.backward(&input, &pass, doutput, 4);
    for part in 0..network.slices().len() {
        for weight in 0..network.slices()[part].len() {
            let mut at = |delta: f32| {
                network.slices_mut()[part][weight] += delta;
                let value = loss(&network);
                network.slices_mut()[part][weight] -= delta;
                value
            };
            let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
            let found = f64::from(gradient.slices()[part][weight]);
            assert!((slope - found).abs() < 2e-3, "part {part}, weight {weight}: slope {slope}, gradient {found}");
        }
    }
}

/// Sessions in which each token is followed by the next one.
fn counting() -> Batch {
    let rows: Vec<Vec<u32>> = (0..60).map(|n| (n % 5..n % 5 + 1 + n % 3).map(|t| t % 5).collect()).collect();
    let classes = rows.iter().map(|row| (row[row.len() - 1] + 1) % 5).collect();
    Batch { weights: vec![1.0; rows.len()], samples: Samples::Tokens(rows), targets: Targets::Classes(classes) }
}

fn settings(threads: usize) -> Training {
    Training { epochs: 60, batch: 16, rate: 0.02, early_stop: None, seed: 7, shuffle: true, threads }
}

#[test]
fn it_learns_and_a_seed_gives_the_same_network() {
    let trained = |threads| {
        let mut network = Network::new(&shape(), &mut StdRng::seed_from_u64(1));
        let history = train(&mut network, &counting(), &counting(), &settings(threads), &mut |_| true).unwrap();
        (network, history)
    };
    let (network, history) = trained(1);
    assert!(history.last().unwrap().val_accuracy > 0.95, "{:?}", history.last());
    assert_eq!((network, history), trained(2));
}

#[test]
fn it_stops_early_and_keeps_the_best() {
    let mut network = Network::new(&shape(), &mut StdRng::seed_from_u64(1));
    let mut wrong = counting();
    wrong.targets = Targets::Classes(vec![0; 60]);
    let settings = Training { early_stop: Some(3), ..settings(1) };
    let history = train(&mut network, &counting(), &wrong, &settings, &mut |_| true).unwrap();
    let best = history.iter().min_by(|a, b| a.val_loss.total_cmp(&b.val_loss)).unwrap().epoch;
    assert_eq!(history.len(), best + 3);
}

#[test]
fn values_are_learnt_with_dropout() {
    let rows: Vec<DMatrix<f32>> = (0..64).map(|n| DMatrix::from_element(1, 3, n as f32 / 64.0)).collect();
    let targets = DMatrix::from_fn(1, 64, |_, n| 1.0 - n as f32 / 64.0);
    let batch = Batch { samples: Samples::Values(rows), targets: Targets::Values(targets), weights: vec![1.0; 64] };
    let shape = Shape { inputs: 1, lstm: vec![8], dense: vec![], outputs: 1, dropout: 0.1 };
    let mut network = Network::new(&shape, &mut StdRng::seed_from_u64(1));
    let settings = Training { epochs: 80, ..settings(1) };
    let history = train(&mut network, &batch, &batch, &settings, &mut |_| true).unwrap();
    assert!(history.last().unwrap().val_loss < 0.01, "{:?}", history.last());
}

#[test]
fn nothing_to_learn_is_an_error() {
    let none = Batch { samples: Samples::Tokens(vec![]), targets: Targets::Classes(vec![]), weights: vec![] };
    let mut network = Network::new(&shape(), &mut StdRng::seed_from_u64(1));
    assert!(train(&mut network, &none, &none, &settings(1), &mut |_| true).is_err());
}
