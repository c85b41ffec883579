#!/bin/bash
# What a payload cannot do, row by row: an ordinary owner, without root.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../sandbox_rows.sh"
SANDBOX_MODE=user
sandbox_main
