// SPDX-License-Identifier: MIT
// Reads one HTTP/1.1 request from the bytes of a connection (RFC 9112), with bounds. Also the
// request with which a WebSocket begins.

/** A request that has come in whole. */
export interface HttpRequest {
  method: string;
  /** Path without its query. */
  path: string;
  /** What stands behind `?`; empty without one. */
  query: string;
  /** Values by name in lower case; those that came several times are joined with a comma. */
  headers: Readonly<Record<string, string>>;
  body: Buffer;
}

/** Bounds of a request. */
export interface RequestLimits {
  maxHeadBytes: number;
  maxBodyBytes: number;
}

/** What has been read: a request and the bytes behind it, or the status that it must be refused with. */
export type RequestOutcome =
  { request: HttpRequest; rest: Buffer } | { status: 400 | 413 | 431 | 501 };

type Body = { kind: "length"; bytes: number } | { kind: "chunked" };

function parseHead(text: string): Omit<HttpRequest, "body"> | null {
  const [first = "", ...lines] = text.split("\r\n");
  const [, method, target] =
    /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP\/1\.[01]$/.exec(first) ?? [];
  if (method === undefined || target === undefined) return null;
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const line of lines) {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined || value === undefined) return null;
    const key = name.toLowerCase();
    headers[key] = key in headers ? `${headers[key]}, ${value}` : value;
  }
  const [path = "", ...query] = target.split("?");
  return { method, path, query: query.join("?"), headers };
}

/** How long the body is (RFC 9112 section 6.3), or the status of the refusal. */
function bodyOf(headers: HttpRequest["headers"]): Body | 400 | 501 {
  const length = headers["content-length"];
  const encoding = headers["transfer-encoding"];
  if (encoding !== undefined) {
    if (length !== undefined) return 400;
    return encoding.toLowerCase() === "chunked" ? { kind: "chunked" } : 501;
  }
  if (length === undefined) return { kind: "length", bytes: 0 };
  return /^\d{1,15}$/.test(length) ? { kind: "length", bytes: Number(length) } : 400;
}

/** A body in chunks: as far as it is there, null while some is missing (RFC 9112 section 7.1). */
function readChunks(bytes: Buffer, from: number, maxBytes: number): Buffer | 400 | 413 | null {
  const chunks: Buffer[] = [];
  let total = 0;
  for (let at = from; ;) {
    const lineEnd = bytes.indexOf("\r\n", at, "latin1");
    if (lineEnd < 0) return bytes.length - at > 64 ? 400 : null;
    const [, digits] =
      /^([0-9A-Fa-f]{1,8})(?:;.*)?$/.exec(bytes.toString("latin1", at, lineEnd)) ?? [];
    if (digits === undefined) return 400;
    const size = Number.parseInt(digits, 16);
    total += size;
    if (total > maxBytes) return 413;
    const end = lineEnd + 2 + size;
    if (bytes.length < end + 2) return null;
    if (bytes.toString("latin1", end, end + 2) !== "\r\n") return 400;
    if (size === 0) return Buffer.concat(chunks);
    chunks.push(bytes.subarray(lineEnd + 2, end));
    at = end + 2;
  }
}

/**
 * Creates the reader of one request.
 *
 * @returns takes received bytes; gives null until the outcome is known, and must not be fed after it
 */
export function createRequestReader(
  limits: RequestLimits,
): (chunk: Buffer) => RequestOutcome | null {
  let bytes: Buffer = Buffer.alloc(0);
  let head: Omit<HttpRequest, "body"> | null = null;
  let body: Body = { kind: "length", bytes: 0 };
  let bodyAt = 0;

  const readHead = (): RequestOutcome | null => {
    const end = bytes.indexOf("\r\n\r\n", 0, "latin1");
    if (end > limits.maxHeadBytes || (end < 0 && bytes.length > limits.maxHeadBytes))
      return { status: 431 };
    if (end < 0) return null;
    head = parseHead(bytes.toString("latin1", 0, end));
    if (!head) return { status: 400 };
    const found = bodyOf(head.headers);
    if (typeof found === "number") return { status: found };
    body = found;
    bodyAt = end + 4;
    return null;
  };

  return (chunk) => {
    bytes = bytes.length > 0 ? Buffer.concat([bytes, chunk]) : chunk;
    const refusal = head ? null : readHead();
    if (refusal || !head) return refusal;
    if (body.kind === "chunked") {
      const content = readChunks(bytes, bodyAt, limits.maxBodyBytes);
      if (content === null) return null;
      if (typeof content === "number") return { status: content };
      return { request: { ...head, body: content }, rest: Buffer.alloc(0) };
    }
    if (body.bytes > limits.maxBodyBytes) return { status: 413 };
    const end = bodyAt + body.bytes;
    if (bytes.length < end) return null;
    return { request: { ...head, body: bytes.subarray(bodyAt, end) }, rest: bytes.subarray(end) };
  };
}
