# Sourced by each run.sh, which exits with 1 while the fault exists, 0 once it is fixed, 2 if it cannot tell.
cannot_tell() { echo "cannot tell: $1"; exit 2; }
[ $# -ge 1 ] || cannot_tell "usage: run.sh <checkout with node_modules>"
here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$1" && pwd) || cannot_tell "$1 is not a folder"
[ -e "$checkout/node_modules/tsx" ] || cannot_tell "$checkout has no node_modules"
# Some cases run programs, such as `pulumi`, from there.
[ -z "${AUTHORITY_TOOLS:-}" ] || export PATH="$AUTHORITY_TOOLS/bin:$PATH"
# repro [<argument> ...]: runs repro.cjs in the checkout, whose TypeScript it loads.
repro() { cd "$checkout" && exec node --require tsx/cjs "$here/repro.cjs" "$@"; }
# authority <argument> ...: runs the command, prints its output, and leaves its exit code in `code`.
authority() {
  node "$checkout/bin/authority.js" "$@"; code=$?
  case $code in 0|2|3) ;; *) cannot_tell "authority ended with exit code $code";; esac
}
