"""The benchmark's peer for faces: insightface's Python code on the same ONNX files.

Usage: python reference/bench_faces.py DETECTOR LANDMARKS RECOGNISER FOLDER [--threads N]
Prints {"photos", "seconds", "cpuSeconds", "networkSeconds"} as JSON. insightface has no class for RFB-320 and the 68 landmarks: what it
does around its own networks (cv2.imread, cv2.resize, blobFromImage, norm_crop) is done around these.

Pins: insightface, onnxruntime, numpy, opencv-python-headless (requirements.txt).
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from insightface.utils import face_align

warnings.filterwarnings("ignore", category=FutureWarning)


class Network:
    def __init__(self, path, threads):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.seconds = 0.0

    def __call__(self, blob):
        start = time.perf_counter()
        outputs = self.session.run(None, {self.input: blob})
        self.seconds += time.perf_counter() - start
        return outputs


def detect(network, photo):
    height, width = photo.shape[:2]
    scale = min(320 / width, 240 / height)
    frame = np.full((240, 320, 3), 127, np.uint8)
    small = cv2.resize(photo, (int(width * scale), int(height * scale)))
    frame[: small.shape[0], : small.shape[1]] = small
    scores, boxes = network(cv2.dnn.blobFromImage(frame, 1 / 128, (320, 240), (127,) * 3, swapRB=True))
    keep = scores[0, :, 1] >= 0.65
    boxes = boxes[0, keep] * [320, 240, 320, 240] / scale
    # The largest; the portraits show one person.
    return max(boxes, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]))


def landmarks(network, photo, matrix):
    crop = cv2.warpAffine(photo, matrix, (64, 64))
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY).astype(np.float32) / 256
    points = network(grey[None, None])[0].reshape(68, 2) * 64 - 0.5
    inverse = cv2.invertAffineTransform(matrix)
    return points @ inverse[:, :2].T + inverse[:, 2]


def five_points(points):
    groups = [[37, 38, 40, 41], [43, 44, 46, 47], [30], [48, 60], [54, 64]]
    return np.stack([points[group].mean(0) for group in groups]).astype(np.float32)


def embed(networks, path):
    detector, landmarker, recogniser = networks
    photo = cv2.imread(str(path))
    x0, y0, x1, y1 = detect(detector, photo)
    scale = 64 / (y1 - y0)
    left, top = (x0 + x1 - (y1 - y0)) / 2, y0
    first = np.array([[scale, 0, (0.5 - left) * scale - 0.5], [0, scale, (0.5 - top) * scale - 0.5]])
    points = five_points(landmarks(landmarker, photo, first))
    upright = face_align.estimate_norm(points) * (64 / 112.2)
    upright[:, 2] -= np.array([56.6 - 56.1, 63.9 - 56.1]) * (64 / 112.2)
    points = five_points(landmarks(landmarker, photo, upright))
    crop = face_align.norm_crop(photo, points)
    rows = []
    for picture in (crop, crop[:, ::-1]):
        blob = cv2.dnn.blobFromImages([np.ascontiguousarray(picture)], 1 / 127.5, (112, 112), (127.5,) * 3, swapRB=True)
        rows.append(recogniser(blob)[0])
    mean = (rows[0] + rows[1]) / 2
    return mean / np.linalg.norm(mean)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs=3)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=0)
    given = parser.parse_args()
    if given.threads:
        cv2.setNumThreads(given.threads)
    networks = [Network(path, given.threads) for path in given.networks]
    paths = sorted(given.folder.iterdir())
    embed(networks, paths[0])
    for network in networks:
        network.seconds = 0.0
    start, cpu_start = time.perf_counter(), time.process_time()
    for path in paths:
        embed(networks, path)
    result = {
        "photos": len(paths),
        "seconds": time.perf_counter() - start,
        "cpuSeconds": time.process_time() - cpu_start,
        "networkSeconds": sum(network.seconds for network in networks),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
