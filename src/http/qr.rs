//! QR codes (ISO/IEC 18004) as SVG.

use actix_web::http::Method;
use qrcode::{EcLevel, QrCode, render::svg};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    body::{Params, PathPart},
    files::File,
    lenient,
    permission::{Caller, Public},
    problem::Problem,
    route::{Route, route},
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/api/v1/qrcode", Public, by_query).doc("Draws a QR code as SVG."),
        route(Method::GET, "/api/v1/qrcode/{data}", Public, by_path).doc("Draws a QR code as SVG."),
    ]
}

/// What fits into the largest code, in bytes.
const MOST: usize = 2953;

#[derive(Deserialize, IntoParams)]
struct Wanted {
    /// What the code says: at most 2953 bytes.
    #[serde(deserialize_with = "lenient::text")]
    data: String,
}

async fn by_query(_: Caller<Public>, Params(wanted): Params<Wanted>) -> Result<File, Problem> {
    drawn(&wanted.data)
}

async fn by_path(_: Caller<Public>, PathPart(data): PathPart<String>) -> Result<File, Problem> {
    drawn(&data)
}

fn drawn(data: &str) -> Result<File, Problem> {
    if data.is_empty() || data.len() > MOST {
        return Err(Problem::invalid(format!("A QR code says something, in at most {MOST} bytes.")));
    }
    // as much correction as there is room for
    let code =
        [EcLevel::M, EcLevel::L].into_iter().find_map(|level| QrCode::with_error_correction_level(data, level).ok());
    let code = code.ok_or_else(|| Problem::invalid("That does not fit into a QR code."))?;
    let picture = code.render::<svg::Color>().min_dimensions(256, 256).quiet_zone(true).build();
    let cache = "no-cache, no-store, must-revalidate";
    Ok(File { content_type: "image/svg+xml".into(), name: None, cache, content: picture.into_bytes() })
}
