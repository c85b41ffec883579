#!/bin/bash
# What a payload cannot do, row by row: owner root.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../sandbox_rows.sh"
SANDBOX_MODE=root
sandbox_main
