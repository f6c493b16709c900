import { Worker } from "node:worker_threads";
import { CheckpointError, DeviceError, DownloadError, InputError, NoFaceError } from "../../errors.js";
import { threadEntry } from "../../runtime/entry.js";
import { tooMany } from "../problem.js";
import type {
  AnalysedPhoto,
  AnalyserDescription,
  FaceAnalyser,
  FaceReply,
  FaceRequest,
  FaceThreadOptions,
  Resemblance,
} from "./analyser.js";

/** Pictures that may wait for the thread; each holds its bytes in memory. */
const maxWaiting = 32;

/** A thread of its own for pictures; one is looked at at a time. A thread that dies is replaced. */
export class FaceThread implements FaceAnalyser {
  private worker: Worker | undefined;
  private turn: Promise<unknown> = Promise.resolve();
  private waiting = 0;
  private description: Promise<AnalyserDescription> | undefined;

  constructor(private readonly options: FaceThreadOptions) {}

  describe(): Promise<AnalyserDescription> {
    this.description ??= this.request({ kind: "describe" }) as Promise<AnalyserDescription>;
    this.description.catch(() => {
      this.description = undefined;
    });
    return this.description;
  }

  async analyse(photo: Uint8Array): Promise<AnalysedPhoto> {
    if (this.waiting >= maxWaiting) throw tooMany("many photos are being looked at; try again in a moment", 5);
    return (await this.request({ kind: "analyse", photo })) as AnalysedPhoto;
  }

  async compare(png: Uint8Array, faceEmbedding: Float32Array): Promise<Resemblance> {
    return (await this.request({ kind: "compare", png, faceEmbedding })) as Resemblance;
  }

  async release(): Promise<void> {
    await this.worker?.terminate();
  }

  private async request(request: FaceRequest): Promise<Extract<FaceReply, { ok: true }>["result"]> {
    this.waiting++;
    const answer = this.turn.then(() => this.send(request));
    this.turn = answer.catch(() => undefined);
    try {
      const reply = await answer;
      if (reply.ok) return reply.result;
      throw toError(reply);
    } finally {
      this.waiting--;
    }
  }

  private send(request: FaceRequest): Promise<FaceReply> {
    const worker = this.startedWorker();
    return new Promise((resolve, reject) => {
      const finish = () => {
        worker.off("message", answered).off("error", failed).off("exit", ended);
        worker.unref();
      };
      const answered = (reply: FaceReply) => {
        finish();
        resolve(reply);
      };
      const failed = (cause: Error) => {
        finish();
        this.worker = undefined;
        reject(new DeviceError(`the thread that looks at photos ended (${cause.message}); try again`, { cause }));
      };
      const ended = () => failed(new Error("it was stopped"));
      worker.on("message", answered).on("error", failed).on("exit", ended);
      worker.ref();
      worker.postMessage(request);
    });
  }

  private startedWorker(): Worker {
    this.worker ??= new Worker(threadEntry("../server/faces/face-worker"), {
      execArgv: [],
      name: "arc2face faces",
      workerData: this.options,
    });
    return this.worker;
  }
}

/** Errors lose their class on the way between threads. */
function toError({ code, message }: Extract<FaceReply, { ok: false }>): Error {
  switch (code) {
    case "ERR_NO_FACE":
      return new NoFaceError(message);
    case "ERR_INPUT":
      return new InputError(message);
    case "ERR_CHECKPOINT":
      return new CheckpointError(message);
    case "ERR_DEVICE":
      return new DeviceError(message);
    case "ERR_DOWNLOAD":
      return new DownloadError(message);
    default:
      return new Error(message);
  }
}
