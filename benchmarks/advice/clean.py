"""False and right pieces of advice on the pickles: python -m benchmarks.advice.clean OUT"""

import pickle, glob, sys
from collections import defaultdict
import numpy as np
from metaadapter.apps.advice import findings as F

D = []
for f in sorted(glob.glob(sys.argv[1] + "/*.pkl")):
    D += pickle.load(open(f, "rb"))


def table(rule_label, rule_strange, rule_name, by=("set", "kind")):
    rows = defaultdict(lambda: defaultdict(float))
    for d in D:
        k = tuple(d[b] for b in by)
        r = rows[k]
        ev = d["ev"]
        lab = [d["order"][p] for p, _ in rule_label(ev)]
        st = [d["order"][p] for p in rule_strange(ev)]
        odd = list(dict.fromkeys([*st, *lab]))
        if d["fault"] == "clean":
            r["n"] += 1
            r["pieces_label"] += len([p for p in lab if p not in st])
            r["pieces_str"] += len(st)
            r["name"] += len(rule_name(ev))
            r["any"] += bool(odd)
            n = np.arange(len(ev.numbers))
            r["diff"] += ((ev.log_p.argmax(1) != ev.numbers) & ev.has_others).sum()
            r["pic"] += len(n)
        elif d["fault"] == "wrong":
            r["wr_n"] += len(d["truth"])
            r["wr_hit"] += len(d["truth"] & set(odd))
            r["wr_rep"] += len(odd)
            r["wr_first"] += bool(odd) and odd[0] in d["truth"]
            r["wr_firsts"] += bool(odd)
            n = np.arange(len(ev.numbers))
            dif = {
                d["order"][p]
                for p in np.flatnonzero((ev.log_p.argmax(1) != ev.numbers) & ev.has_others)
            }
            r["old_hit"] += len(d["truth"] & dif)
            r["old_rep"] += len(dif)
        else:
            r["st_n"] += 1
            r["st_hit"] += len(d["truth"] & set(odd))
            r["st_first"] += bool(odd) and odd[0] in d["truth"]
    for k, r in sorted(rows.items()):
        g = lambda a, b: 100 * r[a] / r[b] if r[b] else float("nan")
        print(
            "%-46s acc %3.0f%% | clean/draw label %.2f str %.2f name %.2f any %.2f | wrong P %3.0f R %3.0f first %3.0f (n first %d; old P %3.0f R %3.0f) | str R %3.0f first %3.0f"
            % (
                " ".join(map(str, k)),
                100 - g("diff", "pic"),
                g("pieces_label", "n") / 100,
                g("pieces_str", "n") / 100,
                g("name", "n") / 100,
                g("any", "n") / 100,
                g("wr_hit", "wr_rep"),
                g("wr_hit", "wr_n"),
                g("wr_first", "wr_firsts"),
                r["wr_firsts"],
                g("old_hit", "old_rep"),
                g("old_hit", "wr_n"),
                g("st_hit", "st_n"),
                g("st_first", "st_n"),
            )
        )


if __name__ == "__main__":
    for by in (("set", "kind"), ("shots",), ("way", "shots")):
        table(F.doubtful_labels, F.strangers, F.disagreeing_names, by)
        print()
