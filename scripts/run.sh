# shellcheck shell=bash
# Becomes baepo, with the inputs as arguments; part of a step of action.yml.

# What an input holds is text, and no second command for the runner.
fail() {
  local text="$1"
  text="${text//'%'/%25}"
  text="${text//$'\r'/%0D}"
  text="${text//$'\n'/%0A}"
  echo "::error title=baepo::${text}"
  exit 2
}

if [[ ! -f ${BAEPO_BINARY} || ! -x ${BAEPO_BINARY} ]]; then
  fail "binary-path is not a program: ${BAEPO_BINARY}"
fi

arguments=("${BAEPO_COMMAND}")
if [[ -n ${BAEPO_CONFIG} ]]; then
  arguments+=(--config "${BAEPO_CONFIG}")
fi
if [[ -n ${BAEPO_ENVIRONMENT} ]]; then
  arguments+=(--environment "${BAEPO_ENVIRONMENT}")
fi
case ${BAEPO_COMMAND} in
  run)
    [[ -z ${BAEPO_MAX_WAIT} ]] || arguments+=(--max-wait "${BAEPO_MAX_WAIT}")
    [[ -z ${BAEPO_PACK} ]] || arguments+=(--pack "${BAEPO_PACK}")
    [[ -z ${BAEPO_BUNDLE} ]] || arguments+=(--bundle "${BAEPO_BUNDLE}")
    [[ -z ${BAEPO_BUNDLE_DIGEST} ]] || arguments+=(--bundle-digest "${BAEPO_BUNDLE_DIGEST}")
    ;;
  plan | answer) ;;
  *) fail "the input command is run or plan, not ${BAEPO_COMMAND}" ;;
esac

binary="$(realpath "${BAEPO_BINARY}")"
# What baepo reads is its arguments; the same again as variables would only be a second way.
unset ACTION_PATH BAEPO_BINARY BAEPO_COMMAND BAEPO_CONFIG BAEPO_ENVIRONMENT BAEPO_MAX_WAIT \
  BAEPO_PACK BAEPO_BUNDLE BAEPO_BUNDLE_DIGEST
# Not a child: a cancelled job must reach baepo itself.
exec "${binary}" "${arguments[@]}"
