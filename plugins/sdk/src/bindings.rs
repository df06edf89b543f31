//! What `wit-bindgen` makes of `wit/`, one module per hook. Plugins normally
//! meet these types under better names: [`crate::strategy`], [`crate::monitor`],
//! [`crate::build`], [`crate::test`] and so on.
#![allow(
    missing_docs,
    reason = "generated; the WIT files are the documentation"
)]
#![allow(
    unsafe_code,
    reason = "generated; the canonical ABI is made of raw pointers"
)]
#![allow(unreachable_pub, clippy::all, reason = "generated")]

/// The capabilities and shared types: everything that a hook may import.
pub mod imports {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package baepo:guest;
            world imports {
                import baepo:hooks/types@0.1.0;
                import baepo:hooks/log@0.1.0;
                import baepo:hooks/process@0.1.0;
                import baepo:hooks/workspace@0.1.0;
                import baepo:hooks/http@0.1.0;
                import baepo:hooks/secrets@0.1.0;
                import baepo:hooks/socket@0.1.0;
                import baepo:hooks/store@0.1.0;
            }
        ",
        world: "baepo:guest/imports",
        additional_derives: [PartialEq],
        additional_derives_ignore: ["value", "command", "header-value", "request"],
        generate_all,
    });
    #[cfg(target_arch = "wasm32")]
    pub use baepo::hooks::*;
    // Outside the sandbox nobody stands behind an import: there a fake host of
    // the same signatures does.
    #[cfg(not(target_arch = "wasm32"))]
    pub use crate::fake::imports::*;
    #[cfg(not(target_arch = "wasm32"))]
    pub use baepo::hooks::types;
}

/// The export half of the hook `build`.
pub mod build {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package baepo:guest; world build { export baepo:hooks/build@0.1.0; }",
        world: "baepo:guest/build",
        pub_export_macro: true,
        export_macro_name: "export_build_component",
        additional_derives: [PartialEq],
        with: {
            "baepo:hooks/types@0.1.0": crate::bindings::imports::baepo::hooks::types,
            "baepo:hooks/build@0.1.0": generate,
        },
    });
    pub use exports::baepo::hooks::build::*;
}

/// The export half of the hook `test`.
pub mod test {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package baepo:guest; world test { export baepo:hooks/test@0.1.0; }",
        world: "baepo:guest/test",
        pub_export_macro: true,
        export_macro_name: "export_test_component",
        additional_derives: [PartialEq],
        with: {
            "baepo:hooks/types@0.1.0": crate::bindings::imports::baepo::hooks::types,
            "baepo:hooks/test@0.1.0": generate,
        },
    });
    pub use exports::baepo::hooks::test::*;
}

/// The export half of the hook `strategy`.
pub mod strategy {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package baepo:guest; world strategy { export baepo:hooks/strategy@0.1.0; }",
        world: "baepo:guest/strategy",
        pub_export_macro: true,
        export_macro_name: "export_strategy_component",
        additional_derives: [PartialEq],
        with: {
            "baepo:hooks/types@0.1.0": crate::bindings::imports::baepo::hooks::types,
            "baepo:hooks/strategy@0.1.0": generate,
        },
    });
    pub use exports::baepo::hooks::strategy::*;
}

/// The export half of the hook `monitor`.
pub mod monitor {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package baepo:guest; world monitor { export baepo:hooks/monitor@0.1.0; }",
        world: "baepo:guest/monitor",
        pub_export_macro: true,
        export_macro_name: "export_monitor_component",
        additional_derives: [PartialEq],
        with: {
            "baepo:hooks/types@0.1.0": crate::bindings::imports::baepo::hooks::types,
            "baepo:hooks/monitor@0.1.0": generate,
        },
    });
    pub use exports::baepo::hooks::monitor::*;
}

/// The export half of the hook `feedback`.
pub mod feedback {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package baepo:guest; world feedback { export baepo:hooks/feedback@0.1.0; }",
        world: "baepo:guest/feedback",
        pub_export_macro: true,
        export_macro_name: "export_feedback_component",
        additional_derives: [PartialEq],
        with: {
            "baepo:hooks/types@0.1.0": crate::bindings::imports::baepo::hooks::types,
            "baepo:hooks/feedback@0.1.0": generate,
        },
    });
    pub use exports::baepo::hooks::feedback::*;
}

/// The export half of the hook `target`.
pub mod target {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package baepo:guest; world target { export baepo:hooks/target@0.1.0; }",
        world: "baepo:guest/target",
        pub_export_macro: true,
        export_macro_name: "export_target_component",
        additional_derives: [PartialEq],
        with: {
            "baepo:hooks/types@0.1.0": crate::bindings::imports::baepo::hooks::types,
            "baepo:hooks/target@0.1.0": generate,
        },
    });
    pub use exports::baepo::hooks::target::*;
}
