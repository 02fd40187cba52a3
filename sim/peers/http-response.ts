// SPDX-License-Identifier: MIT
// Bytes of an HTTP/1.1 response (RFC 9112); each ends its connection.

/** A response as a handler gives it. */
export interface HttpResponse {
  status: number;
  /** Besides Date, Connection and the length. */
  headers?: Readonly<Record<string, string>> | undefined;
  body?: string | Buffer | undefined;
}

/** How the end of the body is told: as it should be, not at all, in chunks, or by a number. */
export type BodyLength = "right" | "none" | "chunked" | number;

const REASONS: Readonly<Record<number, string>> = {
  101: "Switching Protocols",
  200: "OK",
  201: "Created",
  204: "No Content",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Content Too Large",
  426: "Upgrade Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  503: "Service Unavailable",
};

/** Status line and headers, with the empty line that ends them. */
export function headBytes(status: number, headers: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const reason = REASONS[status] ?? "Status";
  return Buffer.from(`HTTP/1.1 ${status} ${reason}\r\n${lines.join("")}\r\n`, "latin1");
}

/** A body in chunks of the usual size of a segment. */
function inChunks(body: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; at += 512) {
    const part = body.subarray(at, at + 512);
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n"));
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
}

/** Head and body of a response, apart, because a body can be cut. */
export function responseBytes(
  { status, headers = {}, body = "" }: HttpResponse,
  options: { nowMs: number; length: BodyLength; hasBody: boolean },
): { head: Buffer; body: Buffer } {
  const { length } = options;
  const plain = Buffer.from(body);
  const head: Record<string, string> = {
    // A board without a better clock may take the time from here.
    Date: new Date(options.nowMs).toUTCString(),
    Connection: "close",
    ...headers,
  };
  if (length === "chunked") head["Transfer-Encoding"] = "chunked";
  else if (length !== "none")
    head["Content-Length"] = `${length === "right" ? plain.length : length}`;
  const sent = length === "chunked" ? inChunks(plain) : plain;
  return { head: headBytes(status, head), body: options.hasBody ? sent : Buffer.alloc(0) };
}
