//! Loopback ports for nodes whose addresses stand in a signed directory before they start.
//!
//! Below the ports that systems give to outgoing connections, so that none of those takes one meanwhile; no port is
//! given twice by one program, and programs that run beside each other begin far apart.

use std::{
    net::{SocketAddr, TcpListener},
    sync::atomic::{AtomicU32, Ordering},
};

const FIRST: u32 = 15_000;
const COUNT: u32 = 16_000;
const STRIDE: u32 = 257;

static GIVEN: AtomicU32 = AtomicU32::new(0);

/// A port that nobody listens on.
pub(super) fn free() -> SocketAddr {
    let begin = std::process::id().wrapping_mul(STRIDE);
    loop {
        let given = GIVEN.fetch_add(1, Ordering::Relaxed);
        assert!(given < COUNT, "no free loopback port was found");
        let port = FIRST + begin.wrapping_add(given) % COUNT;
        let address = SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap_or(0)));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
