"""What rules make of the answers that `trials.inside_choice` (commit a57f606) has saved.

    python -m trials.inside_rules FOLDER

Means over sets of means over draws, bottlenecks and LoRA at 1e-3 without a consistency term: points
and log loss of each rule over the tower as it is; and the fractions of new pictures that pass as
known, and of sets that hold the class, where 95 % should. Then a line for each draw of each setting:
what full strength gives at the temperature of the left-out pictures.
"""

import sys
from collections import defaultdict
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

TEMPERATURES = [2 ** (k / 8) for k in range(9)]
LEVELS = torch.tensor([0.5, 0.25, 0.1, 0.05], dtype=torch.float64)


def losses(logits, labels):
    return cross_entropy(logits.double(), labels, reduction="none")


def best(logits, labels):
    return min((float(losses(logits / t, labels).mean()), t) for t in TEMPERATURES)


def rules(run):
    labels = torch.cat(run["left_labels"])
    left = {s: torch.cat([p["logits"] for p in parts]) for s, parts in run["left_out"].items()}
    asked = {s: each["as they are"]["logits"].double() for s, each in run["asked"].items()}
    suited = {s: best(each, labels) for s, each in left.items()}

    def error_of(gains):
        return float(gains.std()) / len(gains) ** 0.5

    plain = min(left, key=lambda s: float(losses(left[s], labels).mean()))
    gains = losses(left[0.0], labels) - losses(left[plain], labels)
    sure = plain if float(gains.mean()) > error_of(gains) else 0.0
    fair = min(suited, key=lambda s: suited[s][0])
    gains = losses(left[0.0] / suited[0.0][1], labels) - losses(left[fair] / suited[fair][1], labels)
    surely_fair = fair if float(gains.mean()) > error_of(gains) else 0.0
    mean = (asked[0.0].softmax(1) + asked[1.0].softmax(1)).div(2).log()

    def at(strength):
        return asked[strength] / (suited[strength][1] if strength else 1.0)

    found = {
        "full": asked[1.0], "full, tempered": at(1.0), "half, tempered": at(0.5),
        "one standard error, no temperature": asked[sure],
        "one standard error, each tempered": at(surely_fair),
        "least log loss, each tempered": at(fair), "mean of both towers": mean,
    }
    targets = run["targets"]

    def figures(logits):
        right = (logits.argmax(1) == targets).double().mean()
        return torch.stack([100 * right, losses(logits, targets).mean()])

    return {name: figures(each) - figures(asked[0.0]) for name, each in found.items()}


def thresholds(run):
    labels, targets = torch.cat(run["left_labels"]), run["targets"]
    found = {}
    for strength in (0.0, 1.0):
        told = run["asked"][strength]["as they are"]
        parts = run["left_out"][strength]
        logits = torch.cat([p["logits"] for p in parts]).double()
        t = best(logits, labels)[1] if strength else 1.0
        own = (logits / t).log_softmax(1).gather(1, labels[:, None])[:, 0]
        known = torch.cat([p["known"] for p in parts]).double()
        means = {
            name: torch.stack([p[name].reshape(-1)[:4] for p in parts]).double().mean(0)
            for name in ("quantiles", "own_quantiles")
        }
        shift = min(0.0, float((torch.quantile(known, LEVELS) - means["quantiles"]).mean()))
        scale = max(1.0, float(torch.quantile(own, LEVELS).sum() / means["own_quantiles"].sum()))
        log_p = (told["logits"].double() / t).log_softmax(1).gather(1, targets[:, None])[:, 0]
        for name, move, factor in (("as told", 0.0, 1.0), ("moved", shift, scale)):
            passed = told["known"].double() >= told["quantiles"][3].double() + move
            held = log_p >= told["own_quantiles"][3].double() * factor
            found[strength, name] = 100 * torch.stack([passed.double().mean(), held.double().mean()])
    return found


def main():
    of_rules, of_thresholds = (defaultdict(lambda: defaultdict(list)) for _ in range(2))
    for file in sorted(Path(sys.argv[1]).glob("*.pt")):
        run = torch.load(file)
        if run["views"] == 1.0 or run["lr"] != 1e-3 or run["draw"] > 4:
            continue
        for name, each in rules(run).items():
            of_rules[run["kind"], run["shots"], name][run["set"]].append(each)
        if "own_quantiles" in run["asked"][1.0]["as they are"]:
            for name, each in thresholds(run).items():
                of_thresholds[run["kind"], run["shots"], name][run["set"]].append(each)
    draws = []
    for file in sorted(Path(sys.argv[1]).glob("*.pt")):
        run = torch.load(file)
        labels, targets = torch.cat(run["left_labels"]), run["targets"]
        t = best(torch.cat([p["logits"] for p in run["left_out"][1.0]]), labels)[1]
        for seen in run["asked"][1.0]:
            before, after = (run["asked"][s][seen]["logits"].double() for s in (0.0, 1.0))
            gain = [(x.argmax(1) == targets).double().mean() for x in (after, before)]
            loss = losses(after / t, targets).mean() - losses(before, targets).mean()
            facts = [run[k] for k in ("kind", "set", "shots", "draw", "lr", "views")]
            draws.append((*facts, seen, round(100 * float(gain[0] - gain[1]), 2), round(float(loss), 3)))
    for title, groups in (("rules", of_rules), ("known, sets", of_thresholds)):
        print(title)
        for key, sets in groups.items():
            mean = torch.stack([torch.stack(each).mean(0) for each in sets.values()]).mean(0)
            print(*key, [len(each) for each in sets.values()], [round(float(x), 3) for x in mean])
    for each in draws:
        print(*each)


if __name__ == "__main__":
    main()
