#!/bin/sh
# Fits the gate's table of points anew, and prints how tables fitted without a file judge that file.
set -eu
cd "$(dirname "$0")/../../.."
gate=crates/application/src/remember/gate
cargo run --release -p palavra-application --example gate_fit -- \
    tests/memory/gate/[a-j].txt 2:tests/memory/prompts/dev-pt.jsonl 2:tests/memory/prompts/dev-en.jsonl \
    $(for set in tests/memory/gate/w?.txt; do echo "3:$set"; done) > "$gate/lean.new"
mv "$gate/lean.new" "$gate/lean.txt"
