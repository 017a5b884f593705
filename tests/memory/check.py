#!/usr/bin/env python3
"""Validates prompts/*.jsonl by the rules of README.md and counts the entries. Exit status 1 when anything is wrong."""

import json
import pathlib
import re
import sys
import unicodedata
from collections import Counter

KINDS = {"profile", "preference", "instruction", "fact"}
ALWAYS = {"direct", "implicit", "preference", "instruction", "mixed"}
NEVER = {"question", "first_person_question", "roleplay", "greeting"}
SOMETIMES = {
    "remember", "quoted", "hypothetical", "translate", "correct", "summarise", "code", "other_people", "momentary",
    "joke", "injection", "one_off_format", "retraction", "contradiction", "long",
}
CATEGORIES = ALWAYS | NEVER | SOMETIMES
ENTRY_KEYS = {"id", "category", "prompt", "keep", "context", "updates", "retracts"}
CONTEXT_KEYS = {"prompt", "keep", "updates", "retracts"}
MEMORY_KEYS = {"kind", "text", "quote"}
ID = re.compile(r"h?(pt|en)-\d{4}")
# What the API accepts of a memory.
TEXT_MAX_CHARS = 1000
# Extraction reads no further into a prompt.
PROMPT_MAX_CHARS = 4000


def folded(text):
    """Letters and digits only, without case or accents: two prompts that differ by less are the same."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(re.findall(r"[^\W_]+", "".join(c for c in plain if not unicodedata.combining(c))))


def no_constant(name):
    raise ValueError(f"{name} is no JSON")


def unique_keys(pairs):
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError("a key stands twice")
    return dict(pairs)


def is_text(value):
    return isinstance(value, str) and value != "" and value == value.strip()


def turn_faults(turn, known):
    """What is wrong with one prompt and its labels; `known` holds the texts kept so far and is moved on."""
    prompt, keep = turn.get("prompt"), turn.get("keep")
    if not isinstance(prompt, str) or not prompt.strip():
        return ["the prompt is missing or empty"]
    if not isinstance(keep, list):
        return ["keep is no list"]
    faults = []
    if len(prompt) > PROMPT_MAX_CHARS:
        faults.append(f"the prompt has more than {PROMPT_MAX_CHARS} characters")
    texts = []
    for memory in keep:
        if not isinstance(memory, dict) or set(memory) != MEMORY_KEYS:
            faults.append(f"a memory has not exactly kind, text and quote: {memory}")
            continue
        if memory["kind"] not in KINDS:
            faults.append(f"unknown kind {memory['kind']!r}")
        if not is_text(memory["text"]) or len(memory["text"]) > TEXT_MAX_CHARS:
            faults.append(f"the text is empty, padded or too long: {memory['text']!r}")
        if not is_text(memory["quote"]) or memory["quote"] not in prompt:
            faults.append(f"the quote is not in the prompt to the letter: {memory['quote']!r}")
        texts.append(memory["text"])
    if len(texts) != len(set(map(str, texts))):
        faults.append("two memories have the same text")
    ended = []
    for field in ("updates", "retracts"):
        old = turn.get(field, [])
        if not isinstance(old, list) or (field in turn and not old):
            faults.append(f"{field} is no list or is empty: leave it out")
            continue
        for text in old:
            if text not in known:
                faults.append(f"{field} names what is not known by then: {text!r}")
            ended.append(text)
    if turn.get("updates") and not keep:
        faults.append("updates without anything in keep: that is retracts")
    if len(ended) != len(set(map(str, ended))):
        faults.append("a memory ends twice")
    known.difference_update(text for text in ended if isinstance(text, str))
    known.update(text for text in texts if isinstance(text, str))
    return faults


def holds(entry):
    return bool(entry.get("keep") or entry.get("updates") or entry.get("retracts"))


def entry_faults(entry, language):
    if not isinstance(entry, dict):
        return ["the line is no object"]
    faults = []
    if set(entry) - ENTRY_KEYS:
        faults.append(f"unknown keys {sorted(set(entry) - ENTRY_KEYS)}")
    match = ID.fullmatch(entry["id"]) if isinstance(entry.get("id"), str) else None
    if not match:
        faults.append(f"the id {entry.get('id')!r} is not like pt-0001, or hpt-0001 of the held-out part")
    elif language and match[1] != language:
        faults.append(f"the id {entry['id']!r} is of another language than its file")
    category = entry.get("category")
    if category not in CATEGORIES:
        faults.append(f"unknown category {category!r}")
    known = set()
    context = entry.get("context", [])
    if not isinstance(context, list) or ("context" in entry and not context):
        faults.append("context is no list or is empty: leave it out")
        context = []
    for number, turn in enumerate(context, 1):
        if not isinstance(turn, dict) or set(turn) - CONTEXT_KEYS:
            faults.append(f"context {number} has unknown keys or is no object")
            continue
        faults += [f"context {number}: {fault}" for fault in turn_faults(turn, known)]
    faults += turn_faults(entry, known)
    # The held-out part was written apart: there, no category tells whether a prompt holds something.
    if match and match[0].startswith("h"):
        return faults
    if category in ALWAYS and not holds(entry):
        faults.append(f"{category} always holds something")
    if category in NEVER and holds(entry):
        faults.append(f"{category} never holds anything")
    return faults


def report(name, entries):
    """One line a category: how many entries, how many of them hold something, how many memories."""
    print(f"\n{name}: {len(entries)} prompts, {sum(map(holds, entries))} hold something")
    kinds = Counter(memory["kind"] for entry in entries for memory in entry["keep"])
    print("  " + ", ".join(f"{kind} {kinds[kind]}" for kind in sorted(KINDS)))
    print(f"  {'category':<22}{'prompts':>8}{'hold':>6}{'context':>9}")
    for category in sorted(CATEGORIES):
        of = [entry for entry in entries if entry["category"] == category]
        if of:
            print(f"  {category:<22}{len(of):>8}{sum(map(holds, of)):>6}{sum('context' in e for e in of):>9}")


def main():
    folder = pathlib.Path(__file__).parent / "prompts"
    files = sorted(folder.glob("*.jsonl"))
    faults, ids, prompts = [], {}, {}
    if not files:
        faults.append(f"no *.jsonl in {folder}")
    for path in files:
        language = next((code for code in ("pt", "en") if path.stem.endswith(f"-{code}")), None)
        sound = []
        text = path.read_bytes().decode("utf-8", "replace")
        if "\ufffd" in text:
            faults.append(f"{path.name}: is not UTF-8")
        # Not splitlines(): U+2028 and its like may stand in a prompt.
        lines = text.removesuffix("\n").split("\n")
        for number, line in enumerate(lines, 1):
            place = f"{path.name}:{number}"
            try:
                entry = json.loads(line, parse_constant=no_constant, object_pairs_hook=unique_keys)
                found = entry_faults(entry, language)
            except ValueError as error:
                found = [str(error)]
            if found:
                faults += [f"{place}: {fault}" for fault in found]
                continue
            if (first := ids.setdefault(entry["id"], place)) != place:
                faults.append(f"{place}: the id {entry['id']} stands at {first} too")
            # A prompt may come again after other earlier ones: what it means is then another matter.
            key = folded(entry["prompt"]) or entry["prompt"], json.dumps(entry.get("context"))
            if (first := prompts.setdefault(key, place)) != place:
                faults.append(f"{place}: the same prompt stands at {first}")
            sound.append(entry)
        report(path.stem, sound)
    for fault in faults:
        print(fault, file=sys.stderr)
    print(f"\n{len(files)} files, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
