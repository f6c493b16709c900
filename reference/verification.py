"""Reference figures for src/evaluation: insightface's protocol and scikit-learn's curves on random similarities.

Usage: python reference/verification.py   writes test/fixtures/data/verification.json

The accuracies follow insightface's eval/verification.py, from unit embeddings in the plane whose cosines are the
similarities. Pins: numpy, scipy, scikit-learn (requirements.txt).
"""

import json
from pathlib import Path

import numpy as np
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn.metrics import auc, roc_curve
from sklearn.model_selection import KFold

OUTPUT = Path(__file__).resolve().parent.parent / "test/fixtures/data/verification.json"


def fold_accuracies(cosines, same, folds):
    angles = np.arccos(cosines)
    first = np.tile([1.0, 0.0], (len(cosines), 1))
    second = np.stack([np.cos(angles), np.sin(angles)], 1)
    distance = np.sum(np.square(first - second), 1)
    thresholds = np.arange(0, 4, 0.01)

    def accuracies(rows):
        return np.array([np.mean(np.less(distance[rows], threshold) == same[rows]) for threshold in thresholds])

    splits = KFold(folds, shuffle=False).split(cosines)
    best = [(np.argmax(accuracies(train)), test) for train, test in splits]
    return [accuracies(test)[index] for index, test in best], [1 - thresholds[index] / 2 for index, _ in best]


def case(seed, pairs, folds, separation, digits):
    random = np.random.default_rng(seed)
    same = random.random(pairs) < 0.5
    cosines = np.clip(np.where(same, separation, 0) + random.normal(0, 0.13, pairs), -0.99, 0.99)
    # Few digits make ties. The 0.0013 keeps similarities off the thresholds, where rounding would decide.
    cosines = np.round(np.round(cosines, digits) + 0.0013, 6)
    accuracies, thresholds = fold_accuracies(cosines, same, folds)
    far, tar, _ = roc_curve(same, cosines, drop_intermediate=False)
    return {
        "folds": folds,
        "cosines": cosines.tolist(),
        "same": np.int32(same).tolist(),
        "foldAccuracies": accuracies,
        "accuracy": np.mean(accuracies),
        "std": np.std(accuracies),
        "threshold": np.mean(thresholds),
        "far": far.tolist(),
        "tar": tar.tolist(),
        "auc": auc(far, tar),
        "eer": brentq(lambda rate: 1 - rate - interp1d(far, tar)(rate), 0, 1),
        "tarAtFar": {name: np.max(tar[far <= float(name)]) for name in ["1e-2", "1e-3"]},
    }


if __name__ == "__main__":
    cases = [case(1, 600, 10, 0.55, 3), case(2, 437, 10, 0.2, 2), case(3, 120, 7, 0.35, 1)]
    OUTPUT.write_text(json.dumps(cases) + "\n")
