# shellcheck shell=bash
# Builds baepo from the sources of the action; part of a step of action.yml.

if ! command -v cargo >/dev/null; then
  echo "::error title=baepo::cargo is not on this runner. Install Rust, or give the input binary-path."
  exit 2
fi

cargo build --release --locked --package baepo --manifest-path "${ACTION_PATH}/Cargo.toml"

# Cargo may be configured to build elsewhere, so it is asked.
target="$(cargo metadata --no-deps --format-version 1 --manifest-path "${ACTION_PATH}/Cargo.toml" |
  sed -E 's/.*"target_directory":"([^"]*)".*/\1/')"
# So that no job has to compile the built-in plugins.
"${target}/release/baepo" seal
echo "path=${target}/release/baepo" >>"${GITHUB_OUTPUT}"
