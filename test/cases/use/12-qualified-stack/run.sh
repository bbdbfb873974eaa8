#!/bin/sh
# usage: run.sh <checkout>. Pulumi's own full name of a stack, as `pulumi stack ls --fully-qualify-stack-names` and
# pipelines have it.
. "$(dirname "$0")/../_lib/lib.sh"
plan() { authority plan --cwd "$checkout" --offline --stack "$1"; }
plan prod; [ $code = 0 ] || cannot_tell "the plan of stack prod itself fails"
fault=0
for name in organization/shared-authority/prod acme/prod; do plan $name; [ $code = 0 ] || fault=1; done
exit $fault
