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
  readonly files: readonly CatalogFile[];
}

const official = "hf:FoivosPar/Arc2Face";
const stableDiffusion = "hf:stable-diffusion-v1-5/stable-diffusion-v1-5";
const facePackage = "npm:faceplugin-face-recognition-js@0.0.1/model";

/**
 * The models that can be pulled by name.
 * Source: the official Arc2Face release. Its folders keep their names; the recogniser goes where insightface looks for it.
 */
export const catalog: readonly CatalogModel[] = [
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
];

/** The named model, or undefined. */
export function findCatalogModel(name: string): CatalogModel | undefined {
  return catalog.find((model) => model.name === name);
}

/** The optional parts of a model, each once. */
export function catalogParts(model: CatalogModel): string[] {
  return [...new Set(model.files.flatMap(({ part }) => part ?? []))];
}

function fromOfficial(path: string, part?: string): CatalogFile {
  const file = { path, source: `${official}/${path}`, licence: unstatedLicence };
  return part === undefined ? file : { ...file, part };
}
