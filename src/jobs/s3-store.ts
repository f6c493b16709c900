import type { Readable } from "node:stream";
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
  type S3ClientConfig,
} from "@aws-sdk/client-s3";
import { InputError } from "../errors.js";
import { type ByteRange, checkKey, checkPrefix, checkRange, type ResultStore, type StoredFile } from "./store.js";

export interface S3StoreOptions {
  readonly bucket: string;
  /** Before every key; empty, or ends in `/`. */
  readonly prefix: string;
  /** Overrides of what the client finds in the environment and in the user's AWS configuration. */
  readonly client?: S3ClientConfig | undefined;
}

/** Results in a bucket of an S3-compatible service. Writing an object there is whole or not at all by itself. */
export class S3Store implements ResultStore {
  private readonly client: S3Client;

  constructor(private readonly options: S3StoreOptions) {
    this.client = new S3Client(options.client ?? {});
  }

  async write(key: string, content: Uint8Array, contentType: string): Promise<void> {
    await this.client.send(
      new PutObjectCommand({
        ...this.object(key),
        Body: content,
        ContentType: contentType,
        ContentLength: content.length,
      }),
    );
  }

  async stat(key: string): Promise<StoredFile | undefined> {
    try {
      const { ContentLength, LastModified } = await this.client.send(new HeadObjectCommand(this.object(key)));
      return { key, byteLength: ContentLength ?? 0, modifiedAtMs: LastModified?.getTime() ?? 0 };
    } catch (error) {
      return ignoreAbsent(error);
    }
  }

  async read(key: string, range?: ByteRange): Promise<Readable> {
    const file = range && (await this.stat(key));
    if (range && file) checkRange(file, range);
    const part = range ? { Range: `bytes=${range.start}-${range.end}` } : {};
    const answer = await this.client.send(new GetObjectCommand({ ...this.object(key), ...part })).catch(ignoreAbsent);
    if (answer?.Body) return answer.Body as Readable;
    throw new InputError(`there is no stored file ${key}; it may have been deleted`);
  }

  list(prefix: string): AsyncIterable<StoredFile> {
    checkPrefix(prefix);
    return this.pages(prefix);
  }

  async delete(key: string): Promise<void> {
    await this.client.send(new DeleteObjectCommand(this.object(key)));
  }

  async deletePrefix(prefix: string): Promise<void> {
    let batch: string[] = [];
    for await (const { key } of this.list(prefix)) {
      batch.push(key);
      if (batch.length === deleteLimit) {
        await this.deleteAll(batch);
        batch = [];
      }
    }
    if (batch.length > 0) await this.deleteAll(batch);
  }

  async check(): Promise<void> {
    const { bucket, prefix } = this.options;
    const probe = { Bucket: bucket, Key: `${prefix}.probe` };
    try {
      await this.client.send(new PutObjectCommand({ ...probe, Body: Buffer.from("arc2face") }));
      await this.client.send(new DeleteObjectCommand(probe));
    } catch (cause) {
      throw new InputError(
        `cannot write to s3://${bucket}/${prefix} (${(cause as Error).message || (cause as Error).name}); check the bucket, the ` +
          "credentials, AWS_REGION and AWS_ENDPOINT_URL",
        { cause },
      );
    }
  }

  close(): void {
    this.client.destroy();
  }

  private object(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.options.bucket, Key: this.options.prefix + checkKey(key) };
  }

  private async *pages(prefix: string): AsyncGenerator<StoredFile, void, void> {
    const { bucket, prefix: root } = this.options;
    const pages = paginateListObjectsV2({ client: this.client }, { Bucket: bucket, Prefix: root + prefix });
    for await (const { Contents = [] } of pages) {
      for (const { Key = "", Size = 0, LastModified } of Contents)
        yield { key: Key.slice(root.length), byteLength: Size, modifiedAtMs: LastModified?.getTime() ?? 0 };
    }
  }

  private async deleteAll(batch: readonly string[]): Promise<void> {
    const { bucket, prefix } = this.options;
    const objects = batch.map((key) => ({ Key: prefix + key }));
    const { Errors = [] } = await this.client.send(
      new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: objects, Quiet: true } }),
    );
    const [first] = Errors;
    if (first) throw new Error(`${first.Key} was not deleted: ${first.Message ?? first.Code}`);
  }
}

/** Objects that one request may delete. */
const deleteLimit = 1000;

function ignoreAbsent(error: unknown): undefined {
  const name = (error as Error).name;
  if (name === "NotFound" || name === "NoSuchKey") return undefined;
  throw error;
}
