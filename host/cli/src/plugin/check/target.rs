//! A target: that it keeps the state of rollouts as it is told, and lets no run
//! act that is not the newest.

use baepo_core::fleet::Route;
use baepo_core::lease::Token;
use baepo_runtime::plugin::{
    CallContext, CallError, Plugin, TargetAnswer, TargetCall, TargetRefusal,
};
use baepo_runtime::target::Document;

use super::Line;

/// Of a plugin whose document is kept in memory, and which has nothing else.
pub(super) async fn check(plugin: &Plugin, context: &CallContext, config: &str) -> Vec<Line> {
    let asked = Asked {
        plugin,
        context,
        config,
    };
    match asked.state().await {
        Ok(Some(mistake)) => vec![Line::bad(
            "state",
            mistake,
            "see `load-state` and `save-state` in wit/target.wit",
        )],
        Ok(None) => vec![
            Line::good(
                "state",
                "it is kept, and what was saved in between is not written over",
            ),
            asked.fence().await,
        ],
        Err(error) => vec![Line::note(
            "state",
            format!("not checked, for its answer is: {error}"),
            "`baepo plugin run target` asks it with a grant, and `--store FILE`",
        )],
    }
}

struct Asked<'a> {
    plugin: &'a Plugin,
    context: &'a CallContext,
    config: &'a str,
}

type Told = Result<TargetAnswer, TargetRefusal>;

impl Asked<'_> {
    async fn call(&self, call: TargetCall<'_>) -> Result<Told, CallError> {
        let outcome = self.plugin.target(self.context, self.config, call).await;
        outcome.result
    }

    /// What is wrong with how it keeps the state, if anything.
    async fn state(&self) -> Result<Option<&'static str>, CallError> {
        let first = self.call(TargetCall::LoadState).await?;
        if first != Ok(TargetAnswer::State(Document::default())) {
            return Ok(Some("before the first save it is not version 0 and empty"));
        }
        let Ok(TargetAnswer::Saved(version)) = self.call(TargetCall::SaveState(0, b"one")).await?
        else {
            return Ok(Some("the first save is refused"));
        };
        let late = self.call(TargetCall::SaveState(0, b"two")).await?;
        if late != Err(TargetRefusal::Conflict) {
            return Ok(Some(
                "who saves upon an older version writes over what was saved in between",
            ));
        }
        let kept = TargetAnswer::State(Document {
            version,
            bytes: b"one".to_vec(),
        });
        let again = self.call(TargetCall::LoadState).await?;
        Ok((again != Ok(kept)).then_some("what was saved is not what is loaded"))
    }

    /// An older token after a newer one. Where nothing is granted the newer one
    /// may come to nothing, but it was seen.
    async fn fence(&self) -> Line {
        let what = "fencing";
        let nothing = Route::NONE;
        let route = |token| TargetCall::Route(Token(token), &nothing);
        let newer = self.call(route(2)).await;
        if let Err(error @ (CallError::Trap { .. } | CallError::BadExchange { .. })) = &newer {
            return Line::bad(what, error.to_string(), error.help());
        }
        match self.call(route(1)).await {
            Ok(Err(TargetRefusal::Fenced)) => Line::good(what, "an older token is refused"),
            Ok(_) => Line::bad(
                what,
                "a call with an older token than one before is not refused as `fenced`",
                "keep the newest token, in the document of `store` for example",
            ),
            Err(error) => Line::note(
                what,
                format!("not checked, for its answer is: {error}"),
                "refuse an older token before anything else",
            ),
        }
    }
}
