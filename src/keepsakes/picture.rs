//! Pictures, read and written anew: what is kept is what this server wrote, whatever else was in the file.

use std::io::Cursor;

use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
};

use crate::domain::asset::AssetKind;

/// The most that a picture is wide and high, in pixels.
const SIDE_MAX: u32 = 4096;
/// The most memory that decoding one takes, in bytes.
const MEMORY_MAX: u64 = 160 * 1024 * 1024;
/// Quality of JPEG files, of 100.
const QUALITY: u8 = 88;

/// A picture as it is kept.
pub(super) struct Picture {
    /// The file.
    pub(super) data: Vec<u8>,
    /// A small copy.
    pub(super) thumbnail: Vec<u8>,
}

/// What the first bytes of a file say that it is.
pub(super) fn sniffed(file: &[u8]) -> Option<AssetKind> {
    match image::guess_format(file).ok()? {
        ImageFormat::Png => Some(AssetKind::Png),
        ImageFormat::Jpeg => Some(AssetKind::Jpeg),
        ImageFormat::WebP => Some(AssetKind::Webp),
        _ => None,
    }
}

/// Reads a file of this type and writes it anew, with a small copy beside it. To be called on a thread that may block.
///
/// # Errors
/// When it cannot be read, or is too large.
pub(super) fn rewritten(
    file: &[u8],
    kind: AssetKind,
    thumbnail: AssetKind,
    (width, height): (u32, u32),
) -> Result<Picture, ImageError> {
    let mut reader = ImageReader::with_format(Cursor::new(file), format(kind));
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(MEMORY_MAX);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    // what the camera noted of how it was held goes with the rest of its notes
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    let small = image.thumbnail(width.max(1), height.max(1));
    Ok(Picture { data: written(&image, kind)?, thumbnail: written(&small, thumbnail)? })
}

fn format(kind: AssetKind) -> ImageFormat {
    match kind {
        AssetKind::Png => ImageFormat::Png,
        AssetKind::Jpeg => ImageFormat::Jpeg,
        AssetKind::Webp => ImageFormat::WebP,
    }
}

fn written(image: &DynamicImage, kind: AssetKind) -> Result<Vec<u8>, ImageError> {
    let mut file = Vec::new();
    // eight bits for each colour are enough, and all that two of the three types know
    match kind {
        AssetKind::Png => DynamicImage::from(image.to_rgba8()).write_with_encoder(PngEncoder::new(&mut file))?,
        AssetKind::Jpeg => {
            let encoder = JpegEncoder::new_with_quality(&mut file, QUALITY);
            DynamicImage::from(image.to_rgb8()).write_with_encoder(encoder)?;
        }
        AssetKind::Webp => {
            DynamicImage::from(image.to_rgba8()).write_with_encoder(WebPEncoder::new_lossless(&mut file))?;
        }
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, RgbaImage};

    use super::{AssetKind, rewritten, sniffed, written};

    #[test]
    fn every_type_is_read_and_written() {
        let image = DynamicImage::from(RgbaImage::from_pixel(300, 100, [200, 10, 10, 255].into()));
        for kind in [AssetKind::Png, AssetKind::Jpeg, AssetKind::Webp] {
            let mut file = written(&image, kind).unwrap();
            assert_eq!(sniffed(&file), Some(kind));
            file.extend_from_slice(b"<script>alert(1)</script>");
            let picture = rewritten(&file, kind, AssetKind::Png, (30, 30)).unwrap();
            assert_eq!(sniffed(&picture.data), Some(kind));
            assert!(!picture.data.windows(8).any(|bytes| bytes == b"<script>"));
            let small = image::load_from_memory(&picture.thumbnail).unwrap();
            assert_eq!((small.width(), small.height()), (30, 10));
        }
        assert_eq!(sniffed(b"<svg/>"), None);
        assert!(rewritten(b"\x89PNG\r\n\x1a\nrest", AssetKind::Png, AssetKind::Png, (1, 1)).is_err());
        let wide = DynamicImage::from(RgbaImage::new(5000, 1));
        assert!(rewritten(&written(&wide, AssetKind::Png).unwrap(), AssetKind::Png, AssetKind::Png, (1, 1)).is_err());
    }
}
