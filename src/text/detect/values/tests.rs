//! Tests of the models of parameter values.

use super::super::column::Dropped;
use super::super::judge::{ValueFinding, ValueKind};
use super::*;

/// Rows of a key with a number that swings, a status, a file name and a constant.
fn rows(count: usize) -> Vec<Row> {
    let row = |n: usize| {
        let size = 100.0 + 50.0 * ((n as f64) * 0.7).sin();
        let status = ["ok", "retry"][usize::from(n.is_multiple_of(5))];
        let params = [format!("{size:.3}"), status.to_owned(), format!("file-{n}"), "7".to_owned()];
        Row { elapsed_secs: Some(1.0 + (n % 3) as f64 * 0.1), params: params.into() }
    };
    (0..count).map(row).collect()
}

fn quick() -> Options {
    let options = Options::default();
    Options {
        units: vec![8],
        alpha: 0.99,
        training: Training { epochs: 30, rate: 0.01, ..options.training },
        ..options
    }
}

#[test]
fn columns_are_told_apart() {
    let columns = columns(&rows(100)).unwrap();
    assert!(matches!(columns[0], Column::Number { .. }) && matches!(columns[1], Column::Number { .. }), "{columns:?}");
    assert_eq!(columns[2], Column::Category(["ok".to_owned(), "retry".to_owned()].into()));
    assert_eq!(columns[3], Column::Dropped(Dropped::Identifier));
    assert_eq!(columns[4], Column::Dropped(Dropped::Constant));
}

#[test]
fn numbers_that_only_rise_are_a_counter() {
    let job = |n: usize| Row {
        elapsed_secs: Some((n % 4) as f64),
        params: vec![(1_000 + n).to_string(), (n % 9).to_string()],
    };
    let columns = columns(&(0..60).map(job).collect::<Vec<_>>()).unwrap();
    assert_eq!(columns[1], Column::Dropped(Dropped::Counter));
    assert!(matches!(columns[2], Column::Number { .. }), "{columns:?}");
}

#[test]
fn odd_values_are_found_each_in_its_way() {
    let model = ValueModel::fit(&rows(200), &quick()).unwrap();
    let normal = rows(300).split_off(200);
    let alarms = model.judge(&normal).len();
    // The limits come from 50 rows, so a few of 100 new ones lie beyond them.
    assert!(alarms <= 20, "{alarms} findings in 100 normal rows");
    let mut odd = normal.clone();
    odd[20].params[0] = "9000".to_owned();
    odd[40].params[1] = "lost".to_owned();
    odd[60].params[0] = "many".to_owned();
    odd[80].elapsed_secs = Some(500.0);
    let found = model.judge(&odd);
    let kinds = |row: usize| found.iter().filter(|f| f.row == row).map(|f| (f.kind, f.column)).collect::<Vec<_>>();
    assert!(kinds(20).contains(&(ValueKind::FarFromMedian, 1)), "{:?}", kinds(20));
    assert!(kinds(20).contains(&(ValueKind::Unpredicted, 1)), "{:?}", kinds(20));
    assert_eq!(kinds(40).first(), Some(&(ValueKind::UnseenCategory, 2)));
    assert!(kinds(60).contains(&(ValueKind::NotANumber, 1)), "{:?}", kinds(60));
    assert!(kinds(80).contains(&(ValueKind::FarFromMedian, 0)), "{:?}", kinds(80));
    let first = Row { elapsed_secs: None, ..normal[0].clone() };
    assert_eq!(model.judge(&[first]), [], "nobody knows what elapsed before the first line");
    let saved: ValueModel = serde_json::from_str(&serde_json::to_string(&model).unwrap()).unwrap();
    assert_eq!(saved.judge(&odd), found, "scaler, weights and thresholds are in the file");
}

/// The findings of one row.
fn of_row(model: &ValueModel, rows: &[Row], row: usize) -> Vec<ValueFinding> {
    model.judge(rows).into_iter().filter(|found| found.row == row).collect()
}

#[test]
fn what_was_said_to_be_normal_is_normal_with_what_is_like_it() {
    let mut model = ValueModel::fit(&rows(200), &quick()).unwrap();
    let mut today = rows(300).split_off(200);
    let changes = [(20, 0, "987654"), (40, 1, "lost"), (60, 0, "many"), (80, 0, "-400"), (90, 0, "2000000")];
    for (row, param, text) in changes {
        today[row].params[param] = text.to_owned();
    }
    today[30].elapsed_secs = Some(500.0);
    let before = model.judge(&today);
    let odd = [20, 30, 40, 60, 80, 90];
    assert!(odd.iter().all(|row| before.iter().any(|found| found.row == *row)), "{before:?}");
    let untouched = model.clone();
    model.learn(&today, &[]);
    assert_eq!(model, untouched, "nothing was said");
    let said = [20, 30, 40, 60].map(|row| of_row(&model, &today, row)).concat();
    model.learn(&today, &said);
    for row in [20, 30, 40, 60] {
        assert_eq!(of_row(&model, &today, row), [], "row {row}");
    }
    // What was not said stays: a low value though a high one is normal, and a still higher one.
    assert!(of_row(&model, &today, 80).iter().any(|found| found.kind == ValueKind::FarFromMedian));
    assert!(of_row(&model, &today, 90).iter().any(|found| found.kind == ValueKind::FarFromMedian));
    let after = model.judge(&today);
    let new: Vec<&ValueFinding> = after.iter().filter(|found| !before.iter().any(|f| f.row == found.row)).collect();
    assert!(new.is_empty(), "{new:?}");
    assert!(model.threshold < 100.0 * untouched.threshold, "one odd value must not make the network blind");
    // Like values in other places are normal too, and the rows after them are no findings for their sake.
    let mut other = rows(300).split_off(200);
    let usual = model.judge(&other);
    (other[50].params[0], other[70].params[1], other[85].params[0]) = ("500000".into(), "lost".into(), "many".into());
    other[10].elapsed_secs = Some(300.0);
    let rows_of = |found: &[ValueFinding]| {
        let mut rows: Vec<usize> = found.iter().map(|found| found.row).collect();
        rows.dedup();
        rows
    };
    let found = model.judge(&other);
    assert!(rows_of(&found).iter().all(|row| rows_of(&usual).contains(row)), "{found:?}");
    let text = serde_json::to_string(&model).unwrap();
    assert_eq!(serde_json::from_str::<ValueModel>(&text).unwrap().judge(&today), after, "it is in the file");
}

/// A usual value at an unusual place: here the network alone has something to say.
#[test]
fn a_usual_value_at_an_unusual_place_raises_the_threshold_to_it() {
    let mut model = ValueModel::fit(&rows(200), &quick()).unwrap();
    let mut today = rows(300).split_off(200);
    today[20].params[0] = "160".to_owned();
    let said = of_row(&model, &today, 20);
    assert!(!said.is_empty() && said.iter().all(|found| found.kind == ValueKind::Unpredicted), "{said:?}");
    let threshold = model.threshold;
    model.learn(&today, &said);
    assert_eq!(of_row(&model, &today, 20), []);
    assert!((model.threshold / threshold - said[0].score).abs() < 1e-9 * said[0].score, "as far as it takes");
}

#[test]
fn a_key_of_categories_alone_is_saved_and_read() {
    let row = |n: usize| Row { elapsed_secs: Some(0.0), params: vec![["ok", "retry"][n % 2].to_owned()] };
    let model = ValueModel::fit(&(0..60).map(row).collect::<Vec<_>>(), &quick()).unwrap();
    let read: ValueModel = serde_json::from_str(&serde_json::to_string(&model).unwrap()).unwrap();
    assert_eq!(read, model);
    let odd = [Row { elapsed_secs: Some(0.0), params: vec!["lost".to_owned()] }];
    assert_eq!(read.judge(&odd).iter().map(|found| found.kind).collect::<Vec<_>>(), [ValueKind::UnseenCategory]);
}

/// As the original cuts them: a window's last row holds nothing but the elapsed time of the row that is predicted.
#[test]
fn windows_are_those_of_the_original() {
    let rows: Vec<Row> =
        (0..35).map(|n| Row { elapsed_secs: Some(n as f64), params: vec![(2 * n).to_string()] }).collect();
    // Trained on them backwards: numbers that only rise would be a counter.
    let backwards: Vec<Row> = rows.iter().take(31).rev().chain(&rows[31..]).cloned().collect();
    let model = ValueModel::fit(&backwards, &Options { window: 3, ratios: (0.9, 1.0), ..quick() }).unwrap();
    let batch = model.windows(&rows[..5]);
    let (Samples::Values(samples), Targets::Values(targets)) = (&batch.samples, &batch.targets) else { panic!() };
    assert_eq!((samples.len(), targets.ncols()), (3, 3));
    let scaled = |n: f32| n / 30.0;
    assert_eq!(samples[1], DMatrix::from_vec(2, 3, [1.0, 1.0, 2.0, 2.0, 3.0, 0.0].map(scaled).to_vec()));
    assert_eq!(targets.column(1).as_slice(), [3.0, 3.0].map(scaled));
}

#[test]
fn bad_rows_are_named() {
    let fit = |rows: &[Row]| ValueModel::fit(rows, &quick()).unwrap_err().to_string();
    assert!(fit(&rows(20)).contains("not enough data: 20 rows"));
    let mut ragged = rows(60);
    ragged[6].params.pop();
    assert!(fit(&ragged).contains("row 7 has 3 parameters"));
    let mut infinite = rows(60);
    infinite[4].params[0] = "inf".to_owned();
    assert!(fit(&infinite).contains("row 5, column 1: inf"));
    let same = vec![Row { elapsed_secs: Some(1.0), params: vec!["x".to_owned()] }; 60];
    assert!(fit(&same).contains("constant"));
}
