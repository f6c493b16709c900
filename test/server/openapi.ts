import { z } from "zod";
import type { Server } from "../../src/server/server.js";

export interface JsonSchema {
  readonly [key: string]: unknown;
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly JsonSchema[];
  readonly additionalProperties?: unknown;
  readonly pattern?: string;
}

interface Content {
  readonly [mediaType: string]: { readonly schema?: JsonSchema };
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly schema: JsonSchema;
}

export interface Operation {
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly body: Content | undefined;
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}

/** A server's OpenAPI document, as tests walk it. */
export class OpenApi {
  private constructor(
    readonly operations: readonly Operation[],
    private readonly schemas: Readonly<Record<string, JsonSchema>>,
  ) {}

  static async of(server: Server): Promise<OpenApi> {
    const document = (await (await server.app.request("/openapi.json")).json()) as {
      openapi: string;
      paths: Record<string, Record<string, Omit<Operation, "body"> & { requestBody?: { content: Content } }>>;
      components: { schemas: Record<string, JsonSchema> };
    };
    if (document.openapi !== "3.1.0") throw new Error(`OpenAPI ${document.openapi}`);
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { parameters = [], requestBody, responses }]) => ({
        method: method.toUpperCase(),
        path,
        parameters,
        body: requestBody?.content,
        responses,
      })),
    );
    return new OpenApi(operations, document.components.schemas);
  }

  /** The schema with all that it refers to written out. */
  inline(schema: JsonSchema): JsonSchema {
    if (schema.$ref) return this.inline(this.schemas[schema.$ref.split("/").at(-1)!]!);
    return Object.fromEntries(
      Object.entries(schema).map(([key, value]) => [key, this.inlineValue(value)]),
    ) as JsonSchema;
  }

  /** What is wrong with an answer, by the document; undefined if nothing is. */
  async complaint(operation: Operation, answer: Response): Promise<string | undefined> {
    const documented = operation.responses[answer.status];
    if (!documented) return `status ${answer.status} is not documented: ${await answer.text()}`;
    const mediaType = answer.headers.get("content-type")?.split(";")[0];
    if (!documented.content) return (await answer.text()) === "" ? undefined : "a body is not documented";
    const content = documented.content[mediaType ?? ""];
    if (!content) return `media type ${mediaType} is not documented`;
    const schema = this.inline(content.schema!);
    if (mediaType === "text/event-stream") return this.complaintOfEvents(schema, await answer.text());
    return mediaType!.endsWith("json") ? mismatch(schema, await answer.json()) : undefined;
  }

  /** The document describes each event, whose data is JSON that fits a schema of its own. */
  private complaintOfEvents(schema: JsonSchema, stream: string): string | undefined {
    const events = stream.split("\n\n").filter((lines) => lines.includes("data: "));
    const dataSchema = schema.properties?.data?.contentSchema as JsonSchema;
    for (const lines of events) {
      const event = Object.fromEntries(lines.split("\n").map((line) => line.split(/: (.*)/s)));
      const complaint = mismatch(schema, event) ?? mismatch(dataSchema, JSON.parse(event.data));
      if (complaint !== undefined) return `${lines}: ${complaint}`;
    }
    return events.length === 0 ? "there is no event" : undefined;
  }

  private inlineValue(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((one) => this.inlineValue(one));
    return typeof value === "object" && value !== null ? this.inline(value as JsonSchema) : value;
  }
}

function mismatch(schema: JsonSchema, value: unknown): string | undefined {
  const result = z.fromJSONSchema(schema as never).safeParse(value);
  return result.success ? undefined : z.prettifyError(result.error);
}

/** Values that a schema refuses, told from the schema itself. */
export function wrongValues(schema: JsonSchema): unknown[] {
  if (schema.anyOf) return ["%00", -1.5, [], {}];
  switch (schema.type) {
    case "integer":
    case "number":
      return [
        "x",
        ...(typeof schema.minimum === "number" ? [schema.minimum - 1] : []),
        ...(typeof schema.maximum === "number" ? [schema.maximum + 1] : []),
        ...(schema.type === "integer" ? [1.5] : []),
      ];
    case "string": {
      const isPlain = schema.pattern === undefined && schema.enum === undefined;
      const pattern = new RegExp(schema.pattern ?? "^$");
      return [
        ...(isPlain ? [] : ["../../etc/passwd", "\u0000", " "].filter((text) => !pattern.test(text))),
        ...(typeof schema.maxLength === "number" ? ["a".repeat(schema.maxLength + 1)] : []),
      ];
    }
    case "boolean":
      return ["true", 1];
    case "array":
      return ["x", ...(schema.minItems ? [[]] : [])];
    default:
      return ["x"];
  }
}
