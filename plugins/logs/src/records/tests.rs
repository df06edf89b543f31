use super::*;

fn errors(content: &str) -> Vec<String> {
    let piece = read(content.as_bytes(), Format::Auto, false);
    let bad = piece.records.into_iter();
    bad.filter(|record| record.level == Level::Error)
        .map(|record| record.text)
        .collect()
}

#[test]
fn a_stack_trace_is_one_error() {
    let rust = "INFO up\nthread 'main' panicked at src/main.rs:3:5:\nindex out of bounds\nstack backtrace:\n   0: rust_begin_unwind\n             at /rustc/x\nnote: run with `RUST_BACKTRACE=full`\nINFO on\n";
    assert_eq!(
        errors(rust),
        ["thread 'main' panicked at src/main.rs:3:5: index out of bounds"]
    );
    let java = "Exception in thread \"main\" java.lang.IllegalStateException: no bread\n\tat a.B.c(B.java:5)\nCaused by: java.io.IOException: x\n\t... 3 more\n";
    assert_eq!(
        errors(java),
        ["Exception in thread \"main\" java.lang.IllegalStateException: no bread"]
    );
    let python = "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    x()\nKeyError: 'a'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"a.py\"\nValueError: b\n";
    assert_eq!(errors(python), ["KeyError: 'a'"]);
    let logged = "ERROR:root:it failed\nTraceback (most recent call last):\n  File \"a.py\"\nValueError: b\nINFO:root:on\n";
    assert_eq!(errors(logged), ["ERROR:root:it failed"]);
    let go = "panic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:\nmain.serve(0xc000012345, 0x3)\n\t/src/main.go:7 +0x1d\nmain.main()\n\t/src/main.go:3\nexit status 2\nERROR next\n";
    assert_eq!(
        errors(go),
        [
            "panic: runtime error: index out of range [5] with length 3",
            "ERROR next"
        ]
    );
    let node = "TypeError: x is not a function\n    at serve (/src/a.js:1:2)\n    at next (/src/b.js:3:4) {\n  code: 'E'\n}\n";
    assert_eq!(errors(node)[0], "TypeError: x is not a function");
    assert_eq!(errors(node).len(), 1);
}

#[test]
fn lines_of_all_kinds_may_stand_in_one_file() {
    let mixed = "{\"level\":\"error\",\"msg\":\"a\"}\n\u{1b}[2m2026\u{1b}[0m \u{1b}[31mERROR\u{1b}[0m b\nlevel=error msg=\"c \\\"q\\\" d\" err=\"e\"\n{not json ERROR\n";
    assert_eq!(
        errors(mixed),
        ["a", "2026 ERROR b", "c \"q\" d: e", "{not json ERROR"]
    );
}

#[test]
fn a_line_without_an_end_waits() {
    let piece = read(b"ERROR a\nERROR b", Format::Auto, false);
    assert_eq!((piece.records.len(), piece.used), (1, 8));
    let piece = read(b"ERROR b", Format::Auto, true);
    assert_eq!((piece.records.len(), piece.used), (1, 7));
    let piece = read(b"\xff\xfe ERROR \xc3\n", Format::Auto, false);
    assert_eq!(piece.records[0].level, Level::Error);
}

#[test]
fn journald_writes_entries_with_bytes_in_them() {
    let mut export = b"__CURSOR=s=1\n__REALTIME_TIMESTAMP=1\nPRIORITY=6\nMESSAGE=up\n\n".to_vec();
    export.extend(b"__CURSOR=s=2\nPRIORITY=3\nMESSAGE\n");
    export.extend(22_u64.to_le_bytes());
    export.extend(b"no bread\n  at the shop\n\n\n");
    let whole = export.len();
    export.extend(b"__CURSOR=s=3\nPRIORITY=3\nMESSAGE=unfinished\n");
    let piece = read(&export, Format::Auto, false);
    assert_eq!(piece.used, whole);
    let said: Vec<_> = piece
        .records
        .iter()
        .map(|record| (record.level, record.text.as_str()))
        .collect();
    assert_eq!(said, [(Level::Quiet, "up"), (Level::Error, "no bread")]);
}
