//! Built and tested in one job, rolled out in another.

use super::{Checkout, said};

const QUICK: &str = "    strategy:\n      plugin: builtin:direct\n      with: { bake: 1s, max-observe: 2s }\n    on-no-evidence: continue-on-health\n";

fn check(checkout: &Checkout, args: &[&str], code: i32, words: &[&str]) -> String {
    let output = checkout.run(args);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
    text
}

#[test]
fn what_one_job_has_built_and_tested_is_what_another_rolls_out() {
    let mut checkout = Checkout::new();
    checkout.commit("v1", &checkout.config("hello", QUICK));
    checkout.start_agent();
    let packed = check(&checkout, &["run", "--pack", "out/bundle"], 0, &[]);
    let digest = packed.split("packed for other jobs as ").nth(1).unwrap();
    let digest = &digest[..71];
    assert_eq!(checkout.serves_wholly(), None, "packing rolls nothing out");
    // Whoever builds again here fails.
    std::fs::remove_file(checkout.path().join("prebuilt")).unwrap();
    std::fs::remove_file(checkout.path().join("out/shop")).unwrap();
    let roll_out = |digest: &str, code, words: &[&str]| {
        let bundle = ["--bundle", "out/bundle", "--bundle-digest", digest];
        let args = [&["run", "--environment", "production"], &bundle[..]].concat();
        check(&checkout, &args, code, words);
    };
    let other = format!("sha256:{}", "7".repeat(64));
    roll_out(&other, 7, &["its digest is sha256:", "is wanted"]);
    assert_eq!(checkout.serves_wholly(), None);
    roll_out(digest, 0, &["1 file"]);
    assert_eq!(checkout.serves_wholly(), Some(checkout.head()));
    let args = ["run", "--bundle", "out/bundle"];
    check(&checkout, &args, 2, &["--bundle-digest"]);
    // Another commit was not tested by that job.
    checkout.commit("v2", &checkout.config("other", QUICK));
    roll_out(digest, 7, &["it was built from"]);
    assert_ne!(checkout.serves_wholly(), Some(checkout.head()));
}
