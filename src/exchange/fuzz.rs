//! For the targets of `fuzz/` alone: a message of a peer, as a session reads it.

use prost::Message as _;

use super::convert;
use crate::proto::exchange::v1::{DeliverRequest, deliver_request::Message};

/// Reads bytes as a request; what is read as a frame is written as one again.
pub fn request(data: &[u8]) {
    let Ok(request) = DeliverRequest::decode(data) else {
        return;
    };
    match request.message {
        Some(Message::Greeting(greeting)) => drop(convert::greeting_from(&greeting)),
        Some(Message::Frame(frame)) => {
            let number = frame.number;
            if let Ok((batches, size)) = convert::frame_from(frame) {
                assert_eq!(convert::size_of(&batches).statements, size.statements);
                let again = convert::frame_from(convert::frame_into(number, batches));
                assert!(again.is_ok(), "own words are legal");
            }
        }
        Some(Message::Heartbeat(_)) | None => {}
    }
}
