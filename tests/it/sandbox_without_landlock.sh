#!/bin/bash
# What a payload cannot do, row by row, where a container's filter refuses
# Landlock and keyrings: namespaces, the root and the filter keep it alone.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../sandbox_rows.sh"
SANDBOX_MODE=root
SANDBOX_WITHOUT=landlock_create_ruleset,keyctl,add_key,request_key
sandbox_main
