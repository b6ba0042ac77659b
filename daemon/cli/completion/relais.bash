# bash completion of relais(1). Every word is held against the option table by tests/unit/cli/documents_test.cpp.

# Names from the running configuration: "node" or "vip". Nothing if relaisd does not answer.
_relais_names() {
  relais config print --running 2>/dev/null |
    awk -v section="[[$1]]" '/^\[/ { inside = ($0 == section) } inside && $1 == "name" { gsub(/"/, "", $3); print $3 }'
}

_relais_options() {
  case $1 in
    drain | resume) echo "--no-wait --timeout" ;;
    weight) echo "--vip" ;;
    upgrade-daemon) echo "--binary --no-wait" ;;
    events) echo "--follow --after" ;;
    switch-config) echo "--vendor --config --port --vlan" ;;
    "config print") echo "--running" ;;
    doctor) echo "--config" ;;
  esac
}

# What may follow the option or stand at this place; sets COMPREPLY and returns 0 if the previous word decides it.
_relais_value() {
  case $2 in
    --color) mapfile -t COMPREPLY < <(compgen -W "auto always never" -- "$1") ;;
    --vendor) mapfile -t COMPREPLY < <(compgen -W "cisco-ios arista junos mikrotik linux" -- "$1") ;;
    --socket | --config | --binary) mapfile -t COMPREPLY < <(compgen -f -- "$1") ;;
    --vip) mapfile -t COMPREPLY < <(compgen -W "$(_relais_names vip)" -- "$1") ;;
    --port) mapfile -t COMPREPLY < <(compgen -W "$(_relais_names node)" -S = -- "$1") ;;
    --timeout | --after | --vlan) COMPREPLY=() ;;
    *) return 1 ;;
  esac
}

_relais_command() {
  local word expects_value=""
  local -a words=()
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ -n $expects_value ]]; then expects_value=""; continue; fi
    case $word in
      --socket | --color | --timeout | --vip | --after | --vendor | --config | --port | --vlan | --binary) expects_value=yes ;;
      -*) ;;
      *) words+=("$word") ;;
    esac
  done
  echo "${words[*]:0:2}"
}

_relais() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local global="--socket --json --color --help"
  local commands="status watch who drain resume weight upgrade-daemon events receipts switch-config config doctor version"
  local command
  COMPREPLY=()
  _relais_value "$current" "$previous" && return
  command=$(_relais_command)
  [[ $command == config\ * ]] || command=${command%% *}
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_relais_options "$command") $global" -- "$current")
    return
  fi
  case $command in
    "") mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$current") ;;
    config) mapfile -t COMPREPLY < <(compgen -W "check print" -- "$current") ;;
    config\ *) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    drain | resume | weight) mapfile -t COMPREPLY < <(compgen -W "$(_relais_names node)" -- "$current") ;;
  esac
}

complete -F _relais relais
