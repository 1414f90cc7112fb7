"""Writes metrics.json: metrics of logits and of features, from scikit-learn and numpy.

Accuracies, log loss and confusion come from scikit-learn. The calibration error is that of the
code of Guo et al. 2017, bin by bin. Mean per-class accuracy is computed twice: by scikit-learn, and
as Salman et al. 2020 do, as the running mean over batches of correct images that weigh
N / (n_c C), with n_c the test images of a class and C the classes that occur. The numbers of
features follow the definitions literally: all pairs of images, both covariance matrices whole.
"""

import warnings

import numpy as np
from scipy.special import softmax
from sklearn import metrics

import fixture


def calibration_error(probabilities, y, bins=15):
    confidence, correct = probabilities.max(1), probabilities.argmax(1) == y
    edges, error = np.arange(bins + 1) / bins, 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            gap = abs(confidence[inside].mean() - correct[inside].mean())
            error += inside.mean() * gap
    return error


def weighted_accuracy(predicted, y, batch=16):
    classes, counts = np.unique(y, return_counts=True)
    weight = dict(zip(classes, len(y) / (counts * len(classes))))
    total, seen = 0.0, 0
    for start in range(0, len(y), batch):
        part = slice(start, start + batch)
        hits = [weight[label] * (label == answer) for label, answer in zip(y[part], predicted[part])]
        total += np.mean(hits) * len(hits)
        seen += len(hits)
    return total / seen


def top5(logits, y):
    """scikit-learn prefers the last of equal logits; the classes are turned round for the first."""
    classes = logits.shape[1]
    if classes <= 5:
        return 1.0
    turned = {"labels": np.arange(classes), "k": 5}
    return metrics.top_k_accuracy_score(classes - 1 - y, logits[:, ::-1], **turned)


def answered(name, logits, y):
    logits, classes = np.asarray(logits, float), logits.shape[1]
    probabilities, predicted = softmax(logits, axis=1), logits.argmax(1)
    labels = np.arange(classes)
    with warnings.catch_warnings():
        # Classes that are predicted and never occur.
        warnings.simplefilter("ignore")
        balanced = metrics.balanced_accuracy_score(y, predicted)
    matrix = metrics.confusion_matrix(y, predicted, labels=labels)
    counts = matrix.sum(1)
    return {
        "name": name,
        "logits": logits.tolist(),
        "y": y.tolist(),
        "accuracy": float(metrics.accuracy_score(y, predicted)),
        "top5": float(top5(logits, y)),
        "mean_per_class": float(balanced),
        "weighted": float(weighted_accuracy(predicted, y)),
        "nll": float(metrics.log_loss(y, probabilities, labels=labels)),
        "ece": float(calibration_error(probabilities, y)),
        "confusion": matrix.tolist(),
        "per_class": [
            {"class": int(c), "accuracy": float(matrix[c, c] / counts[c])} for c in labels if counts[c]
        ],
    }


def answers(rng):
    def drawn(images, classes, sure=2.0, p=None):
        y = rng.choice(classes, images, p=p)
        logits = rng.normal(size=(images, classes)) + sure * rng.random((images, 1)) * np.eye(classes)[y]
        return np.round(2 * logits, 3), y

    yield answered("ten classes", *drawn(100, 10))
    yield answered("unbalanced", *drawn(90, 7, p=[0.5, 0.2, 0.1, 0.08, 0.06, 0.04, 0.02]))
    logits, y = drawn(60, 12)
    yield answered("classes without images", logits, y // 3 * 3)
    logits, y = drawn(80, 8, sure=1.0)
    yield answered("equal logits", np.round(logits / 3), y)
    yield answered("all logits equal", np.zeros((20, 9)), np.arange(20) % 9)
    yield answered("five classes", *drawn(40, 5))
    yield answered("two classes", *drawn(40, 2))
    logits, y = drawn(50, 6)
    yield answered("very sure", 4 * logits, y)


def separation(x, y):
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    apart = 1 - unit @ unit.T
    classes = np.unique(y)
    among = np.array([[apart[np.ix_(y == a, y == b)].mean() for b in classes] for a in classes])
    return 1 - np.diag(among).mean() / among.mean()


def collapse(x, y):
    classes = np.unique(y)
    means = np.stack([x[y == c].mean(0) for c in classes])
    within = np.mean([np.cov(x[y == c].T, bias=True) for c in classes], axis=0)
    between = np.cov(means.T, bias=True)
    return np.trace(within @ np.linalg.pinv(between, rcond=1e-10, hermitian=True)) / len(classes)


def effective_rank(x):
    values = np.linalg.svd(x - x.mean(0), compute_uv=False)
    share = values[values > 0] / values.sum()
    return np.exp(-(share * np.log(share)).sum())


def features(rng):
    for images, length, classes, shift in [(60, 8, 4, 1.0), (30, 20, 3, 0.3), (24, 40, 6, 3.0)]:
        y = rng.permutation(np.arange(images) % classes)
        # One class has fewer images than the others.
        y[np.flatnonzero(y == 0)[:3]] = 1
        means = shift * rng.normal(size=(classes, length))
        x = np.maximum(means[y] + rng.normal(size=(images, length)) + 0.5, 0).round(3)
        yield {
            "x": x.tolist(),
            "y": y.tolist(),
            "class_separation_r2": float(separation(x, y)),
            "nc1": float(collapse(x, y)),
            "effective_rank": float(effective_rank(x)),
        }


rng = np.random.default_rng(7)
content = {"answers": list(answers(rng)), "features": list(features(rng))}
for case in content["answers"]:
    assert abs(case["mean_per_class"] - case["weighted"]) < 1e-12, case["name"]
fixture.save(__file__, content, tolerance=1e-9)
