import type { EnvHttpProxyAgent } from "undici";
import { DownloadError } from "../errors.js";
import { TransientError } from "./retry.js";
import type { HubSettings } from "./settings.js";

/** A silent connection counts as cut after this long. */
const silenceMs = 60_000;

let agent: EnvHttpProxyAgent | undefined;

/**
 * Connections that obey HTTP_PROXY, HTTPS_PROXY and NO_PROXY; NODE_EXTRA_CA_CERTS is obeyed by Node itself. Loaded when
 * something is fetched: most commands fetch nothing, and start a tenth of a second sooner.
 */
async function connect(): Promise<{ dispatcher: EnvHttpProxyAgent; fetch: typeof globalThis.fetch }> {
  const undici = await import("undici");
  agent ??= new undici.EnvHttpProxyAgent({ headersTimeout: silenceMs, bodyTimeout: silenceMs });
  // Node's types describe its built-in fetch, which is this one at another version.
  return { dispatcher: agent, fetch: undici.fetch as unknown as typeof globalThis.fetch };
}

/**
 * A `fetch` for one request to the hub. The token goes to the hub's own origin only: it is not added for another one, and
 * redirects to another one drop it. An answer that comes back has a 2xx status.
 * @throws TransientError if the connection fails or the server is busy, DownloadError if it refuses or if offline
 */
export function hubFetch(settings: HubSettings, signal: AbortSignal | undefined): typeof globalThis.fetch {
  const send = async (input: string | URL | Request, init: RequestInit = {}): Promise<Response> => {
    const url = input instanceof Request ? input.url : input.toString();
    if (settings.offline) throw new DownloadError(`${url} is needed, but HF_HUB_OFFLINE is set; unset it to download`);
    const headers = new Headers(init.headers);
    if (settings.token !== undefined && isHubUrl(url, settings)) {
      headers.set("authorization", `Bearer ${settings.token}`);
    }
    let response: Response;
    try {
      const { fetch, dispatcher } = await connect();
      const request = { ...init, headers: Object.fromEntries(headers), signal, dispatcher };
      response = await fetch(url, request as unknown as RequestInit);
    } catch (error) {
      signal?.throwIfAborted();
      throw new TransientError(`No answer from ${new URL(url).host} (${describeFailure(error)})`, { cause: error });
    }
    if (!response.ok) {
      await response.body?.cancel();
      throw statusError(response, url);
    }
    return response;
  };
  return send as typeof globalThis.fetch;
}

/** The innermost reason of a failed request, such as `connect ECONNREFUSED 127.0.0.1:80`. */
export function describeFailure(error: unknown): string {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  if (!(inner instanceof Error)) return String(inner);
  return inner.message || ((inner as NodeJS.ErrnoException).code ?? inner.name);
}

function isHubUrl(url: string, settings: HubSettings): boolean {
  return new URL(url).origin === new URL(settings.endpoint).origin;
}

function statusError(response: Response, url: string): TransientError | DownloadError {
  const { status } = response;
  const stated = response.headers.get("x-error-message");
  const reason = stated === null ? "" : ` (${stated})`;
  if (status === 408 || status === 429 || status >= 500) {
    const retryAfterMs = readRetryAfter(response.headers.get("retry-after"));
    return new TransientError(`${url} answers ${status}${reason}`, { retryAfterMs });
  }
  if (status === 401 || status === 403) {
    return new DownloadError(
      `${url} answers ${status}${reason}: the repository is private, gated or absent. ` +
        "Accept its terms on its page, and set HF_TOKEN to a token that may read it",
    );
  }
  if (status === 404) {
    return new DownloadError(`${url} answers 404${reason}: check the repository, the revision and the path`);
  }
  return new DownloadError(`${url} answers ${status}${reason}`);
}

/** Milliseconds that a Retry-After header asks for: seconds or a date; 0 if absent or unreadable. */
function readRetryAfter(header: string | null): number {
  if (header === null) return 0;
  const seconds = Number(header);
  const milliseconds = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1000;
  return Number.isNaN(milliseconds) ? 0 : Math.max(0, milliseconds);
}
