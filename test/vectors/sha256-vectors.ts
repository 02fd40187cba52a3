// SPDX-License-Identifier: MIT
// A script for boards: hashes the texts of the global TEXTS, which comes from a line in front of it,
// with the firmware's software SHA-256 and prints a digest in hex for each.
import { softwareSha256 } from "../../firmware/lib/sha256.ts";

declare const TEXTS: string[];
declare function print(line: string): void;

const sha256 = softwareSha256();
for (const text of TEXTS) {
  const digest = sha256(text);
  let hex = "";
  for (let i = 0; i < digest.length; i++)
    hex += (digest.charCodeAt(i) + 256).toString(16).slice(1);
  print("digest " + hex);
}
print("digests done");
