//! Nine free loopback ports, held until the moment their node starts.

use std::net::TcpListener;

/// Below the ports that systems give to outgoing connections, so that none of those takes one meanwhile.
const FIRST: u16 = 15_000;
const COUNT: u16 = 16_000;
/// Ports that are tried before giving up.
const TRIES: usize = 1_000;

/// Loopback ports of one node.
#[derive(Debug)]
pub(super) struct Ports {
    pub(super) exchange: u16,
    pub(super) desk: u16,
    pub(super) ops: u16,
    // Bound, and never accepted from: nobody else can take them as long as these are here.
    held: Vec<TcpListener>,
}

impl Ports {
    /// Three that are free, chosen at random and held.
    pub(super) fn hold() -> std::io::Result<Self> {
        let (one, two, three) = (free()?, free()?, free()?);
        let port = |it: &TcpListener| it.local_addr().map(|address| address.port());
        Ok(Self {
            exchange: port(&one)?,
            desk: port(&two)?,
            ops: port(&three)?,
            held: vec![one, two, three],
        })
    }

    /// Lets go of them for the node to take.
    pub(super) fn release(&mut self) {
        self.held.clear();
    }
}

fn free() -> std::io::Result<TcpListener> {
    for _ in 0..TRIES {
        let mut random = [0; 2];
        aws_lc_rs::rand::fill(&mut random)
            .map_err(|_| std::io::Error::other("the system's random generator gave nothing"))?;
        let port = FIRST + u16::from_be_bytes(random) % COUNT;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return Ok(listener);
        }
    }
    Err(std::io::Error::other("no free loopback port was found"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_ports_are_not_free_and_released_ones_are() {
        let mut ports = Ports::hold().unwrap();
        let taken = TcpListener::bind(("127.0.0.1", ports.desk));
        assert_eq!(taken.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
        ports.release();
        TcpListener::bind(("127.0.0.1", ports.desk)).unwrap();
    }
}
