"""How often do documents of each source of a corpus hold a phrase that tells their reader what to do?

Counts are of documents. They are rounded to fives, what is below ten is left out, and sources of few documents are put together, so that no
cell is about one document. The text of none is written.

usage: main.py [ASSET OUT], which are /asset and /out where nothing is said
"""
import collections
import csv
import gzip
import json
import pathlib
import sys

ASSET, OUT = sys.argv[1:] or ("/asset", "/out")

PHRASES = ["must not", "for example", "caller", "deprecated"]
FEW = 50  # documents of a source; fewer are told of together
LEAST = 10
BASE = 5


def main():
    documents, holding = collections.Counter(), {phrase: collections.Counter() for phrase in PHRASES}
    for source, text in records():
        documents[source] += 1
        for phrase in PHRASES:
            holding[phrase][source] += phrase in text
    groups = {source: source if count >= FEW else "others" for source, count in documents.items()}
    with open(f"{OUT}/phrases.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["source", "documents"] + [phrase.replace(" ", "_") + "_count" for phrase in PHRASES])
        for group in sorted(set(groups.values())):
            members = [source for source, of in groups.items() if of == group]
            table.writerow([group, told(documents, members)] + [told(holding[phrase], members) for phrase in PHRASES])
    with open(f"{OUT}/phrases.md", "w", encoding="utf-8") as file:
        file.write(report(documents, holding, groups))


def records():
    """The source of each document, which is the first part of its path, and its text in small letters."""
    for path in sorted(pathlib.Path(ASSET).glob("*.jsonl*")):
        with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as file:
            for line in file:
                record = json.loads(line)
                yield record["source"].split("/")[0], record["text"].lower()


def told(counts, members):
    """A count as it may be told, or nothing."""
    count = sum(counts[member] for member in members)
    return BASE * round(count / BASE) if count >= LEAST else ""


def report(documents, holding, groups):
    named = [source for source, group in groups.items() if group == source]
    lines = ["# Phrases by source", "",
             f"Counts are of documents, in fives; below ten is left out. Sources of fewer than {FEW} documents stand together.", ""]
    spreads = {}
    for phrase in PHRASES:
        shares = [holding[phrase][source] / documents[source] for source in named]
        if shares and sum(shares) > 0:
            spreads[phrase] = max(shares) - min(shares)
    if spreads:
        lines.append(f"Most even over the sources: {min(spreads, key=spreads.get)}.")
    else:
        lines.append("No phrase is in any document.")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
