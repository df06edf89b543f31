//! The Rust side of `wit/`, generated. One world stands for all hooks; which
//! of them a component has is found out per interface when it is loaded.

wasmtime::component::bindgen!({
    path: "../../wit",
    inline: "
        package baepo:host;
        world every-hook {
            import baepo:hooks/log@0.1.0;
            import baepo:hooks/process@0.1.0;
            import baepo:hooks/workspace@0.1.0;
            import baepo:hooks/http@0.1.0;
            import baepo:hooks/secrets@0.1.0;
            import baepo:hooks/socket@0.1.0;
            import baepo:hooks/store@0.1.0;
            export baepo:hooks/build@0.1.0;
            export baepo:hooks/test@0.1.0;
            export baepo:hooks/strategy@0.1.0;
            export baepo:hooks/monitor@0.1.0;
            export baepo:hooks/target@0.1.0;
            export baepo:hooks/feedback@0.1.0;
        }
    ",
    world: "baepo:host/every-hook",
    imports: {
        "baepo:hooks/log.log": trappable,
        "baepo:hooks/secrets.[method]secret.name": trappable,
        "baepo:hooks/secrets.open": trappable,
        "baepo:hooks/secrets.[drop]secret": trappable,
        default: async | trappable,
    },
    exports: { default: async },
    with: { "baepo:hooks/secrets.secret": crate::capability::secrets::Secret },
});
