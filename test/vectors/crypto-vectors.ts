// SPDX-License-Identifier: MIT
// A script for boards: computes published vectors with the firmware's own HMAC and token signer on
// the board's own hash, and prints one line each. It is bundled as the firmware is. The vectors come
// as the global VECTORS from a line in front of it, binary ones in base64url.
import { createSigner } from "../../firmware/auth/jwt.ts";
import { createHmac } from "../../firmware/lib/hmac-sha256.ts";
import { createEspruino } from "../../firmware/platform/espruino.ts";
import type { Hash } from "../../firmware/platform/platform.ts";

/** What the test hands over. */
export interface BoardVectors {
  /** `bytes` is the length of the tag that is compared. */
  hmac: { name: string; key: string; data: string; bytes: number }[];
  jws: { name: string; key: string; header: string; claims: string }[];
}

declare const VECTORS: BoardVectors;

function run(hash: Hash, print: (line: string) => void): void {
  const decode = hash.fromBase64url;
  for (const v of VECTORS.hmac) {
    const tag = createHmac(hash.sha256, decode(v.key))(decode(v.data));
    print("vector " + v.name + " = " + hash.base64url(tag.slice(0, v.bytes)));
  }
  for (const v of VECTORS.jws) {
    const sign = createSigner(hash, decode(v.key), decode(v.header));
    print("vector " + v.name + " = " + sign(decode(v.claims)));
  }
  print("vectors done");
}

const { hash, system } = createEspruino();
if (hash) run(hash, system.print);
else system.print("vectors done: no hash");
