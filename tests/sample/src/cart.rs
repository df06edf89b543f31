//! The cart: what a visitor sends is what the shop keeps.

/// The content of a cart as it was sent.
pub struct Cart {
    /// The bytes of the request body.
    pub content: Vec<u8>,
    /// Media type of the content.
    pub media_type: String,
}

impl Cart {
    /// A cart with this content; without a media type it is plain bytes.
    pub fn new(content: Vec<u8>, media_type: Option<&str>) -> Self {
        Self {
            content,
            media_type: media_type.unwrap_or("application/octet-stream").to_owned(),
        }
    }
}
