import pickle, sys

R = [dict(r, enc=f) for f in sys.argv[1:] for r in pickle.load(open(f, "rb"))]


def show(L, tag):
    a = "%-24s all: right %.2f of %d;" % (
        tag,
        sum(r["right"] for r in L) / max(1, sum(r["go"] for r in L)),
        sum(r["go"] for r in L),
    )
    for x in (0.5, 0.6, 0.7):
        P = [r for r in L if r["raw_all"] >= x]
        Q = [r for r in L if r["raw_all"] < x]
        a += "  >=%.1f: right %.2f of %d (kept %.0f%% of right ones; left out right %.2f)" % (
            x,
            sum(r["right"] for r in P) / max(1, sum(r["go"] for r in P)),
            sum(r["go"] for r in P),
            100 * sum(r["right"] for r in P) / max(1, sum(r["right"] for r in L)),
            sum(r["right"] for r in Q) / max(1, sum(r["go"] for r in Q)),
        )
    print(a)


for e in sys.argv[1:]:
    for s in (1, 3, 8):
        show([r for r in R if r["enc"] == e and r["shots"] == s], f"{e} shots {s}")
show([r for r in R if r["way"] == 6 and r["shots"] == 1], "6 way 1 shot n=5")
show(
    [r for r in R if r["way"] == 10 and r["e"] == 3 and r["shots"] == 1],
    "10 way 3 empty 1 shot n=7",
)
for st in sorted({r["set"] for r in R}):
    show([r for r in R if r["set"] == st], st)
# effect on accuracy by gating at .6
for x in (0, 0.5, 0.6, 0.7, 2):
    print(
        x,
        "right %.4f wrong %.4f"
        % (
            sum(r["n_right_with"] if r["raw_all"] >= x else r["n_right_without"] for r in R)
            / sum(r["nq"] for r in R),
            sum(r["n_wrong_with"] if r["raw_all"] >= x else r["n_wrong_without"] for r in R)
            / sum(r["nq"] for r in R),
        ),
    )
