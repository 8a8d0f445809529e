//! The OpenAPI document, written from the route table: what handlers take and answer describes itself.

use actix_web::{http::Method, web};
use utoipa::{
    IntoParams, ToSchema,
    openapi::{
        Content, InfoBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required, Schema,
        path::{HttpMethod, Operation, OperationBuilder, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        response::ResponseBuilder,
        schema::{ComponentsBuilder, ObjectBuilder, Type},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use super::{
    body::{Body, List, Listable, Params, PathPart, PathParts, RawBody},
    permission::{Caller, Permission},
    route::Route,
};
use crate::accounts::policy::{Family, Right};

/// Named shapes.
pub type Schemas = Vec<(String, RefOr<Schema>)>;

/// Writes the document.
pub fn document(routes: &[Route]) -> OpenApi {
    let mut components = ComponentsBuilder::new();
    let mut paths = utoipa::openapi::Paths::new();
    for route in routes {
        let (described, schemas) = route.described();
        components = components.schemas_from_iter(schemas);
        let (method, path) = route.name();
        if let Some(method) = method_of(method) {
            paths.add_path_operation(path, vec![method], described);
        }
    }
    for family in Family::ALL {
        components = components.security_scheme(scheme_name(family), scheme(family));
    }
    let info = InfoBuilder::new()
        .title("Satchel")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Lightning wallets with two keys each, on one funding source. Amounts are millisatoshi unless their name says otherwise."));
    OpenApiBuilder::new().info(info.build()).paths(paths).components(Some(components.build())).build()
}

fn method_of(method: &Method) -> Option<HttpMethod> {
    Some(match *method {
        Method::GET => HttpMethod::Get,
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::PATCH => HttpMethod::Patch,
        Method::DELETE => HttpMethod::Delete,
        _ => return None,
    })
}

fn scheme_name(family: Family) -> &'static str {
    match family {
        Family::InvoiceKey => "WalletInvoiceKey",
        Family::AdminKey => "WalletAdminKey",
        Family::AnonymousKey => "AnonymousSession",
        Family::AclToken => "AclToken",
        Family::ApiKey => "ApiKey",
        Family::Session => "Session",
        Family::AdminSession => "Administrator",
        Family::SuperUserSession => "SuperUser",
    }
}

fn scheme(family: Family) -> SecurityScheme {
    let key = |description: &str| {
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description("X-Api-Key", description)))
    };
    let bearer = |description: &str, format: &str| {
        let http =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format(format).description(Some(description));
        SecurityScheme::Http(http.build())
    };
    match family {
        Family::InvoiceKey => {
            key("A wallet's invoice key: reads the wallet and receives. Also as the parameter api-key.")
        }
        Family::AdminKey => {
            key("A wallet's admin key: reads, receives, spends and manages the wallet. Also as the parameter api-key.")
        }
        Family::AnonymousKey => bearer(
            "The key of an anonymous session: the wallets of an account that nobody can log in to.",
            "ss_<8 hex>_<64 hex>",
        ),
        Family::AclToken => bearer(
            "A token of an access list: what the list names, within the token's own wallets, limits and expiry.",
            "at_<8 hex>_<64 hex>",
        ),
        Family::ApiKey => key(
            "A named API key, sk_<8 hex>_<64 hex>, also as a bearer token: what its scope names, within its own wallets, limits and expiry.",
        ),
        Family::Session => bearer(
            "A login's token: the account and all its wallets. On wallet routes, X-Wallet-Id names the wallet.",
            "JWT",
        ),
        Family::AdminSession => bearer("The login of an account that administers others.", "JWT"),
        Family::SuperUserSession => bearer("The super user's login.", "JWT"),
    }
}

/// The credentials that carry any of these rights.
fn accepted(rights: &[(&str, Right)]) -> Vec<SecurityRequirement> {
    if rights.iter().any(|(_, right)| *right == Right::Public) {
        return vec![SecurityRequirement::default()];
    }
    let carries = |family: &Family| rights.iter().any(|(_, right)| family.rights().contains(right));
    let families = Family::ALL.into_iter().filter(carries);
    families.map(|family| SecurityRequirement::new(scheme_name(family), std::iter::empty::<&str>())).collect()
}

/// An operation under description.
pub struct Sketch {
    operation: OperationBuilder,
    schemas: Schemas,
    path: &'static str,
}

impl Sketch {
    /// Begins with what the row itself says.
    pub fn new<P: Permission>(method: &Method, path: &'static str) -> Self {
        let words: Vec<&str> =
            path.split('/').filter(|word| !word.is_empty()).map(|word| word.trim_matches(['{', '}'])).collect();
        let id = format!("{}_{}", method.as_str().to_lowercase(), words.join("_").replace(['-', '.'], "_"));
        let operation = OperationBuilder::new().operation_id(Some(id)).securities(Some(accepted(P::RIGHTS)));
        let mut sketch = Self { operation, schemas: Vec::new(), path };
        if P::RIGHTS.iter().any(|(_, right)| *right != Right::Public) {
            sketch.problem();
        }
        sketch
    }

    /// The operation and the shapes it mentions.
    pub fn finish(self) -> (Operation, Schemas) {
        (self.operation.build(), self.schemas)
    }

    fn edit(&mut self, change: impl FnOnce(OperationBuilder) -> OperationBuilder) {
        self.operation = change(std::mem::take(&mut self.operation));
    }

    fn schema<T: ToSchema>(&mut self) -> RefOr<Schema> {
        T::schemas(&mut self.schemas);
        let schema = T::schema();
        if matches!(schema, RefOr::T(Schema::Array(_))) {
            return schema; // a list has no name of its own
        }
        self.schemas.push((T::name().into_owned(), schema));
        RefOr::Ref(Ref::from_schema_name(T::name()))
    }

    fn answer<T: ToSchema>(&mut self, status: &str) {
        let schema = self.schema::<T>();
        let response =
            ResponseBuilder::new().description("Done.").content("application/json", Content::new(Some(schema)));
        self.edit(|operation| operation.response(status, response));
    }

    fn problem(&mut self) {
        let schema = self.schema::<super::answer::ProblemBody>();
        let problem = ResponseBuilder::new().description("What went wrong, and what to change.");
        let problem = problem.content("application/json", Content::new(Some(schema)));
        self.edit(|operation| operation.response("default", problem));
    }

    fn parameter(&mut self, name: &str, of: Type, place: ParameterIn, about: &str) {
        let required = if place == ParameterIn::Path { Required::True } else { Required::False };
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(required)
            .description(Some(about))
            .schema(Some(ObjectBuilder::new().schema_type(of)));
        self.edit(|operation| operation.parameter(parameter));
    }
}

/// A list of handler arguments that begins with `Caller<P>`.
pub trait Arguments<P> {
    /// Tells the sketch about each.
    fn describe(sketch: &mut Sketch);
}

/// One handler argument, as the documentation sees it.
pub trait Argument {
    /// Tells the sketch.
    fn describe(sketch: &mut Sketch);
}

/// What a handler answers, as the documentation sees it.
pub trait Answer {
    /// Tells the sketch.
    fn describe(sketch: &mut Sketch);
}

macro_rules! arguments {
    ($($arg:ident)*) => {
        impl<P: Permission, $($arg: Argument),*> Arguments<P> for (Caller<P>, $($arg,)*) {
            fn describe(sketch: &mut Sketch) {
                let _ = &sketch; // the list may be empty
                $($arg::describe(sketch);)*
            }
        }
    };
}
arguments!();
arguments!(A);
arguments!(A B);
arguments!(A B C);
arguments!(A B C D);
arguments!(A B C D E);

macro_rules! silent_argument {
    ($($(#[$bound:meta])* $type:ty),*) => { $(impl Argument for $type { fn describe(_: &mut Sketch) {} })* };
}
silent_argument!(actix_web::HttpRequest, web::Payload);

impl<T: 'static> Argument for web::Data<T> {
    fn describe(_: &mut Sketch) {}
}
/// Who calls may matter to a route that anybody may call.
impl<P: Permission> Argument for Option<Caller<P>> {
    fn describe(sketch: &mut Sketch) {
        let mut securities = vec![SecurityRequirement::default()];
        securities.extend(accepted(P::RIGHTS));
        sketch.edit(|operation| operation.securities(Some(securities)));
    }
}
impl<T: ToSchema> Argument for Body<T> {
    fn describe(sketch: &mut Sketch) {
        let schema = sketch.schema::<T>();
        let body = RequestBodyBuilder::new()
            .content("application/json", Content::new(Some(schema)))
            .required(Some(Required::True));
        sketch.edit(|operation| operation.request_body(Some(body.build())));
    }
}
impl Argument for RawBody {
    fn describe(sketch: &mut Sketch) {
        let any = Content::new(Some(ObjectBuilder::new().schema_type(Type::Object)));
        let body = RequestBodyBuilder::new().content("application/json", any).required(Some(Required::False));
        sketch.edit(|operation| operation.request_body(Some(body.build())));
    }
}
impl<T: IntoParams> Argument for Params<T> {
    fn describe(sketch: &mut Sketch) {
        sketch.edit(|operation| operation.parameters(Some(T::into_params(|| Some(ParameterIn::Query)))));
    }
}
impl<T> Argument for PathPart<T> {
    fn describe(sketch: &mut Sketch) {
        let names = sketch.path.split(['{', '}']).skip(1).step_by(2);
        if let Some(name) = names.map(|name| name.split(':').next().unwrap_or(name)).next() {
            sketch.parameter(name, Type::String, ParameterIn::Path, "");
        }
    }
}
impl<A, B> Argument for PathParts<A, B> {
    fn describe(sketch: &mut Sketch) {
        for name in sketch.path.split(['{', '}']).skip(1).step_by(2) {
            sketch.parameter(name, Type::String, ParameterIn::Path, "");
        }
    }
}
impl<L: Listable> Argument for List<L> {
    fn describe(sketch: &mut Sketch) {
        let sortable: Vec<_> = L::FIELDS.0.iter().filter(|field| field.sort).map(|field| field.name).collect();
        sketch.parameter(
            "limit",
            Type::Integer,
            ParameterIn::Query,
            "Records of a page: 10 unless said, 1000 at most.",
        );
        sketch.parameter("offset", Type::Integer, ParameterIn::Query, "Records to skip.");
        sketch.parameter("sortby", Type::String, ParameterIn::Query, &format!("One of: {}.", sortable.join(", ")));
        sketch.parameter("direction", Type::String, ParameterIn::Query, "asc or desc.");
        sketch.parameter("search", Type::String, ParameterIn::Query, "Text that any of the main fields contains.");
        for field in L::FIELDS.0.iter().filter(|field| field.filter) {
            let about = "Also with an operator: field[eq|ne|gt|lt|ge|le|like|in|ex|every|any].";
            sketch.parameter(field.name, Type::String, ParameterIn::Query, about);
        }
    }
}
impl<T: ToSchema> Answer for web::Json<T> {
    fn describe(sketch: &mut Sketch) {
        sketch.answer::<T>("200");
    }
}
impl<T: ToSchema> Answer for super::answer::Created<T> {
    fn describe(sketch: &mut Sketch) {
        sketch.answer::<T>("201");
    }
}
impl<T: ToSchema> Answer for super::answer::LoggedIn<T> {
    fn describe(sketch: &mut Sketch) {
        sketch.answer::<T>("200");
    }
}
impl Answer for super::answer::Page {
    fn describe(sketch: &mut Sketch) {
        sketch.edit(|operation| operation.response("200", ResponseBuilder::new().description("A page or a file.")));
    }
}
impl Answer for super::site::Part {
    fn describe(sketch: &mut Sketch) {
        sketch.edit(|operation| operation.response("200", ResponseBuilder::new().description("A page or a file.")));
    }
}
impl Answer for super::answer::Download {
    fn describe(sketch: &mut Sketch) {
        let binary = ObjectBuilder::new().schema_type(Type::String);
        let content = Content::new(Some(RefOr::T(Schema::Object(binary.build()))));
        let file = ResponseBuilder::new().description("A file.").content("application/octet-stream", content);
        sketch.edit(|operation| operation.response("200", file));
    }
}
impl Answer for super::answer::EventStream {
    fn describe(sketch: &mut Sketch) {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let content = Content::new(Some(RefOr::T(Schema::Object(text.build()))));
        let events = ResponseBuilder::new().description("Server-sent events.").content("text/event-stream", content);
        sketch.edit(|operation| operation.response("200", events));
    }
}
impl Answer for super::files::File {
    fn describe(sketch: &mut Sketch) {
        sketch.edit(|operation| operation.response("200", ResponseBuilder::new().description("A file.")));
    }
}
impl Answer for super::files::Streamed {
    fn describe(sketch: &mut Sketch) {
        sketch.edit(|operation| operation.response("200", ResponseBuilder::new().description("A file.")));
    }
}
impl<const STATUS: u16> Answer for super::answer::Elsewhere<STATUS> {
    fn describe(sketch: &mut Sketch) {
        let response = ResponseBuilder::new().description("Sends the browser on.");
        sketch.edit(|operation| operation.response(STATUS.to_string(), response));
    }
}
impl Answer for super::answer::Switched {
    fn describe(sketch: &mut Sketch) {
        sketch.edit(|operation| operation.response("101", ResponseBuilder::new().description("A websocket.")));
    }
}
impl<T: Answer, E> Answer for Result<T, E> {
    fn describe(sketch: &mut Sketch) {
        T::describe(sketch);
        sketch.problem();
    }
}
