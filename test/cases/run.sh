#!/usr/bin/env bash
# usage: run.sh [<case or group> ...], such as `gate` or `use/03-private-ca`. Default: all cases.
# Exits with 2 if a case cannot tell, else with 1 if a fault exists.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
[ $# -gt 0 ] || set -- gate use

scripts=()
for name in "$@"; do
  for script in "$here/$name/run.sh" "$here/$name"/*/run.sh; do [ -x "$script" ] && scripts+=("$script"); done
done
[ ${#scripts[@]} -gt 0 ] || { echo "no case in test/cases matches: $*"; exit 2; }

worst=0
for script in "${scripts[@]}"; do
  start=$SECONDS
  "$script" "$root" > "$log" 2>&1
  code=$?
  case $code in
    0) verdict=fixed ;;
    1) verdict=open; [ $worst = 2 ] || worst=1 ;;
    *) verdict="cannot tell (exit code $code)"; worst=2 ;;
  esac
  printf '%-32s %4d s  %s\n' "$(dirname "${script#"$here"/}")" $((SECONDS - start)) "$verdict"
  [ "$code" -le 1 ] || tail -n 5 "$log" | sed 's/^/    /'
done
exit $worst
