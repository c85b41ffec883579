#!/bin/bash
# What a payload cannot do, row by row: a root monitor that serves an ordinary owner.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../sandbox_rows.sh"
SANDBOX_MODE=system
sandbox_main
