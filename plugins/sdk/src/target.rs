//! The hook `target`, see `wit/target.wit`.
//!
//! A target has many functions and nothing that could be taken off its hands
//! but its configuration: implement [`Guest`] as it is, and read `config` with
//! [`crate::config::parse`] in each of them.

pub use crate::bindings::target::*;

impl From<HookError> for TargetError {
    fn from(error: HookError) -> TargetError {
        TargetError::Hook(error)
    }
}

/// Makes a component with the hook `target` of a type that implements
/// [`Guest`].
#[macro_export]
macro_rules! export_target {
    ($type:ty) => {
        #[allow(unsafe_code, reason = "the canonical ABI exports functions by name")]
        const _: () = {
            type Component = $type;
            const fn is_target<T: $crate::target::Guest>() {}
            is_target::<Component>();
            #[cfg(target_arch = "wasm32")]
            $crate::bindings::target::export_target_component!(Component with_types_in $crate::bindings::target);
        };
    };
}
