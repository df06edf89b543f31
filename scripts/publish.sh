#!/usr/bin/env bash
# Makes a release of what the jobs of .github/workflows/release.yml have built.
#
#   publish.sh check            this commit can be released as VERSION
#   publish.sh release FOLDER   lists the archives below FOLDER, commits the list, tags and releases
#
# The commit with the list is a child of the released one that the tag alone names: on a branch the
# list would soon stand beside other sources than those of its archives.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
ACTION_PATH="${PWD}"
# shellcheck source=scripts/say.sh
source "${ACTION_PATH}/scripts/say.sh"

tag="v${VERSION}"
notes=""

# git that may; `gh` knows the token, so that it is written nowhere.
git_with_token() {
  git -c credential.helper='!gh auth git-credential' "$@"
}

# What people read of this version, from the changelog.
read_notes() {
  notes="$(awk -v start="## [${VERSION}]" '
    index($0, "## ") == 1 { inside = (index($0, start) == 1); next }
    inside' CHANGELOG.md)"
}

check() {
  if [[ ! ${VERSION} =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
    fail "this is no version: ${VERSION}"
  fi
  local manifest
  manifest="$(sed -nE '/^\[workspace\.package\]/,/^\[/s/^version = "(.*)"$/\1/p' Cargo.toml)"
  [[ ${manifest} == "${VERSION}" ]] || fail "Cargo.toml has the version ${manifest}, not ${VERSION}"
  read_notes
  [[ -n ${notes//[[:space:]]/} ]] || fail "CHANGELOG.md says nothing below ## [${VERSION}]"
  local there
  there="$(git_with_token ls-remote origin "refs/tags/${tag}")" || fail "origin does not say which tags it has"
  [[ -z ${there} ]] || fail "the tag ${tag} is there already; a version is released once"
}

# One list of what all jobs have built, after a look at each file.
list() {
  local platform name found
  grep '^#' scripts/SHA256SUMS
  for platform in linux-arm64 linux-x64; do
    name="baepo-${VERSION}-${platform}"
    found=("$1"/*/"${name}.tar.gz")
    [[ ${#found[@]} == 1 && -f ${found[0]} ]] || return 1
    (
      cd "$(dirname "${found[0]}")" &&
        tar --extract --gzip --file "${name}.tar.gz" "${name}/baepo" &&
        sha256sum --check --strict --quiet SHA256SUMS >&2 &&
        sha256sum "${name}.tar.gz" "${name}/baepo"
    ) || return 1
  done
}

release() {
  check
  # So that what is taken back below is nothing but what was made here.
  if gh release view "${tag}" >/dev/null 2>&1; then
    fail "a release or a draft ${tag} is there already; look at it, and delete it by hand"
  fi
  local lines
  lines="$(list "$1")" || fail "below $1 there is not one whole archive for each platform"
  printf '%s\n' "${lines}" >scripts/SHA256SUMS
  git add scripts/SHA256SUMS
  git -c user.name="github-actions[bot]" \
    -c user.email="41898282+github-actions[bot]@users.noreply.github.com" \
    commit --quiet --message="baepo ${VERSION}: the archives of this commit's parent"

  # Whoever sees the tag can download: the archives are there before it, as a draft that nobody sees.
  gh release create "${tag}" --draft --title "baepo ${VERSION}" --notes "${notes}" \
    "$1"/*/*.tar.gz scripts/SHA256SUMS
  if ! git_with_token push --quiet origin "HEAD:refs/tags/${tag}"; then
    gh release delete "${tag}" --yes
    fail "the tag ${tag} cannot be pushed, and the draft of the release is gone"
  fi
  gh release edit "${tag}" --draft=false --verify-tag
  echo "released ${tag}: $(git rev-parse HEAD)"
}

case "${1:-}" in
  check) check ;;
  release) release "$2" ;;
  *) fail "publish.sh check, or publish.sh release FOLDER" ;;
esac
