#!/bin/bash
# What a payload cannot do, row by row: a root monitor for an ordinary owner,
# where the package's users exist and payloads have ids of a range.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../sandbox_rows.sh"
SANDBOX_MODE=package
sandbox_main
