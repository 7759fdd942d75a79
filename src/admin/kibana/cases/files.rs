//! Files: received in the parts of a form, and handed out as bytes that a browser only saves.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Json,
    extract::{FromRequest, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures::stream;
use multer::{Constraints, Multipart, SizeLimit, parse_boundary};

use super::{CasePart, Cases};
use crate::{
    admin::{
        body::{BodyRoom, ReceivedBody, drop_body},
        kibana::{Kibana, KibanaError, PathId, call::ApiCall},
    },
    cases::{Case, FILE_BYTES_MAX, FileToAttach},
};

/// The largest body: a file, with what is around it.
const FORM_BYTES: usize = FILE_BYTES_MAX + (64 << 10);
/// The largest name.
const NAME_BYTES: u64 = 4 << 10;

/// A file in a form.
pub(super) struct FileForm {
    name: String,
    mime: Option<String>,
    content: Bytes,
    _room: BodyRoom,
}

impl FromRequest<Arc<Kibana>> for FileForm {
    type Rejection = KibanaError;

    async fn from_request(request: Request, kibana: &Arc<Kibana>) -> Result<Self, KibanaError> {
        let (head, body) = request.into_parts();
        let kind = head.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let Some(boundary) = kind.and_then(|kind| parse_boundary(kind).ok()) else {
            drop_body(&head.headers, body).await;
            return Err(KibanaError::bare(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        };
        let body = ReceivedBody::read(&head.headers, body, FORM_BYTES, &kibana.memory).await?;
        // A part that comes in one piece is copied once.
        let copy = body.bytes.len();
        let (bytes, room) = body.with_parsed(copy).await?;
        let limits =
            SizeLimit::new().for_field("filename", NAME_BYTES).for_field("file", FILE_BYTES_MAX as u64);
        let whole = stream::iter([Ok::<_, Infallible>(bytes)]);
        let constraints = Constraints::new().allowed_fields(vec!["file", "filename"]).size_limit(limits);
        read_form(Multipart::with_constraints(whole, boundary, constraints), room).await
    }
}

async fn read_form(mut form: Multipart<'_>, room: BodyRoom) -> Result<FileForm, KibanaError> {
    let wrong = |_| KibanaError::bad_request("[request body]: the form cannot be read, or is too large");
    let (mut name, mut own_name, mut file) = (None, None, None);
    while let Some(part) = form.next_field().await.map_err(wrong)? {
        if part.name() == Some("filename") {
            name = Some(part.text().await.map_err(wrong)?);
        } else {
            own_name = part.file_name().map(str::to_owned);
            let mime = part.content_type().map(|mime| mime.essence_str().to_owned());
            file = Some((mime, part.bytes().await.map_err(wrong)?));
        }
    }
    let Some((mime, content)) = file else {
        let message = "[request body.file]: expected value of type [Stream] but got [undefined]";
        return Err(KibanaError::bad_request(message));
    };
    Ok(FileForm { name: name.or(own_name).unwrap_or_default(), mime, content, _room: room })
}

pub(super) async fn add(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    PathId(id): PathId,
    form: FileForm,
) -> Result<Json<Case>, KibanaError> {
    let cases = Cases::to_change(kibana, &call)?;
    let case = cases.run(move |cases, stamp| {
        let file = FileToAttach { name: &form.name, mime: form.mime.as_deref(), content: &form.content };
        cases.attach_file(&id, file, stamp)
    });
    Ok(Json(case.await?))
}

/// The bytes of a file. Its own type is not said, because a browser might show what is in it.
pub(super) async fn read(
    State(kibana): State<Arc<Kibana>>,
    call: ApiCall,
    CasePart { id, part }: CasePart,
) -> Result<Response, KibanaError> {
    let cases = Cases::to_read(kibana, &call)?;
    let file = cases.run(move |cases, _| cases.file(&id, &part)).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, "attachment"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, file.content).into_response())
}
