//! Compiles `proto/` with protox, a protobuf compiler in Rust: nothing to install.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const FILES: [&str; 6] = [
    "allpoints/alert/v1/alert.proto",
    "allpoints/envelope/v1/envelope.proto",
    "allpoints/directory/v1/directory.proto",
    "allpoints/exchange/v1/exchange.proto",
    "allpoints/desk/v1/desk.proto",
    "allpoints/evidence/v1/evidence.proto",
];

/// Bytes fields that are passed on, hashed or kept without a copy.
const SHARED_BYTES: [&str; 7] = [
    ".allpoints.envelope.v1.SignedBatch",
    ".allpoints.envelope.v1.SignedItem",
    ".allpoints.envelope.v1.Statement.payload",
    ".allpoints.desk.v1.SubmitStreamResponse",
    ".allpoints.desk.v1.AuditExportResponse",
    ".allpoints.desk.v1.CarryResponse",
    ".allpoints.exchange.v1.DirectoryResponse",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let descriptors = protox::compile(FILES, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let encoded = descriptors.encode_to_vec();
    fs::write(out.join("descriptors.bin"), &encoded)?;

    let mut config = prost_build::Config::new();
    config
        .bytes(SHARED_BYTES)
        .enable_type_names()
        .compile_well_known_types()
        .extern_path(".google.protobuf", "::pbjson_types");
    tonic_prost_build::configure().compile_fds_with_config(descriptors, config)?;
    pbjson_build::Builder::new()
        .register_descriptors(&encoded)?
        .build(&[".allpoints"])?;
    Ok(())
}
