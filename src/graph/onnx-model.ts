/** An ONNX model whose large weights stay in the files they came in. Plain data: it can be posted between threads. */
export interface OnnxModel {
  /** A serialized `ModelProto`. */
  readonly bytes: Uint8Array;
  /**
   * For each `location` that the model's external initializers name, the absolute path of the file that holds the
   * bytes: a safetensors file, read at the offsets the model gives. Empty when the model holds all of its weights.
   */
  readonly externalFiles: ReadonlyMap<string, string>;
}
