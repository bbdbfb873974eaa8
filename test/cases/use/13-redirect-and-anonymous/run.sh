#!/bin/sh
# usage: run.sh <checkout with node_modules>
. "$(dirname "$0")/../_lib/lib.sh"
repro
