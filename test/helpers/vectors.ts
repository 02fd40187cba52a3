// SPDX-License-Identifier: MIT
// The published vectors as byte strings. They are data files, so that tests on the host and scripts
// on boards take the same ones.
import { readFileSync } from "node:fs";
import { hex } from "./packets.ts";

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), "utf8"));
}

interface HmacFile {
  cases: {
    name: string;
    key?: string;
    keyRepeat?: { byte: string; count: number };
    data: string;
    tag: string;
  }[];
}

/** One case of RFC 4231; `tag` may be cut (case 5). */
export interface HmacVector {
  name: string;
  key: string;
  data: string;
  tag: string;
}

/** The seven cases of RFC 4231. */
export const HMAC_VECTORS: HmacVector[] = (read("rfc4231.json") as HmacFile).cases.map((row) => ({
  name: row.name,
  key: hex(row.key ?? row.keyRepeat?.byte.repeat(row.keyRepeat.count) ?? ""),
  data: hex(row.data),
  tag: hex(row.tag),
}));

/** RFC 7515 appendix A.1: header and claims as the RFC writes them, key in base64url. */
export const JWS_VECTOR = read("rfc7515-a1.json") as {
  header: string;
  claims: string;
  key: string;
  token: string;
};

/** SHA-256 of FIPS 180-4; the digest in hex. */
export const SHA256_VECTORS = (
  read("fips180-4.json") as { cases: { name: string; text: string; digest: string }[] }
).cases;
