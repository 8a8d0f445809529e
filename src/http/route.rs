//! Routes as values: method, path, right, handler and a sentence of documentation in one row.
//!
//! Everything else reads the table: the server mounts it, the OpenAPI document and the `/docs` page are
//! written from it, access lists are compiled against it, and the permission tests walk it. What a
//! route asks for is said in its row and, as a type, in the first argument of its handler; a row
//! whose handler asks for something else does not compile.

use std::{collections::BTreeMap, sync::Arc};

use actix_web::{
    Error, FromRequest, Handler, HttpMessage, HttpRequest, HttpResponse, Resource, Responder, Scope, dev,
    guard::{Guard, GuardContext},
    http::{Method, header},
    web,
};
use utoipa::openapi::{
    Required,
    path::{Operation as Described, ParameterBuilder, ParameterIn},
    schema::{ObjectBuilder, Type},
};

use super::{
    admission, idempotency,
    openapi::{Answer, Arguments, Sketch},
    permission::{Admitted, Permission},
    problem::{Code, Problem},
};
use crate::accounts::policy::{Catalogue, Operation, Right};

/// One row of the table.
pub struct Route {
    method: Method,
    path: &'static str,
    tag: &'static str,
    /// The operations behind it: one, or one for each thing that it does.
    operations: Vec<(&'static str, Right)>,
    /// Its documentation is written when somebody asks for it, and not kept.
    sketch: fn(&Method, &'static str) -> (Described, super::openapi::Schemas),
    about: &'static str,
    handler: Box<dyn Fn(bool) -> actix_web::Route + Send + Sync>,
    idempotent: bool,
}

/// Declares a route. The handler's first argument must be `Caller` of the same permission.
pub fn route<P, H, Args>(method: Method, path: &'static str, _: P, handler: H) -> Route
where
    P: Permission,
    H: Handler<Args> + Send + Sync,
    Args: FromRequest + Arguments<P> + 'static,
    H::Output: Responder + Answer + 'static,
{
    let operations = P::RIGHTS.to_vec();
    let serve = move |idempotent| {
        let handler = handler.clone();
        web::to(move |request, payload| answer::<P, H, Args>(handler.clone(), request, payload, idempotent))
    };
    let (sketch, handler) = (sketch::<P, H, Args>, Box::new(serve));
    Route { method, path, tag: "", operations, sketch, about: "", handler, idempotent: false }
}

/// What follows from the types of a handler.
fn sketch<P, H, Args>(method: &Method, path: &'static str) -> (Described, super::openapi::Schemas)
where
    P: Permission,
    H: Handler<Args>,
    Args: Arguments<P>,
    H::Output: Answer,
{
    let mut sketch = Sketch::new::<P>(method, path);
    Args::describe(&mut sketch);
    H::Output::describe(&mut sketch);
    sketch.finish()
}

/// Answers a request. Who calls is asked before anything else of it is looked at.
async fn answer<P, H, Args>(
    handler: H,
    request: HttpRequest,
    payload: web::Payload,
    idempotent: bool,
) -> Result<HttpResponse, Error>
where
    P: Permission,
    H: Handler<Args>,
    Args: FromRequest,
    H::Output: Responder + 'static,
{
    admission::admit(&request, admission::Door::of(P::RIGHTS)).await?;
    let proof = P::check(request.clone()).await?;
    request.extensions_mut().insert(Admitted::<P>(proof));
    let execute = async move |request: HttpRequest, mut payload: dev::Payload| {
        let args = Args::from_request(&request, &mut payload).await.map_err(Into::into)?;
        Ok(handler.call(args).await.respond_to(&request).map_into_boxed_body())
    };
    let payload = payload.into_inner();
    if !(idempotent && idempotency::is_asked(&request)) {
        return execute(request, payload).await;
    }
    let execute =
        async move |request, payload| execute(request, payload).await.unwrap_or_else(HttpResponse::from_error);
    Ok(idempotency::once(request, payload, execute).await)
}

impl Route {
    /// The sentence that documents it; what follows the first line is its description.
    pub fn doc(self, text: &'static str) -> Self {
        Self { about: text, ..self }
    }

    /// Lets clients repeat it without doing it twice: it knows the header `Idempotency-Key`. For every route that
    /// moves money or hands out a secret. Where what it does must never be done twice, its handler passes
    /// `idempotency::Once` on to the ledger.
    pub fn idempotent(self) -> Self {
        Self { idempotent: true, ..self }
    }

    /// Its method and path.
    pub fn name(&self) -> (&Method, &'static str) {
        (&self.method, self.path)
    }

    /// The heading that it stands under.
    pub fn tag(&self) -> &'static str {
        self.tag
    }

    /// Its operations: the name of each thing it does (empty where it does one) and what that asks for.
    pub fn operations(&self) -> &[(&'static str, Right)] {
        &self.operations
    }

    /// As the documentation shows it, and the shapes that it mentions.
    pub fn described(&self) -> (Described, super::openapi::Schemas) {
        let (mut described, schemas) = (self.sketch)(&self.method, self.path);
        let (summary, rest) = self.about.split_once('\n').unwrap_or((self.about, ""));
        described.summary = Some(summary.to_owned()).filter(|summary| !summary.is_empty());
        described.description = Some(rest.trim().to_owned()).filter(|rest| !rest.is_empty());
        if self.idempotent {
            let key = ParameterBuilder::new()
                .name("Idempotency-Key")
                .parameter_in(ParameterIn::Header)
                .required(Required::False)
                .description(Some(idempotency::ABOUT))
                .schema(Some(ObjectBuilder::new().schema_type(Type::String)));
            described.parameters.get_or_insert_default().push(key.build());
        }
        if !self.tag.is_empty() {
            described.tags = Some(vec![self.tag.to_owned()]);
        }
        (described, schemas)
    }
}

/// A resource's rows, under the heading that the documentation gives them.
pub fn under(tag: &'static str, routes: Vec<Route>) -> Vec<Route> {
    routes.into_iter().map(|route| Route { tag, ..route }).collect()
}

/// Numbers every operation of the table, in order.
pub fn catalogue(routes: &[Route]) -> Catalogue {
    let operations = routes.iter().flat_map(|route| {
        route.operations.iter().map(|(fork, right)| Operation {
            method: route.method.as_str().to_owned(),
            path: route.path,
            fork,
            right: *right,
        })
    });
    Catalogue::new(operations.collect())
}

/// The number of the first operation of the route that a request came by.
#[derive(Debug, Clone, Copy)]
pub struct RouteNumber(pub usize);

/// Lets a request through to its route by the method, and leaves it the route's number.
struct Numbered {
    method: Method,
    number: usize,
}

impl Guard for Numbered {
    fn check(&self, context: &GuardContext<'_>) -> bool {
        let mine = context.head().method == self.method;
        if mine {
            context.req_data_mut().insert(RouteNumber(self.number));
        }
        mine
    }
}

/// How many words of a path a group of resources shares: `/api/v1/payments`.
const STEM_WORDS: usize = 3;

/// Serves the table. Paths with fixed words come before paths with variable parts, so that
/// `/payments/paginated` is not taken for a payment.
///
/// Fixed paths are compared, variable ones are matched by regular expressions, which costs many times more.
/// So those are grouped by their first words: a request meets the expressions of its own group alone.
pub fn mount(routes: &Arc<Vec<Route>>, config: &mut web::ServiceConfig) {
    let mut paths: BTreeMap<String, Vec<(usize, &Route)>> = BTreeMap::new();
    let mut number = 0;
    for route in routes.iter() {
        paths.entry(shape(route.path)).or_default().push((number, route));
        number += route.operations.len();
    }
    let (variable, fixed): (Vec<_>, Vec<_>) = paths.into_iter().partition(|(path, _)| path.contains('{'));
    for (path, routes) in fixed {
        config.service(resource(&path, routes));
    }
    let mut groups: BTreeMap<String, Scope> = BTreeMap::new();
    for (path, routes) in variable {
        let stem = stem(&path).to_owned();
        let group = groups.remove(&stem).unwrap_or_else(|| web::scope(&stem));
        let resource = resource(path.strip_prefix(&stem).unwrap_or(&path), routes);
        groups.insert(stem, group.service(resource));
    }
    // the group without a stem would take every path
    for group in groups.into_values().rev() {
        config.service(group);
    }
}

/// One path with all its methods.
fn resource(path: &str, routes: Vec<(usize, &Route)>) -> Resource {
    let allow: Vec<&str> = routes.iter().map(|(_, route)| route.method.as_str()).collect();
    let allow = allow.join(", ");
    let resource = routes.into_iter().fold(web::resource(path), |resource, (number, route)| {
        let guard = Numbered { method: route.method.clone(), number };
        resource.route((route.handler)(route.idempotent).guard(guard))
    });
    resource.default_service(web::to(move |request: HttpRequest| {
        std::future::ready(admission::stranger(&request).map(|()| not_allowed(&allow)))
    }))
}

/// The first words of a path; empty when some of them vary.
fn stem(path: &str) -> &str {
    let end = path.match_indices('/').nth(STEM_WORDS).map_or(path.len(), |(at, _)| at);
    path.get(..end).filter(|stem| !stem.contains('{')).unwrap_or_default()
}

/// A path without the names of its variable parts: what tells resources apart. `PUT /wallet/{new_name}` and
/// `DELETE /wallet/{wallet_id}` are two methods of one resource.
fn shape(path: &str) -> String {
    let named = |(place, part): (usize, &str)| {
        if part.starts_with('{') { format!("{{part{place}}}") } else { part.to_owned() }
    };
    path.split('/').enumerate().map(named).collect::<Vec<_>>().join("/")
}

fn not_allowed(allow: &str) -> HttpResponse {
    let problem = Problem::new(Code::MethodNotAllowed, "Method Not Allowed");
    let mut response = actix_web::ResponseError::error_response(&problem);
    if let Ok(value) = header::HeaderValue::from_str(allow) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

/// Does a path of this table look like that?
pub fn knows(routes: &[Route], path: &str) -> bool {
    routes.iter().any(|route| {
        let mut template = route.path.split('/');
        let mut given = path.split('/');
        loop {
            match (template.next(), given.next()) {
                (None, None) => return true,
                (Some(part), Some(word)) if part == word || (part.starts_with('{') && !word.is_empty()) => {}
                _ => return false,
            }
        }
    })
}

/// The number of the request's route.
pub fn number(request: &actix_web::HttpRequest) -> Option<usize> {
    request.extensions().get::<RouteNumber>().map(|number| number.0)
}
