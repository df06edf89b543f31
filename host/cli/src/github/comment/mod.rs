//! The one comment of a pull request, edited in place.
//!
//! **Invariant:** when a write has returned without an error, there is exactly
//! one comment of this name by us, and it is not older than it was before.

mod marker;

use serde::Deserialize;
use serde_json::json;

use super::api::{Api, ApiError};
use super::place::{Place, Turn};
pub use marker::Marker;

/// The most characters that GitHub takes in a comment.
/// Source: its answer, `Body is too long (maximum is 65536 characters)`.
pub const MOST_CHARACTERS: usize = 65_536;

/// What a write came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// There was none.
    Created(u64),
    /// There was one.
    Updated(u64),
    /// There was one that says the same.
    Unchanged(u64),
    /// What is written there is newer, or of another commit, and stands.
    Newer(u64),
}

impl Written {
    /// The number of the comment.
    pub fn id(self) -> u64 {
        match self {
            Written::Created(id)
            | Written::Updated(id)
            | Written::Unchanged(id)
            | Written::Newer(id) => id,
        }
    }
}

/// The comment of one name at one pull request.
pub struct Sticky<'a> {
    api: &'a Api,
    /// `/repos/acme/shop/issues`.
    issues: String,
    pull_request: u64,
    id: String,
    turn: Turn,
    /// The comment, once it was found or made.
    known: Option<u64>,
    /// Who we are, once that is known.
    me: Option<Identity>,
    /// What a comment must be about to be written over; any where absent.
    commit: Option<String>,
}

/// Who writes with our token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Identity {
    /// The account with this number.
    Account(u64),
    /// Some bot: GitHub does not tell its own token of a job who it is.
    Bot,
}

#[derive(Debug, Deserialize)]
struct Comment {
    id: u64,
    #[serde(default)]
    body: Option<String>,
    user: Option<Author>,
}

#[derive(Debug, Clone, Deserialize)]
struct Author {
    id: u64,
    #[serde(rename = "type", default)]
    kind: String,
}

impl Comment {
    fn marker(&self) -> Option<Marker> {
        Marker::parse(self.body.as_deref()?)
    }
}

impl<'a> Sticky<'a> {
    /// The comment of this name; nothing is asked yet.
    pub fn new(api: &'a Api, place: &Place, pull_request: u64, id: &str) -> Sticky<'a> {
        Sticky {
            api,
            issues: place.path("/issues"),
            pull_request,
            id: id.to_owned(),
            turn: place.turn,
            known: None,
            me: None,
            commit: None,
        }
    }

    /// The same, which leaves a comment as it is that has come to say something
    /// of another commit than this.
    pub fn only_about(self, commit: &str) -> Sticky<'a> {
        Sticky {
            commit: Some(commit.to_owned()),
            ..self
        }
    }

    /// Let the comment say this text of at most [`MOST_CHARACTERS`], its marker
    /// included.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn write(&mut self, text: &str) -> Result<Written, ApiError> {
        let marker = Marker::of(&self.id, self.turn, text);
        let body = format!("{marker}\n{text}");
        // It may be deleted at any moment; then there is a new one.
        for _ in 0..2 {
            let Some(there) = self.there().await? else {
                return self.create(&marker, &body).await;
            };
            match self.update(there, &marker, &body).await {
                Err(ApiError::Missing { .. }) => self.known = None,
                written => return written,
            }
        }
        self.create(&marker, &body).await
    }

    /// Let the comment say this text at the end of the page, where whoever asked
    /// for it looks: a new one, and the one before it is gone.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn renew(&mut self, text: &str) -> Result<Written, ApiError> {
        for before in self.ours().await? {
            if before
                .marker()
                .is_none_or(|marker| marker.turn <= self.turn)
            {
                self.delete(before.id).await?;
            }
        }
        self.known = None;
        self.write(text).await
    }

    /// The comment as it is now; the oldest where there are several.
    async fn there(&mut self) -> Result<Option<Comment>, ApiError> {
        if let Some(id) = self.known {
            match self
                .api
                .get(&format!("{}/comments/{id}", self.issues))
                .await
            {
                Ok(comment) => return Ok(Some(comment)),
                Err(ApiError::Missing { .. }) => self.known = None,
                Err(error) => return Err(error),
            }
        }
        let mut ours = self.ours().await?.into_iter();
        let oldest = ours.next();
        for second in ours {
            self.delete(second.id).await?;
        }
        self.known = oldest.as_ref().map(|comment| comment.id);
        Ok(oldest)
    }

    /// All comments of this name that are ours, the oldest first.
    async fn ours(&mut self) -> Result<Vec<Comment>, ApiError> {
        let mut named = self.named().await?;
        if named.is_empty() {
            return Ok(named);
        }
        let me = self.identity().await?;
        named.retain(|comment| {
            let author = comment.user.as_ref();
            author.is_some_and(|author| match me {
                Identity::Account(id) => author.id == id,
                Identity::Bot => author.kind == "Bot",
            })
        });
        named.sort_by_key(|comment| comment.id);
        Ok(named)
    }

    /// All comments whose first line has this name, whoever wrote them.
    async fn named(&self) -> Result<Vec<Comment>, ApiError> {
        let path = format!("{}/{}/comments", self.issues, self.pull_request);
        let mut all: Vec<Comment> = self.api.list(&path, "", None).await?;
        all.retain(|comment| {
            comment
                .marker()
                .is_some_and(|marker| marker.is_of(&self.id))
        });
        Ok(all)
    }

    async fn identity(&mut self) -> Result<Identity, ApiError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Viewer {
            database_id: Option<u64>,
        }
        #[derive(Deserialize)]
        struct Viewed {
            viewer: Viewer,
        }
        if let Some(me) = self.me {
            return Ok(me);
        }
        let viewed = self
            .api
            .graphql::<Viewed>("query { viewer { databaseId } }")
            .await;
        let me = match viewed {
            Ok(Viewed {
                viewer: Viewer {
                    database_id: Some(id),
                },
            }) => Identity::Account(id),
            Err(error @ ApiError::GivenUp { .. }) => return Err(error),
            Ok(_) | Err(_) => match self.api.get::<Author>("/user").await {
                Ok(author) => Identity::Account(author.id),
                Err(error @ ApiError::GivenUp { .. }) => return Err(error),
                Err(_) => Identity::Bot,
            },
        };
        self.me = Some(me);
        Ok(me)
    }

    async fn update(
        &mut self,
        there: Comment,
        marker: &Marker,
        body: &str,
    ) -> Result<Written, ApiError> {
        if let Some(before) = there.marker() {
            if before.turn > marker.turn {
                return Ok(Written::Newer(there.id));
            }
            if before == *marker {
                return Ok(Written::Unchanged(there.id));
            }
        }
        if let (Some(commit), Some(said)) = (&self.commit, &there.body)
            && !said.contains(commit)
        {
            return Ok(Written::Newer(there.id));
        }
        let path = format!("{}/comments/{}", self.issues, there.id);
        let _: Comment = self.api.patch(&path, &json!({ "body": body })).await?;
        Ok(Written::Updated(there.id))
    }

    async fn create(&mut self, marker: &Marker, body: &str) -> Result<Written, ApiError> {
        let path = format!("{}/{}/comments", self.issues, self.pull_request);
        let look = async || {
            let named = self.named().await?;
            Ok(named
                .into_iter()
                .find(|there| there.marker().as_ref() == Some(marker)))
        };
        let created = self.api.post(&path, &json!({ "body": body }), look).await?;
        if let Some(author) = &created.user {
            self.me = Some(Identity::Account(author.id));
        }
        self.known = Some(created.id);
        // Another job may have found none either: who came first stays.
        let ours = self.ours().await?;
        let Some(oldest) = ours
            .into_iter()
            .next()
            .filter(|first| first.id < created.id)
        else {
            return Ok(Written::Created(created.id));
        };
        self.delete(created.id).await?;
        self.known = Some(oldest.id);
        self.update(oldest, marker, body).await
    }

    async fn delete(&self, id: u64) -> Result<(), ApiError> {
        self.api
            .delete(&format!("{}/comments/{id}", self.issues))
            .await
    }
}
