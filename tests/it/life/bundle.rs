//! Built and tested in one job, rolled out in another.

use super::{Checkout, DIRECT};

#[test]
fn what_one_job_has_built_and_tested_is_what_another_rolls_out() {
    let mut checkout = Checkout::new();
    checkout.commit("v1", &checkout.config("hello", DIRECT));
    checkout.start_agent();
    let packed = checkout.runs(&["run", "--pack", "out/bundle"], 0, &[]);
    let digest = packed.split("packed for other jobs as ").nth(1).unwrap();
    let digest = &digest[..71];
    assert_eq!(checkout.serves_wholly(), None, "packing rolls nothing out");
    // Whoever builds again here fails.
    std::fs::remove_file(checkout.path().join("prebuilt")).unwrap();
    std::fs::remove_file(checkout.path().join("out/shop")).unwrap();
    let roll_out = |digest: &str, code, words: &[&str]| {
        let bundle = ["--bundle", "out/bundle", "--bundle-digest", digest];
        let args = [&["run", "--environment", "production"], &bundle[..]].concat();
        checkout.runs(&args, code, words);
    };
    let other = format!("sha256:{}", "7".repeat(64));
    roll_out(&other, 7, &["its digest is sha256:", "is wanted"]);
    assert_eq!(checkout.serves_wholly(), None);
    roll_out(digest, 0, &["1 file"]);
    assert_eq!(checkout.serves_wholly(), Some(checkout.head()));
    let args = ["run", "--bundle", "out/bundle"];
    checkout.runs(&args, 2, &["--bundle-digest"]);
    // Another commit was not tested by that job.
    checkout.commit("v2", &checkout.config("other", DIRECT));
    roll_out(digest, 7, &["it was built from"]);
    assert_ne!(checkout.serves_wholly(), Some(checkout.head()));
}
