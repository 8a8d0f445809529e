//! Sharing a wallet as LNbits clients do: an invitation, a mirror wallet, and permissions.

use actix_web::{
    http::Method,
    web::{Data, Json},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    House,
    body::{Body, PathPart},
    lenient,
    permission::{Account, Caller, WalletCaller, WalletShare},
    problem::Problem,
    route::{Route, route},
    shapes::WalletShape,
};
use crate::{
    accounts::{WalletView, WalletWithKeys, policy::Principal},
    domain::share::{OpenShare, Share, ShareRights, ShareStatus},
};

pub fn routes() -> Vec<Route> {
    vec![
        route(Method::PUT, "/api/v1/wallet/share/invite", WalletShare, invite).doc(
            "Invites somebody to use the wallet, by user name or by an e-mail that he proved to be his.\n\
            He sees the invitation in his account and accepts it by making a wallet of the type `lightning-shared`.",
        ),
        route(Method::DELETE, "/api/v1/wallet/share/invite/{request_id}", Account, reject)
            .doc("Declines an invitation to somebody's wallet."),
        route(Method::PUT, "/api/v1/wallet/share", WalletShare, update)
            .doc("Changes what somebody may do with the wallet, and lets him do it again."),
        route(Method::DELETE, "/api/v1/wallet/share/{request_id}", WalletShare, revoke)
            .doc("Ends somebody's share of the wallet, and the wallet that mirrors it."),
    ]
}

/// Somebody who was invited to a wallet.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = WalletShare)]
pub struct ShareShape {
    /// Names the invitation.
    request_id: String,
    /// As the owner called him.
    username: String,
    /// The wallet that mirrors this one, once he has one.
    shared_with_wallet_id: Option<String>,
    /// `view-payments`, `receive-payments`, `send-payments`.
    permissions: Vec<&'static str>,
    /// `invite_sent` or `approved`.
    status: &'static str,
    /// Always null here.
    comment: Option<String>,
}

impl ShareShape {
    fn of(share: &Share) -> Self {
        Self {
            request_id: share.request_id(),
            username: share.invitee.clone(),
            shared_with_wallet_id: share.mirror_wallet_id.as_ref().map(ToString::to_string),
            permissions: share.rights().permissions(),
            // who declined stays in the list as invited, as with LNbits, so that he is not asked over and over
            status: if share.status == ShareStatus::Active { "approved" } else { "invite_sent" },
            comment: None,
        }
    }
}

#[derive(Deserialize, ToSchema)]
struct NewShare {
    /// User name or e-mail.
    #[serde(default, deserialize_with = "lenient::opt_text_up_to::<_, 200>")]
    username: Option<String>,
    /// `view-payments`, `receive-payments`, `send-payments`.
    #[serde(default)]
    permissions: Vec<String>,
}

#[derive(Deserialize, ToSchema)]
struct ChangedShare {
    /// The wallet that mirrors this one.
    #[serde(default, deserialize_with = "lenient::opt_text")]
    shared_with_wallet_id: Option<String>,
    /// `view-payments`, `receive-payments`, `send-payments`.
    #[serde(default)]
    permissions: Vec<String>,
}

#[derive(Serialize, ToSchema)]
struct Done {
    success: bool,
    message: &'static str,
}

/// In LNbits an unknown permission is a failure of the server; here it is a wrong value.
fn rights(permissions: &[String]) -> Result<ShareRights, Problem> {
    ShareRights::of_permissions(permissions).map_err(|_| {
        let text = "unexpected value; permitted: 'view-payments', 'receive-payments', 'send-payments'";
        Problem::field("permissions", text, "type_error.enum")
    })
}

async fn invite(
    Caller(caller): Caller<WalletShare>,
    house: Data<House>,
    Body(new): Body<NewShare>,
) -> Result<Json<ShareShape>, Problem> {
    let (name, rights) = (new.username.unwrap_or_default(), rights(&new.permissions)?);
    let share = house.accounts.share_wallet(&caller.principal, &caller.wallet, &name, rights).await?;
    Ok(Json(ShareShape::of(&share)))
}

async fn reject(
    Caller(principal): Caller<Account>,
    house: Data<House>,
    PathPart(request): PathPart<String>,
) -> Result<Json<Done>, Problem> {
    house.accounts.answer_invitation(&principal, &request, false).await?;
    Ok(Json(Done { success: true, message: "Invitation rejected." }))
}

async fn update(
    Caller(caller): Caller<WalletShare>,
    house: Data<House>,
    Body(new): Body<ChangedShare>,
) -> Result<Json<ShareShape>, Problem> {
    let (mirror, rights) = (new.shared_with_wallet_id.as_deref(), rights(&new.permissions)?);
    let share = house.accounts.change_share(&caller.principal, &caller.wallet, mirror, rights).await?;
    Ok(Json(ShareShape::of(&share)))
}

async fn revoke(
    Caller(caller): Caller<WalletShare>,
    house: Data<House>,
    PathPart(request): PathPart<String>,
) -> Result<Json<Done>, Problem> {
    let mirrored = house.accounts.end_share(&caller.principal, &caller.wallet, &request).await?;
    let message = if mirrored { "Permission removed." } else { "Permission removed. Target wallet not found." };
    Ok(Json(Done { success: true, message }))
}

/// A wallet as one of those who use it sees it.
pub fn view(view: WalletView, principal: &Principal) -> WalletShape {
    let mut shape = WalletShape::seen(view.opened, principal.sight);
    if let Some(object) = shape.extra.as_object_mut() {
        object.insert("shared_with".to_owned(), json!(view.members.iter().map(ShareShape::of).collect::<Vec<_>>()));
    }
    if let Some(shared) = view.shared {
        shape.share_permissions = shared.rights.permissions().into_iter().map(str::to_owned).collect();
        if shape.id == shared.source.as_str() {
            shape.mask();
        }
        shape.shared_by(shared.source.to_string());
    }
    shape
}

/// All wallets that a principal reaches.
pub async fn views(house: &House, principal: &Principal) -> Result<Vec<WalletShape>, Problem> {
    let views = house.accounts.wallet_views(principal).await?;
    Ok(views.into_iter().map(|seen| view(seen, principal)).collect())
}

/// Some of an account's own wallets.
pub async fn own_views(
    house: &House,
    principal: &Principal,
    own: Vec<WalletWithKeys>,
) -> Result<Vec<WalletShape>, Problem> {
    let views = house.accounts.viewed(principal, own).await?;
    Ok(views.into_iter().map(|seen| view(seen, principal)).collect())
}

/// The wallet that a caller acts on, as he sees it: somebody else's without its keys, its owner and its other members.
pub async fn acted_on(house: &House, opened: WalletWithKeys, caller: &WalletCaller) -> Result<WalletShape, Problem> {
    let principal = &caller.principal;
    if caller.wallet.through.is_none() {
        let members = house.accounts.members_of(&opened.wallet.id).await?;
        return Ok(view(WalletView { opened, shared: None, members }, principal));
    }
    let mut shape = WalletShape::seen(opened, principal.sight);
    shape.mask();
    shape.user = principal.account.to_string();
    shape.stored_paylinks = json!({ "links": [] });
    shape.shared_by(caller.wallet.id.to_string());
    Ok(shape)
}

/// The invitations that an account's profile shows.
pub async fn requests(house: &House, principal: &Principal) -> Result<Value, Problem> {
    let shown = |open: &OpenShare| {
        json!({
            "request_id": open.share.request_id(),
            "from_user_name": open.owner.username,
            "to_wallet_id": open.wallet.id.to_string(),
            "to_wallet_name": open.wallet.name,
        })
    };
    let invitations = house.accounts.invitations(&principal.account).await?;
    Ok(invitations.iter().map(shown).collect())
}
