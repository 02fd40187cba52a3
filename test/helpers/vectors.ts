// SPDX-License-Identifier: MIT
// The published vectors as byte strings. They are data files, so that tests on the host and scripts
// on boards take the same ones.
import rfc4231 from "../vectors/rfc4231.json" with { type: "json" };
import rfc7515 from "../vectors/rfc7515-a1.json" with { type: "json" };
import { hex } from "./packets.ts";

/** One case of RFC 4231; `tag` may be cut (case 5). */
export interface HmacVector {
  name: string;
  key: string;
  data: string;
  tag: string;
}

/** The seven cases of RFC 4231. */
export const HMAC_VECTORS: HmacVector[] = rfc4231.cases.map((row) => ({
  name: row.name,
  key: hex(row.key ?? row.keyRepeat?.byte.repeat(row.keyRepeat.count) ?? ""),
  data: hex(row.data),
  tag: hex(row.tag),
}));

/** RFC 7515 appendix A.1: header and claims as the RFC writes them, key in base64url. */
export const JWS_VECTOR = rfc7515;
