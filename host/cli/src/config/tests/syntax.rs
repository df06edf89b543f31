//! Files that are not YAML, or not text.

use expect_test::expect;

use super::check;
use crate::config::parse_bytes;

#[test]
fn what_is_not_yaml_is_shown_where_it_stops_making_sense() {
    check(
        "",
        expect![[r#"
        error: 1 problem in baepo.yml

          the file is empty
          help: `baepo init` writes a first one
    "#]],
    );
    check(
        "# only a comment\n",
        expect![[r#"
        error: 1 problem in baepo.yml

          the file is empty
          help: `baepo init` writes a first one
    "#]],
    );
    check(
        "app: shop\n\tbuild: x\n",
        expect![[r#"
            error: 1 problem in baepo.yml

              baepo.yml:2:1
               2 │  build: x
                 │ ^ a tab cannot indent YAML
              help: use spaces
        "#]],
    );
    check(
        "app: shop: two\n",
        expect![[r#"
        error: 1 problem in baepo.yml

          baepo.yml:1:10
           1 │ app: shop: two
             │          ^ not YAML: mapping values are not allowed in this context
          help: a value that holds `: ` needs quotes; otherwise check the indentation of this line and the one before
    "#]],
    );
    check(
        "app: {{ name }}\n",
        expect![[r#"
        error: 1 problem in baepo.yml

          baepo.yml:1:7
           1 │ app: {{ name }}
             │       ^ a key must be text
          help: a value that begins with `{{` or `[` needs quotes: "{{ … }}"
    "#]],
    );
    check(
        "app: [shop\nenvironments: {}\n",
        expect![[r#"
        error: 1 problem in baepo.yml

          baepo.yml:2:13
           2 │ environments: {}
             │             ^ not YAML: illegal placement of ':' indicator
          help: check quotes, brackets and indentation of this line and the one before
    "#]],
    );
    check(
        "app: 'shop\n",
        expect![[r#"
        error: 1 problem in baepo.yml

          baepo.yml:1:6
           1 │ app: 'shop
             │      ^ not YAML: unclosed quote
          help: check quotes, brackets and indentation of this line and the one before
    "#]],
    );
    check(
        "app: shop\napp: shop\n? [a]\n: b\n<<: *x\n",
        expect![[r#"
        error: 3 problems in baepo.yml

          baepo.yml:2:1
           2 │ app: shop
             │ ^^^ the key `app` occurs twice
          help: it is also in line 1; keep one of them

          baepo.yml:3:3
           3 │ ? [a]
             │   ^ a key must be text
          help: a value that begins with `{{` or `[` needs quotes: "{{ … }}"

          baepo.yml:5:5
           5 │ <<: *x
             │     ^ not YAML: while parsing node, found unknown anchor
          help: an alias `*name` needs an anchor `&name` before it; text that begins with `*` needs quotes
    "#]],
    );
    check(
        "app: &a shop\napp: !!str x\n<<: *a\n",
        expect![[r#"
        error: 3 problems in baepo.yml

          baepo.yml:2:1
           2 │ app: !!str x
             │ ^^^ the key `app` occurs twice
          help: it is also in line 1; keep one of them

          baepo.yml:2:12
           2 │ app: !!str x
             │            ^ the tag `!!str` has no meaning here
          help: write the value without a tag

          baepo.yml:3:1
           3 │ <<: *a
             │ ^^ merge keys are not supported
          help: repeat the keys, or use an alias for a whole value
    "#]],
    );
    check(
        "app: shop\n---\napp: shop\n",
        expect![[r#"
        error: 1 problem in baepo.yml

          baepo.yml:3:1
           3 │ app: shop
             │ ^ a second document begins here
          help: one file holds one configuration; remove the `---` line
    "#]],
    );
    check(
        "- app\n",
        expect![[r#"
        error: 1 problem in baepo.yml

          baepo.yml:1:1
           1 │ - app
             │ ^ the file must be a block of keys, not a list
    "#]],
    );
    check(
        "just text\n",
        expect![[r#"
        error: 1 problem in baepo.yml

          baepo.yml:1:1
           1 │ just text
             │ ^^^^^^^^^ the file must be a block of keys, not text
    "#]],
    );
}

#[test]
fn a_file_that_is_not_utf8_is_shown_where_it_begins_not_to_be() {
    let findings = parse_bytes("baepo.yml", b"app: shop\nenv: caf\xe9\n").unwrap_err();
    expect![[r#"
        error: 1 problem in baepo.yml

          baepo.yml:2:9
           2 │ env: caf�
             │         ^ the file is not UTF-8 text from here on
          help: save it as UTF-8
    "#]]
    .assert_eq(&findings.render(false));
}
