//! What an alert is. Pure: no tokio, protobuf, sled, input or output, and no clock but the [`time::Clock`] trait.

pub mod alert;
pub mod call;
pub mod cap;
pub mod country;
pub mod id;
pub mod limits;
pub mod lists;
pub mod lives;
pub mod mrz;
pub mod permission;
pub mod rate;
pub mod reason;
pub mod receipt;
pub mod release;
pub mod routing;
pub mod statistics;
pub mod tally;
pub mod terms;
pub mod text;
pub mod time;
pub mod transfer;
pub mod transliteration;
