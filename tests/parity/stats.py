"""Writes stats.json beside this file: values that the statistics of rtscript must reproduce.

Needs numpy, scipy and statsmodels. Every number in the fixture comes from them, none from
rtscript: the randomised-block contrasts from an ordinary least squares fit of value ~ arm +
replicate; corrections, McNemar's test, equivalence and the detectable effect of two arms from
statsmodels; the interval of a rank correlation from Bonett and Wright's formula on scipy's
correlation; the rest from scipy.
"""

import numpy as np
import statsmodels.api as sm
from scipy import optimize, stats
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_test
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import DescrStatsW

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
        yield {
            "p": p.tolist(),
            "adjusted": multipletests(p, method="holm")[1].tolist(),
            "fdr": multipletests(p, method="fdr_bh")[1].tolist(),
        }


class Recorder(np.random.Generator):
    """A generator that keeps the integers it draws, so that others can use the same resamples."""

    def integers(self, *args, **kwargs):
        self.drawn = super().integers(*args, **kwargs)
        return self.drawn


def bootstraps(rng):
    for n, level in [(6, 0.95), (12, 0.9), (20, 0.95)]:
        values = rng.exponential(2.0, n).round(4)
        recorder = Recorder(np.random.PCG64(n))
        found = stats.bootstrap(
            (values,), np.mean, n_resamples=199, confidence_level=level, method="BCa", rng=recorder
        ).confidence_interval
        assert recorder.drawn.shape == (199, n)
        yield {
            "values": values.tolist(),
            "indices": "".join(np.base_repr(i, 36) for i in recorder.drawn.ravel()),
            "level": level,
            "low": found.low,
            "high": found.high,
        }


def paired(rng):
    for n, decimals in [(3, 4), (6, 4), (10, 4), (10, 1), (13, 0)]:
        values = rng.normal(0.6, 1.0, n).round(decimals)
        moved = values[values != 0]
        above = int((moved > 0).sum())
        flips = stats.permutation_test(
            (values,), np.mean, permutation_type="samples", n_resamples=np.inf
        )
        exact = stats.PermutationMethod(n_resamples=np.inf)
        yield {
            "values": values.tolist(),
            "sign_p": stats.binomtest(above, moved.size, 0.5).pvalue,
            "flip_p": flips.pvalue,
            "wilcoxon_p": stats.wilcoxon(moved, method=exact).pvalue,
        }


def near_ties():
    """Decimals whose differences tie, which binary fractions break; scipy gets them rounded."""
    for arm, base in [
        ([79.61, 57.94, 70.6, 64.5, 81.9, 60.3], [79.31, 57.64, 70.3, 64.8, 82.2, 60.0]),
        ([0.1 + 0.2, 0.7, 0.9, 0.5, 0.85, 0.7, 0.4], [0.3, 0.6, 0.8, 0.4, 0.75, 0.6, 0.3]),
        (
            [91.47, 88.02, 75.5, 61.66, 40.11, 33.3, 20.7],
            [90.12, 86.67, 74.15, 60.31, 41.46, 32.3, 19.35],
        ),
    ]:
        exact = (np.array(arm) - np.array(base)).round(9)
        moved = exact[exact != 0]
        test = stats.wilcoxon(moved, method=stats.PermutationMethod(n_resamples=np.inf))
        yield {"arm": arm, "base": base, "n": int(moved.size), "p": test.pvalue}


def mcnemar():
    for both, only_a, only_b in [(10, 3, 9), (0, 0, 7), (5, 20, 21), (2, 40, 12)]:
        table = [[both, only_a], [only_b, 3]]
        p = mcnemar_test(table, exact=True).pvalue
        yield {"both": both, "only_a": only_a, "only_b": only_b, "p": min(1.0, float(p))}


def correlations(rng):
    for n, level, decimals in [(5, 0.95, 3), (10, 0.9, 3), (40, 0.95, 1)]:
        x = rng.normal(0, 1, n).round(decimals)
        y = (0.5 * x + rng.normal(0, 1, n)).round(decimals)
        linear, rank = stats.pearsonr(x, y), stats.spearmanr(x, y)
        low, high = linear.confidence_interval(level)
        spread = np.sqrt((1 + rank.statistic**2 / 2) / (n - 3))
        rank_low, rank_high = np.tanh(
            stats.norm.interval(level, np.arctanh(rank.statistic), spread)
        )
        yield {
            "x": x.tolist(),
            "y": y.tolist(),
            "level": level,
            "r": linear.statistic,
            "p": linear.pvalue,
            "low": low,
            "high": high,
            "rank_r": rank.statistic,
            "rank_p": rank.pvalue,
            "rank_low": rank_low,
            "rank_high": rank_high,
        }


def fits(rng):
    for n, level in [(3, 0.95), (6, 0.95), (30, 0.9)]:
        x = rng.uniform(60, 80, n).round(3)
        y = (0.8 * x + rng.normal(0, 2, n)).round(3)
        line = stats.linregress(x, y)
        half = stats.t.ppf((1 + level) / 2, n - 2) * line.stderr
        yield {
            "x": x.tolist(),
            "y": y.tolist(),
            "level": level,
            "slope": line.slope,
            "intercept": line.intercept,
            "r2": line.rvalue**2,
            "p": line.pvalue,
            "low": line.slope - half,
            "high": line.slope + half,
        }


def equivalences(rng):
    for n, margin in [(3, 1.0), (6, 1.0), (6, 0.2), (12, 0.5)]:
        values = rng.normal(0.1, 0.4, n).round(4)
        described = DescrStatsW(values)
        low, high = described.tconfint_mean(0.1)
        p = described.ttost_mean(-margin, margin)[0]
        yield {"values": values.tolist(), "margin": margin, "p": p, "low": low, "high": high}


def reached(shift, df, alpha):
    critical = stats.t.ppf(1 - alpha / 2, df)
    return float(stats.nct.sf(critical, df, shift) + stats.nct.cdf(-critical, df, shift))


def powers():
    for shift, df, alpha in [(1.0, 1, 0.05), (2.0, 2, 0.05), (3.0, 5, 0.01), (2.8, 16, 0.05)]:
        yield {"shift": shift, "df": df, "alpha": alpha, "power": reached(shift, df, alpha)}


def detectables():
    for sd, n, arms, tests, power in [
        (0.7, 3, 2, 1, 0.8),
        (0.7, 6, 2, 1, 0.8),
        (1.0, 10, 2, 8, 0.9),
        (0.7, 3, 9, 1, 0.8),
        (0.013, 6, 4, 8, 0.95),
    ]:
        alpha, df = 0.05 / tests, (arms - 1) * (n - 1)
        if arms == 2:
            size = TTestPower().solve_power(nobs=n, alpha=alpha, power=power)
            seen = size * sd * np.sqrt(2)
        else:
            shift = optimize.brentq(
                lambda shift: reached(shift, df, alpha) - power, 0.1, 6, xtol=1e-12
            )
            seen = shift * sd * np.sqrt(2 / n)
        yield {
            "sd": sd,
            "replicates": n,
            "arms": arms,
            "tests": tests,
            "power": power,
            "detectable": float(seen),
        }


def main():
    rng = np.random.default_rng(0)
    content = {
        "intervals": list(intervals(rng)),
        "tails": list(tails()),
        "pairs": list(pairs(rng)),
        "blocks": list(blocks(rng)),
        "holm": list(holm(rng)),
        "bootstraps": list(bootstraps(rng)),
        "paired": list(paired(rng)),
        "mcnemar": list(mcnemar()),
        "correlations": list(correlations(rng)),
        "fits": list(fits(rng)),
        "equivalences": list(equivalences(rng)),
        "powers": list(powers()),
        "detectables": list(detectables()),
        "near_ties": list(near_ties()),
    }
    fixture.save(__file__, content, tolerance=1e-9, indent=1)


if __name__ == "__main__":
    main()
