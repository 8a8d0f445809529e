//! What the super user decides while the server runs.

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{ObjectBuilder, SchemaType, Type},
    },
};

use super::{
    House,
    body::{Body, Params},
    permission::{Caller, SuperUser},
    problem::{FieldError, Problem, store_problem},
    route::{Route, route},
};
use crate::settings::{Secrecy, SettingsError, table};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/admin/api/v1/settings", SuperUser, read)
            .doc("Reads all settings.\nA secret is `\"set\"` or null; its value is never answered."),
        route(Method::PUT, "/admin/api/v1/settings", SuperUser, change).doc(
            "Changes settings; those that are not named stay as they are.\n\
            All that is named is set, or nothing of it: an unknown name, a wrong value and settings that contradict \
            each other are refused. Null clears a value; where null is none, the default holds again. A list is also \
            taken as one text with commas. What holds at once does so on every server of this database within a \
            second.",
        ),
        route(Method::PATCH, "/admin/api/v1/settings", SuperUser, change).doc("The same as PUT."),
        route(Method::DELETE, "/admin/api/v1/settings", SuperUser, reset)
            .doc("Gives every setting its default again, but for the funding source and the keys of web push."),
        route(Method::GET, "/admin/api/v1/settings/default", SuperUser, default)
            .doc("Reads the default of a setting: what the server was started with."),
    ]
}

/// Values by the names of their settings.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct SettingsShape(Map<String, Value>);

impl PartialSchema for SettingsShape {
    fn schema() -> RefOr<Schema> {
        let mut object = ObjectBuilder::new();
        for key in table::keys() {
            let kind = match key.kind.json_type() {
                "boolean" => Type::Boolean,
                "integer" => Type::Integer,
                "number" => Type::Number,
                "array" => Type::Array,
                "object" => Type::Object,
                _ => Type::String,
            };
            // one that is never shown again is null as long as nobody has set it
            let kind = match (kind, key.nullable || key.secrecy == Secrecy::Secret) {
                (kind, false) => SchemaType::Type(kind),
                (kind, true) => SchemaType::Array(vec![kind, Type::Null]),
            };
            let text = format!("{} ({}; {})", key.doc, key.kind.describe(), key.effect.describe());
            object = object.property(key.name, ObjectBuilder::new().schema_type(kind).description(Some(text)));
        }
        object.into()
    }
}

impl ToSchema for SettingsShape {
    fn name() -> std::borrow::Cow<'static, str> {
        "Settings".into()
    }
}

/// That it was done.
#[derive(Serialize, ToSchema)]
#[schema(as = SettingsChanged)]
struct Changed {
    /// `Success`.
    status: &'static str,
}

#[derive(Deserialize, IntoParams)]
struct Named {
    /// The setting.
    #[serde(default)]
    field_name: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SettingDefault)]
struct DefaultShape {
    /// A secret is `"set"` or null.
    default_value: Value,
}

async fn read(_: Caller<SuperUser>, house: Data<House>) -> Json<SettingsShape> {
    let mut shown = house.settings.shown();
    shown.insert("is_super_user".into(), true.into());
    shown.insert("lnbits_allowed_funding_sources".into(), json!(crate::sources::classes()));
    Json(SettingsShape(shown))
}

async fn change(
    _: Caller<SuperUser>,
    house: Data<House>,
    Body(SettingsShape(given)): Body<SettingsShape>,
) -> Result<Json<Changed>, Problem> {
    house.settings.change(&given).await?;
    Ok(Json(Changed { status: "Success" }))
}

async fn reset(_: Caller<SuperUser>, house: Data<House>) -> Result<Json<Value>, Problem> {
    house.settings.reset().await?;
    Ok(Json(Value::Null))
}

async fn default(
    _: Caller<SuperUser>,
    house: Data<House>,
    Params(asked): Params<Named>,
) -> Result<Json<DefaultShape>, Problem> {
    let name = asked.field_name.unwrap_or_default();
    let default_value = house.settings.default_of(&name);
    let default_value = default_value.ok_or_else(|| Problem::invalid(format!("There is no setting {name:?}.")))?;
    Ok(Json(DefaultShape { default_value }))
}

impl From<SettingsError> for Problem {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::Wrong(faults) => Self::fields(
                faults
                    .into_iter()
                    .map(|fault| FieldError {
                        loc: vec!["body".into(), fault.name.into()],
                        kind: if fault.unknown { "value_error.extra" } else { "value_error" }.to_owned(),
                        msg: fault.text,
                    })
                    .collect(),
            ),
            SettingsError::Busy => Self::invalid(error.to_string()),
            SettingsError::Store(store) => store_problem(store.is_unavailable(), &store.to_string()),
        }
    }
}
