# shellcheck shell=bash
# Finds baepo in the tool cache, else downloads the released archive, else builds it; a step of
# action.yml. What is downloaded must be what SHA256SUMS beside this file lists.

# shellcheck source=scripts/say.sh
source "${ACTION_PATH}/scripts/say.sh"

# Where there is nothing to download, or no way to it. A wrong checksum never comes here.
build() {
  notice "baepo is built from its sources: $1"
  # shellcheck source=scripts/build.sh
  source "${ACTION_PATH}/scripts/build.sh"
  exit 0
}

# The digest that SHA256SUMS has of this name; nothing where it has none.
listed() {
  local digest name
  while read -r digest name || [[ -n ${name} ]]; do
    if [[ ${name} == "$1" ]]; then
      printf '%s' "${digest}"
      return
    fi
  done <"${ACTION_PATH}/scripts/SHA256SUMS"
}

digest_of() {
  local line
  line="$(sha256sum <"$1")"
  printf '%s' "${line%% *}"
}

# Whether a file is the program that was released, whatever has become of it on this machine.
is_released() {
  [[ -f $1 && -x $1 && "$(digest_of "$1")" == "${binary_digest}" ]]
}

# It may be for a newer C library than this machine's, or where nothing may be started.
use() {
  if ! "$1" --version >/dev/null 2>&1; then
    build "${name} does not start on this machine."
  fi
  echo "path=$1" >>"${GITHUB_OUTPUT}"
  echo "baepo ${version} for ${platform}, $2"
  exit 0
}

case "${RUNNER_OS}-${RUNNER_ARCH}" in
  Linux-X64) platform=linux-x64 ;;
  Linux-ARM64) platform=linux-arm64 ;;
  *) build "there is no archive for ${RUNNER_OS} on ${RUNNER_ARCH}." ;;
esac
if ! getconf GNU_LIBC_VERSION >/dev/null 2>&1; then
  build "the archives are for Linux with the GNU C library."
fi
for program in curl sha256sum tar gzip; do
  command -v "${program}" >/dev/null || build "${program} is not on this runner."
done

version="$(sed -nE '/^\[workspace\.package\]/,/^\[/s/^version = "(.*)"$/\1/p' "${ACTION_PATH}/Cargo.toml")"
if [[ ! ${version} =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
  fail "the version in the action's Cargo.toml is none: ${version}"
fi
name="baepo-${version}-${platform}"
archive_digest="$(listed "${name}.tar.gz")"
if [[ -z ${archive_digest} ]]; then
  build "this commit of the action is no release with an archive ${name}.tar.gz."
fi
binary_digest="$(listed "${name}/baepo")"
for digest in "${archive_digest}" "${binary_digest}"; do
  if [[ ! ${digest} =~ ^[0-9a-f]{64}$ ]]; then
    fail "scripts/SHA256SUMS is damaged: '${digest}' is no digest of ${name}.tar.gz or ${name}/baepo"
  fi
done

# Like the entries of the runner's own tools, so that whoever cleans up there knows them.
versions="${RUNNER_TOOL_CACHE:-${RUNNER_TEMP}}/baepo/${version}"
if ! mkdir -p "${versions}" 2>/dev/null || [[ ! -w ${versions} ]]; then
  versions="${RUNNER_TEMP}/baepo/${version}"
  mkdir -p "${versions}"
fi
entry="${versions}/${platform#linux-}"
if [[ -f ${entry}.complete ]] && is_released "${entry}/baepo"; then
  use "${entry}/baepo" "from the tool cache"
fi

if [[ ! ${ACTION_REPOSITORY} =~ ^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$ ]]; then
  build "the repository of the action, and so the place of its archives, is not known: '${ACTION_REPOSITORY}'."
fi
# Without TLS only from this machine itself.
protocol="=https"
if [[ ${GITHUB_SERVER_URL} =~ ^http://127\.0\.0\.1(:[0-9]+)?$ ]]; then
  protocol="=http"
fi
url="${GITHUB_SERVER_URL}/${ACTION_REPOSITORY}/releases/download/v${version}/${name}.tar.gz"

# Beside the entry, so that it can be moved there in one go.
staging="$(mktemp -d "${versions}/.${platform}.XXXXXX")"
trap 'rm -rf "${staging}"' EXIT
if ! trouble="$(curl --fail --silent --show-error --location --globoff --output "${staging}/archive" \
  --proto "${protocol}" --proto-redir "${protocol}" --connect-timeout 10 --max-time 120 \
  --retry 3 --retry-max-time 300 --max-filesize 268435456 -- "${url}" 2>&1)"; then
  build "${url} cannot be downloaded: ${trouble}"
fi
found="$(digest_of "${staging}/archive")"
if [[ ${found} != "${archive_digest}" ]]; then
  fail "${url} is not what was released: its sha256 is ${found}, scripts/SHA256SUMS has ${archive_digest}"
fi
tar --extract --gzip --touch --no-same-owner --file "${staging}/archive" --directory "${staging}"
is_released "${staging}/${name}/baepo" || fail "scripts/SHA256SUMS is of another ${name}/baepo than the archive holds"

# Another job of this machine may be at the same place: the first to move has made the entry, and
# what it runs from there stays. Only a program that is damaged is replaced, also in one go.
if ! mv -T "${staging}/${name}" "${entry}" 2>/dev/null && ! is_released "${entry}/baepo"; then
  mv -f -T "${staging}/${name}/baepo" "${entry}/baepo"
fi
touch "${entry}.complete"
use "${entry}/baepo" "downloaded, with sha256 ${archive_digest}"
