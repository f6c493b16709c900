/** The types of the server's API, for programs that talk to it. */
export type { Problem } from "./common.js";
export type { Face, Photo } from "./faces.js";
export type { Blend, Generation, GenerationEvent, NewGeneration } from "./generations.js";
export type { Identity, NewIdentity, SampleRequest } from "./identities.js";
export type { Image, ImageMetadata } from "./images.js";
export type { Model, Sampler } from "./models.js";
export type { Info } from "./system.js";
