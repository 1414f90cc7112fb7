"""Writes knn.json: votes of nearest neighbours by the cosine, counted by scikit-learn.

Weights "softmax" are those of Wu et al. 2018: exp(cosine / temperature). scikit-learn is given them
as a function of its distance, which is 1 - cosine. Lengths of the features differ by a factor of
thousands, so that a Euclidean neighbour is another one.
"""

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

import fixture

SAMPLES, QUERIES, FEATURES, CLASSES = 120, 40, 8, 4
CASES = [(1, None), (5, None), (20, None), (20, 0.07), (60, 0.5)]

rng = np.random.default_rng(0)
means = rng.normal(size=(CLASSES, FEATURES))


def drawn(count):
    y = rng.integers(0, CLASSES, count)
    x = 0.8 * means[y] + rng.normal(size=(count, FEATURES))
    return np.round(x * np.exp(2 * rng.normal(size=(count, 1))), 4), y


x, y = drawn(SAMPLES)
queries, _ = drawn(QUERIES)

fits = []
for k, temperature in CASES:
    weights = "uniform"
    if temperature is not None:
        weights = lambda distance: np.exp((1 - distance) / temperature)  # noqa: B023, E731
    model = KNeighborsClassifier(k, weights=weights, metric="cosine").fit(x, y)
    fits.append(
        {
            "k": k,
            "temperature": temperature,
            "predictions": model.predict(queries).tolist(),
            "probabilities": model.predict_proba(queries).tolist(),
        }
    )

content = {"x": x.tolist(), "y": y.tolist(), "queries": queries.tolist(), "fits": fits}
fixture.save(__file__, content, tolerance=1e-9)
