// SPDX-License-Identifier: MIT
// A script for boards: computes published vectors with the firmware's own HMAC and token signer on
// the board's own hash, and prints one line each. It is bundled as the firmware is. The vectors come
// as the global VECTORS from a line in front of it, binary ones in base64url.
import { createKey } from "../../firmware/auth/jwt.ts";
import { createHmac } from "../../firmware/lib/hmac-sha256.ts";
import { createBoard } from "../../firmware/platform/espruino.ts";
import { createRuntime } from "../../firmware/core/runtime.ts";
import type { Runtime } from "../../firmware/core/runtime.ts";

/** What the test hands over. */
export interface BoardVectors {
  /** `bytes` is the length of the tag that is compared. */
  hmac: { name: string; key: string; data: string; bytes: number }[];
  jws: { name: string; key: string; header: string; claims: string }[];
}

declare const VECTORS: BoardVectors;

function run(rt: Runtime, sha256: (bytes: string) => string): void {
  const decode = rt.fromBase64url;
  const { print } = rt;
  for (const v of VECTORS.hmac) {
    const tag = createHmac(sha256, decode(v.key))(decode(v.data));
    print("vector " + v.name + " = " + rt.base64url(tag.slice(0, v.bytes)));
  }
  for (const v of VECTORS.jws) {
    const { head, mac } = createKey(rt, decode(v.key), "", decode(v.header), "");
    const input = head + rt.base64url(decode(v.claims));
    print("vector " + v.name + " = " + input + "." + rt.base64url(mac(input)));
  }
  print("vectors done");
}

const board = createRuntime(createBoard());
if (board.sha256) run(board, board.sha256);
else board.print("vectors done: no hash");
