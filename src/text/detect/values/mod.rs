//! Parameter values: lines of one key whose elapsed time or parameters are not what those before let expect.
//!
//! ```text
//! rows of one key ─▶ columns: number, category, dropped ─▶ scaled ─▶ windows ─▶ LSTM ─▶ squared error > upper quantile
//! elapsed, texts           └─▶ median and MAD of each number ─▶ too many deviations
//!                          └─▶ category never seen
//! ```
//! In a stream [`Recent`] keeps what the windows of the next lines need. What people say of findings ([`ValueModel::learn`]) is kept in the model.
//!
//! One model a key. The network predicts a row from those before and its elapsed time; the robust baseline looks at each row alone. Scalers and
//! thresholds are saved in the model.

mod column;
mod judge;
mod keyed;
mod learn;
mod model;
mod recent;
mod robust;
mod rows;
mod said;

pub use column::{Column, Dropped, columns};
pub use judge::{ValueFinding, ValueKind};
pub use keyed::ValueModels;
pub use model::{Options, ValueModel};
pub use recent::{KeyRows, Recent};
pub use robust::Robust;
pub use rows::{Row, Since, ValuesError, read_dataset};
