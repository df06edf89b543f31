//! The kinds of errors that were seen, of either role, in a table that does not
//! grow beyond its places.

use crate::redact;
use crate::template::{Template, fnv};

/// Places for kinds that stable wrote first.
const MOST_OF_STABLE: usize = 80;

/// Places for kinds that the candidate wrote first. Its own, so that a stable
/// with many kinds does not hide what is new.
const MOST_OF_CANDIDATE: usize = 32;

/// Kinds of the candidate that keep samples, how many, and how long.
const MOST_SAMPLED: usize = 6;
const MOST_SAMPLES: usize = 3;
const SAMPLE_BYTES: usize = 160;

/// Bytes for the kinds of stable that got no place: a Bloom filter. It may say
/// that a kind is known which is not, never the other way round.
const BEYOND_BYTES: usize = 512;

/// One kind of error.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Print {
    pub(crate) template: Template,
    /// How often stable wrote it.
    pub(crate) stable: u32,
    /// How often the candidate wrote it.
    pub(crate) candidate: u32,
    /// ln E that it belongs to the candidate, from looks in which both carried
    /// traffic and only the candidate wrote it.
    pub(crate) evidence: f32,
    /// Its number among those that the candidate wrote first, from 1; 0 where
    /// stable was first.
    pub(crate) order: u8,
}

impl Print {
    pub(crate) fn is_new(&self) -> bool {
        self.stable == 0
    }
}

/// All kinds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Prints {
    pub(crate) list: Vec<Print>,
    pub(crate) beyond: [u8; BEYOND_BYTES],
    /// Errors of the candidate that got no place and that stable is not known
    /// to have.
    pub(crate) homeless: u64,
    /// Lines of kinds that the candidate wrote first, by the kind's place.
    pub(crate) samples: Vec<(u16, String)>,
}

impl Default for Prints {
    fn default() -> Prints {
        Prints {
            list: Vec::new(),
            beyond: [0; BEYOND_BYTES],
            homeless: 0,
            samples: Vec::new(),
        }
    }
}

/// What is known of a kind that was just seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its place in the table, or a number that stands for it.
    pub(crate) place: u16,
    /// Whether it has a place.
    pub(crate) is_placed: bool,
}

impl Prints {
    /// An error that stable wrote.
    pub(crate) fn see_stable(&mut self, template: &Template) -> Seen {
        let place = self.find(template).or_else(|| {
            let first = self.list.iter().filter(|print| print.order == 0).count();
            (first < MOST_OF_STABLE).then(|| self.add(template, 0))
        });
        match place {
            Some(place) => {
                let print = &mut self.list[place];
                print.stable = print.stable.saturating_add(1);
                Seen::placed(place)
            }
            None => {
                for bit in bits(template) {
                    self.beyond[bit / 8] |= 1 << (bit % 8);
                }
                Seen::homeless(template)
            }
        }
    }

    /// An error that the candidate wrote.
    pub(crate) fn see_candidate(&mut self, template: &Template, line: &str) -> Seen {
        let place = self.find(template).or_else(|| {
            if self.is_beyond(template) {
                return None;
            }
            let first = self.list.iter().filter(|print| print.order > 0).count();
            (first < MOST_OF_CANDIDATE).then(|| self.add(template, first as u8 + 1))
        });
        let Some(place) = place else {
            if !self.is_beyond(template) {
                self.homeless = self.homeless.saturating_add(1);
            }
            return Seen::homeless(template);
        };
        let print = &mut self.list[place];
        print.candidate = print.candidate.saturating_add(1);
        if print.is_new() {
            self.keep_sample(place as u16, line);
        }
        Seen::placed(place)
    }

    /// Whether stable was seen to write it, as far as there was a place.
    pub(crate) fn is_beyond(&self, template: &Template) -> bool {
        bits(template)
            .into_iter()
            .all(|bit| self.beyond[bit / 8] & (1 << (bit % 8)) != 0)
    }

    /// Samples of one kind.
    pub(crate) fn samples_of(&self, place: usize) -> impl Iterator<Item = &str> {
        let of = self.samples.iter();
        of.filter(move |(print, _)| usize::from(*print) == place)
            .map(|(_, text)| text.as_str())
    }

    fn keep_sample(&mut self, place: u16, line: &str) {
        let of = self.samples.iter().filter(|(print, _)| *print == place);
        let count = of.count();
        if count == 0 {
            // A kind that stable has by now needs none any more.
            let list = &self.list;
            self.samples
                .retain(|(print, _)| list[usize::from(*print)].is_new());
            let mut kinds: Vec<u16> = self.samples.iter().map(|(print, _)| *print).collect();
            kinds.dedup();
            if kinds.len() >= MOST_SAMPLED {
                return;
            }
        }
        let text = redact::sample(line, SAMPLE_BYTES);
        let is_known = self.samples_of(place.into()).any(|known| known == text);
        if count < MOST_SAMPLES && !is_known {
            self.samples.push((place, text));
            self.samples.sort_by_key(|(print, _)| *print);
        }
    }

    /// The kind that it is of; its template is widened where it must be.
    fn find(&mut self, template: &Template) -> Option<usize> {
        let same = |print: &Print| print.template == *template;
        let like = |print: &Print| print.template.is_like(template);
        let place = self.list.iter().position(same);
        let place = place.or_else(|| self.list.iter().position(like))?;
        self.list[place].template.widen(template);
        Some(place)
    }

    fn add(&mut self, template: &Template, order: u8) -> usize {
        self.list.push(Print {
            template: template.clone(),
            stable: 0,
            candidate: 0,
            evidence: 0.0,
            order,
        });
        self.list.len() - 1
    }
}

impl Seen {
    fn placed(place: usize) -> Seen {
        Seen {
            place: place as u16,
            is_placed: true,
        }
    }

    /// Behind all places.
    fn homeless(template: &Template) -> Seen {
        Seen {
            place: template.hash() as u16 | 0x8000,
            is_placed: false,
        }
    }
}

fn bits(template: &Template) -> [usize; 3] {
    let hash = template.hash();
    let again = fnv(&hash.to_le_bytes());
    [hash, again, hash.rotate_left(29) ^ again].map(|hash| hash as usize % (BEYOND_BYTES * 8))
}
