//! The cart: what a visitor sends is what the shop keeps, and what goes well with it.

use std::thread;
use std::time::Duration;

/// How many visits the shop must have seen before it suggests anything.
const VISITS_TO_LEARN_FROM: u64 = 32;

/// How long the ranking of the suggestions takes.
const RANKING: Duration = Duration::from_millis(4);

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

/// What the shop may suggest, best first.
const SUGGESTIONS: [&str; 19] = [
    "rye with walnuts",
    "spelt rolls",
    "sourdough",
    "poppy seed plait",
    "onion bread",
    "pretzels",
    "baguette",
    "ciabatta",
    "focaccia",
    "crispbread",
    "pumpernickel",
    "brioche",
    "raisin buns",
    "apple turnover",
    "cheese straws",
    "cinnamon whirl",
    "plum cake",
    "hazelnut twist",
    "oat biscuits",
];

/// The suggestion for the visitor number `visit`; none until the shop has learnt enough.
pub fn suggestion(visit: u64) -> Option<&'static str> {
    if visit <= VISITS_TO_LEARN_FROM {
        return None;
    }
    let rank = rank_for(visit);
    Some(SUGGESTIONS[rank])
}

/// The place in the ranking that this visitor is shown, so that all are seen equally often.
fn rank_for(visit: u64) -> usize {
    thread::sleep(RANKING);
    (visit % 20) as usize
}
