//! What comes over the wire before there is any TLS.

use super::*;

#[tokio::test]
async fn t55_a_silent_caller_is_put_out_within_the_deadline() {
    let (xa, xb, listed) = two_countries();
    let door = Door::exchange(&xa, &listed).await;
    let mut silent = TcpStream::connect(door.address).await.unwrap();
    let mut dribbling = TcpStream::connect(door.address).await.unwrap();
    dribbling.write_all(&[0x16, 3, 1]).await.unwrap();
    // While they wait, others are served.
    door.accepts(xb.node_leaf().caller(), XB_NODE).await;
    let limit = crate::domain::limits::HANDSHAKE_TIMEOUT + Duration::from_secs(1);
    for caller in [&mut silent, &mut dribbling] {
        let mut buffer = [0; 16];
        let read = tokio::time::timeout(limit, caller.read(&mut buffer)).await;
        assert!(matches!(read, Ok(Ok(0) | Err(_))), "still open: {read:?}");
    }
    let whys = door.refused.0.lock().unwrap().clone();
    assert_eq!(whys, ["handshake deadline passed"; 2]);
}

#[tokio::test]
async fn t57_a_fragmented_client_hello_is_understood() {
    let (xa, xb, listed) = two_countries();
    let door = Door::exchange(&xa, &listed).await;
    for piece in [1, 3, 100] {
        let mut tcp = TcpStream::connect(door.address).await.unwrap();
        tcp.write_all(&fragmented(&client_hello(&xb), piece))
            .await
            .unwrap();
        let mut first = [0; 1];
        tcp.read_exact(&mut first).await.unwrap();
        assert_eq!(first, [HANDSHAKE], "with {piece} bytes a record");
    }
    door.accepts(xb.node_leaf().caller(), XB_NODE).await;
}

#[tokio::test]
async fn t57_a_broken_client_hello_is_refused_and_the_next_caller_served() {
    let (xa, xb, listed) = two_countries();
    let door = Door::exchange(&xa, &listed).await;
    let whole = client_hello(&xb);
    for broken in [
        vec![0; 64],
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        [&[HANDSHAKE, 3, 1, 0, 0], &whole[..]].concat(),
        fragmented(&whole[..whole.len() - 9], 50),
        whole.iter().rev().copied().collect(),
    ] {
        let mut tcp = TcpStream::connect(door.address).await.unwrap();
        tcp.write_all(&broken).await.unwrap();
        tcp.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = tcp.read_to_end(&mut answer).await;
        assert_ne!(answer.first(), Some(&HANDSHAKE));
    }
    door.accepts(xb.node_leaf().caller(), XB_NODE).await;
}

#[tokio::test]
async fn tls_1_2_is_refused() {
    let (xa, _, listed) = two_countries();
    let door = Door::exchange(&xa, &listed).await;
    let mut tcp = TcpStream::connect(door.address).await.unwrap();
    tcp.write_all(&tls12_client_hello()).await.unwrap();
    let mut answer = Vec::new();
    tcp.read_to_end(&mut answer).await.unwrap();
    // RFC 8446, 6: alert, fatal, protocol_version.
    assert_eq!(answer, [21, 3, 3, 0, 2, 2, 70]);
}

#[tokio::test]
async fn a_caller_that_does_not_speak_http2_is_refused() {
    let (xa, xb, listed) = two_countries();
    let door = Door::exchange(&xa, &listed).await;
    let with = |protocols: &[&[u8]]| {
        let mut caller = xb.node_leaf().caller();
        caller.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        caller
    };
    door.refuses(with(&[]), "HTTP/2").await;
    door.refuses(with(&[b"http/1.1"]), "known protocol").await;
    door.accepts(with(&[b"http/1.1", b"h2"]), XB_NODE).await;
}

const HANDSHAKE: u8 = 22;

/// The records of a true first flight.
fn client_hello(country: &Country) -> Vec<u8> {
    let name = ServerName::try_from("anything.invalid").unwrap();
    let config = Arc::new(country.node_leaf().caller());
    let mut connection = rustls::ClientConnection::new(config, name).unwrap();
    let mut bytes = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut bytes).unwrap();
    }
    bytes
}

/// The same handshake bytes, in records of `piece` bytes each.
fn fragmented(records: &[u8], piece: usize) -> Vec<u8> {
    let mut message = Vec::new();
    let mut rest = records;
    while let [_, _, _, high, low, body @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(body.len());
        message.extend_from_slice(&body[..length]);
        rest = &body[length..];
    }
    message
        .chunks(piece)
        .flat_map(|chunk| {
            let length = u16::try_from(chunk.len()).unwrap().to_be_bytes();
            [&[HANDSHAKE, 3, 1, length[0], length[1]], chunk].concat()
        })
        .collect()
}

/// RFC 5246, 7.4.1.2: no `supported_versions`, so nothing newer than TLS 1.2 is offered.
fn tls12_client_hello() -> Vec<u8> {
    let extensions: &[u8] = &[
        0, 10, 0, 4, 0, 2, 0, 29, // supported_groups: x25519
        0, 13, 0, 4, 0, 2, 4, 3, // signature_algorithms: ecdsa_secp256r1_sha256
    ];
    let mut hello = vec![3, 3];
    hello.extend_from_slice(&[7; 32]);
    hello.push(0);
    hello.extend_from_slice(&[0, 2, 0xc0, 0x2b]); // TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
    hello.extend_from_slice(&[1, 0]);
    hello.extend_from_slice(&u16::try_from(extensions.len()).unwrap().to_be_bytes());
    hello.extend_from_slice(extensions);
    let length = u16::try_from(hello.len()).unwrap().to_be_bytes();
    let message = [&[1, 0, length[0], length[1]], &hello[..]].concat();
    fragmented(
        &[
            &[
                HANDSHAKE,
                3,
                1,
                u16::try_from(message.len()).unwrap().to_be_bytes()[0],
                u16::try_from(message.len()).unwrap().to_be_bytes()[1],
            ],
            &message[..],
        ]
        .concat(),
        message.len(),
    )
}
