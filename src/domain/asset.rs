//! Pictures that users keep here: avatars and the like.

use std::collections::BTreeSet;

use diesel::prelude::{Insertable, Queryable, Selectable};

use super::{AccountId, Time};

/// Types of pictures that the server can read and write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssetKind {
    /// Portable Network Graphics.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    Webp,
}

impl AssetKind {
    /// The type of this name: `image/jpeg`, `jpg`.
    pub fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().trim_start_matches("image/") {
            "png" => Some(Self::Png),
            "jpeg" | "jpg" => Some(Self::Jpeg),
            "webp" => Some(Self::Webp),
            _ => None,
        }
    }

    /// Its media type.
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }

    /// The end of a file's name.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Webp => "webp",
        }
    }
}

/// What the operator allows of pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetPolicy {
    /// The largest file, in bytes.
    pub max_bytes: u64,
    /// Media types that are taken.
    pub types: Vec<String>,
    /// The most that a small copy is wide, in pixels.
    pub thumbnail_width: i64,
    /// The most that it is high.
    pub thumbnail_height: i64,
    /// Its type.
    pub thumbnail: AssetKind,
    /// How many a user keeps.
    pub most_per_user: i64,
    /// Users with as many as they like.
    pub unlimited: BTreeSet<AccountId>,
}

impl Default for AssetPolicy {
    fn default() -> Self {
        Self {
            max_bytes: 2_500_000,
            types: ["image/png", "image/jpeg", "image/jpg", "image/webp"].map(str::to_owned).to_vec(),
            thumbnail_width: 128,
            thumbnail_height: 128,
            thumbnail: AssetKind::Png,
            most_per_user: 10,
            unlimited: BTreeSet::new(),
        }
    }
}

impl AssetPolicy {
    /// The largest file, in megabytes.
    pub fn size_mb(&self) -> f64 {
        u32::try_from(self.max_bytes).map_or(0.0, f64::from) / 1e6
    }

    /// Sets the largest file, in megabytes.
    pub fn set_size_mb(&mut self, mb: f64) {
        self.max_bytes = format!("{:.0}", mb * 1e6).parse().unwrap_or_default();
    }

    /// Is this media type among those that are taken?
    pub fn takes(&self, mime: &str) -> bool {
        self.types.iter().any(|taken| taken.trim().eq_ignore_ascii_case(mime))
    }
}

/// What is known of a picture, without the picture.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = crate::store::schema::assets, treat_none_as_default_value = false)]
pub struct AssetInfo {
    /// Names it.
    pub id: String,
    /// Whose.
    pub account_id: AccountId,
    /// Its media type.
    pub mime_type: String,
    /// The file's name.
    pub name: String,
    /// May everybody see it?
    pub is_public: bool,
    /// Its size.
    pub size_bytes: i64,
    /// A small copy.
    pub thumbnail: Vec<u8>,
    /// The small copy's media type.
    pub thumbnail_type: String,
    /// When it came.
    pub created_at: Time,
}
