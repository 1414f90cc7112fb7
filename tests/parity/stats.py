"""Writes stats.json beside this file: values that the statistics of rtscript must reproduce.

Needs numpy, scipy and statsmodels. Every number in the fixture comes from them, none from
rtscript: t intervals and paired tests from scipy, the randomised-block contrasts from an ordinary
least squares fit of value ~ arm + replicate, Holm's correction from statsmodels.
"""

import numpy as np
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.multitest import multipletests

import fixture


def intervals(rng):
    for n, level in [(2, 0.95), (3, 0.95), (6, 0.9), (40, 0.99)]:
        values = rng.normal(0.8, 0.02, n).round(6)
        low, high = stats.t.interval(level, n - 1, values.mean(), stats.sem(values))
        yield {"values": values.tolist(), "level": level, "low": low, "high": high}


def tails():
    for t, df in [(0.1, 1), (2.0, 2), (-3.5, 10), (9.0, 16), (25.0, 40), (1.96, 1000)]:
        yield {"t": t, "df": df, "p": 2 * stats.t.sf(abs(t), df)}


def pairs(rng):
    for n in [2, 3, 6, 10]:
        base = rng.normal(0.7, 0.03, n).round(6)
        arm = (base + rng.normal(0.01, 0.01, n)).round(6)
        test = stats.ttest_rel(arm, base)
        low, high = test.confidence_interval(0.95)
        yield {
            "base": base.tolist(),
            "arm": arm.tolist(),
            "p": test.pvalue,
            "low": low,
            "high": high,
        }


def blocks(rng):
    for arms, replicates in [(2, 3), (3, 3), (4, 2), (4, 6)]:
        values = rng.normal(0, 0.02, (1, replicates)) + rng.normal(0.01, 0.01, (arms, replicates))
        values = values.round(6)
        arm, replicate = np.indices(values.shape)
        columns = [np.ones(values.size)]
        columns += [(arm.ravel() == a).astype(float) for a in range(1, arms)]
        columns += [(replicate.ravel() == r).astype(float) for r in range(1, replicates)]
        fit = sm.OLS(values.ravel(), np.stack(columns, 1)).fit()
        bounds = fit.conf_int(0.05)
        yield {
            "values": values.tolist(),
            "df": int(fit.df_resid),
            "contrasts": [
                {
                    "difference": fit.params[a],
                    "error": fit.bse[a],
                    "p": fit.pvalues[a],
                    "low": bounds[a][0],
                    "high": bounds[a][1],
                }
                for a in range(1, arms)
            ],
        }


def holm(rng):
    for size in [1, 2, 7, 20]:
        p = (rng.uniform(0, 1, size) ** 3).round(6)
        yield {"p": p.tolist(), "adjusted": multipletests(p, method="holm")[1].tolist()}


def main():
    rng = np.random.default_rng(0)
    content = {
        "intervals": list(intervals(rng)),
        "tails": list(tails()),
        "pairs": list(pairs(rng)),
        "blocks": list(blocks(rng)),
        "holm": list(holm(rng)),
    }
    fixture.save(__file__, content, tolerance=1e-9, indent=1)


if __name__ == "__main__":
    main()
