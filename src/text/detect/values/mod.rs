//! Parameter values: lines of one key whose elapsed time or parameters are not what those before let expect.
//!
//! ```text
//! rows of one key ─▶ columns: number, category, dropped ─▶ scaled ─▶ windows ─▶ LSTM ─▶ squared error > upper quantile
//! elapsed, texts           └─▶ median and MAD of each number ─▶ too many deviations
//!                          └─▶ category never seen
//! ```
//! One model a key. The network predicts a row from those before and its elapsed time; the robust baseline looks at each row alone. Scalers and
//! thresholds are saved in the model.

mod column;
mod keyed;
mod model;
mod robust;
mod rows;

pub use column::{Column, Dropped, columns};
pub use keyed::ValueModels;
pub use model::{Options, ValueFinding, ValueKind, ValueModel};
pub use robust::Robust;
pub use rows::{Row, ValuesError, read_dataset};
