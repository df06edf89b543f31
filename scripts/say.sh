# shellcheck shell=bash
# What the steps tell the runner; the other scripts begin with it.

# What an input, a file or a server says is text, and no second command for the runner.
escaped() {
  local text="$1"
  text="${text//'%'/%25}"
  text="${text//$'\r'/%0D}"
  text="${text//$'\n'/%0A}"
  printf '%s' "${text}"
}

notice() {
  echo "::notice title=baepo::$(escaped "$1")"
}

fail() {
  echo "::error title=baepo::$(escaped "$1")"
  exit 2
}
