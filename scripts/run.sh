# shellcheck shell=bash
# Becomes baepo, with the inputs as arguments; a step of action.yml and of the actions in its folders.

# shellcheck source=scripts/say.sh
source "${ACTION_PATH}/scripts/say.sh"

if [[ ! -f ${BAEPO_BINARY} || ! -x ${BAEPO_BINARY} ]]; then
  fail "binary-path is not a program: ${BAEPO_BINARY}"
fi

# Each action writes down which commands it has, where no input reaches.
has_command() {
  local command
  for command in ${BAEPO_COMMANDS}; do
    [[ ${command} != "${BAEPO_COMMAND}" ]] || return 0
  done
  return 1
}
has_command || fail "the input command is ${BAEPO_COMMANDS// / or }, not ${BAEPO_COMMAND}"

arguments=("${BAEPO_COMMAND}")
# Adds an option with its value, where the input has one.
option() {
  [[ -z $2 ]] || arguments+=("$1" "$2")
}
case ${BAEPO_COMMAND} in
  run)
    option --config "${BAEPO_CONFIG}"
    option --environment "${BAEPO_ENVIRONMENT}"
    option --max-wait "${BAEPO_MAX_WAIT}"
    option --pack "${BAEPO_PACK}"
    option --bundle "${BAEPO_BUNDLE}"
    option --bundle-digest "${BAEPO_BUNDLE_DIGEST}"
    ;;
  plan)
    option --config "${BAEPO_CONFIG}"
    option --environment "${BAEPO_ENVIRONMENT}"
    ;;
  answer)
    option --config "${BAEPO_CONFIG}"
    ;;
  tell)
    option --config "${BAEPO_CONFIG}"
    [[ -n ${BAEPO_JOURNAL} ]] || fail "the input journal is empty"
    # A file, also where its name looks like an option.
    [[ ${BAEPO_JOURNAL} != -* ]] || BAEPO_JOURNAL="./${BAEPO_JOURNAL}"
    arguments+=("${BAEPO_JOURNAL}")
    ;;
  *) fail "the command ${BAEPO_COMMAND} has no arguments in run.sh" ;;
esac

binary="$(realpath "${BAEPO_BINARY}")"
# What baepo reads is its arguments; the same again as variables would only be a second way.
unset ACTION_PATH BAEPO_BINARY BAEPO_COMMAND BAEPO_COMMANDS BAEPO_CONFIG BAEPO_ENVIRONMENT \
  BAEPO_MAX_WAIT BAEPO_PACK BAEPO_BUNDLE BAEPO_BUNDLE_DIGEST BAEPO_JOURNAL
# Not a child: a cancelled job must reach baepo itself.
exec "${binary}" "${arguments[@]}"
