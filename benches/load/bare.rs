//! The ceiling: what actix-web alone does on this machine, with one small JSON answer and no
//! database, no credentials, no limits.

use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::json;

use crate::load::Failure;

/// Serves every path until the process is ended.
pub(crate) fn serve(port: u16, workers: usize) -> Result<(), Failure> {
    let server = HttpServer::new(|| App::new().default_service(web::to(answer)))
        .workers(workers)
        .bind(("127.0.0.1", port))?
        .run();
    actix_web::rt::System::new().block_on(server)?;
    Ok(())
}

async fn answer() -> HttpResponse {
    HttpResponse::Ok().json(json!({"name": "bench", "balance": 1000}))
}
