#!/bin/sh
# usage: run.sh <checkout with node_modules>
# Starts a lab and stops it, or uses the one that AUTHORITY_LAB names. Needs AUTHORITY_TOOLS and kubectl.
. "$(dirname "$0")/../_lib/lib.sh"
repro
