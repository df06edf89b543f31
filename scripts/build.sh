# shellcheck shell=bash
# Builds baepo from the sources of the action; install.sh goes on here where it has no archive.

# shellcheck source=scripts/say.sh
source "${ACTION_PATH}/scripts/say.sh"

if ! command -v cargo >/dev/null; then
  fail "cargo is not on this runner. Install Rust, or give the input binary-path."
fi

cargo build --release --locked --package baepo --manifest-path "${ACTION_PATH}/Cargo.toml"

# Cargo may be configured to build elsewhere, so it is asked.
target="$(cargo metadata --no-deps --format-version 1 --manifest-path "${ACTION_PATH}/Cargo.toml" |
  sed -E 's/.*"target_directory":"([^"]*)".*/\1/')"
# So that no job has to compile the built-in plugins.
"${target}/release/baepo" seal
echo "path=${target}/release/baepo" >>"${GITHUB_OUTPUT}"
