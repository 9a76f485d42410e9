//! What a command refers to, looked up at the node first.

use super::{
    connection::Desk,
    exit::{CliError, Exit},
    output::escape,
    session::read_failed,
};
use crate::{client::Target, proto::desk::v1::ShowRequest};

/// Looks it up without marking anything opened.
///
/// # Errors
/// Exit 4 when there is no such statement that the caller may see.
pub async fn find(desk: &mut Desk, id: &str) -> Result<Target, CliError> {
    let request = ShowRequest {
        id: id.to_owned(),
        peek: true,
        ..ShowRequest::default()
    };
    let thread = desk.show(request).await.map_err(read_failed)?.into_inner();
    Target::of(&thread, id).ok_or_else(|| {
        CliError::new(
            Exit::NotFound,
            format!("the thread of `{}` is empty", escape(id)),
        )
    })
}
