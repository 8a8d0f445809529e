//! Pictures that users keep here.

use actix_web::{
    HttpRequest,
    http::{Method, header},
    web::{BytesMut, Data, Json, Payload},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::{StreamExt, stream};
use multer::{Constraints, Multipart, SizeLimit};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    House,
    body::{Body, List, Listable, Params, PathPart},
    files::File,
    lenient,
    permission::{Account, Caller, Public},
    problem::{Code, Problem, store_problem},
    route::{Route, route},
    shapes::PageOf,
};
use crate::{
    domain::{
        AccountId,
        asset::AssetInfo,
        filter::{ASSETS, Fields},
    },
    keepsakes::{KeepsakeError, Upload},
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::POST, "/api/v1/assets", Account, upload).doc(
            "Keeps a picture: the part `file` of a multipart body.\n\
            PNG, JPEG or WebP. What is kept is written anew by the server, without the notes of cameras.",
        ),
        route(Method::GET, "/api/v1/assets/paginated", Account, page).doc("Lists the account's pictures by pages."),
        route(Method::GET, "/api/v1/assets/{asset_id}", Account, read).doc("Says what is known of a picture."),
        route(Method::GET, "/api/v1/assets/{asset_id}/data", Public, data)
            .doc("The picture itself: everybody's if it is public, else its owner's."),
        route(Method::GET, "/api/v1/assets/{asset_id}/thumbnail", Public, thumbnail)
            .doc("A small copy of the picture."),
        route(Method::PUT, "/api/v1/assets/{asset_id}", Account, put)
            .doc("Changes what a picture is called and who sees it; the super user may change everybody's."),
        route(Method::DELETE, "/api/v1/assets/{asset_id}", Account, delete).doc("Throws a picture away."),
    ]
}

/// Room beside the file in a body, in bytes.
const AROUND: u64 = 16 * 1024;

/// Pictures can be listed.
struct OfAssets;
impl Listable for OfAssets {
    const FIELDS: &'static Fields = &ASSETS;
}

#[derive(Deserialize, IntoParams)]
struct Visibility {
    /// May everybody see it?
    #[serde(default, deserialize_with = "lenient::flag")]
    public_asset: bool,
}

#[derive(Deserialize, ToSchema)]
struct Change {
    /// What it is called.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    name: Option<String>,
    /// May everybody see it?
    #[serde(default, deserialize_with = "lenient::opt_flag")]
    is_public: Option<bool>,
}

/// What is known of a picture.
#[derive(Serialize, ToSchema)]
#[schema(as = AssetInfo)]
struct AssetShape {
    id: String,
    mime_type: String,
    name: String,
    is_public: bool,
    size_bytes: i64,
    /// A small copy, in base64.
    thumbnail_base64: Option<String>,
    created_at: String,
}

impl From<AssetInfo> for AssetShape {
    fn from(asset: AssetInfo) -> Self {
        Self {
            id: asset.id,
            mime_type: asset.mime_type,
            name: asset.name,
            is_public: asset.is_public,
            size_bytes: asset.size_bytes,
            thumbnail_base64: Some(STANDARD.encode(asset.thumbnail)),
            created_at: asset.created_at.to_string(),
        }
    }
}

async fn upload(
    Caller(principal): Caller<Account>,
    request: HttpRequest,
    house: Data<House>,
    payload: Payload,
    Params(visibility): Params<Visibility>,
) -> Result<Json<AssetShape>, Problem> {
    let (name, mime, data) = received(&request, &house, payload).await?;
    let upload = Upload {
        account: principal.account.clone(),
        unlimited: House::is_super_user(&principal),
        name,
        mime,
        is_public: visibility.public_asset,
        data,
    };
    Ok(Json(house.keepsakes.keep(upload).await?.into()))
}

/// The file of a multipart body: its name, what it is said to be, and what is in it.
async fn received(
    request: &HttpRequest,
    house: &House,
    mut payload: Payload,
) -> Result<(String, String, Vec<u8>), Problem> {
    let no_file = || Problem::field("file", "field required", "value_error.missing");
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = multer::parse_boundary(kind).map_err(|_| no_file())?;
    let most = house.keepsakes.max_bytes();
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| Problem::invalid(format!("The body could not be read: {error}.")))?;
        if u64::try_from(body.len() + chunk.len()).unwrap_or(u64::MAX) > most.saturating_add(AROUND) {
            return Err(house.keepsakes.too_large().into());
        }
        body.extend_from_slice(&chunk);
    }
    let body = stream::once(std::future::ready(Ok::<_, std::convert::Infallible>(body.freeze())));
    let limits = Constraints::new().size_limit(SizeLimit::new().per_field(most));
    let mut parts = Multipart::with_constraints(body, boundary, limits);
    let broken = |error: multer::Error| match error {
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => {
            house.keepsakes.too_large().into()
        }
        other => Problem::invalid(format!("The body could not be read: {other}.")),
    };
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        if part.name() != Some("file") {
            continue;
        }
        let name = part.file_name().unwrap_or_default().to_owned();
        let mime = part.content_type().map(|mime| mime.essence_str().to_owned());
        let mime = mime.ok_or_else(|| Problem::invalid("File must have a content type."))?;
        house.keepsakes.check_type(&mime)?;
        return Ok((name, mime, part.bytes().await.map_err(broken)?.to_vec()));
    }
    Err(no_file())
}

async fn page(
    Caller(principal): Caller<Account>,
    house: Data<House>,
    listing: List<OfAssets>,
) -> Result<Json<PageOf<AssetShape>>, Problem> {
    let (assets, total) = house.keepsakes.page(&principal.account, listing.into_inner()).await?;
    Ok(Json(PageOf { data: assets.into_iter().map(AssetShape::from).collect(), total }))
}

async fn read(
    Caller(principal): Caller<Account>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<AssetShape>, Problem> {
    Ok(Json(house.keepsakes.find(&id, Some(&principal.account), false).await?.into()))
}

async fn data(
    _: Caller<Public>,
    viewer: Option<Caller<Account>>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<File, Problem> {
    let asset = house.keepsakes.find(&id, account(viewer).as_ref(), true).await?;
    let content = house.keepsakes.data(&asset).await?;
    Ok(File { content_type: asset.mime_type, name: None, cache: PRIVATE, content })
}

async fn thumbnail(
    _: Caller<Public>,
    viewer: Option<Caller<Account>>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<File, Problem> {
    let asset = house.keepsakes.find(&id, account(viewer).as_ref(), true).await?;
    Ok(File { content_type: asset.thumbnail_type, name: None, cache: PRIVATE, content: asset.thumbnail })
}

/// Whoever passes a picture on does not know who else may see it, or for how long.
const PRIVATE: &str = "private, no-cache";

fn account(viewer: Option<Caller<Account>>) -> Option<AccountId> {
    viewer.map(|Caller(principal)| principal.account.clone())
}

async fn put(
    Caller(principal): Caller<Account>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
    Body(change): Body<Change>,
) -> Result<Json<AssetShape>, Problem> {
    let (anybody, change) = (House::is_super_user(&principal), (change.name, change.is_public));
    Ok(Json(house.keepsakes.change(&id, &principal.account, anybody, change).await?.into()))
}

async fn delete(
    Caller(principal): Caller<Account>,
    house: Data<House>,
    PathPart(id): PathPart<String>,
) -> Result<Json<&'static str>, Problem> {
    house.keepsakes.throw_away(&id, &principal.account).await?;
    Ok(Json("Asset deleted successfully."))
}

impl From<KeepsakeError> for Problem {
    fn from(error: KeepsakeError) -> Self {
        let text = error.to_string();
        match error {
            KeepsakeError::Refused(_) => Self::invalid(text),
            KeepsakeError::Missing => Self::new(Code::NotFound, text),
            KeepsakeError::Store(store) => store_problem(store.is_unavailable(), &text),
        }
    }
}
