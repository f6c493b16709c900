import { fileURLToPath } from "node:url";
import { unstatedLicence } from "./record.js";

/** One file of a named model. */
export interface CatalogFile {
  /** Path in the model's folder. */
  readonly path: string;
  /** `hf:OWNER/REPO/path` or `npm:NAME@VERSION/path`. */
  readonly source: string;
  /** The part it belongs to; absent: always pulled. */
  readonly part?: string;
  /**
   * Licence where it is known beforehand. The record of a pulled file holds what its repository states on that day.
   */
  readonly licence: string;
  /** Hash of the only content that is right, where one is pinned. */
  readonly sha256?: string;
}

/** A model that is known by name. */
export interface CatalogModel {
  readonly name: string;
  readonly description: string;
  /** Of a model that ships with this package: nothing is pulled. */
  readonly bundled?: { readonly folder: string; readonly licence: string };
  readonly files: readonly CatalogFile[];
}

/** The model that serves where none is named. */
export const defaultModel = "mini";

const official = "hf:FoivosPar/Arc2Face";
const stableDiffusion = "hf:stable-diffusion-v1-5/stable-diffusion-v1-5";
const faceApiPackage = "npm:@vladmandic/face-api@1.7.15/model";
const facePackage = "npm:faceplugin-face-recognition-js@0.0.1/model";

/**
 * The models that are known by name.
 * Source: the official Arc2Face release. Its folders keep their names; the recogniser goes where insightface looks for it.
 */
export const catalog: readonly CatalogModel[] = [
  {
    name: defaultModel,
    description:
      "A small Arc2Face of our own that ships with this package: 128x128 pixels, for MobileFaceNet's embeddings",
    bundled: { folder: "weights/mini", licence: "research only; trained on FFHQ, CC BY-NC-SA 4.0" },
    files: [],
  },
  {
    name: "arc2face",
    description:
      "The official Arc2Face: UNet, face encoder, VAE, scheduler settings and LCM-LoRA; other parts on request",
    files: [
      ...["arc2face/config.json", "arc2face/diffusion_pytorch_model.safetensors"].map((path) => fromOfficial(path)),
      ...["encoder/config.json", "encoder/pytorch_model.bin"].map((path) => fromOfficial(path)),
      ...["vae/config.json", "vae/diffusion_pytorch_model.safetensors", "scheduler/scheduler_config.json"].map(
        (path) => ({ path, source: `${stableDiffusion}/${path}`, licence: "creativeml-openrail-m" }),
      ),
      {
        path: "lcm-lora/pytorch_lora_weights.safetensors",
        source: "hf:latent-consistency/lcm-lora-sdv1-5/pytorch_lora_weights.safetensors",
        licence: unstatedLicence,
      },
      {
        path: "antelopev2/arcface.onnx",
        source: `${official}/arcface.onnx`,
        part: "recogniser",
        licence: unstatedLicence,
      },
      ...["controlnet/config.json", "controlnet/diffusion_pytorch_model.safetensors"].map((path) =>
        fromOfficial(path, "controlnet"),
      ),
      fromOfficial("exp_adapter/exp_adapter.bin", "exp_adapter"),
      fromOfficial("ref_adapter/pytorch_lora_weights.safetensors", "ref_adapter"),
    ],
  },
  {
    name: "face-npm",
    description: "Face boxes (RFB-320), 68 landmarks and a 512-d MobileFaceNet embedding, from one npm package",
    files: [
      {
        path: "fr_detect.onnx",
        source: `${facePackage}/fr_detect.onnx`,
        licence: "MIT",
        sha256: "6c0256ccd3164f844736a401faf936ec2930764a87ae39442180887d0c5c8854",
      },
      {
        path: "fr_landmark.onnx",
        source: `${facePackage}/fr_landmark.onnx`,
        licence: "MIT",
        sha256: "f10b0ba1d2a8a099adefede1ebf3733e44fe370715e7303dbeb7f59c02142258",
      },
      {
        path: "fr_feature.onnx",
        source: `${facePackage}/fr_feature.onnx`,
        licence: "MIT",
        sha256: "87aacdfe57510db2af90c0251df680e8eec88f122ee94712121d09bcaaaf3581",
      },
    ],
  },
  {
    name: "face-api",
    description: "dlib's 128-d face recogniser, independent of the 512-d ones, from an npm package",
    files: [
      {
        path: "face_recognition_model-weights_manifest.json",
        source: `${faceApiPackage}/face_recognition_model-weights_manifest.json`,
        licence: "MIT",
        sha256: "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b",
      },
      {
        path: "face_recognition_model.bin",
        source: `${faceApiPackage}/face_recognition_model.bin`,
        licence: "MIT",
        sha256: "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
      },
    ],
  },
];

/** The named model, or undefined. */
export function findCatalogModel(name: string): CatalogModel | undefined {
  return catalog.find((model) => model.name === name);
}

/** Absolute folder of a model that ships with this package; undefined if it is not such a model's name. */
export function bundledFolder(name: string): string | undefined {
  const bundled = findCatalogModel(name)?.bundled;
  // The package's root lies two folders up, from the source and from the build.
  return bundled && fileURLToPath(new URL(`../../${bundled.folder}`, import.meta.url));
}

/** The optional parts of a model, each once. */
export function catalogParts(model: CatalogModel): string[] {
  return [...new Set(model.files.flatMap(({ part }) => part ?? []))];
}

function fromOfficial(path: string, part?: string): CatalogFile {
  const file = { path, source: `${official}/${path}`, licence: unstatedLicence };
  return part === undefined ? file : { ...file, part };
}
