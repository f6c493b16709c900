/**
 * Images of one person from a photo.
 *
 * ```ts
 * import { encodePng, PhotoPipeline } from "arc2face";
 *
 * const pipeline = await PhotoPipeline.load();
 * const { embedding } = await pipeline.embed("me.jpg");
 * for await (const image of pipeline.generate({ faceEmbedding: embedding, count: 4, seed: 1 })) {
 *   await writeFile(`me-${image.seed}.png`, await encodePng(image, { generation: image.record }));
 * }
 * await pipeline.release();
 * ```
 *
 * Every function throws an {@link Arc2FaceError} where its input, a file, the device or the network is at fault.
 * @packageDocumentation
 */

// Datasets to train on
export { Dataset, type DatasetIndex } from "./data/dataset.js";
export { type EncodeOptions, encodeLatents } from "./data/encode-latents.js";
export { type FaceSource, type FaceSourceOptions, loadFaceSource } from "./data/face-source.js";
export { type PrepareOptions, prepareDataset } from "./data/prepare.js";
// Sampling
export type { SamplerOptions } from "./diffusion/sampler.js";
export { type SamplerName, samplerNames } from "./diffusion/samplers.js";
// Errors
export {
  Arc2FaceError,
  CheckpointError,
  DeviceError,
  DownloadError,
  InputError,
  NoFaceError,
  QueueFullError,
  ShapeError,
} from "./errors.js";
// Evaluation of recognisers
export { evaluateIdentity, type IdentityEvaluation, type IdentityOptions } from "./evaluation/identity.js";
export { type IdentitySummary, summariseIdentity } from "./evaluation/identity-summary.js";
export { type IdentityInput, listInputs } from "./evaluation/inputs.js";
export type { Judges } from "./evaluation/judges.js";
export { loadJudges } from "./evaluation/load-judges.js";
export { type MeasuredIdentity, type MeasureIdentityOptions, measureIdentity } from "./evaluation/measure-identity.js";
export { evaluatePairs, type RecogniserResult } from "./evaluation/recogniser-pairs.js";
export { type RocSeries, rocPlotSvg, writeRocPlot } from "./evaluation/roc-plot.js";
export { type SimilaritySeries, similarityPlotSvg } from "./evaluation/similarity-plot.js";
export { evaluateTruncation, type Truncation, type TruncationOptions } from "./evaluation/truncation.js";
export { readVerificationPairs, type VerificationSource } from "./evaluation/verification-set.js";
// Faces in photos
export type { Box, Detection, FaceDetector } from "./face/detection.js";
export { drawFaces } from "./face/draw.js";
export {
  type CropTemplate,
  type EmbeddedFace,
  FaceEmbedder,
  type FaceEmbedderOptions,
  largestFace,
} from "./face/embed.js";
export { type Face, FaceFinder, type FaceFinderOptions } from "./face/face-finder.js";
export {
  assertSameRecogniser,
  type Comparison,
  compareFaces,
  cosine,
  type GivenEmbedding,
  type MeanIdentity,
  meanIdentity,
} from "./face/identity.js";
export {
  type Likeness,
  type LikenessNetworks,
  measureLikeness,
  type RecognisedFace,
  recogniseFaces,
} from "./face/likeness.js";
export { loadDetector } from "./face/load-detector.js";
export { forEachPhoto, type PhotoBatchOptions, type PhotoResult } from "./face/photo-batch.js";
export type { HeadPose } from "./face/pose.js";
export { assessQuality, type FaceQuality } from "./face/quality.js";
export { type Embedding, Recogniser, type RecogniserId, type RecogniserOptions } from "./face/recogniser.js";
export type { WeightsFile } from "./face/weights-file.js";
// Models on this machine and where they come from
export { type CatalogFile, type CatalogModel, catalog } from "./hub/catalog.js";
export type { Progress, ProgressListener } from "./hub/download.js";
export {
  type CachedFile,
  findModel,
  listCachedFiles,
  listModels,
  type Model,
  type ModelFile,
  type Verification,
  verifyModel,
} from "./hub/models.js";
export { type PullOptions, pullModel } from "./hub/pull.js";
export { type ResolvedFile, type ResolveOptions, resolveFile } from "./hub/resolve.js";
// New people, and those in between
export {
  drawEmbedding,
  type IdentityDistribution,
  type NewIdentities,
  readIdentities,
} from "./identity/distribution.js";
export { interpolateIdentities } from "./identity/interpolate.js";
export { sampleIdentities } from "./identity/sample-identities.js";
// Pictures
export { alignArcFace } from "./image/arcface.js";
export { type DecodeOptions, decodeImage } from "./image/decode.js";
export { encodeJpeg, encodePng, type PngOptions, readGeneration } from "./image/encode.js";
export { alignFfhq } from "./image/ffhq.js";
export type { Image } from "./image/image.js";
export { contactSheet, type SheetEntry, type SheetOptions } from "./image/sheet.js";
// Generation
export {
  Arc2Face,
  type GeneratedImage,
  type GenerateOptions,
  type GenerationProgress,
  type LoadOptions,
} from "./pipeline/arc2face.js";
export { decodeEmbeddings, readEmbeddingFile, readEmbeddings } from "./pipeline/embedding-file.js";
export type { LoraOptions } from "./pipeline/loras.js";
export { type GenerationRecord, type ModelHashes, parseGenerationRecord } from "./pipeline/metadata.js";
export { type LikenessImage, PhotoPipeline, type PhotoPipelineOptions } from "./pipeline/photo-pipeline.js";
export type { FaceEmbedding, GenerateRequest } from "./pipeline/request.js";
// Devices
export { availableDevices, type Device, type ExecutionDevice } from "./runtime/devices.js";
// Server
export type { App } from "./server/app.js";
export type { ServedModel } from "./server/models.js";
export type { Limits } from "./server/options.js";
export { createServer, type Server, type ServerOptions } from "./server/server.js";
// Training
export { type Configs, type Method, parseTrainConfig, readTrainConfig } from "./train/config.js";
export type { RunResult, TrainProgress } from "./train/loop.js";
export { type TrainOptions, trainArc2Face, trainAutoencoder, trainBase, trainDistill } from "./train/methods.js";
