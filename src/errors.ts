/**
 * The errors that this library throws on purpose. Anything else that escapes is a bug.
 * Each has a stable `code`, and a message that says what to do.
 */
export abstract class Arc2FaceError extends Error {
  /** Stable identifier for programs; the message is for people. */
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The user's input is at fault: an argument, a file's content, an option. CLI exit 2, HTTP 400. */
export class InputError extends Arc2FaceError {
  readonly code: string = "ERR_INPUT";
}

/** A photo shows no face. HTTP 422. */
export class NoFaceError extends InputError {
  override readonly code = "ERR_NO_FACE";
}

/** A file of weights or a model configuration is missing, damaged, or of another architecture. */
export class CheckpointError extends Arc2FaceError {
  readonly code: string = "ERR_CHECKPOINT";
}

/** Shapes or dtypes do not fit. Thrown while a graph is built, with the operator and the weight's path. */
export class ShapeError extends Arc2FaceError {
  readonly code: string = "ERR_SHAPE";
}

/** The requested device or execution provider cannot be used on this machine. */
export class DeviceError extends Arc2FaceError {
  readonly code: string = "ERR_DEVICE";
}

/** A download failed, was cut, or has the wrong hash. */
export class DownloadError extends Arc2FaceError {
  readonly code: string = "ERR_DOWNLOAD";
}

/** Training met a loss or a gradient that is no finite number. The last good state was kept. */
export class DivergenceError extends Arc2FaceError {
  readonly code: string = "ERR_DIVERGED";
}

/** As many jobs wait as may. HTTP 429. */
export class QueueFullError extends Arc2FaceError {
  readonly code: string = "ERR_QUEUE_FULL";

  /** @param retryAfterSeconds estimate of when there is room again */
  constructor(
    message: string,
    readonly retryAfterSeconds: number,
  ) {
    super(message);
  }
}
