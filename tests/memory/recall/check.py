"""Checks the recall set and prints what is in it: python3 check.py [users.jsonl]

Every fault is named with its line; the exit status is 1 when there is one. The rules are in README.md.
"""

import json
import pathlib
import re
import sys
import unicodedata
from collections import Counter

KINDS = ("profile", "preference", "instruction", "fact")
LANGUAGES = ("pt", "en", "mixed")
# Users by number of memories: smallest, largest, how many users.
SIZES = ((5, 12, 20), (13, 40, 20), (41, 100, 14), (101, 200, 6))
LEAST_QUESTIONS = 400
LEAST_CROSS = 0.15
# What the API takes for a memory.
LONGEST_TEXT = 1000
COMMON_WORDS = set(
    "que como qual quais quem onde quando para pra por com sem dos das nos nas uma uns umas meu meus minha minhas ele ela "
    "the and for with what which who how when where should can could would does did has have had his her him she their "
    "from this that are was were not you your not tem sao foi ser ter mais mas seu sua".split()
)


def words(text):
    """Lower-case words of three letters and more, accents folded, the commonest left out."""
    plain = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))
    return {word for word in re.findall(r"\w{3,}", plain) if word not in COMMON_WORDS}


class Check:
    def __init__(self):
        self.faults = []
        self.where = ""

    def that(self, holds, message):
        if not holds:
            self.faults.append(f"{self.where}: {message}")
        return holds

    def keys(self, value, names, what):
        if not self.that(isinstance(value, dict), f"{what} is not an object"):
            return False
        return self.that(set(value) == set(names), f"{what} has the keys {sorted(value)}, not {sorted(names)}")

    def text(self, value, what):
        if not self.that(isinstance(value, str), f"{what} is not a string"):
            return False
        return self.that(
            0 < len(value) <= LONGEST_TEXT and value == value.strip() and value.isprintable(),
            f"{what} is empty, too long, or has blanks at an end or control characters: {value!r}",
        ) and self.that(unicodedata.is_normalized("NFC", value), f"{what} is not in NFC: {value!r}")

    def memory(self, memory, seen_ids, seen_texts):
        if not self.keys(memory, ("id", "kind", "text"), "a memory"):
            return
        name = memory["id"]
        if self.that(isinstance(name, str) and re.fullmatch(r"m[1-9]\d*", name), f"{name!r} is no memory id"):
            self.that(name not in seen_ids, f"the memory id {name} is there twice")
            seen_ids[name] = memory
        self.that(memory["kind"] in KINDS, f"{name} is of the kind {memory['kind']!r}")
        if self.text(memory["text"], f"the text of {name}"):
            folded = memory["text"].casefold()
            self.that(folded not in seen_texts, f"{name} repeats {seen_texts.get(folded)}")
            seen_texts[folded] = name

    def question(self, question, memories):
        if not self.keys(question, ("q", "relevant", "irrelevant", "cross"), "a question"):
            return
        if not self.text(question["q"], "a question's text"):
            return
        what = repr(question["q"])
        lists = (question["relevant"], question["irrelevant"])
        for listed in lists:
            if not self.that(
                isinstance(listed, list) and all(isinstance(name, str) for name in listed),
                f"{what} does not list memory ids",
            ):
                return
            self.that(len(set(listed)) == len(listed), f"{what} names a memory twice in one list")
            for name in listed:
                self.that(name in memories, f"{what} names {name}, which is not there")
        self.that(not set(lists[0]) & set(lists[1]), f"{what} has a memory that is both relevant and irrelevant")
        for name in lists[1]:
            kind = memories.get(name, {}).get("kind")
            self.that(kind != "instruction", f"{what} calls the instruction {name} irrelevant")
        if self.that(isinstance(question["cross"], bool), f"cross of {what} is not true or false"):
            self.that(lists[0] or not question["cross"], f"{what} is cross-language with nothing relevant")

    def user(self, user):
        if not self.keys(user, ("user", "lang", "memories", "questions"), "the line"):
            return None
        self.that(user["lang"] in LANGUAGES, f"the language is {user['lang']!r}")
        if not self.that(
            isinstance(user["memories"], list) and isinstance(user["questions"], list),
            "memories or questions are not a list",
        ):
            return None
        ids, texts = {}, {}
        for memory in user["memories"]:
            self.memory(memory, ids, texts)
        for question in user["questions"]:
            self.question(question, ids)
        count = len(user["questions"])
        self.that(5 <= count <= 10, f"{count} questions, not 5 to 10")
        return user


def read(path, check):
    users, names = [], set()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        check.where = f"{path.name}:{number}"
        try:
            user = json.loads(line)
        except ValueError as error:
            check.that(False, f"not JSON: {error}")
            continue
        user = check.user(user)
        if user is None:
            continue
        name = user["user"]
        if check.that(isinstance(name, str) and re.fullmatch(r"u\d\d", name), f"{name!r} is no user id"):
            check.that(name not in names, f"the user {name} is there twice")
            names.add(name)
        asked = Counter(str(question.get("q")) for question in user["questions"] if isinstance(question, dict))
        for text, times in asked.items():
            check.that(times == 1, f"the question {text!r} is there {times} times")
        users.append(user)
    check.where = path.name
    return users


def totals(users, check):
    questions = [question for user in users for question in user["questions"]]
    for least, most, wanted in SIZES:
        found = sum(least <= len(user["memories"]) <= most for user in users)
        check.that(found == wanted, f"{found} users with {least} to {most} memories, not {wanted}")
    languages = Counter(user["lang"] for user in users)
    for language in ("pt", "en"):
        share = languages[language] / len(users)
        check.that(0.4 <= share <= 0.55, f"{languages[language]} of {len(users)} users are {language}, not about half")
    check.that(languages["mixed"] > 0, "no user is mixed")
    check.that(len(questions) >= LEAST_QUESTIONS, f"{len(questions)} questions, fewer than {LEAST_QUESTIONS}")
    cross = sum(question["cross"] for question in questions)
    check.that(cross >= LEAST_CROSS * len(questions), f"{cross} of {len(questions)} questions cross the languages")
    check.that(any(not question["relevant"] for question in questions), "no question has nothing relevant")


def summary(users):
    memories = [memory for user in users for memory in user["memories"]]
    questions = [(user, question) for user in users for question in user["questions"]]

    def share(count):
        return f"{count:5} {100 * count / len(questions):5.1f} %"

    paraphrased = alike = 0
    for user, question in questions:
        texts = {memory["id"]: memory["text"] for memory in user["memories"]}
        asked = words(question["q"])
        if question["relevant"] and not question["cross"]:
            alike += 1
            paraphrased += not any(asked & words(texts[name]) for name in question["relevant"])
    print(f"users      {len(users):5}   " + ", ".join(
        f"{count} {name}" for name, count in Counter(user["lang"] for user in users).most_common()))
    print(f"memories   {len(memories):5}   " + ", ".join(
        f"{count} {name}" for name, count in Counter(memory["kind"] for memory in memories).most_common()))
    for least, most, _ in SIZES:
        sizes = sorted(len(user["memories"]) for user in users if least <= len(user["memories"]) <= most)
        print(f"  {least:3} to {most:3}    {len(sizes):3} users, from {sizes[0]} to {sizes[-1]}")
    print(f"questions  {len(questions):5}")
    print(f"  cross-language         {share(sum(q['cross'] for _, q in questions))}")
    print(f"  nothing relevant       {share(sum(not q['relevant'] for _, q in questions))}")
    print(f"  with tempting ones     {share(sum(bool(q['irrelevant']) for _, q in questions))}")
    print(f"  no word in common      {share(paraphrased)}   of {alike} in one language with something relevant")
    for count, times in sorted(Counter(len(q["relevant"]) for _, q in questions).items()):
        print(f"  {count} relevant             {share(times)}")


def main():
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("users.jsonl")
    check = Check()
    users = read(path, check)
    if not check.faults and check.that(users, "no users"):
        totals(users, check)
    for fault in check.faults:
        print(fault, file=sys.stderr)
    if check.faults:
        return 1
    summary(users)
    return 0


if __name__ == "__main__":
    sys.exit(main())
