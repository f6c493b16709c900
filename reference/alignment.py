"""Reference numbers for src/image: similarity transforms, ArcFace crops and FFHQ crops.

Usage: python reference/alignment.py fixtures   writes test/fixtures/image/{similarity,arcface,ffhq,mesh}*
       python reference/alignment.py ffhq IMAGE LANDMARKS.json SIZE OUT.png   one FFHQ crop by the published procedure

Pins: numpy, pillow, scipy, scikit-image, opencv-python-headless (requirements.txt).
"""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import scipy.ndimage
from PIL import Image
from skimage.transform import PiecewiseAffineTransform, SimilarityTransform, warp

FIXTURES = Path(__file__).resolve().parent.parent / "test/fixtures/image"
ARCFACE_TEMPLATE = np.float32(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)


def similarity(source, target):
    """2x3 matrix by scikit-image's Umeyama."""
    return SimilarityTransform.from_estimate(source, target).params[:2]


def arcface_crop(image, points):
    """insightface's norm_crop: scikit-image's similarity, OpenCV's bilinear warp, black border."""
    return cv2.warpAffine(image, similarity(points, ARCFACE_TEMPLATE), (112, 112), borderValue=0.0)


def mesh_warp(image, source, target):
    """scikit-image's piecewise affine warp; its map goes from the output to the source."""
    to_source = PiecewiseAffineTransform.from_estimate(target, source)
    return np.uint8(np.floor(255 * warp(image, to_source, output_shape=image.shape[:2], order=1) + 0.5))


def ffhq_quad(landmarks):
    """Corners (top left, bottom left, bottom right, top right) of the oriented square, and its side."""
    eyes = np.array([landmarks[36:42].mean(0), landmarks[42:48].mean(0)])
    mouth = landmarks[[48, 54]].mean(0)
    centre = eyes.mean(0)
    across, down = eyes[1] - eyes[0], mouth - centre
    half_x = across + np.array([down[1], -down[0]])
    half_x *= max(2.0 * np.hypot(*across), 1.8 * np.hypot(*down)) / np.hypot(*half_x)
    half_y = np.array([-half_x[1], half_x[0]])
    origin = centre + 0.1 * down
    quad = np.stack([origin - half_x - half_y, origin - half_x + half_y, origin + half_x + half_y, origin + half_x - half_y])
    return quad, 2 * np.hypot(*half_x)


def bounds(quad):
    return [*np.floor(quad.min(0)).astype(int), *np.ceil(quad.max(0)).astype(int)]


def ffhq_crop(image, landmarks, size, transform_size=4096):
    """The published procedure (FFHQ dataset, recreate_aligned_images), for a PIL image."""
    quad, side = ffhq_quad(landmarks)

    shrink = int(np.floor(side / size * 0.5))
    if shrink > 1:
        image = image.resize([int(np.rint(n / shrink)) for n in image.size], Image.Resampling.LANCZOS)
        quad, side = quad / shrink, side / shrink

    border = max(int(np.rint(side * 0.1)), 3)
    x0, y0, x1, y1 = bounds(quad)
    box = (max(x0 - border, 0), max(y0 - border, 0), min(x1 + border, image.width), min(y1 + border, image.height))
    image, quad = image.crop(box), quad - box[:2]

    x0, y0, x1, y1 = bounds(quad)
    pad = [max(border - x0, 0), max(border - y0, 0), max(x1 - image.width + border, 0), max(y1 - image.height + border, 0)]
    if max(pad) > border - 4:
        left, top, right, bottom = np.maximum(pad, int(np.rint(side * 0.3)))
        pixels = np.pad(np.float32(image), ((top, bottom), (left, right), (0, 0)), "reflect")
        height, width, _ = pixels.shape
        y, x, _ = np.ogrid[:height, :width, :1]
        inside_x = np.minimum(np.float32(x) / left, np.float32(width - 1 - x) / right)
        inside_y = np.minimum(np.float32(y) / top, np.float32(height - 1 - y) / bottom)
        mask = np.maximum(1.0 - inside_x, 1.0 - inside_y)
        blurred = scipy.ndimage.gaussian_filter(pixels, [side * 0.02, side * 0.02, 0])
        pixels += (blurred - pixels) * np.clip(mask * 3.0 + 1.0, 0.0, 1.0)
        pixels += (np.median(pixels, axis=(0, 1)) - pixels) * np.clip(mask, 0.0, 1.0)
        image = Image.fromarray(np.uint8(np.clip(np.rint(pixels), 0, 255)))
        quad = quad + [left, top]

    corners = tuple((quad + 0.5).flatten())
    image = image.transform((transform_size, transform_size), Image.Transform.QUAD, corners, Image.Resampling.BILINEAR)
    return image.resize((size, size), Image.Resampling.LANCZOS)


def synthetic_photo(width, height, seed):
    """Smooth colours, sharp edges and some grain: what the steps above treat differently."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(0, 255, (height // 24 + 2, width // 24 + 2, 3)).astype(np.float32)
    photo = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(12):
        centre = tuple(int(v) for v in random.uniform(0, [width, height]))
        colour = tuple(float(v) for v in random.uniform(0, 255, 3))
        cv2.circle(photo, centre, int(random.uniform(4, 20)), colour, -1)
    return np.uint8(np.clip(photo + random.normal(0, 3, photo.shape), 0, 255))


# The five points that fix the crop; the other landmarks never enter it.
FACE = {"eyes": np.float32([[-0.32, -0.28], [0.32, -0.28]]), "mouth": np.float32([[-0.25, 0.42], [0.25, 0.42]])}


def face_landmarks(centre, scale, degrees):
    """68 landmarks of which only eyes and mouth corners are meaningful."""
    landmarks = np.zeros((68, 2))
    ring = np.stack([np.cos(np.arange(6) * np.pi / 3) * 0.1, np.sin(np.arange(6) * np.pi / 3) * 0.05], 1)
    landmarks[36:42], landmarks[42:48] = FACE["eyes"][0] + ring, FACE["eyes"][1] + ring
    landmarks[48], landmarks[54] = FACE["mouth"]
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.round(landmarks @ turn.T * scale + centre, 3)


def face_points5(centre, scale, degrees):
    points = np.array([[-0.32, -0.28], [0.33, -0.27], [0.02, 0.06], [-0.25, 0.42], [0.27, 0.41]])
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.round(points @ turn.T * scale + centre, 3)


def write_json(name, value):
    (FIXTURES / name).write_text(json.dumps(value, default=lambda array: np.asarray(array).tolist()) + "\n")


def write_fixtures():
    FIXTURES.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(7)
    cases = []
    for count, noise, mirrored in [(2, 0, False), (5, 2.0, False), (5, 2.0, True), (9, 40.0, False), (3, 0.5, True)]:
        source = random.uniform(-50, 300, (count, 2))
        target = source * ([-1, 1] if mirrored else [1, 1]) @ np.array([[0.3, -0.5], [0.5, 0.3]]) + [20, -7]
        target += random.normal(0, 1, target.shape) * noise
        cases.append({"from": source, "to": target, "matrix": similarity(source, target).flatten()})
    write_json("similarity.json", cases)

    photo = synthetic_photo(200, 160, 1)
    Image.fromarray(photo).save(FIXTURES / "photo-200x160.png", optimize=True)

    # Scales at which the crop is enlarged or kept: 1 template unit is about 52 pixels.
    arcface = []
    for name, centre, scale, degrees in [("upright", (100, 80), 40, 0), ("tilted", (80, 90), 33, -27), ("edge", (25, 20), 45, 12)]:
        points = face_points5(np.array(centre), scale, degrees)
        Image.fromarray(arcface_crop(photo, points)).save(FIXTURES / f"arcface-{name}.png", optimize=True)
        arcface.append({"name": name, "points5": points, "matrix": similarity(points, ARCFACE_TEMPLATE).flatten()})
    write_json("arcface.json", arcface)

    ffhq = []
    for name, centre, scale, degrees, size in [
        ("inside", (100, 84), 38, 8, 64),
        ("enlarged", (90, 80), 30, -15, 128),
        ("padded", (150, 50), 50, 20, 64),
        ("corner", (12, 140), 45, -35, 64),
        ("shrunk", (100, 80), 70, 5, 32),
    ]:
        landmarks = face_landmarks(np.array(centre), scale, degrees)
        crop = ffhq_crop(Image.fromarray(photo), landmarks, size)
        crop.save(FIXTURES / f"ffhq-{name}.png", optimize=True)
        quad, side = ffhq_quad(landmarks)
        ffhq.append({"name": name, "sizePx": size, "landmarks68": landmarks, "quad": quad, "sidePx": side})
    write_json("ffhq.json", ffhq)
    write_mesh(photo)


def write_mesh(photo):
    random = np.random.default_rng(11)
    height, width = photo.shape[:2]
    corners = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]])
    inner = random.uniform([20, 20], [width - 20, height - 20], (12, 2))
    target = np.round(np.concatenate([corners, inner]), 2)
    source = np.round(np.concatenate([corners, inner + random.uniform(-8, 8, inner.shape)]), 2)
    Image.fromarray(mesh_warp(photo, source, target)).save(FIXTURES / "mesh.png", optimize=True)
    write_json("mesh.json", {"from": source, "to": target})


if __name__ == "__main__":
    if sys.argv[1:] == ["fixtures"]:
        write_fixtures()
    elif len(sys.argv) == 6 and sys.argv[1] == "ffhq":
        _, _, photo_path, landmarks_path, size, output = sys.argv
        landmarks = np.array(json.loads(Path(landmarks_path).read_text()))
        ffhq_crop(Image.open(photo_path).convert("RGB"), landmarks, int(size)).save(output)
    else:
        sys.exit(__doc__)
