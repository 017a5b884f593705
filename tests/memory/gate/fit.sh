#!/bin/sh
# Fits the gate's table of points anew, and prints how tables fitted without a file judge that file.
set -eu
cd "$(dirname "$0")/../../.."
gate=crates/application/src/remember/gate
cargo run --release -p palavra-application --example gate_fit -- \
    tests/memory/gate/[a-j].txt 2:tests/memory/prompts/dev-pt.jsonl 2:tests/memory/prompts/dev-en.jsonl \
    3:tests/memory/gate/w1.txt 3:tests/memory/gate/w2.txt 3:tests/memory/gate/w3.txt 3:tests/memory/gate/w4.txt \
    3:tests/memory/gate/w5.txt > "$gate/lean.new"
mv "$gate/lean.new" "$gate/lean.txt"
