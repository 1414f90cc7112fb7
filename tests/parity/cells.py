"""Writes cells.json beside this file: values that the statistics of cells must reproduce.

Needs numpy, scipy and statsmodels. Every number in the fixture comes from them, none from
rtscript. Differences in differences: estimates are interactions of least squares, tests those of
paired gains. The hierarchical bootstrap draws networks and then single images; where there are few
of both, the distribution is enumerated. Nested selection walks over plain arrays. Decomposition:
contrasts of the fit value ~ arm + replicate, shares by searching for the ratios that a test of
part - ratio * total does not reject.
"""

import itertools
from collections import Counter

import numpy as np
import pandas as pd
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy import optimize, stats
from statsmodels.stats.multitest import multipletests

import fixture


def difference_in_differences(rng):
    """Values by arm, level and replicate; arm 0 is the baseline, level 0 the reference."""
    for arms, levels, replicates, level in [(2, 2, 3, 0.95), (3, 2, 6, 0.9), (2, 4, 5, 0.95)]:
        shape = (arms, levels, replicates)
        values = rng.normal(0.6, 0.05, shape) + rng.normal(0, 0.1, (1, 1, replicates))
        values = values.round(6)
        arm, at, _ = np.indices(shape)
        frame = pd.DataFrame({"value": values.ravel(), "arm": arm.ravel(), "at": at.ravel()})
        fit = smf.ols("value ~ C(arm) * C(at)", frame).fit()
        rows = []
        for a, l in itertools.product(range(1, arms), range(1, levels)):
            test = stats.ttest_rel(values[a, l] - values[0, l], values[a, 0] - values[0, 0])
            low, high = test.confidence_interval(level)
            rows.append(
                {
                    "arm": a,
                    "at": l,
                    "estimate": fit.params[f"C(arm)[T.{a}]:C(at)[T.{l}]"],
                    "low": low,
                    "high": high,
                    "p": test.pvalue,
                }
            )
        for row, holm in zip(rows, multipletests([row["p"] for row in rows], method="holm")[1]):
            row["holm"] = holm
        yield {"values": values.tolist(), "level": level, "rows": rows}


def outcomes(pair):
    """Of each image: 1 where only the arm is right, -1 where only the baseline is, else 0."""
    images, gained, lost = pair
    return np.repeat([1, -1, 0], [gained, lost, images - gained - lost])


def hierarchical_bootstrap(rng, resamples=20000):
    cases = [
        [(300, 50, 20), (300, 30, 30), (300, 70, 12), (300, 40, 35), (300, 64, 9), (300, 45, 15)],
        [(120, 10, 30), (120, 3, 0), (120, 60, 40)],
    ]
    for pairs in cases:
        moved = np.stack([outcomes(pair) for pair in pairs])
        n, images = moved.shape
        means = []
        for _ in range(resamples):
            networks = rng.integers(0, n, n)
            drawn = rng.integers(0, images, (n, images))
            means.append(moved[networks[:, None], drawn].mean())
        shares = [0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975]
        within = moved.var(axis=1) / images
        yield {
            "pairs": [list(pair) for pair in pairs],
            "mean": moved.mean(),
            "sd": float(np.sqrt((moved.mean(axis=1).var() + within.mean()) / n)),
            "shares": shares,
            "quantiles": np.quantile(means, shares).tolist(),
            "drawn_sd": float(np.std(means)),
        }


def enumerated():
    """The whole distribution of the resampled mean of two networks on few images."""
    for pairs in [[(3, 1, 1), (3, 2, 0)], [(4, 0, 2), (4, 3, 1)], [(2, 1, 0), (2, 1, 0)]]:
        moved = [outcomes(pair) for pair in pairs]
        images = len(moved[0])
        counts = Counter()
        for networks in itertools.product(range(2), repeat=2):
            sums = [
                [sum(draw) for draw in itertools.product(moved[network], repeat=images)]
                for network in networks
            ]
            for a, b in itertools.product(*sums):
                counts[int(a + b)] += 1
        total = sum(counts.values())
        found = sorted(counts)
        yield {
            "pairs": [list(pair) for pair in pairs],
            "sums": found,
            "probabilities": [counts[value] / total for value in found],
        }


def gain(values, level):
    """Mean, t interval and t test of no gain."""
    test = stats.ttest_1samp(values, 0)
    low, high = test.confidence_interval(level)
    return {"mean": float(np.mean(values)), "low": low, "high": high, "p": test.pvalue}


def nested_selection(rng):
    """Values by level (0 is the baseline), fold and replicate; another metric to choose by."""
    for levels, folds, replicates, level in [(4, 3, 8, 0.95), (6, 2, 5, 0.9), (10, 4, 10, 0.95)]:
        shape = (levels, folds, replicates)
        values = (rng.normal(60, 4, (1, folds, replicates)) + rng.normal(0, 1, shape)).round(3)
        choosing = (values + rng.normal(0, 1, shape)).round(3)
        across, counts = {"naive": [], "nested": []}, Counter()
        for r in range(replicates):
            naive, nested = [], []
            for f in range(folds):
                rises = values[1:, f, r] - values[0, f, r]
                others = np.delete(values[1:, :, r], f, axis=1).mean(axis=1)
                chosen = int(np.argmax(others))
                naive.append(rises.max())
                nested.append(rises[chosen])
                counts[chosen + 1] += 1
            across["naive"].append(np.mean(naive))
            across["nested"].append(np.mean(nested))
        rises = values[1:, 0] - values[0, 0]
        chosen = np.argmax(choosing[1:, 0], axis=0)
        picked = rises[chosen, np.arange(replicates)]
        yield {
            "values": values.tolist(),
            "choosing": choosing.tolist(),
            "level": level,
            "across": {name: gain(found, level) for name, found in across.items()},
            "counts": [counts[at] for at in range(levels)],
            "by_metric": {"naive": gain(rises.max(axis=0), level), "nested": gain(picked, level)},
            "picked": [int(np.sum(chosen + 1 == at)) for at in range(levels)],
        }


def ratios(part, total, covariance, critical):
    """The ends of the ratios r for which |part - r total| is below `critical` standard errors."""

    def beyond(ratio):
        weights = np.array([1.0, -ratio])
        error = np.sqrt(weights @ covariance @ weights)
        return abs(part - ratio * total) / error - critical

    centre = part / total
    low = optimize.brentq(beyond, centre - 50, centre, xtol=1e-14)
    return low, optimize.brentq(beyond, centre, centre + 50, xtol=1e-14)


# Arms 0 to 6 as standard, noise, other_class, within_class, random_sign, same, pgd; the total and
# the five parts of the preset, and their interaction.
PRESET = [
    [-1, 0, 0, 0, 0, 0, 1],
    [-1, 1, 0, 0, 0, 0, 0],
    [0, -1, 1, 0, 0, 0, 0],
    [0, 0, -0.5, -0.5, 0.5, 0.5, 0],
    [0, 0, -0.5, 0.5, -0.5, 0.5, 0],
    [0, 0, 0, 0, 0, -1, 1],
    [0, 0, 1, -1, -1, 1, 0],
]


def decompose(rng):
    for replicates, level in [(3, 0.95), (6, 0.9)]:
        effects = np.array([0, 0.2, 1, 3, 2, 6, 9])
        values = effects[:, None] + rng.normal(0, 2, (1, replicates))
        values = (values + rng.normal(0, 0.4, (7, replicates))).round(5)
        arm, replicate = np.indices(values.shape)
        columns = [(arm.ravel() == a).astype(float) for a in range(7)]
        columns += [(replicate.ravel() == r).astype(float) for r in range(1, replicates)]
        fit = sm.OLS(values.ravel(), np.stack(columns, 1)).fit()
        weights = np.hstack([np.array(PRESET, float), np.zeros((7, replicates - 1))])
        tests = fit.t_test(weights)
        together = (1 - level) / len(PRESET)
        bounds = tests.conf_int(together)
        holm = multipletests(tests.pvalue, method="holm")[1]
        critical = stats.t.ppf(1 - together / 2, fit.df_resid)
        covariance = fit.cov_params(r_matrix=weights)
        shares = []
        for part in range(1, 6):
            both = covariance[np.ix_([part, 0], [part, 0])]
            low, high = ratios(tests.effect[part], tests.effect[0], both, critical)
            share = tests.effect[part] / tests.effect[0]
            shares.append({"share": share, "low": low, "high": high})
        yield {
            "values": values.tolist(),
            "level": level,
            "df": int(fit.df_resid),
            "contrasts": [
                {
                    "estimate": tests.effect[c],
                    "error": tests.sd.ravel()[c],
                    "p": tests.pvalue[c],
                    "holm": holm[c],
                    "low": bounds[c][0],
                    "high": bounds[c][1],
                }
                for c in range(7)
            ],
            "shares": shares,
        }


def main():
    rng = np.random.default_rng(0)
    content = {
        "differences": list(difference_in_differences(rng)),
        "bootstraps": list(hierarchical_bootstrap(rng)),
        "enumerated": list(enumerated()),
        "selections": list(nested_selection(rng)),
        "decompositions": list(decompose(rng)),
    }
    fixture.save(__file__, content, tolerance=1e-9, indent=1)


if __name__ == "__main__":
    main()
