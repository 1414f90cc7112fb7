"""Writes logistic.json: multinomial logistic regressions solved by scikit-learn.

The features overlap, are correlated, and lie away from zero, so that a solver that mistreats the
bias, the penalty's scale or the mean finds other numbers.
"""

import numpy as np
from sklearn.linear_model import LogisticRegression

import fixture

SAMPLES, FEATURES, CLASSES = 200, 16, 3
LAMBDAS = [1e-4, 1e-2, 1.0, 100.0]

rng = np.random.default_rng(0)
y = rng.choice(CLASSES, SAMPLES, p=[0.5, 0.3, 0.2])
means = rng.normal(size=(CLASSES, FEATURES))
mixing = rng.normal(size=(FEATURES, FEATURES)) / 2
x = np.round((0.5 * means[y] + rng.normal(size=(SAMPLES, FEATURES))) @ mixing + 2, 3)

fits = []
for strength in LAMBDAS:
    model = LogisticRegression(C=1 / (strength * SAMPLES), tol=1e-12, max_iter=100_000)
    model.fit(x, y)
    probabilities = model.predict_proba(x)[np.arange(SAMPLES), y]
    loss = -np.log(probabilities).mean() + strength / 2 * (model.coef_**2).sum()
    fits.append(
        {
            "lambda": strength,
            "loss": loss,
            "weights": model.coef_.T.tolist(),
            "predictions": model.predict(x).tolist(),
        }
    )

content = {"x": x.tolist(), "y": y.tolist(), "classes": CLASSES, "fits": fits}
fixture.save(__file__, content, tolerance=1e-6)
