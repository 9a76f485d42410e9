//! Brokers of a whole federation talk to each other over roads that tests cut, slow down and confuse.
//!
//! ```text
//!   XA-POL ===\        /=== XC-POL
//!              > roads <            real stores on disks in memory, real signatures, no network
//!   XB-POL ===/        \
//! ```
//!
//! Each file begins with what it verifies; the way in is [`net::Net`].

mod away;
mod carried;
mod damage;
mod directory;
mod ends;
mod extending;
mod faults;
mod flow;
pub(crate) mod net;
mod receiving;
mod reclaim;
mod release;
mod roads;
mod submitting;
