//! What the super user has to look at.

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    House,
    body::{Body, List, Listable, PathPart},
    lenient,
    permission::{Caller, SuperUser},
    problem::Problem,
    route::{Route, route},
    shapes::PageOf,
};
use crate::{
    domain::filter::Fields,
    ledger::{ALARMS, Alarm},
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/admin/api/v1/alarms", SuperUser, list)
            .doc("Lists alarms by pages, newest first; `acknowledged=false` gives those that are open."),
        route(Method::PUT, "/admin/api/v1/alarms/{alarm_id}", SuperUser, acknowledge).doc(
            "Acknowledges an alarm.\n\
            An alarm that names a funding source stops every payment through it, until it is acknowledged. Look first \
            whether the node does what it says. Whoever acknowledges first is on record; doing it again changes nothing.",
        ),
    ]
}

/// Alarms can be listed.
struct OfAlarms;
impl Listable for OfAlarms {
    const FIELDS: &'static Fields = &ALARMS;
}

/// Something that a person has to look at.
#[derive(Serialize, ToSchema)]
#[schema(as = Alarm)]
struct AlarmShape {
    id: i64,
    /// `fee_above_limit`, `late_success`, `paid_twice`, `restored`, `unrecorded` or `hold_stuck`.
    kind: &'static str,
    /// The funding source that sends nothing more until this is acknowledged; null when it stops none.
    source: Option<String>,
    /// Which payment it is about.
    payment_hash: Option<String>,
    /// What happened, for people.
    detail: String,
    created_at: String,
    acknowledged: bool,
    acknowledged_at: Option<String>,
    /// The account that took note.
    acknowledged_by: Option<String>,
    /// What was written about it then.
    note: Option<String>,
}

impl From<Alarm> for AlarmShape {
    fn from(alarm: Alarm) -> Self {
        Self {
            id: alarm.id,
            kind: alarm.kind.as_str(),
            source: alarm.source,
            payment_hash: alarm.payment_hash.map(|hash| hash.to_string()),
            detail: alarm.detail,
            created_at: alarm.created_at.to_string(),
            acknowledged: alarm.acknowledged_at.is_some(),
            acknowledged_at: alarm.acknowledged_at.map(|at| at.to_string()),
            acknowledged_by: alarm.acknowledged_by.map(|by| by.to_string()),
            note: alarm.note,
        }
    }
}

#[derive(Deserialize, ToSchema)]
struct Acknowledge {
    /// Only true: what somebody saw cannot be made unseen.
    #[serde(deserialize_with = "lenient::flag")]
    acknowledged: bool,
    /// What there is to say about it; at most 1000 characters.
    #[serde(default, deserialize_with = "lenient::opt_text_up_to::<_, 1000>")]
    note: Option<String>,
}

async fn list(
    _: Caller<SuperUser>,
    house: Data<House>,
    listing: List<OfAlarms>,
) -> Result<Json<PageOf<AlarmShape>>, Problem> {
    let (alarms, total) = house.ledger.alarms(listing.into_inner()).await?;
    Ok(Json(PageOf { data: alarms.into_iter().map(AlarmShape::from).collect(), total }))
}

async fn acknowledge(
    Caller(principal): Caller<SuperUser>,
    house: Data<House>,
    PathPart(id): PathPart<i64>,
    Body(asked): Body<Acknowledge>,
) -> Result<Json<AlarmShape>, Problem> {
    if !asked.acknowledged {
        return Err(Problem::field("acknowledged", "unexpected value; permitted: true", "value_error.const"));
    }
    Ok(Json(house.ledger.acknowledge(id, principal.account.clone(), asked.note).await?.into()))
}
