//! Tests of the models of parameter values.

use super::super::column::Dropped;
use super::*;

/// Rows of a key with a number that swings, a status, a file name and a constant.
fn rows(count: usize) -> Vec<Row> {
    let row = |n: usize| {
        let size = 100.0 + 50.0 * ((n as f64) * 0.7).sin();
        let status = ["ok", "retry"][usize::from(n.is_multiple_of(5))];
        let params = [format!("{size:.3}"), status.to_owned(), format!("file-{n}"), "7".to_owned()];
        Row { elapsed_secs: 1.0 + (n % 3) as f64 * 0.1, params: params.into() }
    };
    (0..count).map(row).collect()
}

fn quick() -> Options {
    let options = Options::default();
    Options { units: vec![8], training: Training { epochs: 30, rate: 0.01, ..options.training }, ..options }
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
    odd[80].elapsed_secs = 500.0;
    let found = model.judge(&odd);
    let kinds = |row: usize| found.iter().filter(|f| f.row == row).map(|f| (f.kind, f.column)).collect::<Vec<_>>();
    assert!(kinds(20).contains(&(ValueKind::FarFromMedian, 1)), "{:?}", kinds(20));
    assert!(kinds(20).contains(&(ValueKind::Unpredicted, 1)), "{:?}", kinds(20));
    assert_eq!(kinds(40).first(), Some(&(ValueKind::UnseenCategory, 2)));
    assert!(kinds(60).contains(&(ValueKind::NotANumber, 1)), "{:?}", kinds(60));
    assert!(kinds(80).contains(&(ValueKind::FarFromMedian, 0)), "{:?}", kinds(80));
    let saved: ValueModel = serde_json::from_str(&serde_json::to_string(&model).unwrap()).unwrap();
    assert_eq!(saved.judge(&odd), found, "scaler, weights and thresholds are in the file");
}

/// As the original cuts them: a window's last row holds nothing but the elapsed time of the row that is predicted.
#[test]
fn windows_are_those_of_the_original() {
    let rows: Vec<Row> = (0..35).map(|n| Row { elapsed_secs: n as f64, params: vec![(2 * n).to_string()] }).collect();
    let model = ValueModel::fit(&rows, &Options { window: 3, ratios: (0.9, 1.0), ..quick() }).unwrap();
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
    let same = vec![Row { elapsed_secs: 1.0, params: vec!["x".to_owned()] }; 60];
    assert!(fit(&same).contains("constant"));
}
