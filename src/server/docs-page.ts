import { html, raw } from "hono/html";

/** The parts of an OpenAPI document that the page shows. */
interface Operation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly description?: string;
  readonly parameters?: readonly {
    name: string;
    in: string;
    required?: boolean;
    description?: string;
    schema?: unknown;
  }[];
  readonly requestBody?: { content: Readonly<Record<string, { schema?: unknown }>> };
  readonly responses: Readonly<
    Record<string, { description?: string; content?: Readonly<Record<string, { schema?: unknown }>> }>
  >;
}

export interface OpenApiDocument {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: { readonly schemas?: Readonly<Record<string, unknown>> };
}

/**
 * The OpenAPI document as one page of HTML, without scripts: it loads nothing but its style sheet, and works under the
 * strictest content security policy, which the usual renderers do not.
 */
export function renderDocs({ info, paths = {}, components }: OpenApiDocument): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = [...new Set(operations.flatMap(({ operation }) => operation.tags ?? []))];
  const sections = tags.map(
    (tag) =>
      html`<section><h2 id="${tag}">${tag}</h2>${operations
        .filter(({ operation }) => operation.tags?.includes(tag))
        .map(renderOperation)}</section>`,
  );
  const schemas = Object.entries(components?.schemas ?? {}).map(
    ([name, schema]) => html`<h3 id="schema-${name}">${name}</h3>${renderSchema(schema)}`,
  );
  return String(html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${info.title} ${info.version}</title><link rel="stylesheet" href="/docs.css"></head>
<body><header><h1>${info.title} <small>${info.version}</small></h1><p>${info.description ?? ""}</p>
<p><a href="/openapi.json">The document, for programs</a></p>
<nav aria-label="Parts">${tags.map((tag) => html`<a href="#${tag}">${tag}</a> `)}<a href="#schemas">schemas</a></nav></header>
<main>${sections}<section><h2 id="schemas">Schemas</h2>${schemas}</section></main></body></html>`);
}

function renderOperation({ path, method, operation }: { path: string; method: string; operation: Operation }) {
  const { summary, description, parameters = [], requestBody, responses } = operation;
  return html`<article><h3><b class="${method}">${method.toUpperCase()}</b> <code>${path}</code></h3>
<p>${summary ?? ""}${description ? html`. ${description}` : ""}</p>
${parameters.map(
  (one) =>
    html`<p><code>${one.name}</code> <small>${one.in}${one.required ? ", required" : ""}</small> ${one.description ?? ""}</p>`,
)}
${Object.entries(requestBody?.content ?? {}).map(
  ([type, { schema }]) => html`<details><summary>Body: <code>${type}</code></summary>${renderSchema(schema)}</details>`,
)}
<ul>${Object.entries(responses).map(
    ([status, { description: text, content = {} }]) =>
      html`<li><b>${status}</b> ${text ?? ""} ${Object.entries(content).map(([type, { schema }]) => html`<code>${type}</code> ${linkOf(schema)}`)}</li>`,
  )}</ul></article>`;
}

function renderSchema(schema: unknown) {
  const escaped = html`${JSON.stringify(schema, null, 2)}`;
  // Names of other schemas become links; the text is escaped by now.
  const linked = String(escaped).replace(/#\/components\/schemas\/(\w+)/g, '<a href="#schema-$1">$1</a>');
  return html`<pre>${raw(linked)}</pre>`;
}

function linkOf(schema: unknown) {
  const [, name] = /#\/components\/schemas\/(\w+)/.exec(JSON.stringify(schema) ?? "") ?? [];
  return name === undefined ? "" : html`<a href="#schema-${name}">${name}</a>`;
}

export const docsStyle = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 56rem; padding: 1rem; }
nav a { margin-right: 1ch; }
article { border-top: 1px solid color-mix(in srgb, currentColor 25%, transparent); padding: .5rem 0; }
h3 { margin: .5rem 0; overflow-wrap: anywhere; }
h3 b { display: inline-block; min-width: 4.5rem; }
pre { overflow-x: auto; padding: .75rem; background: color-mix(in srgb, currentColor 7%, transparent); }
ul { padding-left: 1.2rem; font-size: .9rem; }
`;
