//! The check run of one run at one commit, with remarks at lines of code.

use baepo_core::hook::Annotation;
use baepo_core::verdict::Level;
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{Api, ApiError};
use super::place::Place;

/// How many annotations GitHub takes at a time.
/// Source: its description of the API, `maxItems` of `output.annotations`.
const BATCH: usize = 50;
/// How many annotations are handed over; the rest is counted.
pub const MOST_ANNOTATIONS: usize = 200;
/// The most characters of `summary`. Source: as [`BATCH`].
pub const MOST_CHARACTERS: usize = 65_535;
/// The most characters of one annotation's message that make sense in a page.
const LONGEST_MESSAGE: usize = 4_000;
/// The most characters of a title.
const LONGEST_TITLE: usize = 200;

/// How a check ended, in GitHub's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// Fine.
    Success,
    /// Not fine.
    Failure,
    /// Neither: a later run goes on.
    Neutral,
    /// The job was cancelled.
    Cancelled,
    /// A person has to do something.
    ActionRequired,
}

impl Conclusion {
    fn word(self) -> &'static str {
        match self {
            Conclusion::Success => "success",
            Conclusion::Failure => "failure",
            Conclusion::Neutral => "neutral",
            Conclusion::Cancelled => "cancelled",
            Conclusion::ActionRequired => "action_required",
        }
    }
}

/// What a check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// One plain line.
    pub title: String,
    /// Markdown.
    pub summary: String,
}

/// One check run.
pub struct Check<'a> {
    api: &'a Api,
    place: Place,
    name: String,
    /// What finds it again when its creation was not answered.
    external_id: String,
    id: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct CheckRun {
    id: u64,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    status: String,
    output: Option<CheckOutput>,
}

#[derive(Debug, Deserialize)]
struct CheckOutput {
    #[serde(default)]
    annotations_count: usize,
}

impl<'a> Check<'a> {
    /// The check of this name in this run; nothing is asked yet.
    pub fn new(api: &'a Api, place: Place, id: &str) -> Check<'a> {
        Check {
            api,
            name: format!("baepo: {id}"),
            external_id: format!("baepo/{id}/{}-{}", place.turn.run, place.turn.attempt),
            place,
            id: None,
        }
    }

    /// Its number, once it is there.
    pub fn id(&self) -> Option<u64> {
        self.id
    }

    /// Its page, once it is there.
    pub fn url(&self) -> Option<String> {
        let Place {
            server_url,
            repository,
            ..
        } = &self.place;
        Some(format!("{server_url}/{repository}/runs/{}", self.id?))
    }

    /// Show how it stands, while it goes on.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn show(&mut self, page: &Page) -> Result<(), ApiError> {
        let changed = json!({ "status": "in_progress", "output": output(page, &[]) });
        match self.id {
            None => self.create(&changed).await,
            Some(id) => {
                let _: CheckRun = self.api.patch(&self.path(id), &changed).await?;
                Ok(())
            }
        }
    }

    /// Show how it ended, with its annotations, the worst first.
    ///
    /// # Errors
    /// See [`ApiError`].
    pub async fn end(
        &mut self,
        page: &Page,
        conclusion: Conclusion,
        annotations: &[Annotation],
    ) -> Result<(), ApiError> {
        let (shown, page) = choose(annotations, page);
        let mut batches = shown.chunks(BATCH);
        let first = batches.next().unwrap_or_default();
        let ended = json!({
            "status": "completed",
            "conclusion": conclusion.word(),
            "output": output(&page, first),
        });
        let id = match self.id {
            None => {
                self.create(&ended).await?;
                self.id.unwrap_or_default()
            }
            Some(id) => {
                self.add(id, &ended, first.len()).await?;
                id
            }
        };
        let mut there = first.len();
        for batch in batches {
            there += batch.len();
            let more = json!({ "output": output(&page, batch) });
            self.add(id, &more, there).await?;
        }
        Ok(())
    }

    /// Annotations are added to those that are there, so a change with some is
    /// not sent twice. `there` is how many there are afterwards.
    async fn add(&self, id: u64, changed: &Value, there: usize) -> Result<(), ApiError> {
        let path = self.path(id);
        let ends = changed["status"] == "completed";
        let look = async || {
            let run: CheckRun = self.api.get(&path).await?;
            let count = run
                .output
                .as_ref()
                .map_or(0, |output| output.annotations_count);
            Ok(Some(run).filter(|run| count >= there && (!ends || run.status == "completed")))
        };
        let _: CheckRun = self.api.patch_once(&path, changed, look).await?;
        Ok(())
    }

    async fn create(&mut self, changed: &Value) -> Result<(), ApiError> {
        let mut body = changed.clone();
        body["name"] = json!(self.name);
        body["head_sha"] = json!(self.place.head);
        body["external_id"] = json!(self.external_id);
        body["details_url"] = json!(self.place.run_url());
        let list = self
            .place
            .path(&format!("/commits/{}/check-runs", self.place.head));
        let look = async || {
            let runs: Vec<CheckRun> = self
                .api
                .list(&list, "&filter=all", Some("check_runs"))
                .await?;
            let ours = |run: &CheckRun| run.external_id.as_ref() == Some(&self.external_id);
            Ok(runs.into_iter().find(ours))
        };
        let path = self.place.path("/check-runs");
        let created: CheckRun = self.api.post(&path, &body, look).await?;
        self.id = Some(created.id);
        Ok(())
    }

    fn path(&self, id: u64) -> String {
        self.place.path(&format!("/check-runs/{id}"))
    }
}

/// The worst annotations, and the page that says how many are left out.
fn choose<'b>(annotations: &'b [Annotation], page: &Page) -> (Vec<&'b Annotation>, Page) {
    let mut worst: Vec<&Annotation> = annotations.iter().collect();
    worst.sort_by_key(|annotation| std::cmp::Reverse(annotation.level));
    let more = worst.len().saturating_sub(MOST_ANNOTATIONS);
    worst.truncate(MOST_ANNOTATIONS);
    let mut page = page.clone();
    if more > 0 {
        page.summary = format!(
            "The worst {MOST_ANNOTATIONS} remarks on the code are shown, **+{more} more** are left out.\n\n{}",
            page.summary
        );
    }
    (worst, page)
}

fn output(page: &Page, annotations: &[&Annotation]) -> Value {
    let annotations: Vec<Value> = annotations.iter().map(|one| annotation(one)).collect();
    let mut output = json!({
        "title": cut(&page.title, LONGEST_TITLE),
        "summary": cut(&page.summary, MOST_CHARACTERS),
    });
    if !annotations.is_empty() {
        output["annotations"] = json!(annotations);
    }
    output
}

fn annotation(annotation: &Annotation) -> Value {
    let mut json = json!({
        "path": annotation.path,
        "start_line": annotation.start_line.max(1),
        "end_line": annotation.end_line.max(annotation.start_line).max(1),
        "annotation_level": match annotation.level {
            Level::Notice => "notice",
            Level::Warning => "warning",
            Level::Failure => "failure",
        },
        "message": match annotation.message.trim() {
            "" => "no message",
            message => cut(message, LONGEST_MESSAGE),
        },
    });
    if !annotation.title.is_empty() {
        json["title"] = json!(cut(&annotation.title, LONGEST_TITLE));
    }
    json
}

/// The beginning of a text.
fn cut(text: &str, most: usize) -> &str {
    match text.char_indices().nth(most) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_come_first_and_the_rest_is_counted() {
        let annotation = |number: u32| Annotation {
            path: "src/main.rs".into(),
            start_line: number,
            end_line: number,
            level: match number % 3 {
                0 => Level::Failure,
                1 => Level::Notice,
                _ => Level::Warning,
            },
            title: String::new(),
            message: String::new(),
        };
        let all: Vec<Annotation> = (0..MOST_ANNOTATIONS as u32 + 1).map(annotation).collect();
        let page = Page {
            title: String::new(),
            summary: "It is bad.".into(),
        };
        let (shown, page) = choose(&all, &page);
        assert_eq!(shown.len(), MOST_ANNOTATIONS);
        assert!(shown.is_sorted_by(|a, b| a.level >= b.level));
        assert_eq!((shown[0].start_line, shown[1].start_line), (0, 3));
        assert!(page.summary.contains("+1 more"), "{}", page.summary);
    }
}
