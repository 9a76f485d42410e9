//! The roots' side of the directory: init, propose, sign, publish.
