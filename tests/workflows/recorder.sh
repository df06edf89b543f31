#!/bin/sh
# Stands where the baepo binary stands and says what it was given, so that the tests see what
# action.yml hands over. TEST_EXIT is the code to end with.
echo "started by $(cat "/proc/$PPID/comm") in $(basename "$PWD")"
printf 'argument <%s>\n' "$@"
echo "token of ${#GITHUB_TOKEN} characters"
env | sed -n 's/^\(BAEPO_[A-Z_]*\|ACTION_PATH\)=.*/leaked \1/p'
cat >>"$GITHUB_OUTPUT" <<'END'
outcome=rolled-back
reason-code=failing-verdict
result={"outcome":"rolled-back","why":"a 'quoted' % word"}
report-path=.baepo/report.md
END
exit "${TEST_EXIT:-0}"
