//! Pictures that users keep here. The type is read off the file, sizes are bounded, and what is kept and served is a
//! file that this server wrote.

use std::sync::Arc;

use super::{Keepsakes, picture};
use crate::{
    domain::{
        AccountId,
        asset::{AssetInfo, AssetKind},
        filter::Listing,
        ids::to_hex,
    },
    store::{Refusal, StoreError},
};

/// The longest name of a file, in characters.
const NAME_MAX: usize = 256;
/// Written anew, a file may become so many times as large.
const GROWTH: u64 = 4;

/// A file that somebody sends.
pub struct Upload {
    /// Whose it becomes.
    pub account: AccountId,
    /// May he keep as many as he likes?
    pub unlimited: bool,
    /// Its name.
    pub name: String,
    /// What he says that it is.
    pub mime: String,
    /// May everybody see it?
    pub is_public: bool,
    /// What is in it.
    pub data: Vec<u8>,
}

/// Why a file is not kept, or not changed.
#[derive(Debug, thiserror::Error)]
pub enum KeepsakeError {
    /// It is not allowed. The text is for people.
    #[error("{0}")]
    Refused(String),
    /// There is none such.
    #[error("Asset not found.")]
    Missing,
    /// The database is not available, or objects.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Keepsakes {
    /// The largest file that is taken, in bytes.
    pub fn max_bytes(&self) -> u64 {
        self.settings.limits().assets.max_bytes
    }

    /// Refuses a type of file before the file is read.
    ///
    /// # Errors
    /// When it is not taken.
    pub fn check_type(&self, mime: &str) -> Result<AssetKind, KeepsakeError> {
        let taken = self.settings.limits().assets.takes(mime);
        let shown: String = mime.chars().take(100).collect();
        AssetKind::named(mime)
            .filter(|_| taken)
            .ok_or_else(|| KeepsakeError::Refused(format!("File type '{shown}' not allowed.")))
    }

    /// The refusal of a file that is too large.
    pub fn too_large(&self) -> KeepsakeError {
        KeepsakeError::Refused(format!("File limit of {}MB exceeded.", self.settings.limits().assets.size_mb()))
    }

    /// Keeps a picture.
    ///
    /// # Errors
    /// When it is not taken, or the database is not available.
    pub async fn keep(&self, upload: Upload) -> Result<AssetInfo, KeepsakeError> {
        let declared = self.check_type(&upload.mime)?;
        let policy = self.settings.kept_limits().assets.clone();
        if u64::try_from(upload.data.len()).unwrap_or(u64::MAX) > policy.max_bytes {
            return Err(self.too_large());
        }
        let most = (!upload.unlimited && !policy.unlimited.contains(&upload.account)).then_some(policy.most_per_user);
        let other = |detected: Option<AssetKind>| {
            let detected = detected.map_or("nothing known", AssetKind::mime);
            KeepsakeError::Refused(format!(
                "Image file content does not match declared file type. Declared: '{}', detected: '{detected}'.",
                upload.mime
            ))
        };
        let detected = picture::sniffed(&upload.data);
        if detected != Some(declared) {
            return Err(other(detected));
        }
        let side = |pixels: i64| u32::try_from(pixels).unwrap_or(1);
        let size = (side(policy.thumbnail_width), side(policy.thumbnail_height));
        let stopped = || KeepsakeError::Refused("The server is stopping.".to_owned());
        let turn = Arc::clone(&self.decoding).acquire_owned().await.map_err(|_| stopped())?;
        let (file, thumbnail) = (upload.data, policy.thumbnail);
        let work = tokio::task::spawn_blocking(move || {
            let picture = picture::rewritten(&file, declared, thumbnail, size);
            drop(turn);
            picture
        });
        let unreadable = |error: &dyn std::fmt::Display| {
            KeepsakeError::Refused(format!("Image file content cannot be read: {error}."))
        };
        let picture = work.await.map_err(|error| unreadable(&error))?.map_err(|error| unreadable(&error))?;
        let size = u64::try_from(picture.data.len()).unwrap_or(u64::MAX);
        if size > policy.max_bytes.saturating_mul(GROWTH) {
            return Err(self.too_large());
        }
        let info = AssetInfo {
            id: to_hex(&self.clock.uuid()),
            account_id: upload.account,
            mime_type: declared.mime().to_owned(),
            name: shown_name(&upload.name),
            is_public: upload.is_public,
            size_bytes: i64::try_from(size).unwrap_or(i64::MAX),
            thumbnail: picture.thumbnail,
            thumbnail_type: thumbnail.mime().to_owned(),
            created_at: self.clock.now(),
        };
        match self.store.asset_create(info.clone(), picture.data, most).await {
            Ok(()) => Ok(info),
            Err(StoreError::Refused(Refusal::Taken(_))) => {
                Err(KeepsakeError::Refused(format!("Max upload count of {} exceeded.", policy.most_per_user)))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A page of an account's pictures, and how many it has.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn page(&self, account: &AccountId, listing: Listing) -> Result<(Vec<AssetInfo>, i64), KeepsakeError> {
        Ok(self.store.asset_page(account.clone(), listing).await?)
    }

    /// A picture that this account, or anybody, may see. Nobody is told whether there is one that he may not.
    ///
    /// # Errors
    /// When there is none such, or the database is not available.
    pub async fn find(&self, id: &str, viewer: Option<&AccountId>, public: bool) -> Result<AssetInfo, KeepsakeError> {
        let found = self.store.asset_find(id.to_owned()).await?;
        let visible = |asset: &AssetInfo| viewer == Some(&asset.account_id) || (public && asset.is_public);
        found.filter(visible).ok_or(KeepsakeError::Missing)
    }

    /// The file itself.
    ///
    /// # Errors
    /// When it is gone, or the database is not available.
    pub async fn data(&self, asset: &AssetInfo) -> Result<Vec<u8>, KeepsakeError> {
        self.store.asset_data(asset.id.clone()).await?.ok_or(KeepsakeError::Missing)
    }

    /// Changes what a picture is called and who sees it. `anybody` may change everybody's.
    ///
    /// # Errors
    /// When there is none such, or the database is not available.
    pub async fn change(
        &self,
        id: &str,
        account: &AccountId,
        anybody: bool,
        (name, is_public): (Option<String>, Option<bool>),
    ) -> Result<AssetInfo, KeepsakeError> {
        let found = self.store.asset_find(id.to_owned()).await?;
        let mut asset = found.filter(|asset| anybody || asset.account_id == *account).ok_or(KeepsakeError::Missing)?;
        asset.name = name.map_or(asset.name, |name| shown_name(&name));
        asset.is_public = is_public.unwrap_or(asset.is_public);
        if self.store.asset_update(asset.id.clone(), asset.name.clone(), asset.is_public).await? {
            Ok(asset)
        } else {
            Err(KeepsakeError::Missing)
        }
    }

    /// Throws a picture of this account away.
    ///
    /// # Errors
    /// When it has none such, or the database is not available.
    pub async fn throw_away(&self, id: &str, account: &AccountId) -> Result<(), KeepsakeError> {
        if self.store.asset_delete(account.clone(), id.to_owned()).await? {
            Ok(())
        } else {
            Err(KeepsakeError::Missing)
        }
    }
}

/// A file's name without folders and what nobody can read.
fn shown_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect();
    if name.trim().is_empty() { "unnamed".to_owned() } else { name }
}
